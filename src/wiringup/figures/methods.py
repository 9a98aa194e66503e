"""Words of a report that are made from what was asked and found: its headline, methods and citations."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from wiringup import __version__
from wiringup.core.score import Score
from wiringup.data.sources.addresses import SOURCES
from wiringup.figures.tables import ENOUGH_FOR_P
from wiringup.results.comparison import PLATEAU, Comparison, ConditionScores
from wiringup.results.record import MEAN, Record
from wiringup.results.table import USUAL

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
RUN = "run:"  # how the genome of a birth is called that is distilled from one
_WORDS = {
    "areas": "areas:", "preprocessing": "preprocessing:", "side": "kept at a side in px of",
    "keep": "kept as", "keep_gain": "gain of the genome kept:", "precision": "precision:",
    "nesterov": "Nesterov momentum:", "betas": "betas", "eps": "epsilon",
    "lr_decay": "decay of the learning rate", "accumulator": "initial accumulator",
    "norm_shares": "shares of a batch that BatchNorm normalises:",
}  # fmt: skip
"""What a setting that is named where it is unusual (`results.table.USUAL`) is called."""

_UNSAID = {"areas": "as usual", "preprocessing": "as usual", "eps": "that of PyTorch"}
"""What a setting is where nothing is said."""


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
        share = f"with {_share(best.spent)} of its supervised synaptic updates"
        words.append(
            f"{best.label} has {_percent(best)} of the brain match of {comparison.reference}, {share}."
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


def bars(comparison: Comparison, more: str = "") -> str:
    """Return the sentence that says what bars are; "" where there are none."""
    over = comparison.interval_over
    return f"Bars: 95 % intervals over {over}{more}." if over else ""


def legend(records: Sequence[Record], comparison: Comparison) -> str:
    """Return what the numbers of a report's table are."""
    missing = sorted({name for r in records for p in r.points for name in p.missing})
    over = comparison.interval_over
    told = [
        "Percentages are of the reference at the end of its training (mean over its seeds)."
        if comparison.has_percent
        else "",
        _deviations(records),
        f"Intervals (95 %) are of the mean, over {over}, the reference's among them." if over else "",
        "Updates are labelled images as actually seen; synaptic updates, all of them supervised, are updates "
        "times trained synapses; of ref. % is their share of what the reference spends.",
        f"Not scored, and not averaged in: {', '.join(missing)}." if missing else "",
    ]
    return " ".join(filter(None, told))


def _deviations(records: Sequence[Record]) -> str:
    """Return the sentence on ±: over how many seeds it is, and what these cannot tell."""
    counts = _seeds(records)
    if counts == [1]:
        return "Each condition has one seed: how much seeds differ is not known, and in no interval."
    few = "; so few show what is noise, and are no test" if counts[-1] < ENOUGH_FOR_P else ""
    return f"± is the standard deviation over the seeds of a condition ({_to(counts)}){few}."


def _seeds(records: Sequence[Record]) -> list[int]:
    """Return how many seeds conditions have."""
    of: dict[str, set[int]] = {}
    for record in records:
        of.setdefault(record.label, set()).add(record.seed)
    return sorted({len(seeds) for seeds in of.values()})


def _to(counts: Sequence[int]) -> str:
    return f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"


def methods(records: Sequence[Record], comparison: Comparison) -> dict[str, str]:
    """Return heading -> a paragraph, from the specifications of runs; which runs differ is named."""
    told = _Told(records)
    protocols = {r.last.top1_protocol for r in records if r.last.top1_protocol}
    paragraphs = {
        "Networks": _joined(
            told("model.architecture", _name),
            told("model.width", lambda v: f"width {v:g}"),
            told("model.size", lambda v: f"{v} px input"),
            told("model.classes", lambda v: f"{v} classes"),
            *told.unusual("model"),
        ),
        "Images": _joined(
            told("images.source", lambda v: f"“{str(v).strip('()').rpartition('/')[2] or v}”"),
            told("images.number", lambda v: f"{v:,} labelled images"),
            told("images.val", lambda v: "tested on a validation set" if v else "tested on held-out ones"),
            *told.unusual("images"),
        ),
        "Births": _joined(
            told("birth.recipe", _name),
            genomes(records),
            *told.unusual("genome"),
            told("birth.batchnorm", str, "BatchNorm: "),
            told("images.calibration", lambda v: f"{v:,}", "images that calibrate BatchNorm: ", unless=0),
            told("before", _phase, "before the first label: ", unless=NO_PHASE),
        ),
        "Training": _training(told),
        "Scores": _joined(
            told("exam.suite", lambda v: f"suite {v}"),
            _benchmarks(records),
            f"top-1: {'; '.join(sorted(protocols))}" if protocols else "",
        ),
        "Statistics": _statistics(records, comparison),
        "Software": _software(records),
    }
    return {heading: text for heading, text in paragraphs.items() if text}


