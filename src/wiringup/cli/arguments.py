"""Arguments that several commands share."""

from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

_BIRTH = arg(
    metavar="RECIPE",
    help='"kaiming_normal" (kn, the default), "weight_compression" (wc, from the published '
    "distributions, carried over where MODEL is no CORnet-S), "
    "or a genome file made by wiringup distill. A network of another package comes with its own weights "
    '("own") unless a birth is named.',
    help_behavior_hint="",
)
Birth = Annotated[str, _BIRTH]
GivenBirth = Annotated[str | None, _BIRTH]
Images = Annotated[
    Path,
    arg(
        metavar="PATH",
        help="Labelled images: folder or zip of class folders, table of files and classes (.csv), npz, "
        "folder of CIFAR binary files, WebDataset "
        "shards (a .tar, 'shard-{000..003}.tar' or a folder of them), or rendered:N for N rendered objects.",
    ),
]
Val = Annotated[
    Path | None,
    arg(
        metavar="PATH",
        help="Validation set for top-1, of the same classes, in any form of --images. Without it, some of "
        "the images are held out.",
    ),
]
Keep = Annotated[
    str,
    arg(
        metavar="HOW",
        help="What is kept of an image: squares (short side resized, centre cut out; plain pixels), or the "
        "whole of it, its short side at most that many px: raw (plain pixels) or jpeg:QUALITY.",
    ),
]
Seeds = Annotated[tuple[int, ...], arg(metavar="N [N ...]", help="Seeds; every seed is one birth.")]
Size = Annotated[int, arg(metavar="PX", help="Side of the model's input in pixels.")]
WeightsKey = Annotated[
    str | None,
    arg(
        metavar="NAME",
        help="Which weights to take of a checkpoint that holds several, as in state_dict or state_dict_ema. "
        "Averaged ones (EMA) by default; what was taken is said.",
    ),
]
Classes = Annotated[
    int | Path,
    arg(
        metavar="N|FILE",
        help="Number of object classes of the decoder, or a file that names them in the order of its outputs "
        "(one name a line, or a JSON list).",
    ),
]
KeepGain = Annotated[
    bool,
    arg(help="Resize the weights of a genome of another architecture, so that responses keep their size."),
]
_BATCHNORM = arg(
    metavar="POLICY",
    help='BatchNorm of a newborn. Statistics: "calibrated" on unlabelled images (score: 64 of the '
    'benchmark\'s, without responses), "noise" (calibrated on white noise), "default" (mean 0, '
    'variance 1) or "teacher" (those kept by distill --statistics); with "-plain" weight 1 and bias 0 '
    'even if the genome holds fitted ones, with "-fitted" refused if it holds none.',
)
BatchNorm = Annotated[str, _BATCHNORM]
GivenBatchNorm = Annotated[str | None, _BATCHNORM]
Benchmarks = Annotated[
    tuple[str, ...],
    arg(
        metavar="NAME [NAME ...]",
        help="Benchmarks, yours included; see doctor. For pls also ridge, linear, one-to-one, rsa, cka or "
        "procrustes.",
    ),
]
SuiteName = Annotated[str | None, arg(metavar="NAME", help="A suite of benchmarks; see wiringup suites.")]
LayersFrom = Annotated[
    Path | None, arg(metavar="FILE", help="Read areas out where this layer map says (wiringup layers).")
]
Unseen = Annotated[bool, arg(help="Leave out the images on which the layers of --layers-from were chosen.")]
Runs = Annotated[Path, arg(metavar="DIR", help="Folder of runs and scores.")]
STUDY = "Its address (or the beginning of it), its folder, or its recipe if there is one such study."
StudyName = Annotated[Positional[str], arg(metavar="STUDY", help=STUDY)]
OfStudy = Annotated[
    str | None,
    arg(
        name="study", metavar="STUDY", help=f"This study alone, not all runs. {STUDY}", help_behavior_hint=""
    ),
]
SoFar = Annotated[bool, arg(help="Of a study that is not finished, take the runs that are made.")]
Json = Annotated[bool, arg(help="Print JSON to stdout.")]


def named_classes(classes: int | Path) -> tuple[int, tuple[str, ...] | None]:
    """Return the number of classes that --classes says, and their names if it names them."""
    from wiringup.data.images.names import read_class_names

    if isinstance(classes, int):
        return classes, None
    names = read_class_names(classes)
    return len(names), names
