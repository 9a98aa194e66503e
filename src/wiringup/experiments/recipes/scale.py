"""How large a study is: its network, training and images. A recipe says what is compared."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from wiringup.core.checks import one_of
from wiringup.core.errors import MissingDataError
from wiringup.data.images.keeping import JPEG, QUALITY, SQUARES
from wiringup.experiments.runs.spec import BY_NETWORK, CROPPED, RENDERED, ExamSpec, ImagesSpec, RunSpec
from wiringup.models.architecture import ModelSpec
from wiringup.models.device import AUTO, BF16
from wiringup.training.schedule import PUBLISHED_MOMENTS, Duration
from wiringup.training.spec import TrainSpec

DISTILLED = "distilled"
"""The weight compression that is distilled from the reference of the same study and seed."""

NEEDED = ""
"""A source of images that nobody can know beforehand: it has to be named."""


@dataclass(frozen=True)
class Rate:
    """How fast a machine was: what a plan's times rest on.

    Attributes:
        flops: floating-point operations of training in a second, counted as `training.flops` does.
        scoring: seconds of one scored moment.
        where: machine and date.
    """

    flops: float
    scoring: float
    where: str


@dataclass(frozen=True)
class Scale:
    """The size of every study; `SCALES` has them by name.

    Attributes:
        says: what it is, in a sentence.
        model: the network, that of `transfer` and `small_networks` aside.
        training: how it learns.
        images: where labelled images lie: `RENDERED`, a file below the data folder, or `NEEDED`.
        pool: how many of these may be learned from; None for all that are not held out.
        expected: how many images and classes there are; plans say so where the images are not here.
        side: in px, at which they are kept.
        keep: what is kept of them, see `data.images.keeping`.
        top1: how images for top-1 are shown, see `ExamSpec`.
        calibration: how many are seen without labels, for BatchNorm at birth.
        suite: benchmarks on which everything is scored.
        reference: epochs of the reference, which learns with all synapses on all images.
        epochs: epochs of the other conditions; the last are those of conditions that vary something else.
        brief: epochs of the conditions of the supplement (hyper-parameters, initialisations), which are many.
        fewer: numbers of images, beside all, of the recipes that vary it.
        moments: when runs are scored, if they last longer, besides birth and end.
        seeds: of births and trainings.
        births: recipes of birth that are compared.
        birth_seeds: of births where nothing learns.
        wc: what weight compression is: a recipe of published figures ("wc"), a genome file, or `DISTILLED`.
        rate: of a machine that the scale is made for.
        others: architecture and width -> floating-point operations a second of networks other than its own.
        float32: share of the rate that float32 had, where that is bf16's.
    """

    says: str
    model: ModelSpec
    training: TrainSpec
    images: str
    pool: int | None
    expected: tuple[int, int]
    side: int
    calibration: int
    suite: str
    reference: float
    epochs: tuple[float, ...]
    brief: float
    fewer: tuple[int, ...]
    moments: tuple[Duration, ...]
    seeds: tuple[int, ...]
    births: tuple[str, ...]
    birth_seeds: tuple[int, ...]
    wc: str
    rate: Rate
    keep: str = SQUARES
    top1: str = BY_NETWORK
    others: Mapping[tuple[str, float], float] = field(default_factory=dict)
    float32: float = 1

    def source(self, home: Path, named: str = "") -> str:
        """Return where labelled images lie: those that are named, or the scale's own below the data folder.

        Raises:
            MissingDataError: if they have to be named, or are not there.
        """
        own = self.images in (RENDERED, NEEDED)
        if not (found := named or (self.images if own else str(home / self.images))):
            raise MissingDataError(
                "Nobody can know where the images of this scale are: name their folder (--images PATH) and, "
                "if there is one, that of a validation set of the same classes (--val PATH)."
            )
        if not named and not own and not Path(found).exists():
            raise MissingDataError(
                f"The images of this scale are not here ({found}). Bring a copy: wiringup fetch "
                f"{Path(self.images).parts[0]} --from DIR. Or name others: --images PATH."
            )
        return found

    def rate_of(self, model: ModelSpec, precision: str = BF16) -> Rate:
        """Return how fast a network was, in a precision: its own rate where that was measured."""
        flops = self.others.get((model.architecture, model.width), self.rate.flops)
        if precision == BF16 or self.float32 == 1:
            return replace(self.rate, flops=flops)
        where = f"{self.rate.where}, of which float32 had {self.float32:.0%}"
        return replace(self.rate, flops=self.float32 * flops, where=where)

    def base(self, source: str, val: str = "") -> RunSpec:
        """Return the run that recipes vary.

        Args:
            source: of labelled images.
            val: of a validation set; "" where some of the images are held out.
        """
        pool = self.pool if source == self.images else None  # of other images all
        seen = ImagesSpec(source, pool, side=self.side, calibration=self.calibration, val=val, keep=self.keep)
        training = replace(self.training, size=self.model.size)
        return RunSpec(
            seen,
            self.model,
            training=training,
            exam=ExamSpec(self.suite, top1=self.top1),
            moments=self.moments,
        )


FITTED = (
    "layer_normal", "kernel_normal", "channel_normal", "best_fit_layer", "channel_mixture",
    "shuffled_layer", "shuffled_kernel", "shuffled_channel", "signs", "covariance",
)  # fmt: skip
"""Births that are distilled from the reference in seconds; those that take minutes are not among them."""

RULES = (
    "kaiming_normal_fan_in", "uniform", "constant", "random_signs", "random_pointwise_signs",
    "structured_normal", "v1_physiology", "wavelets",
)  # fmt: skip
"""Births that need nothing but a seed, Kaiming normal aside."""

TINY_IMAGENET = "tinyimagenet40/train.zip"

SMALL = Scale(
    says="CORnet-S x 0.25 at 64 px, 15,600 images of 40 classes, real recordings: hours on two cores",
    model=ModelSpec("cornet_s", width=0.25, size=64),
    training=TrainSpec(batch=64, lr=0.1, schedule="cosine", precision=AUTO),
    images=TINY_IMAGENET,
    pool=None,
    expected=(15_600, 40),
    side=64,
    calibration=256,
    suite="real@1",
    reference=50,
    epochs=(1, 3, 10),
    brief=3,
    fewer=(1_000, 4_000),
    moments=(),
    seeds=(0, 1, 2),
    births=(*RULES, *FITTED),
    birth_seeds=tuple(range(10)),
    wc="wc",
    rate=Rate(2.1e11, 15, "two cores of an AMD EPYC with bf16, 2026-11-26"),
    float32=0.6,
    others={
        ("cornet_s", 0.125): 1.2e11, ("cornet_s", 0.0625): 3.9e10, ("resnet50", 0.25): 9e10,
        ("mobilenet_v1", 0.25): 2.8e10, ("mobilenet_v1", 0.125): 9e9, ("alexnet", 0.25): 8.6e10,
    },
)  # fmt: skip

SCALES: Mapping[str, Scale] = {
    "tiny": replace(
        SMALL,
        says="rendered objects and simulated recordings: minutes, to see that everything works",
        model=ModelSpec("cornet_s", width=0.125, size=64),
        training=TrainSpec(batch=32, lr=0.1, schedule="cosine"),
        images=RENDERED,
        pool=200,
        expected=(200, 8),
        calibration=64,
        suite="simulated@1",
        reference=2,
        epochs=(1,),
        brief=1,
        fewer=(100,),
        seeds=(0, 1),
        births=("uniform", "layer_normal"),
        birth_seeds=(0, 1, 2),
        wc=DISTILLED,
        others={},
        rate=Rate(1e11, 3, "two cores of an AMD EPYC, 2026-11-26"),
        float32=1,
    ),
    "small": SMALL,
    "gpu": replace(
        SMALL,
        says="CORnet-S at 64 px, 15,600 images of 40 classes, real recordings: minutes on one card",
        model=ModelSpec("cornet_s", width=1, size=64),
        training=TrainSpec(batch=256, lr=0.1, schedule="cosine", precision="bf16"),
        brief=10,
        others={},
        float32=0.45,
        rate=Rate(1.05e14, 4, "one NVIDIA H200, torch 2.11, 2026-11-26"),
    ),
    "paper": replace(
        SMALL,
        says="CORnet-S at 224 px, ImageNet (--images), the paper's schedule in bf16: about a day for "
        "each recipe on one card",
        model=ModelSpec("cornet_s", width=1, size=224),
        training=TrainSpec(batch=256, lr=0.1, schedule="step", precision="bf16"),
        images=NEEDED,
        expected=(1_281_167, 1000),
        side=256,
        keep=f"{JPEG}:{QUALITY}",
        top1=CROPPED,
        reference=43,
        epochs=(6,),
        brief=6,
        fewer=(10_000, 100_000, 500_000),
        moments=PUBLISHED_MOMENTS,
        others={},
        float32=0.45,
        rate=Rate(4e14, 20, "one NVIDIA H200 in bf16, torch 2.11, 2026-11-26"),
    ),
}  # fmt: skip


def find_scale(name: str) -> Scale:
    """Return the scale called ``name``; raise `InputError` if there is none."""
    return SCALES[one_of(name, SCALES, "scale")]