def _training(told: "_Told") -> str:
    return _joined(
        told("training.plasticity", str, "synapses that learn: "),
        told("training.optimiser", str),
        told("training.lr", lambda v: f"{v:g}", "learning rate "),
        told("training", _momentum, "momentum "),
        told("training.weight_decay", lambda v: f"{v:g}", "weight decay "),
        told("training.batch", str, "images in a batch: "),
        told("training.schedule", lambda v: f"{v} schedule"),
        told("training.augmentation", str, "augmentation: "),
        told("training", _duration, "duration: "),
        told("training.norms", str, "BatchNorm that does not learn: "),
        *told.unusual("training"),
    )


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
            if value is not None and (text := say(value)):
                found.setdefault(text, []).append(record.label)
        if not found or (unless is not None and [*found] == [say(unless)]):
            return ""
        return before + _most_first(found)

    def unusual(self, part: str) -> list[str]:
        """Return the fields of a part of the specifications that are not as usual."""
        return [
            self(f"{part}.{name}", _plain, f"{_WORDS.get(name, name)} ", unless=_UNSAID.get(name, usual))
            for name, usual in USUAL[part].items()
            if name != "momentum"  # which is always said, of optimisers that have one
        ]


def _most_first(found: Mapping[str, Sequence[str]]) -> str:
    """Return what most conditions have, then the others with their labels; of text -> labels."""
    most, *others = sorted(found, key=lambda text: -len(found[text]))
    return ", ".join([most, *(f"{text} in {_some(found[text])}" for text in others)])


def _momentum(training: Mapping[str, Any]) -> str:
    """Return the momentum of sgd; other optimisers have none."""
    known = training.get("optimiser", "sgd") == "sgd" and training.get("momentum") is not None
    return f"{training['momentum']:g}" if known else ""


def _duration(training: Mapping[str, Any]) -> str:
    """Return how long a training is, or is at most."""
    if not (asked := training.get("duration")):
        return ""
    return f"{'at most ' * (training.get('schedule') == PLATEAU)}{asked['value']:g} {asked['unit']}"


def _benchmarks(records: Sequence[Record]) -> str:
    """Return every benchmark with its read-outs and the normalisation of its score."""
    layers: dict[str, dict[str, list[str]]] = {}
    scores: dict[str, Score] = {}
    for record in records:
        for score in (s for p in record.points for s in p.scores):
            layers.setdefault(score.benchmark, {}).setdefault(score.layer, []).append(record.label)
            scores[score.benchmark] = score
    return "; ".join(
        f"{s.benchmark} ({s.area}, read out at {_most_first(layers[s.benchmark])}, {s.metric}, "
        f"{s.n_stimuli:,} stimuli, {_normalised(s)})"
        for s in scores.values()
    )


def _normalised(score: Score) -> str:
    return "without a ceiling" if score.ceiling is None else f"ceiling-normalised as {score.normalisation}"


def genomes(records: Sequence[Record]) -> str:
    """Return where the genomes are from that births draw from; "" where none does."""
    taught: dict[str, dict[str, set[int]]] = {}
    for record in records:
        if genome := str(_at(record.spec, ("birth", "genome")) or ""):
            taught.setdefault(record.label, {}).setdefault(genome, set()).add(record.seed)
    found: dict[str, list[str]] = {}
    for label, of in taught.items():
        found.setdefault(_teacher(of), []).append(label)
    return "; ".join(f"genome {told} in {_some(labels)}" for told, labels in found.items())


def _teacher(of: Mapping[str, set[int]]) -> str:
    """Return where the genomes of a condition are from, of genome -> seeds that draw from it."""
    first, *more = of
    if not first.startswith(RUN):
        return f"given ({' and '.join(genome[:8] for genome in of)})"
    if more:
        return "distilled from a run of each seed"
    alone = " for all seeds, so that no interval holds how much teachers differ" if len(of[first]) > 1 else ""
    return f"distilled from run {first.removeprefix(RUN)}{alone}"


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
    counts, over = _seeds(records), comparison.interval_over
    found = [f"Each condition has {_to(counts)} seed{'s' if counts != [1] else ''}."]
    if comparison.has_percent:
        found.append(
            f"Percentages are of the mean over seeds of {comparison.reference} at the end of its training, "
            f"areas first, then their mean ({', '.join(comparison.areas)})."
        )
    if over:
        few = " and widened for few seeds" if "seeds" in over else ", and hold no spread of seeds"
        found.append(f"Intervals (95 %) are bootstrapped over {over}, the reference's among them{few}.")
    return " ".join(found)


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
