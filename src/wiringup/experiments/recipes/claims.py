"""The claims of recipes, tested on the studies that are in a folder."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wiringup.core.errors import InputError, MissingDataError, WiringupError
from wiringup.core.score import UNCEILED
from wiringup.experiments.launching.outcome import results_folder
from wiringup.experiments.recipes.catalog import RECIPES
from wiringup.results.claims import Tested, examine
from wiringup.results.confirmation import as_if_ceiled, benchmarks_of, only
from wiringup.results.record import Record
from wiringup.results.store import Store
from wiringup.results.table import Row, rows

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Examined:
    """What a study says of the claims of its recipe.

    Attributes:
        study: its address.
        mean: by the brain match: the mean over areas.
        each: benchmark -> the same by this benchmark alone.
        unceiled: benchmarks that have no noise ceiling: by raw scores, squared where the others are.
        so_far: how many of its runs this is of, if it is not finished.
    """

    study: str
    recipe: str
    mean: list[Tested]
    each: Mapping[str, list[Tested]]
    unceiled: Sequence[str] = ()
    so_far: str = ""


def examined(
    runs: Path, study: str | None = None, benchmarks: Sequence[str] = (), *, so_far: bool = False
) -> list[Examined]:
    """Return what studies say of the claims of their recipes.

    Args:
        runs: the folder of runs.
        study: see `study.find_study`; None for all that are finished.
        benchmarks: that count alone; by default all.
        so_far: take a study that is not finished, too.

    Raises:
        InputError: if the study is of no recipe, or a benchmark is unknown.
        MissingDataError: if there is none, or it is not finished.
    """
    folder = results_folder(runs, study, so_far=so_far)
    if study is not None:
        document, records = Store(folder.parent).study(folder.name)
        if not (found := of_study(document, records, benchmarks)):
            raise InputError(f"Study {folder.name} is of no recipe with claims; see wiringup recipes.")
        return [found]
    store = Store(runs)
    each = []
    for document in store.studies():
        try:
            each.append(of_study(*store.study(document["uid"]), benchmarks) if _recipe(document) else None)
        except WiringupError as error:
            log.warning("Left out: study %s. %s", document["uid"], error)
    if not (told := [one for one in each if one]):
        raise MissingDataError(f"No recipe is finished in {runs}. Make one with wiringup run RECIPE.")
    return told


def of_study(
    document: Mapping[str, Any], records: Sequence[Record], benchmarks: Sequence[str] = ()
) -> Examined | None:
    """Return what a study says of the claims of its recipe; None if it is of none that has claims."""
    if not (recipe := _recipe(document)):
        return None
    table: Sequence[Row] = rows(records, evidence=True)
    ceiled = as_if_ceiled(table)
    table = only(table, benchmarks) if benchmarks else table
    each = {name: _tests(only(ceiled, [name]), document, recipe) for name in benchmarks_of(table)}
    unceiled = {row["benchmark"] for row in table if row.get("normalisation") == UNCEILED}
    mean, so_far = _tests(table, document, recipe), document.get("so_far", "")
    return Examined(document["uid"], recipe, mean, each, sorted(unceiled), so_far)


def _recipe(document: Mapping[str, Any]) -> str:
    name = str(document["spec"].get("recipe", ""))
    return name if name in RECIPES and RECIPES[name].claims else ""


def _tests(table: Sequence[Row], document: Mapping[str, Any], recipe: str) -> list[Tested]:
    spec = document["spec"]
    return examine(RECIPES[recipe].claims, spec["cells"], table, spec["reference"])
