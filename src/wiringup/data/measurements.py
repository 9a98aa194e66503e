"""What was measured: trials of neurons, dissimilarities of voxels, choices of observers."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from wiringup.core.areas import check_area
from wiringup.core.brief import Brief
from wiringup.core.checks import same_length
from wiringup.core.errors import InputError
from wiringup.core.stimuli import LabelledImages, Stimuli

NO_ANSWER = -1


@dataclass(frozen=True, eq=False)
class Recording(Brief):
    """Responses of a neural population to images.

    Attributes:
        trials: float32 (units, images, repeats); NaN where a trial is missing. Sets that were published
            as averages have one repeat, and therefore no noise ceiling.
        groups: (images,) names; images of one group are near-copies and never split between folds.
        labels: (images,) names by which folds are stratified.
        simulated: True if no animal was involved.
        source: citation and licence in one line.
        unit_ids: the name of each unit, or its row, in the file that it comes from; None where units are
            called by their place here.
        assumed: what an import had to assume about the files, in a few words each.
    """

    name: str
    area: str
    trials: NDArray[np.float32]
    stimuli: Stimuli
    groups: NDArray[np.str_] | None = None
    labels: NDArray[np.str_] | None = None
    simulated: bool = False
    source: str = ""
    unit_ids: tuple[str, ...] | None = None
    assumed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_area(self.area)
        if self.trials.ndim != 3:
            raise InputError(
                f"{self.name}: trials have to be (units, images, repeats); got {self.trials.shape}."
            )
        same_length(
            self.trials.shape[1], len(self.stimuli), f"{self.name}: the responses' image axis", "the stimuli"
        )
        for what in (self.groups, self.labels):
            if what is not None:
                same_length(len(what), len(self.stimuli), f"{self.name}: groups or labels", "the stimuli")
        if self.unit_ids is not None:
            same_length(len(self.unit_ids), len(self.trials), f"{self.name}: unit_ids", "the axis of units")

    @cached_property
    def sha256(self) -> str:
        """The hash of everything that decides a score on this recording."""
        names = [None if x is None else x.tolist() for x in (self.groups, self.labels)]
        return _digest(self.trials, f"{self.area}/{self.stimuli.sha256}/{names}")


@dataclass(frozen=True, eq=False)
class Dissimilarities(Brief):
    """Representational dissimilarity matrices of several subjects for the same images.

    Attributes:
        rdms: float32 (subjects, images, images), symmetric, diagonal 0.
        assumed: what the import had to assume, in a few words each; no part of the hash.
    """

    name: str
    area: str
    rdms: NDArray[np.float32]
    stimuli: Stimuli
    simulated: bool = False
    source: str = ""
    assumed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_area(self.area)
        n = len(self.stimuli)
        if self.rdms.ndim != 3 or self.rdms.shape[1:] != (n, n):
            raise InputError(f"{self.name}: rdms have to be (subjects, {n}, {n}); got {self.rdms.shape}.")

    @cached_property
    def sha256(self) -> str:
        """The hash of everything that decides a score on these matrices."""
        return _digest(self.rdms, f"{self.area}/{self.stimuli.sha256}")


@dataclass(frozen=True, eq=False)
class Choices(Brief):
    """How often observers chose each class for each image, and labelled images to fit a decoder on.

    Attributes:
        counts: int (images, classes): number of trials on which a class was chosen.
        test: the images that were judged, with their true classes.
        fit: other images of the same classes, for the model's decoder; may be ``test`` itself, and a score
            then says so. None if its own logits decide.
    """

    name: str
    counts: NDArray[np.int64]
    test: LabelledImages
    fit: LabelledImages | None
    simulated: bool = False
    source: str = ""

    def __post_init__(self) -> None:
        _check_decodable(self.name, self.test, self.fit)
        expected = (len(self.test), len(self.test.classes))
        if self.counts.shape != expected:
            raise InputError(
                f"{self.name}: counts have to be (images, classes) {expected}; got {self.counts.shape}."
            )

    @cached_property
    def sha256(self) -> str:
        """The hash of everything that decides a score on these choices."""
        fit = None if self.fit is None else self.fit.pixels_sha256
        return _digest(self.counts, f"{self.test.pixels_sha256}/{fit}")


@dataclass(frozen=True, eq=False)
class TwoChoice(Brief):
    """Trials of a two-alternative task: an image of ``sample``, then a choice between it and a distractor.

    The format of Rajalingham et al. 2018. Indices into ``test`` or into its classes are int64 (trials,), in
    the order in which the trials were published: the random halves of a score depend on it.

    Attributes:
        image: the image that was shown.
        sample: its true class.
        distractor: the other class on offer.
        choice: the class that was chosen, sample or distractor.
        test: the images that were judged, with their true classes.
        fit: images of the same classes, for the model's decoder; may be ``test`` itself, and a score then
            says so.
        subject: who chose, an index; None where it is not known.
    """

    name: str
    image: NDArray[np.int64]
    sample: NDArray[np.int64]
    distractor: NDArray[np.int64]
    choice: NDArray[np.int64]
    test: LabelledImages
    fit: LabelledImages
    subject: NDArray[np.int64] | None = None
    simulated: bool = False
    source: str = ""

    def __post_init__(self) -> None:
        _check_decodable(self.name, self.test, self.fit)
        n_classes = len(self.test.classes)
        _check_index(self.name, "image", self.image, len(self.image), len(self.test))
        for what in ("sample", "distractor", "choice"):
            _check_index(self.name, what, getattr(self, what), len(self.image), n_classes)
        if self.subject is not None:
            _check_index(self.name, "subject", self.subject, len(self.image), len(self.image))
        taken = (self.choice == self.sample) | (self.choice == self.distractor)
        self._refuse(self.sample != self.test.labels[self.image], "a sample that is not the image's class")
        self._refuse(self.distractor == self.sample, "the sample as its own distractor")
        self._refuse(~taken, "a choice that is neither sample nor distractor")

    def _refuse(self, wrong: NDArray[np.bool_], what: str) -> None:
        if wrong.any():
            first = int(wrong.argmax())
            raise InputError(f"{self.name}: {wrong.sum()} trials have {what}, the first is trial {first}.")

    @cached_property
    def sha256(self) -> str:
        """The hash of everything that decides a score on these trials."""
        trials = np.stack([self.image, self.sample, self.distractor, self.choice])
        who = None if self.subject is None else self.subject.tolist()
        return _digest(trials, f"{self.test.pixels_sha256}/{self.fit.pixels_sha256}/{who}")


@dataclass(frozen=True, eq=False)
class Judgements(Brief):
    """Which class each subject chose for each image, trial by trial.

    Attributes:
        image: int64 (trials,), index of the image.
        subject: int64 (trials,), index of who judged, each image at most once.
        choice: int64 (trials,), index of the class that was chosen; `NO_ANSWER` counts as an error.
        test: the images that were judged, with their true classes.
        fit: images of the same classes, for the model's decoder; None if its own logits decide.
    """

    name: str
    image: NDArray[np.int64]
    subject: NDArray[np.int64]
    choice: NDArray[np.int64]
    test: LabelledImages
    fit: LabelledImages | None
    simulated: bool = False
    source: str = ""

    def __post_init__(self) -> None:
        _check_decodable(self.name, self.test, self.fit)
        n = len(self.image)
        _check_index(self.name, "image", self.image, n, len(self.test))
        _check_index(self.name, "subject", self.subject, n, n)
        _check_index(self.name, "choice", self.choice, n, len(self.test.classes), NO_ANSWER)
        if len(set(zip(self.image.tolist(), self.subject.tolist(), strict=True))) < n:
            raise InputError(f"{self.name}: a subject judged an image more than once; keep one judgement.")

    @cached_property
    def correct(self) -> NDArray[np.float64]:
        """(subjects, images): 1 where the true class was chosen, 0 where not, NaN where not judged."""
        found = np.full((self.subject.max() + 1, len(self.test)), np.nan)
        found[self.subject, self.image] = self.choice == self.test.labels[self.image]
        return found

    @cached_property
    def sha256(self) -> str:
        """The hash of everything that decides a score on these judgements."""
        fit = None if self.fit is None else self.fit.pixels_sha256
        return _digest(np.stack([self.image, self.subject, self.choice]), f"{self.test.pixels_sha256}/{fit}")


def _check_decodable(name: str, test: LabelledImages, fit: LabelledImages | None) -> None:
    if fit is None:
        return
    if test.classes != fit.classes:
        raise InputError(f"{name}: the images to fit on have other classes than the judged ones.")
    sizes = [images.stimuli.pixels.shape[1:3] for images in (test, fit)]
    if sizes[0] != sizes[1]:
        raise InputError(f"{name}: judged images are {sizes[0]} pixels, those to fit on {sizes[1]}.")


def _check_index(
    name: str, what: str, values: NDArray[np.int64], trials: int, end: int, first: int = 0
) -> None:
    if values.shape != (trials,) or values.dtype != np.int64:
        raise InputError(f"{name}: {what} has to be int64 ({trials},); got {values.dtype} {values.shape}.")
    if trials == 0 or not first <= values.min() <= values.max() < end:
        raise InputError(f"{name}: {what} has to hold indices in {first} ... {end - 1}, one for each trial.")


def _digest(values: NDArray[np.generic], text: str) -> str:
    digest = hashlib.sha256(f"{values.dtype}{values.shape}/{text}".encode())
    digest.update(np.ascontiguousarray(values).data)
    return digest.hexdigest()


DataSet = Recording | Dissimilarities | Choices | TwoChoice | Judgements
