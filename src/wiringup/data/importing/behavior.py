"""Bring in anyone's own behaviour, trial by trial or as counts, and the images that were judged.

A table of trials with a distractor column is a task with two alternatives (`TwoChoice`). One without, but
with a column that says who judged, is a choice among all classes (`Judgements`). Counts say how often each
class was chosen for each image (`Choices`).
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from tyro.conf import arg

from wiringup.core.cautions import caution, cautions
from wiringup.core.checks import (
    composed,
    did_you_mean,
    differing_classes,
    index_of_classes,
    listed,
    places_of_classes,
    same_length,
)
from wiringup.core.errors import InputError
from wiringup.core.stimuli import LabelledImages, Stimuli
from wiringup.data.behavior.answers import check_answers, in_words_of, warn_of_copies, warn_of_flags
from wiringup.data.behavior.counts import CountTable, read_counts
from wiringup.data.behavior.prefixes import places_beyond_prefixes
from wiringup.data.behavior.trials import Trials, column_of, read_trials, spellings_of
from wiringup.data.formats.tables import read_table
from wiringup.data.images.names import matched, read_class_names
from wiringup.data.images.reading import read_stimuli
from wiringup.data.images.source import read_labelled
from wiringup.data.importing.storing import Imported, check_name, stored
from wiringup.data.measurements import NO_ANSWER, Choices, Judgements, TwoChoice

FEWEST_TRIALS = 100
FEWEST_ASKED = 10
FEWEST_JUDGED = 10
FEWEST_CHOICES = 10
SAME = "same"
"""Stands for the judged images themselves, as images to fit a decoder on."""

Indices = NDArray[np.int64]

_NO_ANSWER = ("", "na", "nan", "none")


def import_trials(
    name: Annotated[str, arg(metavar="NAME")],
    stimuli: Annotated[Path, arg(metavar="DIR|ZIP|NPZ")],
    trials: Annotated[Sequence[Path], arg(metavar="FILE [FILE ...]|DIR")] = (),
    counts: Annotated[Path | None, arg(metavar="FILE")] = None,
    labels: Annotated[Path | None, arg(metavar="CSV")] = None,
    classes: Annotated[Path | None, arg(metavar="FILE")] = None,
    fit: Annotated[str | Path | None, arg(metavar="PATH|same")] = None,
    size: Annotated[int | None, arg(metavar="PX")] = None,
    home: Path | None = None,
) -> Imported[TwoChoice | Judgements | Choices]:
    """Check trials or counts, store them below ``home/imported`` and return them.

    Args:
        name: The benchmark will have this name: letters, digits, dot, hyphen, underscore.
        stimuli: The judged images, called as in the table.
        trials: Tables with one row for each trial: image, sample_obj, dist_obj, choice; or, without a
            distractor, image, category, response, subject. Other usual spellings are understood. Several
            (one for each subject), or a folder of them, are joined.
        counts: Instead of trials: how often each class was chosen for each image. A table with a column for
            the image and one for each class; or .npy or .npz, images x classes.
        labels: Image and class of each, if the table has no true class. Its rows stand for those of an array
            that does not name its images.
        classes: Names of the columns of --counts, one a line, where the file has none.
        fit: Labelled images for the model's decoder: one folder for each class, or whatever wiringup train
            takes; or "same" for the judged images themselves (no test of generalisation). Without, for
            choices among all classes: the model's own logits.
        size: Resize the images to this side; needed if they differ in size.
        home: The data folder; by default `data_home`.

    Raises:
        MissingDataError: if a file is not there.
        InputError: if anything does not fit; nothing is stored then.
        WiringupError: if the disk is full.
    """
    check_name(name, home)
    if bool(trials) == (counts is not None):
        raise InputError("Give --trials or --counts: one of them.")
    if classes is not None and counts is None:
        raise InputError("--classes names the columns of --counts; trials name their classes themselves.")
    files: dict[str, Path | None] = {"counts": counts}
    data: TwoChoice | Judgements | Choices
    with cautions() as warnings:
        if counts is not None:
            named = None if classes is None else read_class_names(classes)
            data = _counted(name, read_counts(counts, named), stimuli, labels, fit, size)
        else:
            table = read_trials(trials)
            data = _trial_by_trial(name, table, stimuli, labels, fit, size)
            files = {f"trials {i}" if i else "trials": path for i, (path, _) in enumerate(table.parts)}
        check_answers(data, counts or Path(trials[0]))
    files |= {"stimuli": stimuli, "labels": labels, "fit": _path_of(fit)}
    return stored(data, home, files, warnings)


def _trial_by_trial(
    name: str, table: Trials, stimuli: Path, labels: Path | None, fit: str | Path | None, size: int | None
) -> TwoChoice | Judgements:
    if fit is None and table.distractor is not None:
        raise InputError(
            "A task with two alternatives needs images to fit the model's decoder on: give a folder or zip "
            f"with one folder for each class (--fit DIR), or --fit {SAME} for the judged images themselves."
        )
    judged, image, truth = _judged(table, "trial", stimuli, size, labels)
    table = in_words_of(set(truth), table)
    right = np.array(truth)[image] == np.array(table.choice)
    warn_of_flags(table, right)
    warn_of_copies(table, image, right)
    learned = _to_fit(fit, size)
    classes = learned.classes if learned is not None else _all_classes(table, truth)
    test = _labelled(table, judged, truth, classes)
    about = {"name": name, "source": _source(table, stimuli)}
    chosen = test if fit == SAME else learned
    if chosen is None or table.distractor is None:
        return _judgements(table, image, test, chosen, **about)
    return _two_choice(table, table.distractor, image, test, chosen, **about)


def _counted(
    name: str, table: CountTable, stimuli: Path, labels: Path | None, fit: str | Path | None, size: int | None
) -> Choices:
    table = _named_rows(table, labels)
    learned = _to_fit(fit, size)
    table = _with_choices(table if learned is None else _in_order_of(table, learned.classes))
    judged, image, truth = _judged(table, "row of counts", stimuli, size, labels)
    test = _labelled(table, judged, truth, table.classes)
    fitted = test if fit == SAME else learned
    return Choices(name, table.counts[np.argsort(image)], test, fitted, source=_source(table, stimuli))


def _path_of(fit: str | Path | None) -> Path | None:
    """Return where the images to fit a decoder on lie, if they are others than the judged ones."""
    return None if fit in (None, SAME) else Path(str(fit))


def _to_fit(fit: str | Path | None, size: int | None) -> LabelledImages | None:
    path = _path_of(fit)
    return None if path is None else read_labelled(path, size)


def _source(table: Trials | CountTable, stimuli: Path) -> str:
    return f"Imported from {table.path.name} and {Path(stimuli).name}."


def _judged(
    table: Trials | CountTable, rows: str, stimuli: Path, size: int | None, labels: Path | None
) -> tuple[Stimuli, Indices, list[str]]:
    """Return the judged images, which of them each row is about, and the true class of each image."""
    names, files = table.image or [], read_stimuli(stimuli, size)
    distinct = list(dict.fromkeys(names))
    place = dict(zip(distinct, places_beyond_prefixes(distinct, files, table.path), strict=True))
    used, image = np.unique([place[name] for name in names], return_inverse=True)
    if len(used) < len(files):
        caution(f"{len(files) - len(used)} images occur in no {rows} and were left out.")
    judged = files.take(used)
    repeated = np.flatnonzero(np.bincount(image) > 1)
    if isinstance(table, CountTable) and len(repeated):
        raise InputError(
            f"{table.path} counts {judged.ids[repeated[0]]!r} in more than one row; give one for each."
        )
    if labels is None and table.sample is None:
        raise InputError(
            f"{table.path} has no column with the true class of each image (such as sample_obj or category): "
            "give a table of the images with their classes (--labels)."
        )
    truth = [""] * len(judged) if labels is None else _labels_of_images(labels, judged)
    for row, (i, name) in enumerate(zip(image, table.sample or [], strict=False)):
        truth[i] = truth[i] or name
        if composed(truth[i]) != composed(name):
            raise InputError(
                f"{table.where(row)}: the true class of image {names[row]!r} is {name!r}, but "
                f"elsewhere {truth[i]!r}."
            )
    return judged, image.astype(np.int64), truth


def _labelled(
    table: Trials | CountTable, judged: Stimuli, truth: list[str], classes: tuple[str, ...]
) -> LabelledImages:
    return LabelledImages(judged, _indexed(table.path, "true class", truth, classes), classes)


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
        own, other, chosen = map(composed, (test.classes[s], other, chosen))
        if own == other or chosen not in (own, other):
            what = "the sample is its own distractor" if own == other else f"{chosen!r} was chosen"
            raise InputError(f"{table.where(row)}: {what}, with sample {own!r} and distractor {other!r}.")
    distractor = _indexed(table.path, "distractor", others, test.classes)
    choice = _indexed(table.path, "choice", table.choice, test.classes)
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
    choice[answered] = _indexed(table.path, "choice", given, test.classes)[answered]
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


def _named_rows(table: CountTable, labels: Path | None) -> CountTable:
    """Return the counts with a name for each row, if need be those of a table of labels."""
    if table.image is not None:
        return table
    names = None if labels is None else column_of(read_table(labels), "image")
    if labels is None or names is None:
        raise InputError(
            f"{table.path} does not say which image each row is about: give a table of the images, in the "
            "order of the rows, with their classes (--labels), or an npz with arrays 'images' and 'labels'."
        )
    same_length(len(names), len(table.counts), str(labels), f"the counts in {table.path}")
    caution(f"The rows of {table.path.name} were taken to be the images of {labels.name}, row by row.")
    return replace(table, image=names)


def _in_order_of(table: CountTable, classes: tuple[str, ...]) -> CountTable:
    """Return the counts with their columns in the order of the classes of the images to fit on."""
    order = places_of_classes(classes, table.classes)
    if order is None:
        raise InputError(
            f"{table.path} and the images to fit on do not have the same classes "
            f"({differing_classes(classes, table.classes, 'the counts', 'the images to fit on')})."
        )
    as_fit = dict(zip((table.classes[i] for i in order), classes, strict=True))
    truth = None if table.sample is None else [as_fit.get(name, name) for name in table.sample]
    return replace(table, counts=table.counts[:, order], classes=classes, sample=truth)


def _with_choices(table: CountTable) -> CountTable:
    """Return the rows in which anything was chosen."""
    total = table.counts.sum(1)
    kept = np.flatnonzero(total)
    if not len(kept):
        raise InputError(f"{table.path} holds zeros alone; nothing is left to import.")
    if len(kept) < len(total):
        caution(f"{len(total) - len(kept)} images were never judged (all counts 0) and were left out.")
    typical = float(np.median(total[kept]))
    if typical < FEWEST_CHOICES:
        caution(
            f"Half of the images have {typical:g} choices or fewer: i2 and i2n will have a low ceiling, "
            "or none."
        )
    images, truth = (None if n is None else [n[i] for i in kept] for n in (table.image, table.sample))
    return replace(table, counts=table.counts[kept], image=images, sample=truth)


def _labels_of_images(path: Path, images: Stimuli) -> list[str]:
    """Return the class of each image, from a table with a column for the image and one for its class."""
    table = read_table(path)
    names, classes = column_of(table, "image"), column_of(table, "sample")
    if names is None or classes is None:
        known = spellings_of(table, "image", "sample")
        raise InputError(f"{table.path} needs a column for the image and one for its class. {known}")
    class_of = dict(zip(names, classes, strict=True))
    for name, other in zip(names, classes, strict=True):
        if composed(class_of[name]) != composed(other):
            raise InputError(
                f"{table.path} calls {name!r} both {other!r} and {class_of[name]!r}; keep one of them."
            )
    called = list(class_of.values())
    place = matched(list(images.ids), tuple(class_of))
    missing = [i for i, row in zip(images.ids, place, strict=True) if row is None]
    if missing:
        raise InputError(f"{table.path} has no class for {len(missing)} images, such as {missing[0]!r}.")
    return [called[row] for row in place if row is not None]


def _indexed(path: Path, what: str, names: Sequence[str], classes: tuple[str, ...]) -> Indices:
    """Return int64 (names,): the index of each name in ``classes``."""
    place = index_of_classes(classes)
    found = [place.get(name, place.get(composed(name))) for name in names]
    unknown = [name for name, i in zip(names, found, strict=True) if i is None]
    if unknown:
        raise InputError(
            f"{path}: the {what} {unknown[0]!r} is none of the {len(classes)} classes "
            f"({listed(classes, 12)}).{did_you_mean(unknown[0], classes)}"
        )
    return np.array(found, dtype=np.int64)
