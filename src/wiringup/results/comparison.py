"""Conditions beside a reference: brain match over seeds, and the percentage of the reference's that it is."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from wiringup.core.areas import SCORED
from wiringup.core.errors import InputError
from wiringup.core.score import Score
from wiringup.results.brain_match import BrainMatch, Chance, brain_match
from wiringup.results.draws import Sample, drawn, subtracted
from wiringup.results.labels import born
from wiringup.results.record import MEAN, Diverged, Record, score_from_dict
from wiringup.results.stats import Estimate, OverSeeds
from wiringup.results.table import Row, rows

log = logging.getLogger(__name__)


SOURCES = ("seeds", "stimuli", "units")
"""What can be resampled, in the order in which it is told."""


@dataclass(frozen=True)
class ConditionScores:
    """A condition at one scored moment, over its seeds.

    Attributes:
        epoch: at which; where seeds ended at different ones, their mean.
        norms: how BatchNorm behaved that did not learn.
        match: area -> brain match; "mean" -> over the areas in ``percent``.
        percent: area or "mean" -> the same as a percentage of the reference, for areas in which the reference
            is above chance. If there is none, all areas are here, as NaN.
        interval: area or "mean" -> mean of ``percent`` with its 95 % interval: over the seeds of the
            condition and of the reference, and over stimuli and units where records keep draws of them.
        spent: synaptic updates so far, as a percentage of all that the reference spends.
        born: what its newborn is called, see `labels.born`.
        seeds: of its runs, in the order of all values.
        sample: what the mean brain match was estimated from, with its draws.
    """

    label: str
    epoch: float
    updates: float
    synaptic_updates: float
    trained: int
    norms: str
    top1: OverSeeds
    match: Mapping[str, OverSeeds]
    percent: Mapping[str, OverSeeds]
    interval: Mapping[str, Estimate]
    spent: float = float("nan")
    born: str = ""
    seeds: tuple[int, ...] = ()
    sample: Sample | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class Comparison:
    """All scored moments of all conditions beside one reference.

    Attributes:
        reference: label of the condition that percentages are of, at the end of its training.
        moments: condition by condition, in the order of the table.
        areas: those that have percentages, and a part in the mean; all of them if the reference is at chance
            everywhere.
        chance: areas in which the reference is at chance -> the score by which it is.
        diverged: runs without a score.
        unceiled: benchmarks that have no ceiling, and therefore no part in any area.
        not_resampled: benchmarks whose stimuli are in no interval, while those of others are.
    """

    reference: str
    moments: Sequence[ConditionScores]
    areas: Sequence[str]
    chance: Mapping[str, Chance]
    simulated: bool
    diverged: Sequence[Diverged] = ()
    unceiled: Sequence[str] = ()
    not_resampled: Sequence[str] = ()

    @property
    def has_percent(self) -> bool:
        """Whether there are percentages at all."""
        return not set(self.areas) <= set(self.chance)

    @property
    def why_no_percent(self) -> str:
        """What is the matter with the reference where there are no percentages; "" where there are."""
        if self.has_percent:
            return ""
        if self.chance:
            return "is at chance"
        return "has no score with a noise ceiling" if self.unceiled else "was scored on nothing"

    @property
    def whole(self) -> ConditionScores:
        """The reference at the end of its training."""
        return [one for one in self.moments if one.label == self.reference][-1]

    def difference(self, a: ConditionScores, b: ConditionScores) -> Estimate:
        """Return by how much ``a`` is above ``b``, seed by seed, with its interval.

        In percentage points of the reference's brain match, or in brain match where nothing is a percentage.
        NaN if they have no seed in common, or one has a seed twice. Of one seed alone there is no interval:
        nobody knows how others differ. Nor is there one in percent of a reference of one seed.
        """
        common, whole = self.common_seeds(a, b), self.whole
        if not common:
            return Estimate(float("nan"))
        found = drawn(subtracted(*(_of_seeds(one, common) for one in (a, b))), "paired")
        if not (self.has_percent and whole.sample):
            told = found.estimate()
            return told if len(common) > 1 else Estimate(told.value)
        told = found.relative_to(drawn(whole.sample, self.reference)).estimate().in_percent()
        return told if min(len(common), len(whole.seeds)) > 1 else Estimate(told.value)

    def common_seeds(self, a: ConditionScores, b: ConditionScores) -> list[int]:
        """Return the seeds that both have; none where one has a seed twice."""
        once = all(one.sample and len({*one.seeds}) == len(one.seeds) for one in (a, b))
        return [seed for seed in a.seeds if seed in b.seeds] if once else []

    def accuracy(self, one: ConditionScores) -> Estimate:
        """Return top-1 as a percentage of the reference's at its end; the interval is over seeds alone."""
        mine, whole = (np.array(of.top1.values) for of in (one, self.whole))
        if not whole.mean() > 0:
            return Estimate(float("nan"))
        if min(len(mine), len(whole)) < 2:
            return Estimate(float(100 * mine.mean() / whole.mean()))
        found = drawn(Sample(mine), one.label).relative_to(drawn(Sample(whole), self.reference))
        return found.estimate().in_percent()

    @property
    def interval_over(self) -> str:
        """What 95 % intervals are over, in words, as "seeds, stimuli and units"; "" where there are none."""
        known = [i for one in self.moments for i in one.interval.values() if np.isfinite(i.low)]
        over = [source for source in SOURCES if any(source in i.errors for i in known)]
        return " and ".join(filter(None, [", ".join(over[:-1]), *over[-1:]]))

    def shown(self, one: ConditionScores, area: str) -> tuple[float, ...]:
        """Return what a figure shows of each seed: the percentage, or the brain match if there is none."""
        return (one.percent if self.has_percent else one.match)[area].values

    @property
    def ends(self) -> list[ConditionScores]:
        """Birth and end of every condition; a birth that several conditions share appears once."""
        kept: dict[object, ConditionScores] = {}
        for one in self.moments:
            if one.epoch == 0:
                kept.setdefault((one.epoch, self.shown(one, MEAN)), one)
            else:
                kept[one.label] = one
        return list(kept.values())

    @property
    def along_training(self) -> bool:
        """Whether a condition was scored between birth and end."""
        last = {one.label: one.epoch for one in self.moments}
        return any(0 < one.epoch < last[one.label] for one in self.moments)

    @property
    def left_out(self) -> str:
        """The sentences that say what is no part of percentages or intervals, and why; "" if all is."""
        chance = ", ".join(f"{area} ({of})" for area, of in self.chance.items())
        because = f"because the reference itself is not two standard errors above zero: {chance}."
        notes = [f"Left out of percentages, mean and figure, {because}"] if chance else []
        if chance and not self.has_percent:
            notes = [f"There are no percentages, {because} Scores are shown as they are."]
        if self.unceiled:
            names = ", ".join(self.unceiled)
            notes.append(f"Not averaged in, for lack of a noise ceiling (raw scores are kept): {names}.")
        if self.not_resampled:
            notes.append(told_not_resampled(self.not_resampled))
        return " ".join(notes)

    @property
    def unlearned(self) -> str:
        """The sentence that names where the trained reference is not above its own birth; "" if nowhere."""
        own = [one for one in self.moments if one.label == self.reference]
        born, trained = own[0], own[-1]
        if not self.has_percent or born.epoch > 0 or trained.epoch == 0:
            return ""
        known = [area for area in self.areas if area not in self.chance]
        areas = [area for area in known if born.percent[area].mean >= trained.percent[area].mean]
        told = f"Trained, {self.reference} is not above its own birth in {', '.join(areas)}: there"
        return f"{told} 100 % is no gain from training." if areas else ""

    @property
    def norms(self) -> str:
        """The sentence that says how BatchNorm behaved that did not learn, and where otherwise."""
        labels: dict[str, list[str]] = {}
        for one in self.moments:
            labels.setdefault(one.norms, []).append(one.label)
        most, *others = sorted(labels, key=lambda norms: -len(set(labels[norms])))
        but = "".join(f"; {norms} in {', '.join(dict.fromkeys(labels[norms]))}" for norms in others)
        return f"BatchNorm that does not learn (norms): {most}{but}."

    def rows(self) -> list[dict[str, Any]]:
        """Return one row of numbers for every scored moment, and for each condition that diverged altogether.

        Units are in the names of the columns. Means, standard deviations (sd) and the ends of 95 % intervals
        are over seeds; what does not exist (the deviation of one seed, percentages of chance) is None.
        """
        scored = {one.label for one in self.moments}
        gone = dict.fromkeys(d.label for d in self.diverged if d.label not in scored)
        every = list(self.moments[0].match)
        return [self._row(one, every) for one in self.moments] + [
            {"condition": label, "seeds": 0, "diverged seeds": self.lost(label)} for label in gone
        ]

    def lost(self, label: str) -> str:
        """Return the seeds of a condition that diverged."""
        return " ".join(str(d.seed) for d in self.diverged if d.label == label)

    def _row(self, one: ConditionScores, areas: Sequence[str]) -> dict[str, Any]:
        row: dict[str, Any] = {
            "condition": one.label,
            "norms": one.norms,
            "epoch (0 is birth)": one.epoch,
            "updates (labelled images)": one.updates,
            "trained (synapses)": one.trained,
            "synaptic updates (updates x synapses)": one.synaptic_updates,
            "synaptic updates (% of reference)": one.spent,
            "seeds": len(one.top1),
            "diverged seeds": self.lost(one.label),
            "reference": self.reference,
            "areas of the mean": " ".join(self.areas),
            "simulated": self.simulated,
        }
        for area in areas:
            percent, match = one.percent.get(area), one.match[area]
            row[f"{area} (% of reference)"] = percent and percent.mean
            row[f"{area} sd (% of reference)"] = percent and percent.sd
            row[f"{area} (ceiled score)"], row[f"{area} sd (ceiled score)"] = match.mean, match.sd
        row |= {"top-1 (fraction)": one.top1.mean, "top-1 sd (fraction)": one.top1.sd}
        for area in one.interval:
            row[f"{area} 95 % low (% of reference)"] = one.interval[area].low
            row[f"{area} 95 % high (% of reference)"] = one.interval[area].high
        return row


