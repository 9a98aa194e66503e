"""A study as one HTML file that needs nothing beside it."""

import base64
import html
import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from wiringup.core.files import atomic_path, write_text
from wiringup.figures import sweep, updates
from wiringup.figures.style import SIMULATED
from wiringup.figures.tables import Table, comparison_table
from wiringup.results.comparison import Comparison
from wiringup.results.record import Diverged, Record
from wiringup.results.table import to_csv

Study = Mapping[str, Any]
"""A study's document, see `results.documents.StudyDocument`."""

MANY = 2  # amounts of synaptic updates: none, and the reference's

_SHOWN = {
    "sweep.png": "Brain match of every combination",
    "brain_match.png": "Brain match against synaptic updates",
}


def write(folder: Path, study: Study, records: Sequence[Record], comparison: Comparison) -> Path:
    """Write ``report.html``, ``table.csv`` and the figures into ``folder``; return the report.

    Args:
        folder: of the study.
        study: its document.
        records: of all its runs.
        comparison: of the same, see `results.comparison.of_study`.
    """
    figures = {name: draw(comparison) for name, draw in _figures(study, comparison).items()}
    for name, figure in figures.items():
        with atomic_path(folder / name) as path:
            figure.savefig(path, format="png")
    write_text(folder / "table.csv", to_csv(comparison.rows()))
    write_text(folder / "report.html", page(study, records, comparison, figures))
    return folder / "report.html"


def figure_names(study: Study, comparison: Comparison) -> list[str]:
    """Return the file names of a study's figures.

    A sweep, whose document holds its cells, has ``sweep.png``, and ``brain_match.png`` beside it where runs
    were scored along their training; a recipe too, where conditions spend unlike; a study has the latter.
    """
    return list(_figures(study, comparison))


def _figures(study: Study, comparison: Comparison) -> dict[str, Callable[[Comparison], Figure]]:
    cells: sweep.Cells = study.get("spec", {}).get("cells", {})
    figures: dict[str, Callable[[Comparison], Figure]] = {}
    if cells:
        figures["sweep.png"] = partial(sweep.draw, cells=cells)
    spent = {one.synaptic_updates for one in comparison.ends}
    if not cells or comparison.along_training or ("recipe" in study.get("spec", {}) and len(spent) > MANY):
        figures["brain_match.png"] = updates.draw
    return figures


def page(
    study: Study, records: Sequence[Record], comparison: Comparison, figures: Mapping[str, Figure]
) -> str:
    """Return the report as HTML with its figures; every text that comes from outside is escaped."""
    body = [
        "<h1>Brain match with few supervised synaptic updates</h1>",
        _warning(records),
        _what(study, records),
        *(f'<img alt="{_SHOWN[name]}" src="{_embed(figure)}">' for name, figure in figures.items()),
        "<h2>Birth and end of every condition</h2>",
        _table(comparison_table(comparison, comparison.ends, intervals=True)),
        f"<p><strong>{_text(comparison.left_out)}</strong></p>" if comparison.left_out else "",
        _legend(records),
        _diverged(comparison.diverged),
        _details("Every scored moment", _table(comparison_table(comparison, comparison.moments))),
        _details("Benchmarks, ceilings and errors at the end of each run", _table(_score_table(records))),
        _details("Where the synapses are", _table(_synapse_table(records))),
        "<h2>How it was made</h2>",
        _details("Study", _json(study)),
        _details("Runs: specification, versions, machine", "".join(_run(r) for r in records)),
    ]
    content = "\n".join(body)
    style = resources.files("wiringup.figures").joinpath("report.css").read_text()
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>wiringup: {_text(study.get('uid', ''))}</title><style>\n{style}</style></head>"
        f"<body>{content}</body></html>\n"
    )


def _warning(records: Sequence[Record]) -> str:
    if not any(r.simulated for r in records):
        return ""
    return f'<p class="simulated"><strong>Simulated</strong>: {_text(SIMULATED)}.</p>'


def _what(study: Study, records: Sequence[Record]) -> str:
    seconds = sum(r.provenance["seconds"] for r in records)
    seeds, first = sorted({r.seed for r in records}), records[0].provenance
    return (
        f"<p>Study <code>{_text(study['uid'])}</code>: {len(records)} runs, seeds "
        f"{_text(', '.join(map(str, seeds)))}, {seconds / 60:.1f} minutes of computing, "
        f"{_text(first['date'][:10])}, {_text(first['machine'])}.</p>"
    )


def _diverged(runs: Sequence[Diverged]) -> str:
    lost = "".join(f"<li>{_text(f'{d.label}, seed {d.seed}: {d.why}')}</li>" for d in runs)
    return f"<p>No score, because the training diverged:</p><ul>{lost}</ul>" if lost else ""


def _legend(records: Sequence[Record]) -> str:
    seeds = len({r.seed for r in records})
    missing = sorted({name for r in records for p in r.points for name in p.missing})
    absent = f" Not scored, and not averaged in: {_text(', '.join(missing))}." if missing else ""
    return (
        "<p>Percentages are of the reference at the end of its training (mean over seeds). "
        f"± is the standard deviation over {seeds} seeds: too few for a test, enough to see what is noise. "
        "The interval is that of the mean over seeds, and holds the spread of the reference's too. "
        "<em>Updates</em> are labelled images as actually seen; <em>synaptic updates</em> are updates times "
        f"trained synapses; <em>of ref. %</em> is their share of what the reference spends.{absent}</p>"
    )


def _score_table(records: Sequence[Record]) -> Table:
    header = ["condition", "seed", "benchmark", "layer", "raw", "± error", "ceiling", "score"]
    body = [
        [
            r.label, str(r.seed), s.benchmark + (" (simulated)" if s.simulated else ""), s.layer,
            _number(s.raw), _number(s.error), "none" if s.ceiling is None else _number(s.ceiling),
            _number(s.score), s.normalisation,
        ]
        for r in records
        for s in r.last.scores
    ]  # fmt: skip
    return [*header, "normalisation"], body


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3f}"


def _synapse_table(records: Sequence[Record]) -> Table:
    firsts = {r.label: r for r in reversed(records)}
    areas = list(dict.fromkeys(k for r in firsts.values() for k in r.synapses))
    body = [[label, *(f"{r.synapses.get(a, 0):,}" for a in areas)] for label, r in reversed(firsts.items())]
    return ["condition", *areas], body


def _run(record: Record) -> str:
    title = f"{record.label}, seed {record.seed} ({record.uid})"
    shown = {"spec": record.spec, "provenance": record.provenance, "losses": record.losses}
    return _details(title, _json(shown))


def _table(table: Table) -> str:
    head = "".join(f"<th>{_text(cell)}</th>" for cell in table[0])
    rows = "".join("<tr>" + "".join(f"<td>{_text(c)}</td>" for c in row) + "</tr>" for row in table[1])
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _details(title: str, content: str) -> str:
    return f"<details><summary>{_text(title)}</summary>{content}</details>"


def _json(value: Any) -> str:
    return f"<pre>{_text(json.dumps(value, indent=2))}</pre>"


def _text(value: object) -> str:
    return html.escape(str(value))


def _embed(figure: Figure) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
