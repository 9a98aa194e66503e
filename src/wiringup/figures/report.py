"""A study as one HTML file that needs nothing beside it."""

import base64
import html
import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from wiringup.core.files import atomic_path, write_text
from wiringup.figures import sweep, updates
from wiringup.figures.style import SIMULATED
from wiringup.figures.tables import Table, last_moments, moments_table, numbers_table, to_csv
from wiringup.results.curves import Moment, moments, told_at_chance
from wiringup.results.record import Diverged, Record

CSS = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #1b1b1b;
  max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .6rem; border-bottom: 1px solid #ddd; text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
th { border-bottom: 2px solid #888; }
.scroll { overflow-x: auto; }
.simulated { background: #fff3cd; border-left: 4px solid #e0a800; padding: .6rem 1rem; }
img { max-width: 100%; } pre { background: #f6f6f6; padding: 1rem; overflow-x: auto; font-size: 12px; }
details { margin: .5rem 0; } summary { cursor: pointer; }
@page { size: A4 landscape; margin: 12mm; }
@media print {
  body { max-width: none; margin: 0; padding: 0; font-size: 10px; }
  .scroll, pre { overflow: visible; }
  table { font-size: 8px; width: 100%; }
  th, td { padding: .15rem .3rem; white-space: normal; }
  tr, img { break-inside: avoid; } img { max-height: 130mm; }
  h2 { break-after: avoid; }
  pre { font-size: 7px; white-space: pre-wrap; overflow-wrap: anywhere; }
}
"""


def write(folder: Path, study: Mapping[str, Any], records: Sequence[Record], reference: str) -> Path:
    """Write ``report.html``, ``table.csv`` and the figure into ``folder``; return the report.

    The figure is ``sweep.png`` of a sweep, whose document holds its cells, ``brain_match.png`` of a study.
    """
    points, left_out = moments(records, reference), told_at_chance(records, reference)
    figure = _figure(study, records, points, left_out)
    with atomic_path(folder / figure_name(study)) as path:
        figure.savefig(path, format="png")
    write_text(folder / "table.csv", to_csv(numbers_table(points, diverged(study))))
    write_text(folder / "report.html", page(study, records, points, figure, left_out))
    return folder / "report.html"


def figure_name(study: Mapping[str, Any]) -> str:
    """Return the file name of a study's figure."""
    return "sweep.png" if _cells(study) else "brain_match.png"


def diverged(study: Mapping[str, Any]) -> list[Diverged]:
    """Return the runs of a sweep that have no score."""
    return [Diverged(**one) for one in study.get("spec", {}).get("diverged", ())]


def _cells(study: Mapping[str, Any]) -> sweep.Cells:
    found: sweep.Cells = study.get("spec", {}).get("cells", {})
    return found


def _figure(
    study: Mapping[str, Any], records: Sequence[Record], points: Sequence[Moment], left_out: str
) -> Figure:
    simulated = any(r.simulated for r in records)
    if cells := _cells(study):
        return sweep.draw(points, cells, simulated, left_out, diverged(study))
    return updates.draw(points, simulated, left_out)


def page(
    study: Mapping[str, Any],
    records: Sequence[Record],
    points: Sequence[Moment],
    figure: Figure,
    left_out: str = "",
) -> str:
    """Return the report as HTML; every text that comes from outside is escaped.

    Args:
        study: its document, as stored.
        records: of all its runs.
        points: all scored moments.
        figure: is embedded.
        left_out: what `curves.told_at_chance` says.
    """
    parts = [
        "<h1>Brain match with few supervised synaptic updates</h1>",
        _warning(records),
        _what(study, records),
        f'<img alt="{_text(_alt(study))}" src="{_embed(figure)}">',
        "<h2>Birth and end of every condition</h2>",
        _table(moments_table(last_moments(points), diverged(study))),
        f"<p><strong>{_text(left_out)}</strong></p>" if left_out else "",
        _legend(records),
        _diverged(diverged(study)),
        _details("Every scored moment", _table(moments_table(points, diverged(study)))),
        _details("Benchmarks, ceilings and errors at the end of each run", _table(_score_table(records))),
        _details("Where the synapses are", _table(_synapse_table(records))),
        "<h2>How it was made</h2>",
        _details("Study", f"<pre>{_text(json.dumps(study, indent=2))}</pre>"),
        _details("Runs: specification, versions, machine", "".join(_run(r) for r in records)),
    ]
    body = "\n".join(parts)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>wiringup: {_text(str(study.get('uid', '')))}</title><style>{CSS}</style></head>"
        f"<body>{body}</body></html>\n"
    )


def _warning(records: Sequence[Record]) -> str:
    if not any(r.simulated for r in records):
        return ""
    return f'<p class="simulated"><strong>Simulated</strong>: {_text(SIMULATED)}.</p>'


def _what(study: Mapping[str, Any], records: Sequence[Record]) -> str:
    seconds = sum(r.provenance["seconds"] for r in records)
    seeds = sorted({r.seed for r in records})
    return (
        f"<p>Study <code>{_text(str(study['uid']))}</code>: {len(records)} runs, seeds "
        f"{_text(', '.join(map(str, seeds)))}, {seconds / 60:.1f} minutes of computing, "
        f"{_text(records[0].provenance['date'][:10])}, {_text(records[0].provenance['machine'])}.</p>"
    )


def _alt(study: Mapping[str, Any]) -> str:
    return "Brain match of every combination" if _cells(study) else "Brain match against synaptic updates"


def _diverged(runs: Sequence[Diverged]) -> str:
    told = "".join(f"<li>{_text(f'{d.label}, seed {d.seed}: {d.why}')}</li>" for d in runs)
    return f"<p>No score, because the training diverged:</p><ul>{told}</ul>" if told else ""


def _legend(records: Sequence[Record]) -> str:
    seeds = len({r.seed for r in records})
    missing = sorted({name for r in records for p in r.points for name in p.missing})
    absent = f" Not scored, and not averaged in: {_text(', '.join(missing))}." if missing else ""
    return (
        "<p>Percentages are of the reference at the end of its training (mean over seeds). "
        f"± is the standard deviation over {seeds} seeds: too few for a test, enough to see what is noise. "
        "<em>Updates</em> are labelled images as actually seen; <em>synaptic updates</em> are updates times "
        f"trained synapses; <em>of ref. %</em> is their share of what the reference spends.{absent}</p>"
    )


def _score_table(records: Sequence[Record]) -> Table:
    header = [
        "condition",
        "seed",
        "benchmark",
        "layer",
        "raw",
        "± error",
        "ceiling",
        "score",
        "normalisation",
    ]
    body = [
        [
            r.label, str(r.seed), s.benchmark + (" (simulated)" if s.simulated else ""), s.layer,
            _number(s.raw), _number(s.error), "none" if s.ceiling is None else _number(s.ceiling),
            _number(s.score), s.normalisation,
        ]
        for r in records
        for s in r.last.scores
    ]  # fmt: skip
    return header, body


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3f}"


def _synapse_table(records: Sequence[Record]) -> Table:
    firsts = {r.label: r for r in reversed(records)}
    areas = list(dict.fromkeys(k for r in firsts.values() for k in r.synapses))
    body = [[label, *(f"{r.synapses.get(a, 0):,}" for a in areas)] for label, r in reversed(firsts.items())]
    return ["condition", *areas], body


def _run(record: Record) -> str:
    shown = {"spec": record.spec, "provenance": record.provenance, "losses": record.losses}
    title = f"{record.label}, seed {record.seed} ({record.uid})"
    return _details(title, f"<pre>{_text(json.dumps(shown, indent=2))}</pre>")


def _table(table: Table) -> str:
    head = "".join(f"<th>{_text(cell)}</th>" for cell in table[0])
    rows = "".join("<tr>" + "".join(f"<td>{_text(c)}</td>" for c in row) + "</tr>" for row in table[1])
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _details(title: str, content: str) -> str:
    return f"<details><summary>{_text(title)}</summary>{content}</details>"


def _text(value: str) -> str:
    return html.escape(value)


def _embed(figure: Figure) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
