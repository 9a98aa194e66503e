"""A study as one HTML file that needs nothing beside it."""

import base64
import hashlib
import html
import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image
from plotly.offline import get_plotlyjs

from wiringup.core.files import atomic_path, write_text
from wiringup.core.score import ALIKE
from wiringup.core.spec import diff
from wiringup.figures import sweep, updates
from wiringup.figures.chart import chart, chart_data
from wiringup.figures.genome import tiles
from wiringup.figures.methods import citations, headline, legend, machines, methods
from wiringup.figures.panels.output import DPI, Written
from wiringup.figures.style import SIMULATED
from wiringup.figures.tables import Table, comparison_table, measured
from wiringup.results.claims import Tested
from wiringup.results.comparison import Comparison
from wiringup.results.lengths import Lines, by_length, lines
from wiringup.results.record import MEAN, Diverged, Record
from wiringup.results.table import rows, to_csv

Array = NDArray[np.floating[Any]]
Kernels = Mapping[str, tuple[Array, Array]]
"""Condition -> filters (filters, 3, k, k), newborn and trained."""

Study = Mapping[str, Any]
"""A study's document, see `results.documents.StudyDocument`."""

_SCREEN = 135  # CSS px for an inch of a panel
_NARROW = 500  # CSS px of a panel that may shrink to the width of a phone

MANY = 2  # amounts of synaptic updates: none, and the reference's

_SHOWN = {
    "sweep.png": "Brain match of every combination",
    "brain_match.png": "Brain match against synaptic updates",
}


def write(
    folder: Path,
    study: Study,
    records: Sequence[Record],
    comparison: Comparison,
    kernels: Kernels = MappingProxyType({}),
    claims: Sequence[Tested] = (),
    panels: Sequence[Written] = (),
) -> list[Path]:
    """Write ``report.html``, figures and ``table.csv`` into ``folder``; return the report and the figures.

    A sweep, whose document holds its cells, has ``sweep.png``, and ``brain_match.png`` beside it where runs
    were scored along their training; a recipe too, where conditions spend unlike; a study has the latter.

    Args:
        folder: of the study.
        study: its document.
        records: of all its runs.
        comparison: of the same, see `results.comparison.of_study`.
        kernels: condition -> filters of the first layer, newborn and trained, where they are known.
        claims: what the study says of those of its recipe.
        panels: of the paper, drawn from its runs.
    """
    called = lines(rows(records))
    figures = {name: _png(draw(comparison)) for name, draw in _figures(study, comparison, called).items()}
    for name, picture in figures.items():
        with atomic_path(folder / name) as path:
            path.write_bytes(picture)
    write_text(folder / "table.csv", to_csv(comparison.rows()))
    told = page(study, records, comparison, called, figures, kernels, claims, panels)
    write_text(folder / "report.html", told)
    return [folder / name for name in ("report.html", *figures)]


def _figures(
    study: Study, comparison: Comparison, called: Lines
) -> dict[str, Callable[[Comparison], Figure]]:
    cells: sweep.Cells = study.get("spec", {}).get("cells", {})
    figures: dict[str, Callable[[Comparison], Figure]] = {}
    if cells:
        figures["sweep.png"] = partial(sweep.draw, cells=cells)
    spent = {one.synaptic_updates for one in comparison.ends}
    if not cells or comparison.along_training or ("recipe" in study.get("spec", {}) and len(spent) > MANY):
        figures["brain_match.png"] = partial(updates.draw, moments=by_length(comparison, called))
    return figures