def compare(table: Sequence[Row], reference: str, diverged: Sequence[Diverged] = ()) -> Comparison:
    """Put every condition of a table beside one of them, at every scored moment, over seeds.

    Percentages are of the mean over seeds of the last moment of the runs labelled ``reference``: a ratio
    of means, which two noisy reference seeds disturb less than a mean of ratios.

    Args:
        table: see `results.table.rows`.
        reference: a label.
        diverged: runs that have no score.

    Raises:
        InputError: if no run has the label ``reference``, or its seeds were scored at different moments.
    """
    labels = dict.fromkeys(row["label"] for row in table)
    if reference not in labels:
        raise InputError(
            f"No run is labelled {reference!r}, so there is nothing to take percentages of. There are: "
            f"{', '.join(map(repr, labels))}."
        )
    conditions: dict[str, list[Runs]] = {}
    for label in labels:
        try:
            conditions[label] = moments_of(label, table)
        except InputError as error:
            if label == reference:
                raise
            log.warning("Left out: %s", error)
    last = conditions[reference][-1]
    base = matched(reference, last)
    areas = base.above_chance or list(base.areas)
    moments = [_condition(runs, base, areas, last) for found in conditions.values() for runs in found]
    simulated = any(row.get("simulated") for row in table)
    return Comparison(
        reference, moments, areas, base.chance, simulated, diverged, base.left_out, base.not_resampled
    )


