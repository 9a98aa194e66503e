"""``wiringup pack``: decode labelled images once, for every training that follows."""

from typing import Annotated, Any

from tyro.conf import Positional, arg

from wiringup.cli.arguments import Images, Json, Keep, Size
from wiringup.cli.show import as_json, table
from wiringup.core.memory import in_gb


def pack(
    source: Annotated[Positional[Images], arg(name="source")],
    size: Size = 224,
    keep: Keep = "squares",
    skip_corrupt: Annotated[
        bool, arg(help="Leave out images that cannot be decoded, and write down which they are.")
    ] = False,
    estimate: Annotated[
        bool, arg(help="Say how much disk and memory every way to keep them takes, and pack nothing.")
    ] = False,
    verify: Annotated[
        bool, arg(help="Compare packed images with their hashes, whatever their size and time stamp.")
    ] = False,
    json: Json = False,
) -> None:
    """Decode labelled images once, and keep them for every training.

    wiringup train, run and sweep do so by themselves; this does it ahead, for all images of a source. Squares
    are cut out of the middle and read without decoding. With --keep raw or jpeg the whole of every image is
    kept, its short side at most --size px: random crops and the crop of the middle are then cut out of all
    that the photograph shows, as RandomResizedCrop and Resize + CenterCrop say.

    Interrupted, the same command goes on. Of a source in which some files changed, only those are decoded.
    Corrupt images are named at the end; the others are packed by then. The files lie in the folder of
    wiringup cache and are found by their content. Their hashes are checked once, and again when size or time
    stamp have changed; --verify checks them in any case. A damaged image is packed again.

    For example:
      wiringup pack imagenet/train --size 256 --estimate

      wiringup pack imagenet/train --size 256 --keep jpeg:90 --skip-corrupt

      wiringup pack cifar-10-batches-bin --size 32

      wiringup pack 'shard-{000..003}.tar' --size 64 --json
    """
    from wiringup.data.images.cache import default_cache

    if estimate:
        _show_estimate(source, size, json)
        return
    cache = default_cache()
    packed = cache.pack(source, size, verify, keep, skip_corrupt)
    images = packed.images
    facts: dict[str, Any] = {
        "images": len(images),
        "classes": len(images.classes),
        "side": size,
        "keep": keep,
        "bytes": packed.size,
        "sha256": images.sha256,
        "left_out": dict(packed.left_out),
        "folder": str(cache.folder),
    }
    if json:
        as_json(facts)
        return
    shown = facts | {"bytes": in_gb(facts["bytes"]), "left_out": len(packed.left_out)}
    table(["packed", ""], [[key, str(value)] for key, value in shown.items()])


def _show_estimate(source: Images, size: int, json: bool) -> None:
    from wiringup.data.images.estimate import SAMPLED, estimates

    found = estimates(source, size)
    if json:
        as_json([vars(one) for one in found])
        return
    body = [[one.keep, in_gb(one.disk_bytes), in_gb(one.memory_bytes), one.pixels] for one in found]
    table(
        ["keep", "disk", "memory when opened", "what is kept"],
        body,
        title=f"{found[0].images:,} images; disk of whole ones by {min(SAMPLED, found[0].images)} of them. "
        "What is read from disk stays in memory as long as there is room.",
    )
