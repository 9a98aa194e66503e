"""The moments that panels are drawn from: own runs of a folder, and what was published."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wiringup.core.areas import SCORED
from wiringup.core.errors import MissingDataError, WiringupError
from wiringup.data.sources.published_point import PAPER
from wiringup.figures.panels.spots import ALL, KN, Basis, Spot, own_spots, published_spots
from wiringup.figures.results import Results
from wiringup.figures.style import SIMULATED
from wiringup.results.bits import REFERENCE
from wiringup.results.comparison import Comparison
from wiringup.results.published import published_here
from wiringup.results.record import MEAN, Record
from wiringup.results.stats import Estimate
from wiringup.results.store import Store, is_study
from wiringup.results.table import OWN, Row, rows

log = logging.getLogger(__name__)

Rows = Sequence[Row]


def load_published(home: Path | None = None, *, needed: bool = False) -> list[Spot]:
    """Return the published moments that are here; what is not is told.

    Args:
        home: the data folder.
        needed: whether the paper's own are needed.

    Raises:
        MissingDataError: if they are, and are not here.
    """
    return published_spots(published_here(home, needed=(PAPER,) if needed else ()))


def load_both(folder: Path, reference: str = "") -> list[Spot]:
    """Return own moments and, unless those are simulated, published ones; see `load_own`.

    No axis holds both simulated and real recordings.
    """
    own = load_own(folder, reference)
    if any(spot.basis.simulated for spot in own):
        log.warning("Published scores are not drawn: these runs were scored on %s.", SIMULATED)
    return _beside_published(own)


def of_study(records: Sequence[Record], comparison: Comparison, store: Store, so_far: str = "") -> list[Spot]:
    """Return the moments of a study that was compared, and published ones if they are here and whole.

    Args:
        records: of its runs.
        comparison: of them.
        store: where it lies.
        so_far: how many runs these are of, if it is not finished.

    Raises:
        MissingDataError: if nothing is a percentage of its reference.
    """
    own = _own(rows(records), comparison, store, so_far)
    try:
        return _beside_published(own)
    except WiringupError as error:
        log.warning("Nothing published is drawn: %s", error)
        return own


def load_own(folder: Path, reference: str = "") -> list[Spot]:
    """Return the moments of a study or of all runs of a folder, and the reference models scored beside them.

    Args:
        folder: of a study, or of runs.
        reference: label of the condition that percentages are of; by default that of the study, or else of
            the longest standard training.

    Raises:
        MissingDataError: if there are none, or nothing that percentages can be of.
        InputError: if a record is damaged, or no run has the label.
    """
    found = Results.load(folder)
    base = reference or found.reference or _longest(found.rows, folder)
    suite = next((row.get("suite") for row in found.rows if row["label"] == base), None)
    others = {row["label"] for row in found.rows if row.get("suite") != suite}
    if suite is not None and others:
        log.warning("Left out, as they were not scored on %s: %s.", suite, ", ".join(sorted(others)))
        found = found.only(lambda row: row["label"] not in others)
    comparison = found.compare(base)
    log.info("Own runs: percentages are of %s (%s).", base, folder)
    store = folder.resolve().parent if is_study(folder) else folder
    return _own(found.rows, comparison, Store(store), found.so_far)


def _own(table: Rows, comparison: Comparison, store: Store, so_far: str) -> list[Spot]:
    own = own_spots(table, comparison, so_far)
    suite = next(row.get("suite") for row in table if row["label"] == comparison.reference)
    return [*own, *_references(store.matches(), comparison, str(suite or ""), own[0].basis)]


def _beside_published(own: list[Spot]) -> list[Spot]:
    """Return own moments and published ones, which never stand beside simulated recordings."""
    return own if any(spot.basis.simulated for spot in own) else [*own, *load_published()]


def _longest(rows: Rows, folder: Path) -> str:
    """Return the label of the CORnet-S that learned most with all synapses from Kaiming normal."""
    standard = [
        row
        for row in rows
        if (row.get("architecture"), row.get("birth"), row.get("plasticity")) == ("cornet_s", KN, ALL)
    ]
    if not standard:
        raise MissingDataError(
            f"No run in {folder} is of a CORnet-S from Kaiming normal that learned with all synapses, of "
            "which figures give percentages. Make one (wiringup run), or name the condition with "
            "--reference LABEL."
        )
    return str(max(standard, key=lambda row: row["updates"])["label"])


def _references(
    matches: Sequence[Mapping[str, Any]], comparison: Comparison, suite: str, basis: Basis
) -> list[Spot]:
    """Return pixels, HMAX and the like, from kept brain matches on the same suite."""
    base = [m for m in comparison.moments if m.label == comparison.reference][-1]
    found = {}
    for match in matches:
        described = match.get("described") or {}
        if described.get("kind") == REFERENCE and match["suite"] == suite:
            values = {area: match["areas"][area]["value"] for area in SCORED if area in match["areas"]}
            if set(comparison.areas) <= values.keys():
                whole = {area: base.match[area].mean for area in comparison.areas}
                network = described["network"]
                found[network] = _reference(network, suite, values, whole, basis)
    return list(found.values())


def _reference(
    name: str, suite: str, values: Mapping[str, float], whole: Mapping[str, float], basis: Basis
) -> Spot:
    mean = sum(values[area] for area in whole) / len(whole)
    percent = {area: 100 * values[area] / whole[area] for area in whole}
    percent[MEAN] = 100 * mean * len(whole) / sum(whole.values())
    each = {area: (value,) for area, value in percent.items()}
    return Spot(
        source=OWN, study=suite, label=name, architecture=name, birth=None, genome="", plasticity=None,
        norms=None, variant="", images=0, epoch=0, updates=0, synaptic_updates=0, trained=0, ended=True,
        training=name, seeds=1, seed=None, match={**values, MEAN: mean}, each=each, top1=float("nan"),
        percent={area: Estimate(value) for area, value in percent.items()}, basis=basis,
    )  # fmt: skip
