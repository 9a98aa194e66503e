"""A run is a value: everything that decides its outcome, executable wherever the data are.

A spec is written without data and then *pinned* (`inputs.StudyInputs.pin`): the hashes of images, genome and
benchmarks are filled in, so that it means the same on every machine. Where things lie, what runs are called
and on what they are computed is neutral: it is kept beside a run and is no part of its address.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from wiringup import __version__
from wiringup.birth.apply import BirthSpec
from wiringup.core.checks import at_least, one_of
from wiringup.core.errors import InputError
from wiringup.core.score import DEFAULT_NORMALISATION, check_normalisation
from wiringup.core.spec import neutral, omit_default, uid
from wiringup.data.images.keeping import SQUARES, Keeping
from wiringup.models.architecture import ModelSpec
from wiringup.models.device import AUTO
from wiringup.training.label_free import LabelFreeSpec
from wiringup.training.schedule import Duration
from wiringup.training.spec import TrainSpec

log = logging.getLogger(__name__)

BY_NETWORK, CROPPED = "own", "resize-crop"
"""How images for top-1 are shown: by the network's own preprocessing, or Resize and CenterCrop as usual for
ImageNet (256 and 224 px where the network takes 224)."""

RENDERED = "(rendered objects)"
"""The source of rendered objects to learn from, and others held out; no path is called so."""


@dataclass(frozen=True)
class ImagesSpec:
    """Labelled images to learn from.

    Attributes:
        source: where they lie (`data.images.source.ALLOWED`), or `RENDERED`.
        pool: how many of the source may be learned from, class-balanced; None for all that are not held out.
        number: how many of the pool are; None for all. With one seed smaller numbers lie within larger ones.
        seed: of the choice of the pool.
        side: in px, at which images are kept: crops are cut out of them.
        calibration: how many of the pool are seen without labels, for BatchNorm at birth.
        sha256, calibration_sha256: hashes of what is learned from and of what is calibrated on; "" before the
            spec is pinned, and where nothing is.
        val: where a validation set lies, of the same classes; "" where images of the source are held out
            instead. Its hash is the exam's.
        keep: what is kept of an image, a square or the whole of it (`data.images.keeping.ALLOWED`).
    """

    source: str = neutral(RENDERED)
    pool: int | None = None
    number: int | None = None
    seed: int = 0
    side: int = 64
    calibration: int = 128
    sha256: str = ""
    calibration_sha256: str = ""
    val: str = neutral("")
    keep: str = omit_default(SQUARES)

    def __post_init__(self) -> None:
        object.__setattr__(self, "keep", str(Keeping.parse(self.keep)))  # one quality has one address
        if self.keep != SQUARES and self.source == RENDERED:
            raise InputError(f"Rendered objects are squares; leave out --keep {self.keep}.")
        at_least(self.side, 1, "The size of images in pixels")
        for name in ("pool", "number"):
            if (asked := getattr(self, name)) is not None:
                at_least(asked, 2, "the number of images")
        if self.pool is not None and self.number is not None:
            at_least(self.pool, self.number, "the number of images of the reference")


@dataclass(frozen=True)
class ExamSpec:
    """What every run is scored on: the benchmarks of a suite, and labelled images that are held out.

    Attributes:
        suite: its name.
        benchmarks: the benchmarks that count -> their hashes; None for one that is not here, and "" for all
            before the spec is pinned.
        held_out: hash of the images for top-1 of the model's own decoder: held out, or a validation set.
        normalisation: of scores by ceilings.
        top1: how images for top-1 are shown: as the network's own preprocessing says, or `CROPPED`.
    """

    suite: str = "simulated@1"
    benchmarks: Mapping[str, str | None] = field(default_factory=dict)
    held_out: str = ""
    normalisation: str = DEFAULT_NORMALISATION
    top1: str = omit_default(BY_NETWORK)

    def __post_init__(self) -> None:
        check_normalisation(self.normalisation)
        one_of(self.top1, (BY_NETWORK, CROPPED), "way to show images for top-1")


@dataclass(frozen=True)
class GenomeSource:
    """Where the genome comes from that a network is born from; its hash stands in the birth.

    Attributes:
        name: a recipe that the published figures serve, or a genome file.
        keep_gain: see `birth.transfer`.
        distilled_from: the run whose trained network it is distilled from, with the seed of the birth.
    """

    name: str = neutral("")
    keep_gain: bool = False
    distilled_from: "RunSpec | None" = None


NO_GENOME = GenomeSource()


@dataclass(frozen=True)
class RunSpec:
    """One run, from birth to record.

    Attributes:
        label: the condition that it belongs to.
        genome: see `GenomeSource`.
        before: what is learned without labels, after birth and before the first label.
        moments: when the model is scored, besides birth and end.
        keep_weights: whether the weights of each of these moments are kept.
        version: of wiringup.
    """

    images: ImagesSpec = ImagesSpec()
    model: ModelSpec = field(default_factory=ModelSpec)
    birth: BirthSpec = field(default_factory=lambda: BirthSpec(batchnorm="calibrated"))
    training: TrainSpec = field(default_factory=TrainSpec)
    exam: ExamSpec = field(default_factory=ExamSpec)
    moments: tuple[Duration, ...] = ()
    genome: GenomeSource = NO_GENOME
    before: LabelFreeSpec | None = None
    label: str = neutral("")
    keep_weights: bool = neutral(False)
    version: str = __version__

    @cached_property
    def uid(self) -> str:
        """The run's address."""
        return uid("run", self)

    @property
    def pinned(self) -> bool:
        """Whether hashes say what the images are, and nothing is left to the machine."""
        phases = (self.training, self.before and self.before.training)
        return bool(self.images.sha256) and all(one.precision != AUTO for one in phases if one)

    @property
    def learns(self) -> bool:
        """Whether anything is learned; if not, no network is kept: it is born again from the spec."""
        return self.training.duration.value > 0 or self.before is not None

    @property
    def title(self) -> str:
        """How messages call it."""
        seeds = dict.fromkeys((self.birth.seed, self.training.seed))
        return f"{self.label or self.training.plasticity}, seed {' and '.join(map(str, seeds))}"