def page(
    study: Study,
    records: Sequence[Record],
    comparison: Comparison,
    called: Lines,
    figures: Mapping[str, bytes],
    kernels: Kernels = MappingProxyType({}),
    claims: Sequence[Tested] = (),
    panels: Sequence[Written] = (),
) -> str:
    """Return the report as HTML with its figures (PNG); every text that comes from outside is escaped.

    Args:
        study: its document.
        records: of all its runs.
        comparison: of the same.
        called: what the lines of the figures are called, see `results.lengths.lines`.
        figures: file name -> PNG.
        kernels: see `write`.
        claims: see `write`.
        panels: see `write`.
    """
    images = {name: f'<img alt="{_SHOWN[name]}" src="{_embedded(png)}">' for name, png in figures.items()}
    body = [
        f"<h1>Brain match with few supervised synaptic updates{_of_recipe(study, ': ')}</h1>",
        _claim(study),
        _so_far(study),
        _warning(records),
        f'<p class="headline">{_text(headline(comparison))}</p>',
        f"<p>{_text(comparison.unlearned)}</p>" if comparison.unlearned else "",
        _what(study, records),
        _tested(claims),
        chart(comparison, joined=len({*called.values()}) < len(called)),
        *(f"<noscript>{image}</noscript>" for image in images.values()),
        _of_the_paper(panels),
        "<h2>Birth and end of every condition</h2>",
        _table(comparison_table(comparison, comparison.ends)),
        f"<p><strong>{_text(comparison.left_out)}</strong></p>" if comparison.left_out else "",
        f"<p>{_text(legend(records, comparison))}</p>",
        "<h2>Runs</h2>",
        _table(_grid(records, comparison)),
        _diverged(comparison.diverged),
        _dead(records),
        _filters(kernels),
        _details("Every scored moment", _table(comparison_table(comparison, comparison.moments))),
        _details("Benchmarks, ceilings and errors at the end of each run", _table(_score_table(records))),
        _details("Where the synapses are", _table(_synapse_table(records))),
        "<h2>Methods</h2>",
        *(f"<p><strong>{h}.</strong> {_text(text)}</p>" for h, text in methods(records, comparison).items()),
        "<h2>To cite</h2>",
        f"<ul>{''.join(f'<li>{_text(one)}</li>' for one in citations(records))}</ul>",
        "<h2>How it was made</h2>",
        _details("Study", _json(study)),
        _details("Runs: specification, versions, machine", _made(records)),
    ]
    return _document(study, "\n".join(body), chart_data(comparison, by_length(comparison, called)))


def _tested(claims: Sequence[Tested]) -> str:
    if not claims:
        return ""
    told = (
        "A claim holds where its whole 95 % interval is on its side. Measured is the brain match in percent "
        "of the reference's, mean over areas; where two conditions are compared, by how many points the "
        "first is above."
    )
    return f'<h2>Claims</h2><ul class="claims">{"".join(map(_claimed, claims))}</ul><p>{told}</p>'


def _of_the_paper(panels: Sequence[Written]) -> str:
    """Return the paper's panels."""
    if not panels:
        return ""
    told = (
        "Own runs are filled and solid. What was published is hollow and dashed; it is drawn where it is "
        "here and own runs are scored on recordings. Each is in percent of its own reference. They lie "
        "beside this page as SVG, too, with their numbers as CSV (figure_*)."
    )
    shown = "".join(map(_panel, panels))
    return f'<h2>The paper’s figures</h2><p>{_text(told)}</p><div class="panels">{shown}</div>'


def _panel(one: Written) -> str:
    """Return a panel, in which text is as large as around it; a wide one is scrolled on a phone."""
    content = one.picture.read_bytes()
    with Image.open(io.BytesIO(content)) as opened:
        width = round(opened.width * _SCREEN / DPI)
    kind = "scroll wide" if width > _NARROW else "scroll"
    return (
        f'<div class="{kind}" tabindex="0" role="region" aria-label="{_text(one.title)}"><img '
        f'alt="{_text(f"{one.title}. {one.caption}")}" width="{width}" src="{_embedded(content)}"></div>'
    )


def _claimed(one: Tested) -> str:
    of = f"{one.condition} less {one.other}" if one.other else one.condition
    said = [f"measured {measured(one)} in {of}", f"{one.seeds} seeds"] if one.seeds else []
    said += [f"{one.spent:.3g} % of the reference's synaptic updates"] if np.isfinite(one.spent) else []
    said += [f"published: {one.claim.published}"] if one.claim.published else []
    verdict = f"<strong>{_text(one.told.capitalize())}.</strong>"
    return f"<li>{verdict} {_text(one.claim.text)}. <small>{_text('; '.join(said))}</small></li>"


