"""``wiringup figure``: the panels of the paper's figures, from own runs and from published scores."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import OmitArgPrefixes, Positional, arg

from wiringup.cli.arguments import Json, OfStudy, SoFar
from wiringup.cli.show import as_json, table
from wiringup.core.errors import InputError, MissingDataError

if TYPE_CHECKING:
    from wiringup.figures.panels.spots import Spot

log = logging.getLogger(__name__)

EVERY = "all"
WC, SUITE = "wc", "real@1"
OTHERS_NEED = {"2a": "a genome", "s6": "a genome", "s7": "brain matches of several births"}
MADE_BY = dict.fromkeys(("2a", "s6"), "wiringup fetch weight-compression") | {"s7": "wiringup match"}


@dataclass(frozen=True)
class FigureOptions:
    """What is drawn, and from what.

    Attributes:
        study: as of every command that reads a study.
        so_far: likewise.
        published_only: Draw what was published, without own runs.
        reference: The condition that percentages are of, if not the study's own.
        genome: Of panels 2a and s6: a recipe or a genome file.
        suite: Of panel s7: brain matches on which benchmarks.
        runs: Folder of runs and scores.
        out: Folder for the figures.
    """

    study: OfStudy = None
    so_far: SoFar = False
    published_only: bool = False
    reference: Annotated[str, arg(metavar="LABEL")] = ""
    genome: Annotated[str, arg(metavar="GENOME")] = WC
    suite: Annotated[str, arg(metavar="NAME")] = SUITE
    runs: Annotated[Path, arg(metavar="DIR")] = Path("runs")
    out: Annotated[Path, arg(metavar="DIR")] = Path("figures")


NOTHING_ASKED = FigureOptions()


def figure(
    panel: Annotated[
        Positional[str | None],
        arg(metavar="[PANEL]", help="As in 1a, s1, or all; without it, they are listed."),
    ] = None,
    list_: Annotated[bool, arg(name="list", help="Say which panels there are, and what each needs.")] = False,
    asked: Annotated[FigureOptions, OmitArgPrefixes, arg(name="")] = NOTHING_ASKED,
    json: Json = False,
) -> None:
    """Draw a panel of the paper's figures: SVG, PNG, and its numbers as CSV.

    Own runs (filled, solid) and published scores (hollow, dashed) each in percent of their own reference;
    beside runs on simulated recordings nothing published is drawn. Published scores come from:
    wiringup fetch paper-scores, wiringup fetch scaling-scores.

    For example:
      wiringup figure --list

      wiringup figure 4a --out figures

      wiringup figure all --published-only --out published
    """
    from wiringup.figures.panels.catalog import OTHERS, PANELS, find_panel

    if panel is None or list_:
        if panel is not None or asked.published_only:
            raise InputError(
                "Without --list, name a panel to draw it, or all; to list them, give nothing else."
            )
        _list(asked, json)
        return
    every = panel == EVERY
    names = [*PANELS, *OTHERS] if every else [find_panel(panel)]
    of_runs = any(name in PANELS for name in names)
    _refuse_unused(names, asked, bool(asked.study or asked.so_far or asked.reference) and not of_runs)
    spots = _spots(asked, panel) if of_runs else []
    files: dict[str, list[Path]] = {}
    for name in sorted(names):
        try:
            files[name] = _one(name, spots, asked) if name in PANELS else _other(name, asked)
        except MissingDataError as error:
            if not every:
                raise
            log.warning("Not drawn: %s", error)
    if json:
        as_json([{"panel": name, "files": [str(path) for path in paths]} for name, paths in files.items()])


def _refuse_unused(names: list[str], asked: FigureOptions, runs_named: bool) -> None:
    """Raise `InputError` for what was asked and is of other panels than these."""
    from wiringup.figures.panels.catalog import BITS, GENOME

    if asked.genome != WC and not set(names) & set(GENOME):
        raise InputError(f"--genome is of panels {' and '.join(GENOME)}; leave it out, or draw one of them.")
    if asked.suite != SUITE and BITS not in names:
        raise InputError(f"--suite is of panel {BITS}; runs are drawn on the suite of their reference.")
    if runs_named:
        raise InputError(
            f"Panel {names[0]} is not drawn from runs: leave out --study, --so-far and --reference."
        )


def _one(name: str, spots: list["Spot"], asked: FigureOptions) -> list[Path]:
    from wiringup.figures.panels.output import draw_panel

    _check(name, spots, published_only=asked.published_only)
    written = draw_panel(name, spots, asked.out)
    log.info("%s: %s", written.title, ", ".join(map(str, written.files)))
    for note in written.notes:
        log.info("  %s", note)
    if written.absent:
        log.info("  Own conditions that are not in it: %s.", "; ".join(written.absent))
    return [*written.files]


def _spots(asked: FigureOptions, panel: str) -> list["Spot"]:
    from wiringup.figures.panels.loading import load_both, load_published

    if asked.published_only:
        if asked.study or asked.so_far or asked.reference:
            raise InputError(
                "--published-only draws no own runs; leave out --study, --so-far and --reference, or it."
            )
        return load_published(needed=True)
    try:
        return load_both(_folder(asked), asked.reference)
    except MissingDataError as error:
        raise MissingDataError(
            f"{error} What was published is drawn without runs: wiringup figure {panel} --published-only."
        ) from error


def _folder(asked: FigureOptions) -> Path:
    from wiringup.experiments.launching.outcome import results_folder

    return results_folder(asked.runs, asked.study, so_far=asked.so_far)


def _check(name: str, spots: list["Spot"], *, published_only: bool) -> None:
    """Raise `MissingDataError` with the command that makes the runs, if a panel would be empty of them."""
    from wiringup.figures.panels.catalog import PANELS
    from wiringup.results.published import PUBLISHED
    from wiringup.results.table import OWN

    panel = PANELS[name]
    if missing := panel.missing(spots, PUBLISHED if published_only else OWN):
        whose = "The published scores lack" if published_only else "The runs lack"
        make = f"Make the runs with: wiringup run {panel.recipe} --scale small"
        other = (
            "" if published_only else f"; or draw what was published: wiringup figure {name} --published-only"
        )
        raise MissingDataError(f"Figure {name}: {whose} {' and '.join(missing)}. {make}{other}.")


def _other(name: str, asked: FigureOptions) -> list[Path]:
    """Draw a panel of a genome, or of description lengths."""
    from wiringup.figures.panels.catalog import BITS, OTHERS
    from wiringup.figures.panels.output import write

    if asked.published_only and name == BITS:
        raise MissingDataError(
            "Figure s7 needs description lengths, which no published score has: leave out --published-only."
        )
    title = f"Figure {name}. {OTHERS[name]}"
    drawn, rows = _bits(asked) if name == BITS else _genome(name, asked.genome)
    drawn.suptitle(f"{title}\n{drawn.get_suptitle()}", fontsize=10)
    files = write(name, drawn, rows, asked.out, {"title": title, "caption": OTHERS[name]})
    log.info("%s: %s", title, ", ".join(map(str, files)))
    return files


def _genome(name: str, source: str) -> tuple[Any, list[dict[str, Any]]]:
    from wiringup.core.home import data_home
    from wiringup.experiments.runs.genome_views import content, drawing
    from wiringup.experiments.runs.genomes import open_genome
    from wiringup.figures.genome import draw

    opened = open_genome(source, data_home())
    layers = tuple(opened.layers)
    shown = (layers[0], *(layer for layer in layers if layer.startswith("V2."))) if name == "2a" else ()
    return draw(drawing(opened, 0, None, shown)), [
        {"panel": name, **row} for row in content(opened)["layers"]
    ]


def _bits(asked: FigureOptions) -> tuple[Any, list[dict[str, Any]]]:
    from wiringup.cli.genome import flat
    from wiringup.figures.description_length import draw
    from wiringup.results.bits import by_size
    from wiringup.results.store import Store

    matches = by_size(Store(asked.runs).matches(), asked.suite)
    rows = []
    for match in map(flat, matches):
        areas = match.pop("match")
        rows += [{"panel": "s7", **match, "area": area, **of} for area, of in areas.items()]
    return draw(matches, asked.suite), [{k: v for k, v in row.items() if k != "errors"} for row in rows]


def _list(asked: FigureOptions, json: bool) -> None:
    from wiringup.figures.panels.loading import load_own

    try:
        spots = load_own(_folder(asked), asked.reference)
    except MissingDataError as error:
        log.info("No own runs: %s", error)
        spots = []
    facts = _facts(spots)
    if json:
        as_json(facts)
        return
    here = {None: "–", True: "no", False: "yes"}
    told = [here[None if fact["missing"] is None else bool(fact["missing"])] for fact in facts]
    body = [
        [fact["panel"], fact["shows"], "; ".join(fact["needs"]), there, fact["command"]]
        for fact, there in zip(facts, told, strict=True)
    ]
    table(["panel", "shows", "needs", "here", "made by"], body)
    log.info("Drawn with: wiringup figure PANEL --out DIR; what was published alone: --published-only.")


def _facts(spots: list["Spot"]) -> list[dict[str, Any]]:
    """Return what every panel shows and needs, and what of it is missing."""
    from wiringup.figures.panels.catalog import OTHERS, PANELS
    from wiringup.results.table import OWN

    facts: list[dict[str, Any]] = [
        {
            "panel": name,
            "shows": panel.title,
            "needs": list(panel.needs),
            "missing": panel.missing(spots, OWN),
            "command": f"wiringup run {panel.recipe}",
        }
        for name, panel in PANELS.items()
    ]
    facts += [
        {
            "panel": name,
            "shows": title,
            "needs": [OTHERS_NEED[name]],
            "missing": None,
            "command": MADE_BY[name],
        }
        for name, title in OTHERS.items()
    ]
    return sorted(facts, key=lambda fact: str(fact["panel"]))