def of_study(document: Mapping[str, Any], records: Sequence[Record]) -> Comparison:
    """Return the comparison of a study or sweep, whose document names its reference and what diverged."""
    return compare(rows(records, evidence=True), document["spec"]["reference"], diverged_of(document))


def diverged_of(document: Mapping[str, Any]) -> list[Diverged]:
    """Return the runs of a study that have no score."""
    return [Diverged(**one) for one in document["spec"].get("diverged", ())]


def told_not_resampled(names: Sequence[str]) -> str:
    """Return the sentence that says whose stimuli are in no interval."""
    return f"Too narrow are intervals with {', '.join(names)}: of these scores no stimuli were resampled."


Runs = Sequence[Sequence[Row]]
"""The rows of one moment, run by run."""

PLATEAU = "plateau"
"""The schedule that ends a training by itself."""


def moments_of(label: str, table: Sequence[Row]) -> list[Runs]:
    """Return the scored moments of a condition, each with the rows of every run.

    Where the schedule let seeds stop early, each by itself, the last moment is the end of every one, and
    moments that only some of them reached are none.

    Raises:
        InputError: if seeds were scored at different moments.
    """
    runs: dict[str, dict[float, list[Row]]] = {}
    for row in table:
        if row["label"] == label:
            runs.setdefault(row["run"], {}).setdefault(row["epoch"], []).append(row)
    each = [*runs.values()]
    by_itself = all(rows[0].get("schedule") == PLATEAU for of in each for rows in of.values())
    ends = [max(of) for of in each]
    before = {tuple(epoch for epoch in of if epoch < min(ends)) for of in each}
    if len(before) != 1 or (len({*ends}) > 1 and not by_itself):
        epochs = "; ".join(sorted({", ".join(f"{epoch:g}" for epoch in of) for of in each}))
        raise InputError(f"The seeds of {label!r} were scored at different moments (epochs): {epochs}.")
    shared = [[of[epoch] for of in each] for epoch in before.pop()]
    return [*shared, [of[end] for of, end in zip(each, ends, strict=True)]]


