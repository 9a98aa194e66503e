"""What was answered beside what is true: in the same words, ever a true class, and how often right."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wiringup.core.cautions import caution
from wiringup.core.checks import listed, spelled_as
from wiringup.core.errors import InputError
from wiringup.data.behavior.trials import Trials
from wiringup.data.measurements import Choices, Judgements, TwoChoice

_SAME = 3  # errors that two subjects share, so that hardly by chance all their answers are the same

Behavior = TwoChoice | Judgements | Choices


def in_words_of(truth: Collection[str], table: Trials) -> Trials:
    """Return trials whose choices and distractors are spelled as the true classes; a caution says which."""
    offered = table.distractor or []
    known = spelled_as(truth, [*table.choice, *offered])
    if not known:
        return table
    pairs = listed([f"{name!r} for {true!r}" for name, true in known.items()])
    caution(
        "Answers were taken for the true classes that are spelled like them, but for case, blanks, hyphens "
        f"or underscores: {pairs}."
    )

    def renamed(names: Sequence[str]) -> list[str]:
        return [known.get(name, name) for name in names]

    return replace(
        table,
        choice=renamed(table.choice),
        distractor=None if table.distractor is None else renamed(offered),
    )


def warn_of_flags(table: Trials, right: NDArray[np.bool_]) -> None:
    """Warn where a table's own word on which choices were correct contradicts choices and true classes.

    Args:
        table: the trials.
        right: bool (trials,): the true class was chosen.
    """
    said = [
        flag == found for flag, found in zip(table.correct or [], right, strict=False) if flag is not None
    ]
    if 2 * sum(said) < len(said):
        caution(
            f"In {len(said) - sum(said)} of {len(said)} trials the column of {table.path.name} that says "
            "whether the choice was correct contradicts choice and true class. It was not used: look whether "
            "these are the columns that you mean."
        )


def warn_of_copies(table: Trials, image: NDArray[np.int64], right: NDArray[np.bool_]) -> None:
    """Warn of subjects whose answers to all their images are those of another one, errors and all.

    Args:
        table: the trials.
        image: int64 (trials,), index of the image: subjects may call it by names of their own.
        right: as in `warn_of_flags`.
    """
    answers: dict[str, list[tuple[int, str, str]]] = {}
    errors = Counter(who for who, correct in zip(table.subject or [], right, strict=False) if not correct)
    offered = table.distractor or [""] * len(image)
    given = zip(image.tolist(), offered, table.choice, strict=True)
    for who, answer in zip(table.subject or [], given, strict=False):
        answers.setdefault(who, []).append(answer)
    known: dict[tuple[tuple[int, str, str], ...], str] = {}
    firsts = {who: known.setdefault(tuple(sorted(those)), who) for who, those in answers.items()}
    twins = [f"{a!r} and {b!r}" for b, a in firsts.items() if a != b and errors[a] >= _SAME]
    if twins:
        caution(
            f"Subjects gave the same answers to the same images, errors and all: {listed(twins)}. If one is "
            "a copy of the other, leave it out: it makes the noise ceiling too high."
        )


def check_answers(data: Behavior, path: Path) -> None:
    """Say which answers are never a true class: options of the task, perhaps, or another spelling.

    Args:
        data: trials or counts.
        path: their file, as messages call it.

    Raises:
        InputError: if there is no answer, or none ever is: then the two were named by different lists.
    """
    classes, times = data.test.classes, _times_chosen(data)
    true = sorted(set(data.test.labels.tolist()))
    if not times.any():
        raise InputError(f"{path} holds no answer at all; nothing is left to import.")
    if not any(times[i] for i in true):
        given = [name for name, n in zip(classes, times, strict=True) if n]
        raise InputError(
            f"{path}: no answer is ever the true class of an image, so that none could be right. Answers: "
            f"{listed(given)}. True classes: {listed([classes[i] for i in true])}. Both need the same "
            "names: rename one of them."
        )
    # a column of counts is offered as a class even if nobody chose it
    counted = isinstance(data, Choices)
    never = [i for i in range(len(classes)) if i not in true and (times[i] or counted)]
    if never:
        caution(
            f"Answers that are never a true class: {listed([f'{classes[i]} ({times[i]})' for i in never])}. "
            "They count as classes that no image has: each is an error, and a model that answers by its own "
            "logits needs an output for it. If they are misspelled, correct them and import again."
        )


def _times_chosen(data: Behavior) -> NDArray[np.int64]:
    """Return int64 (classes,): how often each was answered."""
    if isinstance(data, Choices):
        return np.asarray(data.counts.sum(0))
    return np.bincount(
        data.choice[data.choice >= 0], minlength=len(data.test.classes)
    )  # no answer is below 0


def fraction_correct(data: Behavior) -> float:
    """Return which part of all choices is of the true class; no answer is an error."""
    if isinstance(data, Choices):
        right = np.take_along_axis(data.counts, data.test.labels[:, None], 1)
        return float(right.sum() / data.counts.sum())
    return float(_right(data).mean())


def fractions_of_subjects(data: Behavior) -> NDArray[np.float64]:
    """Return the same for each subject; empty where nothing says who chose."""
    if isinstance(data, Choices) or data.subject is None:
        return np.zeros(0)
    return np.asarray(np.bincount(data.subject, _right(data)) / np.bincount(data.subject))


def _right(data: TwoChoice | Judgements) -> NDArray[np.bool_]:
    return np.asarray(data.choice == data.test.labels[data.image])
