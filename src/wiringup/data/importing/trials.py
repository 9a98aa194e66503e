"""Bring in anyone's own behaviour: a table of trials and the images that were judged.

A table with a distractor column is a task with two alternatives (`TwoChoice`). One without, but with a
column that says who judged, is a choice among all classes (`Judgements`).
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from wiringup.core.cautions import caution, cautions
from wiringup.core.errors import InputError
from wiringup.core.stimuli import LabelledImages, Stimuli
from wiringup.data.behavior.judged import (
    SAME,
    Indices,
    indexed,
    judged_images,
    labels_of_images,
)
from wiringup.data.behavior.trials import Trials, read_trials
from wiringup.data.images.reading import read_stimuli
from wiringup.data.images.source import read_labelled
from wiringup.data.importing.storing import Imported, check_name, stored
from wiringup.data.measurements import NO_ANSWER, Judgements, TwoChoice

FEWEST_TRIALS = 100
FEWEST_ASKED = 10
FEWEST_JUDGED = 10
_NO_ANSWER = ("", "na", "nan", "none")


def import_trials(
    name: str,
    trials: Path | Sequence[Path],
    stimuli: Path,
    labels: Path | None = None,
    fit: str | Path | None = None,
    size: int | None = None,
    home: Path | None = None,
) -> Imported[TwoChoice | Judgements]:
    """Check trials, store them below ``home/imported`` and return them.

    Args:
        name: what the set is to be called: letters, digits, dot, hyphen, underscore.
        trials: table with one row for each trial; columns as in `behavior.trials.SPELLINGS`. Several, or a
            folder of tables, are joined.
        stimuli: folder, zip or npz of the judged images, called as in ``trials``.
        labels: CSV with an image column and a column of true classes; needed if ``trials`` has no such
            column itself.
        fit: labelled images (`images.source.ALLOWED`) for the model's decoder; or ``"same"``
            for the judged images themselves. None, for choices among all classes: the model's own logits.
        size: side in pixels to which images are resized; needed if they differ in size.
        home: the data folder; by default `data_home`.

    Raises:
        MissingDataError: if a file is not there.
        InputError: if anything does not fit; nothing is stored then.
        WiringupError: if the disk is full.
    """
    check_name(name)
    others = None if fit in (None, SAME) else Path(str(fit))
    with cautions() as warnings:
        table = read_trials([trials] if isinstance(trials, str | Path) else trials)
        _check_fit(table, fit)
        judged, image = judged_images(table.image, read_stimuli(stimuli, size), table.path, "trial")
        truth = _truth(table, image, judged, labels)
        learned = None if others is None else read_labelled(others, size)
        classes = learned.classes if learned is not None else _all_classes(table, truth)
        test = LabelledImages(judged, indexed(table.path, "true class", truth, classes), classes)
        about = {"name": name, "source": f"Imported from {table.path.name} and {Path(stimuli).name}."}
        chosen = test if fit == SAME else learned
        data: TwoChoice | Judgements
        if chosen is None or table.distractor is None:
            data = _judgements(table, image, test, chosen, **about)
        else:
            data = _two_choice(table, table.distractor, image, test, chosen, **about)
    paths = (path for path, _ in table.parts)
    files: dict[str, Path | None] = {f"trials {i}" if i else "trials": p for i, p in enumerate(paths)}
    files |= {"stimuli": stimuli, "labels": labels, "fit": others}
    return stored(data, home, files, warnings)


def _check_fit(table: Trials, fit: str | Path | None) -> None:
    if fit is None and table.distractor is not None:
        raise InputError(
            "A task with two alternatives needs images to fit the model's decoder on: give a folder or zip "
            f"with one folder for each class (--fit DIR), or --fit {SAME} for the judged images themselves."
        )


def _truth(table: Trials, image: Indices, judged: Stimuli, labels: Path | None) -> list[str]:
    """Return the name of the true class of each judged image."""
    if labels is None and table.sample is None:
        raise InputError(
            f"{table.path} has no column with the true class of each image (such as sample_obj or category): "
            "give a table of the images with their classes (--labels)."
        )
    truth = [""] * len(judged) if labels is None else labels_of_images(labels, judged)
    for row, (i, name) in enumerate(zip(image, table.sample or [], strict=False)):
        truth[i] = truth[i] or name
        if truth[i] != name:
            raise InputError(
                f"{table.where(row)}: the true class of image {table.image[row]!r} is {name!r}, but "
                f"elsewhere {truth[i]!r}."
            )
    return truth


def _all_classes(table: Trials, truth: list[str]) -> tuple[str, ...]:
    names = set(truth) | set(table.distractor or [])
    if table.distractor is None:
        names |= {choice for choice in table.choice if choice.casefold() not in _NO_ANSWER}
    return tuple(sorted(names))


def _two_choice(
    table: Trials, others: list[str], image: Indices, test: LabelledImages, fit: LabelledImages,
    name: str, source: str,
) -> TwoChoice:  # fmt: skip
    if len(image) < FEWEST_TRIALS:
        raise InputError(
            f"{table.path} has {len(image)} trials; halves of fewer than {FEWEST_TRIALS} cannot be compared."
        )
    sample = test.labels[image]
    for row, (s, other, chosen) in enumerate(zip(sample, others, table.choice, strict=True)):
        own = test.classes[s]
        if own == other or chosen not in (own, other):
            what = "the sample is its own distractor" if own == other else f"{chosen!r} was chosen"
            raise InputError(f"{table.where(row)}: {what}, with sample {own!r} and distractor {other!r}.")
    distractor = indexed(table.path, "distractor", others, test.classes)
    choice = indexed(table.path, "choice", table.choice, test.classes)
    _check_fitted(table, fit, np.concatenate([sample, distractor]))
    subject = None if table.subject is None else _numbered(table.subject)
    _warn_of_few(image * len(test.classes) + distractor)
    return TwoChoice(name, image, sample, distractor, choice, test, fit, subject, source=source)


def _check_fitted(table: Trials, fit: LabelledImages, needed: Indices) -> None:
    absent = sorted(set(needed.tolist()) - set(fit.labels.tolist()))
    if absent:
        names = ", ".join(fit.classes[i] for i in absent[:12])
        raise InputError(
            f"{table.path}: there is no image to fit the decoder on for {names}; give --fit DIR."
        )


def _warn_of_few(pairs: Indices) -> None:
    typical = np.median(np.unique(pairs, return_counts=True)[1])
    if typical < FEWEST_ASKED:
        caution(
            f"Half of the (image, distractor) pairs have {typical:g} trials or fewer: i2 and i2n will have a "
            "low ceiling, or none; i1, o1 and o2 need fewer."
        )


def _judgements(
    table: Trials, image: Indices, test: LabelledImages, fit: LabelledImages | None, name: str, source: str
) -> Judgements:
    subject = _numbered(table.subject or [])
    answered = np.array([choice.casefold() not in _NO_ANSWER for choice in table.choice])
    choice = np.full(len(image), NO_ANSWER)
    given = [c if a else test.classes[0] for c, a in zip(table.choice, answered, strict=True)]
    choice[answered] = indexed(table.path, "choice", given, test.classes)[answered]
    first = np.sort(np.unique(np.stack([subject, image]), axis=1, return_index=True)[1])
    _check_enough(table, subject[first])
    if not answered.all():
        caution(f"{(~answered).sum()} trials have no answer; they count as errors.")
    if len(first) < len(image):
        repeated = len(image) - len(first)
        caution(f"{repeated} trials repeat an image for the same subject; the first was kept.")
    return Judgements(name, image[first], subject[first], choice[first], test, fit, source=source)


def _check_enough(table: Trials, subject: Indices) -> None:
    most = int(np.bincount(subject).max())
    if most < FEWEST_JUDGED:
        raise InputError(
            f"{table.path}: no subject judged more than {most} images; error consistency needs "
            f"{FEWEST_JUDGED} at least."
        )


def _numbered(names: list[str]) -> Indices:
    place = {name: i for i, name in enumerate(dict.fromkeys(names))}
    return np.array([place[name] for name in names], dtype=np.int64)
