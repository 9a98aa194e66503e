"""The interactive figure of a report: its frame, and its numbers."""

import math
from collections.abc import Sequence
from html import escape
from typing import Any

from wiringup.results.comparison import Comparison, ConditionScores
from wiringup.results.lengths import JOINED
from wiringup.results.record import MEAN

_CHART = """<figure id="chart" data-title="Brain match over training">
<div class="controls">
<label>Area <select name="area">{areas}</select></label>
<label>Against <select name="against">
<option value="synaptic_updates">supervised synaptic updates</option>
<option value="updates">supervised updates</option>
<option value="trained">trained synapses</option>
<option value="epoch">epochs</option>
<option value="ends"{ends}>nothing: the end of each condition</option></select></label>
<label>Axis <select name="axis"><option value="log">logarithmic</option>
<option value="linear">linear</option></select></label>
</div>
<div class="plot"></div>
<div class="legend" role="group" aria-label="Conditions"></div>
<div class="live" aria-live="polite"></div>
<figcaption class="soft">{caption}
<span class="cut" hidden>Intervals that leave the chart are cut; marks tell their ends.</span></figcaption>
</figure>"""


def chart(comparison: Comparison, *, joined: bool) -> str:
    """Return the frame of the interactive figure, which ``report.js`` fills.

    Args:
        comparison: of all conditions.
        joined: whether trainings of different length share lines.
    """
    areas = [MEAN, *comparison.areas]
    options = "".join(f'<option value="{escape(a)}">{escape(a)}</option>' for a in areas)
    unit = f"Percent of {comparison.reference}" if comparison.has_percent else "Ceiled scores"
    told = (
        "mean over seeds, small dots: seeds, band: 95 % interval (of up to eight conditions). Point at a "
        "mark, or use the arrow keys."
    )
    told += f" {JOINED}" if joined else ""
    last = {m.label: m for m in comparison.moments}.values()
    ends = " selected" if 2 * sum(not m.updates for m in last) > len(last) else ""
    return _CHART.format(areas=options, ends=ends, caption=escape(f"{unit}; {told}"))


def chart_data(comparison: Comparison, moments: Sequence[ConditionScores] = ()) -> dict[str, Any]:
    """Return the numbers of the interactive figure: of every condition and moment, each area over seeds.

    Args:
        comparison: of all conditions.
        moments: in lines of one label, see `results.lengths.by_length`; by default a line for each condition.
    """
    areas = [MEAN, *comparison.areas]
    series: dict[str, list[dict[str, Any]]] = {}
    for one in moments or comparison.moments:
        values = {}
        for area in areas:
            seeds = [v for v in comparison.shown(one, area) if math.isfinite(v)]
            of = one.interval.get(area)
            ends = (of.low, of.high) if of is not None and comparison.has_percent else (math.nan, math.nan)
            mean = sum(seeds) / len(seeds) if seeds else None
            values[area] = [mean, *(v if math.isfinite(v) else None for v in ends), seeds]
        spent = {name: getattr(one, name) for name in ("epoch", "updates", "synaptic_updates", "trained")}
        spent["trained"] = one.trained if one.epoch else 0  # a newborn has trained none yet
        series.setdefault(one.label, []).append({**spent, "values": values})
    found = [{"label": label, "points": points} for label, points in series.items()]
    return {"percent": comparison.has_percent, "series": found}
