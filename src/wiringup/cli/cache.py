"""``wiringup cache``: what is kept between runs because it can be computed again."""

import logging
import time
from typing import Annotated, Any, Literal

from tyro.conf import Positional, arg

from wiringup.cli.arguments import Json
from wiringup.cli.show import as_json, table
from wiringup.core.cache import CacheFolder
from wiringup.core.memory import GB, in_gb

log = logging.getLogger(__name__)


def cache(
    action: Annotated[Positional[Literal["show", "clear"]], arg(help="Show what is kept, or remove it.")],
    json: Json = False,
) -> None:
    """Show or remove what is kept: responses (score --cache), packed images, renderings, lists of folders.

    They lie in $WIRINGUP_CACHE, or the platform's user cache folder; each of the four takes at most
    $WIRINGUP_CACHE_GB (20): what was used longest ago goes first. An entry is found by its content (weights,
    code, images, size, layer, time step; files, size), never by a name, so nothing in it can be out of date;
    the list of a large folder is taken as long as each folder in it has the time stamps it had.

    For example:
      wiringup cache show

      wiringup cache clear
    """
    from wiringup.data.images.cache import default_cache as of_images
    from wiringup.data.images.listing import default_listings
    from wiringup.data.rendered.render import default_cache as of_rendered
    from wiringup.models.cache import default_cache as of_responses

    kinds: dict[str, CacheFolder] = {
        "responses": of_responses(),
        "images": of_images(),
        "renderings": of_rendered(),
        "lists": default_listings(),
    }
    if action == "clear":
        freed = {name: found.clear() for name, found in kinds.items()}
        if json:
            as_json({n: {"folder": str(k.folder), "removed_bytes": freed[n]} for n, k in kinds.items()})
            return
        for name, found in kinds.items():
            log.info(f"Removed {in_gb(freed[name])} of {name} from {found.folder}.")
    elif json:
        as_json({name: _facts(found) for name, found in kinds.items()})
    else:
        for name, found in kinds.items():
            _show(name, found)


def _facts(found: CacheFolder) -> dict[str, Any]:
    entries = found.entries()[::-1]
    rows = [{"file": str(e.path), "bytes": e.size, "last_used": e.used} for e in entries]
    total = sum(entry.size for entry in entries)
    facts = {"folder": str(found.folder), "limit_bytes": found.limit * GB, "bytes": total}
    return facts | {"unfinished_bytes": found.unfinished_bytes, "entries": rows}


def _show(name: str, found: CacheFolder) -> None:
    entries = found.entries()[::-1]
    if entries:
        days = [time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.used)) for entry in entries]
        body = [[e.path.name[:20], in_gb(e.size), day] for e, day in zip(entries, days, strict=True)]
        table([name, "size", "last used"], body)
    total = in_gb(sum(entry.size for entry in entries))
    log.info(f"{len(entries)} files of {name}, {total} of at most {found.limit:g} GB, in {found.folder}.")
    if found.unfinished_bytes:
        log.info(
            f"{in_gb(found.unfinished_bytes)} of {name} beside them were begun: the same command goes on "
            "with them, wiringup cache clear removes them."
        )
