"""Brain match against description length: what kept brain matches say of the size of a birth.

Source: Geiger et al. 2022, supplement. What is counted, `birth.description` tells.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from wiringup.core.errors import MissingDataError
from wiringup.results.record import MEAN

BORN, TRAINED, REFERENCE = "born", "trained", "reference"

Estimated = Mapping[str, Any]
"""An estimate as ``match.json`` holds it: value, error, low, high."""


@dataclass(frozen=True)
class Sized:
    """A brain match and the size of what was scored.

    Attributes:
        kind: `BORN`, `TRAINED` or `REFERENCE`.
        name: the recipe (and file of the genome), the checkpoint, or the reference model.
        network: architecture, width and size of images.
        figures, bits: description length; None for references, which have none.
        match: area or "mean" -> estimate.
    """

    kind: str
    name: str
    network: str
    batchnorm: str | None
    figures: int | None
    bits: int | None
    seeds: int
    simulated: bool
    match: Mapping[str, Estimated]


def sized(matches: Iterable[Mapping[str, Any]], suite: str) -> list[Sized]:
    """Return the kept brain matches on a suite, references first, then by bits.

    Of several matches of one birth in one network, that with the most seeds stays. Matches without any area
    that has a ceiling are passed over, and so are those that do not tell what was scored.

    Raises:
        MissingDataError: if none is left.
    """
    kept: dict[tuple[Any, ...], Sized] = {}
    for values in matches:
        if values["suite"] != suite or not values.get("described") or values["mean"]["value"] is None:
            continue
        one = _sized(values)
        key = (one.kind, one.name, one.network, one.batchnorm, one.figures)
        if key not in kept or one.seeds > kept[key].seeds:
            kept[key] = one
    if not kept:
        raise MissingDataError(
            f"No brain match on {suite} is kept here. Make some: wiringup match pixels --suite {suite}; "
            f"wiringup match cornet_s --birth kn --suite {suite}; the same with --birth wc, ..."
        )
    return sorted(kept.values(), key=lambda one: (one.kind != REFERENCE, one.bits or 0, one.name))


def _sized(values: Mapping[str, Any]) -> Sized:
    of = values["described"]
    named = {name: of[name] for name in ("kind", "name", "network", "batchnorm", "figures", "bits")}
    match = {**values["areas"], MEAN: values["mean"]}
    return Sized(**named, seeds=values["seeds"], simulated=values["simulated"], match=match)
