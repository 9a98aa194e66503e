"""Panels as files: vector, picture and the numbers, the same bytes for the same numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from wiringup.core.files import atomic_path, write_text
from wiringup.figures.panels.catalog import PANELS
from wiringup.figures.panels.panel import Drawn, Spots
from wiringup.figures.panels.spots import Spot
from wiringup.results.record import MEAN
from wiringup.results.table import to_csv

DPI = 300
_FIXED: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "wiringup",
}  # text stays text; ids do not depend on the run


@dataclass(frozen=True)
class Written:
    """A panel in files.

    Attributes:
        panel: its name.
        title: what is written above it.
        caption: what is written below it.
        files: SVG, PNG and CSV.
        notes: what has to be told beside the caption.
        absent: labels of own conditions that are not in it.
    """

    panel: str
    title: str
    caption: str
    files: tuple[Path, ...]
    notes: Sequence[str] = ()
    absent: Sequence[str] = ()

    @property
    def picture(self) -> Path:
        """The PNG."""
        return self.files[1]


def draw_panel(name: str, spots: Spots, folder: Path) -> Written:
    """Draw a panel of `catalog.PANELS` and write it into a folder, see `write`.

    Args:
        name: of the panel, of which nothing is `missing`.
        spots: the moments.
        folder: is made if it is not there.
    """
    panel = PANELS[name]
    title = f"Figure {name}. {panel.title}"
    if any(spot.basis.simulated for spot in spots):
        title += " (simulated recordings)"
    drawn = panel.draw(spots, title, panel.caption)
    about = {"title": title, "caption": drawn.caption}
    files = write(name, drawn.figure, numbers(name, drawn), folder, about)
    return Written(name, title, drawn.caption, tuple(files), drawn.notes, drawn.absent(spots))


def numbers(panel: str, drawn: Drawn) -> list[dict[str, Any]]:
    """Return the numbers of a panel: a row for every series, moment and area."""
    rows = []
    for one in drawn.series:
        areas = drawn.areas or (one.area,)
        for spot in one.spots:
            rows += [_row(panel, one.name, spot, area) for area in areas if area in spot.percent]
    return [*rows, *({"panel": panel, **row} for row in drawn.extra)]


def _row(panel: str, series: str, spot: Spot, area: str) -> dict[str, Any]:
    names = (
        "source", "study", "label", "architecture", "birth", "genome", "plasticity", "norms", "variant",
        "images", "epoch", "updates", "synaptic_updates", "trained", "seeds", "seed",
    )  # fmt: skip
    percent, of = spot.percent[area], spot.accuracy
    accuracy = {"": of.value, "_low": of.low, "_high": of.high}
    return {
        "panel": panel,
        "series": series,
        **{name: getattr(spot, name) for name in names},
        "simulated": spot.basis.simulated,
        "area": area,
        "score": spot.match.get(area),
        "percent": percent.value,
        "percent_low": percent.low,
        "percent_high": percent.high,
        "top1": spot.top1 if area == MEAN else None,
        **{f"top1_percent{end}": of if area == MEAN else None for end, of in accuracy.items()},
    }


def write(
    panel: str, figure: Figure, rows: list[dict[str, Any]], folder: Path, about: Mapping[str, str]
) -> list[Path]:
    """Write ``figure_PANEL.svg``, ``.png`` and, of numbers, ``.csv``; return the files.

    Args:
        panel: its name.
        figure: of it.
        rows: of its numbers.
        folder: is made if it is not there.
        about: title and caption, kept in the SVG for those who cannot see it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stem = folder / f"figure_{panel}"
    metadata = {"Title": about["title"], "Description": about["caption"], "Date": None}
    if figure.get_layout_engine() is not None:  # laid out once: every further draw would move it by a hair
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
    with mpl.rc_context(_FIXED):
        with atomic_path(stem.with_suffix(".svg")) as path:
            figure.savefig(path, format="svg", metadata=metadata)
        with atomic_path(stem.with_suffix(".png")) as path:
            figure.savefig(path, format="png", dpi=DPI, metadata={"Software": None})
    write_text(stem.with_suffix(".csv"), to_csv(rows))
    return [stem.with_suffix(ending) for ending in (".svg", ".png", ".csv")]
