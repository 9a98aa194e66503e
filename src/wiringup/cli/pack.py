"""``wiringup pack``: decode labelled images once, for every training that follows."""

from typing import Annotated

from tyro.conf import Positional, arg

from wiringup.cli.arguments import Images, Json, Size
from wiringup.cli.show import as_json, table
from wiringup.core.memory import in_gb


def pack(
    source: Annotated[Positional[Images], arg(name="source")],
    size: Size = 224,
    verify: Annotated[
        bool, arg(help="Hash packed images again, whatever their size and time stamp.")
    ] = False,
    json: Json = False,
) -> None:
    """Decode labelled images and keep them as plain pixels.

    wiringup train and run do so by themselves; this does it ahead, for all images of a source. The short side
    is resized to --size (bilinear, antialiased) and the centre is cut out. Corrupt images are named. The file
    lies in the folder of wiringup cache and is found by its content. Its hash is checked once, and again when
    its size or time stamp has changed; --verify checks it in any case. A damaged file is packed again.

    For example:
      wiringup pack imagenet/train --size 288

      wiringup pack cifar-10-batches-bin --size 32

      wiringup pack 'shard-{000..003}.tar' --size 64 --json
    """
    from wiringup.data.images.cache import default_cache

    cache = default_cache()
    images = cache.load(source, size, verify=verify)
    facts = {
        "images": len(images),
        "classes": len(images.classes),
        "side": size,
        "bytes": len(images) * size**2 * 3,
        "sha256": images.sha256,
        "folder": str(cache.folder),
    }
    if json:
        as_json(facts)
        return
    shown = facts | {"bytes": in_gb(len(images) * size**2 * 3)}
    table(["packed", ""], [[key, str(value)] for key, value in shown.items()])
