"""Brain match against supervised synaptic updates (the paper's Figure 4A), per area and in the mean."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from wiringup.figures.methods import bars, headline
from wiringup.figures.style import area_panels, clean, foot, head, legend, log_axis, look
from wiringup.results.comparison import Comparison, ConditionScores
from wiringup.results.lengths import JOINED
from wiringup.results.record import MEAN

BIRTH_GAP = 6.0  # how far left of the first update the moment of birth is drawn, as a factor


def draw(comparison: Comparison, moments: Sequence[ConditionScores] = ()) -> Figure:
    """Return a figure with one panel for the mean and one for each area where the reference is above chance.

    Lines are means over seeds, small marks are seeds, bars 95 % intervals over what is known to vary;
    100 % is the reference at the end of training. If the reference is at chance everywhere there are no
    percentages: panels show the scores themselves, without intervals. Above stands what was found, below
    what a reader must know, as where the reference has learned nothing that recordings tell.

    Args:
        comparison: of all conditions.
        moments: in lines of one label, see `results.lengths.by_length`; by default a line for each condition.
    """
    areas = [MEAN, *comparison.areas]
    figure, panels = area_panels(areas, 3.3, 6.2)
    for area, axes in panels.items():
        _panel(axes, area, comparison, moments or comparison.moments)
    legend(figure)
    title = "Brain match against supervised synaptic updates"
    lost = dict.fromkeys(f"{d.label} (seed {comparison.lost(d.label)})" for d in comparison.diverged)
    gone = f"Without a score, because the training diverged: {', '.join(lost)}." if lost else ""
    labels = [{m.label for m in some} for some in (moments or comparison.moments, comparison.moments)]
    shared = JOINED if labels[0] != labels[1] else ""
    head(figure, title, comparison.simulated, headline(comparison))
    told = comparison.unlearned, comparison.norms, comparison.left_out, gone, shared
    foot(figure, bars(comparison, "; one that leaves the panel is cut at its edge"), *told)
    return figure


def _panel(axes: Axes, area: str, comparison: Comparison, moments: Sequence[ConditionScores]) -> None:
    known = comparison.has_percent
    spent = [m.synaptic_updates for m in moments]
    birth = min((s for s in spent if s > 0), default=BIRTH_GAP) / BIRTH_GAP
    styles = look(list(dict.fromkeys(m.label for m in moments)))
    for label, style in styles.items():
        own = [m for m in moments if m.label == label]
        x = [max(m.synaptic_updates, birth) for m in own]
        _curve(axes, x, [comparison.shown(m, area) for m in own], label, style)
        if known:
            lows, highs = ([getattr(m.interval[area], end) for m in own] for end in ("low", "high"))
            axes.vlines(x, lows, highs, color=style[0], linewidth=2.5, alpha=0.25)
    if known:
        axes.set_ylim(_span([v for m in moments for v in comparison.shown(m, area)], axes.get_ylim()))
    axes.axhline(100 if known else 0, color="0.6", linestyle=":", linewidth=1)
    title = f"mean of {', '.join(comparison.areas) or 'nothing'}" if area == MEAN else area
    why = "" if known else f" (the reference {comparison.why_no_percent})"
    axes.set_title(f"{title}{why}", fontsize=9, loc="left")
    axes.set_ylabel("% of reference" if known else "ceiled score", fontsize=8)
    axes.set_xlabel("supervised synaptic updates", fontsize=8)
    log_axis(axes, birth, max(*spent, birth), "birth")
    clean(axes)


def _span(seeds: Sequence[float], around: tuple[float, float]) -> tuple[float, float]:
    """Return the ends of y: all that is drawn, but beyond the seeds at most half of what they span."""
    least, most = np.nanmin(seeds), np.nanmax(seeds)
    room = max(most - least, 0.2 * abs(most)) / 2
    return max(around[0], least - room), min(around[1], most + room)


def _curve(
    axes: Axes, x: Sequence[float], seeds: Sequence[tuple[float, ...]], label: str, style: tuple[str, str]
) -> None:
    color, marker = style
    for where, values in zip(x, seeds, strict=True):
        axes.plot([where] * len(values), values, ".", color=color, markersize=3, alpha=0.5)
    y = [float(np.mean(values)) for values in seeds]
    axes.plot(x, y, markersize=4, linewidth=1.3, label=label, color=color, marker=marker)
