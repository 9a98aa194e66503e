"""``wiringup cache``: the responses that ``wiringup score --cache`` keeps."""

import time
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from wiringup.cli.arguments import Json
from wiringup.cli.show import as_json, say, table
from wiringup.core.memory import GB, told


def cache(
    action: Annotated[Positional[Literal["show", "clear"]], arg(help="Show what is kept, or remove it.")],
    json: Json = False,
) -> None:
    """Show or remove the responses that wiringup score --cache keeps.

    They lie in $WIRINGUP_CACHE, or the platform's user cache folder, and take at most $WIRINGUP_CACHE_GB
    (20): what was used longest ago goes first. An entry is found by its content (weights, code, images,
    size, layer, time step), never by a name, so nothing in it can be out of date.

    For example:
      wiringup cache show

      wiringup cache clear
    """
    from wiringup.models.cache import default_cache

    kept = default_cache(say)
    if action == "clear":
        freed = kept.clear()
        as_json({"folder": str(kept.folder), "removed_bytes": freed}) if json else say(
            f"Removed {told(freed)} from {kept.folder}."
        )
        return
    entries = kept.entries()[::-1]
    total = sum(entry.size for entry in entries)
    if json:
        rows = [{"file": str(e.path), "bytes": e.size, "last_used": e.used} for e in entries]
        as_json({"folder": str(kept.folder), "limit_bytes": kept.limit * GB, "bytes": total, "entries": rows})
        return
    if entries:
        days = [time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.used)) for entry in entries]
        body = [[e.path.name[:12], told(e.size), day] for e, day in zip(entries, days, strict=True)]
        table(["response", "size", "last used"], body)
    say(f"{len(entries)} responses, {told(total)} of at most {kept.limit:g} GB, in {kept.folder}.")