def matched(label: str, runs: Runs) -> BrainMatch:
    """Return the brain match of a condition at one moment, over its runs."""
    each = [{s.benchmark: s for s in map(score_from_dict, filter(_scored, of))} for of in runs]
    names = list(dict.fromkeys(name for of in each for name in of))
    scores: list[list[Score]] = [[of[name] for of in each if name in of] for name in names]
    whole = [of for of in scores if len(of) == len(runs)]
    missing = {of[0].benchmark: "not scored in every seed" for of in scores if len(of) < len(runs)}
    return brain_match(label, str(runs[0][0].get("suite") or ""), whole, missing)


def _scored(row: Row) -> bool:
    return row.get("benchmark") is not None


def _condition(runs: Runs, base: BrainMatch, areas: Sequence[str], last: Runs) -> ConditionScores:
    firsts = [of[0] for of in runs]
    first = firsts[0]
    mine = matched(first["label"], runs)
    fractions = mine.fractions(base)
    every = [a for a in SCORED if a in mine.areas or a in base.areas]
    match = {a: _values(mine, a, areas, len(runs)) for a in (*every, MEAN)}
    percent = {a: _in_percent(match[a], base, a, areas, fractions[a]) for a in (*areas, MEAN)}
    synaptic, whole = (float(np.mean([of[0]["synaptic_updates"] for of in each])) for each in (runs, last))
    return ConditionScores(
        label=first["label"],
        epoch=float(np.mean([row["epoch"] for row in firsts])),
        updates=float(np.mean([row["updates"] for row in firsts])),
        synaptic_updates=synaptic,
        trained=first["trained"],
        norms=first["norms"],
        top1=OverSeeds(tuple(float("nan") if row["top1"] is None else row["top1"] for row in firsts)),
        match=match,
        percent=percent,
        interval={a: fractions[a].in_percent() for a in (*areas, MEAN)},
        spent=100 * synaptic / whole if whole else float("nan"),
        born=born(first, last[0][0]),
        seeds=tuple(row.get("seed", -1) for row in firsts),
        sample=mine.sample(MEAN, areas) if mine.seeds else None,
    )


def _of_seeds(one: ConditionScores, seeds: Sequence[int]) -> Sample:
    """Return what a moment was estimated from, of some of its seeds."""
    sample = one.sample or Sample(np.empty(0))
    return sample.chosen([one.seeds.index(seed) for seed in seeds])


def _values(match: BrainMatch, area: str, averaged: Sequence[str], seeds: int) -> OverSeeds:
    found = match.sample(area, averaged).values if match.seeds else [float("nan")] * seeds
    return OverSeeds(tuple(map(float, found)))


def _in_percent(
    of: OverSeeds, base: BrainMatch, area: str, averaged: Sequence[str], fraction: Estimate
) -> OverSeeds:
    """Return each seed as a percentage of the reference's mean; NaN where there is no fraction."""
    whole = _values(base, area, averaged, base.seeds).mean if np.isfinite(fraction.value) else float("nan")
    return OverSeeds(tuple(100 * value / whole for value in of.values))