def born_from(run: RunSpec, parent: RunSpec, recipe: str = "weight_compression") -> RunSpec:
    """Return a run that is born from the genome that is distilled from what another run learned.

    Raises:
        InputError: if the other run is not pinned: nobody could say which it is.
    """
    if not parent.pinned:
        raise InputError("Pin the run that a genome is distilled from first (StudyInputs.pin).")
    birth = replace(run.birth, recipe=recipe, genome=f"run:{parent.uid}")
    return replace(run, birth=birth, genome=GenomeSource(distilled_from=parent))


def absolute(source: str) -> str:
    """Return a source by a name that does not depend on the working directory."""
    named = source not in ("", RENDERED) and Path(source).exists()
    return str(Path(source).absolute()) if named else source


def with_source(run: RunSpec, source: str | None = None, val: str | None = None) -> RunSpec:
    """Return a run with images, or a validation set, that lie elsewhere; None leaves them where they are."""

    def moved(one: RunSpec) -> RunSpec:
        here = absolute(one.images.source if source is None else source)
        there = absolute(one.images.val if val is None else val)
        return replace(one, images=replace(one.images, source=here, val=there))

    return throughout(run, moved)


def of_this_version(run: RunSpec) -> RunSpec:
    """Return a run as this version makes it; where another made it, that is said, and has another address."""
    if run.version != __version__:
        log.warning(
            "This run was made by wiringup %s; %s makes it anew, under an address of its own.",
            run.version, __version__,
        )  # fmt: skip
    return (
        throughout(run, lambda one: replace(one, version=__version__)) if run.version != __version__ else run
    )


def throughout(run: RunSpec, change: Callable[[RunSpec], RunSpec]) -> RunSpec:
    """Return a run, and the run that its genome is distilled from, changed alike."""
    parent = run.genome.distilled_from
    if parent is None:
        return change(run)
    child = born_from(change(run), throughout(parent, change), run.birth.recipe)
    return replace(child, genome=replace(child.genome, keep_gain=run.genome.keep_gain))
