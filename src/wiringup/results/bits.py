"""Which kept brain matches are set against the description length of what was scored.

Source: Geiger et al. 2022, supplement. What is counted, `birth.description` tells.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from wiringup.core.errors import MissingDataError

BORN, TRAINED, REFERENCE = "born", "trained", "reference"

Document = Mapping[str, Any]
"""A brain match as ``match.json`` holds it, see `results.documents.MatchDocument`."""


def by_size(matches: Iterable[Document], suite: str) -> list[Document]:
    """Return the kept brain matches on a suite, references first, then by bits.

    Of several matches of one birth in one network, that with the most seeds stays. Matches without any area
    that has a ceiling are passed over, and so are those that do not tell what was scored.

    Raises:
        MissingDataError: if none is left.
    """
    kept: dict[tuple[Any, ...], Document] = {}
    for match in matches:
        of = match.get("described")
        if match["suite"] != suite or not of or match["mean"]["value"] is None:
            continue
        key = (*(of[name] for name in ("kind", "name", "network", "batchnorm")), parameters(of))
        if key not in kept or match["seeds"] > kept[key]["seeds"]:
            kept[key] = match
    if not kept:
        raise MissingDataError(
            f"No brain match on {suite} is kept here. Make some: wiringup match pixels --suite {suite}; "
            f"wiringup match cornet_s --birth kn --suite {suite}; the same with --birth wc, ..."
        )
    return sorted(kept.values(), key=_place)


def parameters(of: Mapping[str, Any]) -> int | None:
    """Return how many parameters what was scored has."""
    found: int | None = of.get("parameters", of.get("figures"))
    return found


def _place(match: Document) -> tuple[bool, int, str]:
    of = match["described"]
    return of["kind"] != REFERENCE, of["bits"] or 0, of["name"]
