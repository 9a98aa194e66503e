"""``wiringup cache``: what is kept between runs because it can be computed again."""

import time
from typing import Annotated, Any, Literal

from tyro.conf import Positional, arg

from wiringup.cli.arguments import Json
from wiringup.cli.show import as_json, say, table
from wiringup.core.kept import KeptFiles
from wiringup.core.memory import GB, told


def cache(
    action: Annotated[Positional[Literal["show", "clear"]], arg(help="Show what is kept, or remove it.")],
    json: Json = False,
) -> None:
    """Show or remove the responses that wiringup score --cache keeps, and the images that were packed.

    They lie in $WIRINGUP_CACHE, or the platform's user cache folder; each of the two takes at most
    $WIRINGUP_CACHE_GB (20): what was used longest ago goes first. An entry is found by its content (weights,
    code, images, size, layer, time step; files, size), never by a name, so nothing in it can be out of date.

    For example:
      wiringup cache show

      wiringup cache clear
    """
    from wiringup.data.images.cache import default_store
    from wiringup.models.cache import default_cache

    kinds: dict[str, KeptFiles] = {"responses": default_cache(say), "images": default_store(say)}
    if action == "clear":
        freed = {name: kept.clear() for name, kept in kinds.items()}
        if json:
            as_json({n: {"folder": str(k.folder), "removed_bytes": freed[n]} for n, k in kinds.items()})
            return
        for name, kept in kinds.items():
            say(f"Removed {told(freed[name])} of {name} from {kept.folder}.")
    elif json:
        as_json({name: _facts(kept) for name, kept in kinds.items()})
    else:
        for name, kept in kinds.items():
            _show(name, kept)


def _facts(kept: KeptFiles) -> dict[str, Any]:
    entries = kept.entries()[::-1]
    rows = [{"file": str(e.path), "bytes": e.size, "last_used": e.used} for e in entries]
    total = sum(entry.size for entry in entries)
    return {"folder": str(kept.folder), "limit_bytes": kept.limit * GB, "bytes": total, "entries": rows}


def _show(name: str, kept: KeptFiles) -> None:
    entries = kept.entries()[::-1]
    if entries:
        days = [time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.used)) for entry in entries]
        body = [[e.path.name[:12], told(e.size), day] for e, day in zip(entries, days, strict=True)]
        table([name, "size", "last used"], body)
    total = told(sum(entry.size for entry in entries))
    say(f"{len(entries)} files of {name}, {total} of at most {kept.limit:g} GB, in {kept.folder}.")
