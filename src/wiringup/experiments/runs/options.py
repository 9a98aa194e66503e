"""What a run is made of, said in short: fields that are flags of the command line, with their help."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import Positional, arg

from wiringup.birth.apply import OWN
from wiringup.core.checks import one_of
from wiringup.core.errors import InputError
from wiringup.core.score import DEFAULT_NORMALISATION
from wiringup.core.spec import omit_default
from wiringup.experiments.runs.spec import RENDERED, ExamSpec, ImagesSpec, RunSpec
from wiringup.models import any_network
from wiringup.models.architecture import ModelSpec, canonical
from wiringup.models.device import check_device
from wiringup.models.preprocessing import IMAGENET, Colours, Preprocessing
from wiringup.models.weights import network_of
from wiringup.training.label_free import LabelFreeSpec
from wiringup.training.schedule import parse_moments
from wiringup.training.spec import TrainingOptions, TrainSpec

BRAINS = ("simulated", "real", "none")


@dataclass(frozen=True)
class NetworkOptions:
    """Which network, and how images reach it.

    Attributes:
        model: "cornet_s", "resnet50", "mobilenet_v1" or "alexnet"; or a network of another package:
            package.module:factory (called without arguments), timm:NAME or torchvision:NAME.
        width: Factor on the number of channels; 1 is the published network.
        size: Side of the model's input in pixels.
        areas: Read-out layers, as in V4=layer3 IT=layer4; needed for a network of another package.
        mean: Mean of red, green and blue (0 to 1) in the images it was trained on; by default what timm or
            torchvision say of a network, otherwise ImageNet's.
        std: Their standard deviations.
        interpolation: bilinear or bicubic.
        crop: Fraction of the image's short side that is seen, as in 0.875; none squashes whole images to a
            square.
    """

    model: Annotated[Positional[str], arg(metavar="MODEL")]
    width: float = 1.0
    size: Annotated[int, arg(metavar="PX")] = 224
    areas: Annotated[tuple[str, ...], arg(name="area", metavar="AREA=LAYER [...]")] = omit_default(())
    mean: Annotated[Colours | None, arg(metavar="R G B")] = omit_default(None)  # noqa: RUF009
    std: Annotated[Colours | None, arg(metavar="R G B")] = omit_default(None)  # noqa: RUF009
    interpolation: Annotated[str | None, arg(metavar="bilinear|bicubic")] = omit_default(None)
    crop: Annotated[float | Literal["none"] | None, arg(metavar="FRACTION|none")] = omit_default(None)

    def network(self, classes: int = ModelSpec.classes) -> ModelSpec:
        """Return the network before birth.

        Raises:
            InputError: if there is no such network, or it cannot be like this.
            MissingDataError: if the library that makes it is not installed.
        """
        name = canonical(self.model)
        code = any_network.code_hash(name) if any_network.is_foreign(name) else ""
        how = replace(self._own_preprocessing(name), **self._given_preprocessing())
        return ModelSpec(name, self.width, classes, self.size, self.areas, how, code)

    @property
    def usual_birth(self) -> str:
        """How the network is born if nothing is said: Kaiming normal, or another package's as it comes."""
        return OWN if any_network.is_foreign(self.model) else "kaiming_normal"

    def _own_preprocessing(self, name: str) -> Preprocessing:
        if not any_network.is_foreign(name):
            return IMAGENET
        try:
            return any_network.own_preprocessing(name)
        except InputError:
            if self.mean is None or self.std is None:
                raise
            return IMAGENET

    def _given_preprocessing(self) -> dict[str, Any]:
        given = {name: getattr(self, name) for name in ("mean", "std", "interpolation", "crop")}
        return {k: None if v == "none" else v for k, v in given.items() if v is not None}


_USUAL: Mapping[str, Any] = {"size": ModelSpec.size, "areas": ()} | dict.fromkeys(
    ("mean", "std", "interpolation", "crop")
)
"""The fields of `NetworkOptions` that say how images reach a network and where it is read out."""