def _document(study: Study, content: str, data: Mapping[str, Any]) -> str:
    """Return a page that holds all it needs, and may load nothing: its scripts are named by their hashes."""
    style, script = (
        resources.files("wiringup.figures").joinpath(n).read_text() for n in ("report.css", "report.js")
    )
    scripts = [get_plotlyjs(), script]
    allowed = " ".join(f"'sha256-{_digest(one)}'" for one in scripts)
    policy = f"default-src 'none'; style-src 'unsafe-inline'; img-src data: blob:; script-src {allowed}"
    inside = json.dumps(data, allow_nan=False).replace("<", "\\u003c")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">'
        f"<title>wiringup: {_text(study.get('uid', ''))}{_of_recipe(study, ', ')}</title>"
        f"<style>\n{style}</style></head>"
        f'<body><main>{content}</main><script type="application/json" id="data">{inside}</script>'
        f"{''.join(f'<script>{one}</script>' for one in scripts)}</body></html>\n"
    )


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _of_recipe(study: Study, before: str) -> str:
    recipe = study.get("spec", {}).get("recipe")
    return f"{before}{_text(recipe)}" if recipe else ""


def _claim(study: Study) -> str:
    """Return what a recipe puts to the test: a claim, not a finding."""
    claim = study.get("spec", {}).get("claim")
    return f'<p class="soft">Put to the test: “{_text(claim)}”</p>' if claim else ""


def _grid(records: Sequence[Record], comparison: Comparison) -> Table:
    """Return a row for each condition: what it varies, and what came out of each seed at the end."""
    last = {m.label: m for m in comparison.moments}
    lost = {(d.label, d.seed) for d in comparison.diverged}
    labels = dict.fromkeys([*(r.label for r in records), *(d.label for d in comparison.diverged)])
    seeds = sorted({*(r.seed for r in records), *(d.seed for d in comparison.diverged)})
    header = ["condition", "birth", "learns", "images seen", "epochs", *(f"seed {seed}" for seed in seeds)]
    body = []
    for label in labels:
        own = [r for r in records if r.label == label]
        values = comparison.shown(last[label], MEAN) if label in last else [math.nan] * len(own)
        at = dict(zip((r.seed for r in own), values, strict=False))
        digits = 1 if comparison.has_percent else 3
        cells = ["diverged" if (label, s) in lost else _number(at.get(s, math.nan), digits) for s in seeds]
        body.append([label, *_varied(own), *cells])
    return header, body


def _filters(kernels: Kernels) -> str:
    """Return the pictures of first filters, each condition's newborn ones beside its trained ones."""
    shown = "".join(
        f'<figure><img alt="Filters of {_text(label)}: newborn on the left, trained on the right" '
        f'src="{_picture(born, trained)}"><figcaption>{_text(label)}</figcaption></figure>'
        for label, (born, trained) in kernels.items()
        if born.shape[1] == 3
    )
    told = "Filters of the first layer, newborn (left) and trained (right); grey is 0, each is stretched."
    return f'<h2>Kernels</h2><p>{told}</p><div class="kernels">{shown}</div>' if shown else ""


def _picture(born: Array, trained: Array) -> str:
    left, right = (np.repeat(np.repeat(tiles(filters), 2, 0), 2, 1) for filters in (born, trained))
    beside = np.concatenate([left, np.ones((len(left), 12, 3)), right], axis=1)
    buffer = io.BytesIO()
    Image.fromarray(np.round(255 * beside).astype(np.uint8)).save(buffer, "png")
    return _embedded(buffer.getvalue())


