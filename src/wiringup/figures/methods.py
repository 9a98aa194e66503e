"""Words of a report that are made from what was asked and found: its headline, methods and citations."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from wiringup import __version__
from wiringup.data.sources.addresses import SOURCES
from wiringup.results.comparison import Comparison, ConditionScores
from wiringup.results.record import MEAN, Record

ENOUGH = 80.0
"""Percent of the reference from which on a condition is asked how little it spent."""

PAPER = (
    "Geiger, Schrimpf, Marques, DiCarlo (2022), Wiring Up Vision: Minimizing Supervised Synaptic Updates "
    "Needed to Produce a Primate Ventral Stream, ICLR."
)
_NAMES = {"cornet_s": "CORnet-S", "kaiming_normal": "Kaiming normal", "resnet50": "ResNet-50",
          "mobilenet_v1": "MobileNet-v1", "alexnet": "AlexNet"}  # fmt: skip
_NAMED = 3  # conditions of another value that are named
NO_PHASE = "nothing"
_RARE: Mapping[str, tuple[str, Any]] = {
    "precision": ("precision:", "float32"),
    "nesterov": ("Nesterov momentum:", False),
    "betas": ("betas", [0.9, 0.999]),
    "eps": ("epsilon", "that of PyTorch"),
    "lr_decay": ("decay of the learning rate", 0.0),
    "accumulator": ("initial accumulator", 0.0),
    "norm_shares": ("shares of a batch that BatchNorm normalises:", 1),
}
"""Fields of a training that specifications name only where they are unusual -> name, what is usual."""


def headline(comparison: Comparison) -> str:
    """Return what the study found, in a sentence or two.

    Named is the condition that spends least of those with at least `ENOUGH` percent of the reference; if
    there is none, the best of those that spend less than the reference. What is not above the newborn
    reference, with its interval, is not told from having learned nothing, and is not named.
    """
    if why := comparison.why_no_percent:
        return f"The reference ({comparison.reference}) {why}: nothing can be a percentage of it."
    on = "On simulated recordings: " if comparison.simulated else ""
    known = [m for m in comparison.moments if np.isfinite(_mean(m))]
    newborn = [m for m in known if m.epoch == 0]
    start = max((_mean(m) for m in newborn if m.label == comparison.reference), default=0.0)
    last = {m.label: m for m in known if m.label != comparison.reference and 0 < m.spent < 100}
    above = [m for m in last.values() if min([_mean(m), *_low(m)]) > start]
    enough = [m for m in above if _mean(m) >= ENOUGH]
    words = []
    if above:
        best = min(enough, key=lambda m: m.spent) if enough else max(above, key=_mean)
        share = f"with {_share(best.spent)} of its synaptic updates"
        words.append(
            f"{best.label} reaches {_percent(best)} of the brain match of {comparison.reference}, {share}."
        )
    elif last or not newborn:
        told = f"No condition that spends less than {comparison.reference} is told from its birth"
        words.append(f"{told} ({start:.0f} %).")
    if newborn:
        best = max(newborn, key=_mean)
        of = "" if words else f" of the brain match of {comparison.reference}"
        name = best.born or f"that of {best.label}"
        words.append(f"The best newborn is {name}, with {_percent(best)}{of}.")
    return on + " ".join(words)


def _low(one: ConditionScores) -> list[float]:
    low = one.interval[MEAN].low
    return [low] if np.isfinite(low) else []


def _mean(one: ConditionScores) -> float:
    return one.percent[MEAN].mean


def _percent(one: ConditionScores) -> str:
    interval = one.interval[MEAN]
    told = f" (95 % interval {interval.low:.0f} to {interval.high:.0f})" if np.isfinite(interval.low) else ""
    return f"{_mean(one):.0f} %{told}"


def _share(percent: float) -> str:
    return f"{percent:.2g} %" if percent >= 1 else f"1/{100 / percent:,.0f}"


def methods(records: Sequence[Record], comparison: Comparison) -> dict[str, str]:
    """Return heading -> a paragraph, from the specifications of runs; which runs differ is named."""
    told = _Told(records)
    scores = {s.benchmark: s for r in records for p in r.points for s in p.scores}
    benchmarks = "; ".join(
        f"{s.benchmark} ({s.area}, read out at {s.layer}, {s.metric}, {s.n_stimuli:,} stimuli)"
        for s in scores.values()
    )
    paragraphs = {
        "Networks": _joined(
            told("model.architecture", _name),
            told("model.width", lambda v: f"width {v:g}"),
            told("model.size", lambda v: f"{v} px input"),
            told("model.classes", lambda v: f"{v} classes"),
        ),
        "Images": _joined(
            told("images.source", lambda v: f"“{str(v).strip('()').rpartition('/')[2] or v}”"),
            told("images.number", lambda v: f"{v:,} labelled images"),
            told("images.val", lambda v: "tested on a validation set" if v else "tested on held-out ones"),
        ),
        "Births": _joined(
            told("birth.recipe", _name),
            told("birth.batchnorm", str, "BatchNorm: "),
            told("images.calibration", lambda v: f"{v:,}", "images that calibrate BatchNorm: ", unless=0),
            told("before", _phase, "before the first label: ", unless=NO_PHASE),
        ),
        "Training": _joined(
            told("training.plasticity", str, "synapses that learn: "),
            told("training.optimiser", str),
            told("training.lr", lambda v: f"{v:g}", "learning rate "),
            told("training.momentum", lambda v: f"{v:g}", "momentum "),
            told("training.weight_decay", lambda v: f"{v:g}", "weight decay "),
            told("training.batch", str, "images in a batch: "),
            told("training.schedule", lambda v: f"{v} schedule"),
            told("training.augmentation", str, "augmentation: "),
            told("training.duration", lambda v: f"{v['value']:g} {v['unit']}", "duration: "),
            told("training.norms", str, "BatchNorm that does not learn: "),
            *(told(f"training.{n}", _plain, f"{s} ", unless=usual) for n, (s, usual) in _RARE.items()),
        ),
        "Scores": _joined(
            told("exam.suite", lambda v: f"suite {v}"),
            benchmarks,
            told("exam.normalisation", str, "ceiling-normalised as "),
        ),
        "Statistics": _statistics(records, comparison),
        "Software": _software(records),
    }
    return {heading: text for heading, text in paragraphs.items() if text}


class _Told:
    """Tells what a field of the specifications is: once where all agree, with the conditions that differ."""

    def __init__(self, records: Sequence[Record]) -> None:
        self.records = records

    def __call__(self, path: str, say: Callable[[Any], str], before: str = "", unless: Any = None) -> str:
        """Return what the field at ``path`` is; "" where nobody names it, or all have what is usual.

        Args:
            path: its names, joined by points.
            say: what tells a value.
            before: what it is called.
            unless: what specifications have that do not name it.
        """
        found: dict[str, list[str]] = {}
        for record in self.records:
            value = _at(record.spec, path.split("."))
            value = unless if value is None else value
            if value is not None:
                found.setdefault(say(value), []).append(record.label)
        if not found or (unless is not None and [*found] == [say(unless)]):
            return ""
        most, *others = sorted(found, key=lambda text: -len(found[text]))
        return before + ", ".join([most, *(f"{text} in {_some(found[text])}" for text in others)])


def _plain(value: Any) -> str:
    return "yes" if value is True else "no" if value is False else str(value)


def _phase(phase: Any) -> str:
    """Return a phase without labels in words."""
    if phase == NO_PHASE:
        return NO_PHASE
    how = phase["training"]
    frames = how["duration"]["value"] * how["batch"]
    return f"{frames:,.0f} frames of {phase['stimuli']} ({how['plasticity']}, learning rate {how['lr']:g})"


def _name(value: str) -> str:
    """Return an architecture or a birth as it is written in prose."""
    return _NAMES.get(value, str(value).replace("_", " "))


def _at(spec: Any, path: Sequence[str]) -> Any:
    for name in path:
        if not isinstance(spec, Mapping):
            return None
        spec = spec.get(name)
    return spec


def _some(labels: Iterable[str]) -> str:
    each = list(dict.fromkeys(labels))
    more = f" and {len(each) - _NAMED} more" if len(each) > _NAMED else ""
    return ", ".join(f"“{label}”" for label in each[:_NAMED]) + more


def _joined(*parts: str) -> str:
    text = "; ".join(filter(None, parts))
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _statistics(records: Sequence[Record], comparison: Comparison) -> str:
    seeds = Counter(
        len({r.seed for r in records if r.label == label}) for label in {r.label for r in records}
    )
    counted = ", ".join(f"{n} seed{'s' if n != 1 else ''}" for n in sorted(seeds))
    return (
        f"Each condition has {counted}. Percentages are of the mean over seeds of {comparison.reference} at "
        f"the end of its training, areas first, then their mean ({', '.join(comparison.areas)}). Intervals "
        "(95 %) are bootstrapped, over the seeds of the condition and of the reference, widened for few of "
        "them, and over stimuli and units where the draws of scores were kept."
    )


def _software(records: Sequence[Record]) -> str:
    versions: dict[str, set[str]] = {}
    each = [made for record in records for made in record.made]
    for made in each:
        for name, version in made.get("versions", {}).items():
            versions.setdefault(name, set()).add(str(version))
    named = ", ".join(f"{name} {' and '.join(sorted(of))}" for name, of in versions.items())
    return _joined(named, ", ".join(machines(records)))


def machines(records: Sequence[Record]) -> list[str]:
    """Return what runs were made on: machines, then cards."""
    each = [made for record in records for made in record.made]
    cards = (str(made.get("device", "")) for made in each if made.get("device") != "cpu")
    return list(dict.fromkeys(filter(None, [*(str(made.get("machine", "")) for made in each), *cards])))


def citations(records: Sequence[Record]) -> list[str]:
    """Return what has to be cited: the paper, this package, and every public data set that was used."""
    used = {s.benchmark.split(".")[0] for r in records for p in r.points for s in p.scores}
    images = {str(_at(r.spec, ("images", name)) or "") for r in records for name in ("source", "val")}
    named = [n for n in SOURCES if n in used or any(f"/{n}/" in f"/{source}/" for source in images)]
    return [PAPER, f"wiringup {__version__}.", *(SOURCES[name].line for name in named)]