def as_trained(weights: Sequence[Path], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return how images reach networks: as it is given, and else as their weights say, or as usual.

    Args:
        weights: files; what one does not say is as usual.
        given: fields of `NetworkOptions`, None where they are not given. Areas that are not are completed.

    Raises:
        InputError: if the files differ in what is not given.
    """
    said = {name: given[name] for name in _USUAL if given.get(name) is not None}
    areas = said.pop("areas", ())
    each = [_told_by(Path(path), areas) | said for path in weights] or [{**_USUAL, **said, "areas": areas}]
    for path, one in zip(weights, each, strict=False):
        if other := next((name for name in one if one[name] != each[0][name]), None):
            first, second = (found[other] or "as usual" for found in (each[0], one))
            raise InputError(
                f"{weights[0]} and {path} were trained with different {other}: {first} and {second}. Score "
                f"them one by one, or say --{other.removesuffix('s')}."
            )
    return each[0]


def _told_by(path: Path, areas: Sequence[str]) -> dict[str, Any]:
    """Return what weights say of themselves; ``areas``, each as AREA=LAYER, stand in place of theirs."""
    told = network_of(path)
    if told is None:
        return {**_USUAL, "areas": tuple(areas)}
    named = {area.partition("=")[0] for area in areas}
    others = (area for area in told.areas if area.partition("=")[0] not in named)
    found = {**_USUAL, "size": told.size, "areas": (*others, *areas)}
    if told.preprocessing == IMAGENET and not any_network.is_foreign(told.architecture):
        return found
    how = told.preprocessing
    found |= {name: getattr(how, name) for name in ("mean", "std", "interpolation")}
    return found | {"crop": how.crop or "none"}


@dataclass(frozen=True)
class ExamOptions:
    """What runs are scored on, and when.

    Attributes:
        brain: simulated (if nothing else is named); real: the real benchmarks that are in the data folder;
            or none.
        suite: Score on this suite of benchmarks instead; wiringup suites lists and makes them.
        benchmark: Score on these benchmarks instead, your own among them.
        normalisation: By the ceiling: (r/c)^2 (the paper's), r/c or r^2/c.
        moments: Score at these epochs too, beside birth and end: 0.1 0.5 1 ..., or "5000 images"; published
            for those of the paper.
        keep_weights: Keep the weights of each of these moments.
        top1: How images for top-1 are shown: own (as the network's preprocessing says), or resize-crop (as
            usual for ImageNet: Resize(256) and CenterCrop(224), or in this proportion).
    """

    brain: Annotated[str | None, arg(metavar="simulated|real|none")] = None
    suite: Annotated[str | None, arg(metavar="NAME")] = None
    benchmark: Annotated[tuple[str, ...], arg(metavar="NAME [NAME ...]")] = ()
    normalisation: str = DEFAULT_NORMALISATION
    moments: Annotated[tuple[str, ...], arg(metavar="WHEN [WHEN ...]")] = ()
    keep_weights: bool = False
    top1: Annotated[str, arg(metavar="own|resize-crop")] = "own"

    def spec(self) -> ExamSpec:
        """Return the exam.

        Raises:
            InputError: if both a suite and benchmarks are named, or the brain is unknown.
        """
        from wiringup.benchmarks.suites import chosen  # brings statistics along, which no --help needs

        if self.brain is not None:
            one_of(self.brain, BRAINS, "brain")
        if self.brain in BRAINS[:2] and (self.suite or self.benchmark):
            raise InputError(f"--brain {self.brain} is a suite; leave it out, or --suite and --benchmark.")
        if self.suite and self.benchmark:
            raise InputError(
                "--suite is a list of benchmarks; leave out --benchmark, or make a suite of both."
            )
        if self.benchmark or (self.brain == "none" and not self.suite):
            return ExamSpec(
                chosen(()).name, dict.fromkeys(self.benchmark, ""), "", self.normalisation, self.top1
            )
        suite = self.suite or f"{self.brain or BRAINS[0]}@1"
        return ExamSpec(suite, normalisation=self.normalisation, top1=self.top1)


@dataclass(frozen=True)
class BeforeOptions:
    """A phase without labels, before the first one.

    Attributes:
        before: Learn from spontaneous activity before the first label: waves:5000 (like retinal waves),
            pink:5000 or white:5000 (drifting noise). Self-supervised; counted apart.
        before_plasticity: Which synapses learn in that phase; never the decoder.
        before_lr: Learning rate of that phase (SGD, cosine).
    """

    before: Annotated[str | None, arg(metavar="KIND:FRAMES")] = None
    before_plasticity: Annotated[str, arg(metavar="SET")] = "all"
    before_lr: float = 0.05

    def spec(self, options: TrainingOptions, size: int, seed: int) -> LabelFreeSpec | None:
        """Return the phase, in batches, on the device and with the norms of ``options``."""
        if self.before is None:
            if self != BeforeOptions():
                raise InputError("--before-plasticity and --before-lr are of a phase; give --before too.")
            return None
        how = TrainSpec(
            plasticity=self.before_plasticity,
            batch=options.batch + options.batch % 2,  # frames come in pairs
            lr=self.before_lr,
            schedule="cosine",
            augmentation="none",
            size=size,
            seed=seed,
            device=options.device,
            workers=options.workers,
            precision=options.precision,
            norms=options.norms,
        )
        return LabelFreeSpec.parse(self.before, how)


def base_run(model: ModelSpec, images: ImagesSpec, exam: ExamOptions, training: TrainSpec) -> RunSpec:
    """Return the run that options say, before what a recipe varies is set."""
    check_device(training.device)
    return RunSpec(
        images=images,
        model=model,
        training=replace(training, size=model.size),
        exam=exam.spec(),
        moments=parse_moments(" ".join(exam.moments)),
        keep_weights=exam.keep_weights,
    )


def shown(
    images: Path | str | None,
    val: Path | str | None,
    side: int,
    limit: int | None = None,
    keep: str = "squares",
) -> ImagesSpec:
    """Return the images that paths name: to learn from (None renders objects), and a validation set."""
    return ImagesSpec(str(images or RENDERED), side=side, val=str(val or ""), pool=limit, keep=keep)