def _varied(records: Sequence[Record]) -> list[str]:
    if not records:
        return ["–"] * 4
    spec, end = records[0].spec, records[0].last
    birth, training = (spec.get(part) or {} for part in ("birth", "training"))
    images = "–" if end.images is None else f"{end.images:,}"
    return [birth.get("recipe", "–"), training.get("plasticity", "–"), images, f"{end.epoch:g}"]


def _so_far(study: Study) -> str:
    if not (told := study.get("so_far")):
        return ""
    return f'<p class="simulated"><strong>Not finished</strong>: this is of {_text(told)}.</p>'


def _warning(records: Sequence[Record]) -> str:
    if not any(r.simulated for r in records):
        return ""
    return f'<p class="simulated"><strong>Simulated</strong>: {_text(SIMULATED)}.</p>'


def _what(study: Study, records: Sequence[Record]) -> str:
    made = [of for r in records for of in r.made]
    seconds, days = sum(of["seconds"] for of in made), sorted({of["date"][:10] for of in made})
    seeds, when = sorted({r.seed for r in records}), " to ".join(dict.fromkeys((days[0], days[-1])))
    return (
        f"<p>Study <code>{_text(study['uid'])}</code>: {len(records)} runs, seeds "
        f"{_text(', '.join(map(str, seeds)))}, {seconds / 60:.1f} minutes of computing, "
        f"{_text(when)}, {_text(', '.join(machines(records)))}.</p>"
    )


def _diverged(runs: Sequence[Diverged]) -> str:
    lost = "".join(f"<li>{_text(f'{d.label}, seed {d.seed}: {d.why}')}</li>" for d in runs)
    return f"<p>No score, because the training diverged:</p><ul>{lost}</ul>" if lost else ""


def _dead(records: Sequence[Record]) -> str:
    """Return which runs end with a layer that answers every image alike."""
    found = [
        f"{r.label}, seed {r.seed}: {', '.join(layers)}"
        for r in records
        if (layers := dict.fromkeys(s.layer for s in r.last.scores if ALIKE in s.note))
    ]
    told = "".join(f"<li>{_text(one)}</li>" for one in found)
    return f"<p>Dead at the end ({_text(ALIKE)}):</p><ul>{told}</ul>" if told else ""


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


def _number(value: float, digits: int = 3) -> str:
    return "–" if math.isnan(value) else f"{value:.{digits}f}"


def _synapse_table(records: Sequence[Record]) -> Table:
    firsts = {r.label: r for r in reversed(records)}
    areas = list(dict.fromkeys(k for r in firsts.values() for k in r.synapses))
    body = [[label, *(f"{r.synapses.get(a, 0):,}" for a in areas)] for label, r in reversed(firsts.items())]
    return ["condition", *areas], body


def _made(records: Sequence[Record]) -> str:
    """Return what runs were made from and with; of the later seeds of a condition, what differs."""
    firsts: dict[str, dict[str, Any]] = {}
    said = []
    for record in records:
        whole = {"spec": record.spec, "provenance": record.provenance, "losses": record.losses}
        first = firsts.setdefault(record.label, whole)
        shown = whole if first is whole else {name: of for name, (_, of) in diff(first, whole).items()}
        told = "" if first is whole else ": the same but for"
        said.append(_details(f"{record.label}, seed {record.seed} ({record.uid}){told}", _json(shown)))
    return "".join(said)


def _table(table: Table) -> str:
    head = "".join(f'<th scope="col">{_text(cell)}</th>' for cell in table[0])
    rows = "".join("<tr>" + "".join(f"<td>{_text(c)}</td>" for c in row) + "</tr>" for row in table[1])
    whole = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    return f'<div class="scroll" tabindex="0" role="region" aria-label="Table">{whole}</div>'


def _details(title: str, content: str) -> str:
    return f"<details><summary>{_text(title)}</summary>{content}</details>"


def _json(value: Any) -> str:
    return f"<pre>{_text(json.dumps(value, indent=2))}</pre>"


def _text(value: object) -> str:
    return html.escape(str(value))


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _embedded(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()
