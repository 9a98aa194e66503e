"""The published recordings, each read from its files into the form that benchmarks use."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wiringup.core.checks import at_least
from wiringup.core.errors import InputError
from wiringup.core.seeds import numpy_stream
from wiringup.core.stimuli import LabelledImages, Stimuli
from wiringup.data.formats.arrays import read_npy, read_npz
from wiringup.data.formats.tables import read_table
from wiringup.data.images.reading import read_stimuli
from wiringup.data.images.source import read_labelled
from wiringup.data.measurements import Choices, Dissimilarities, Recording
from wiringup.data.recordings.responses import pooled
from wiringup.data.sources.addresses import SOURCES

CICHY_AREAS = {"IT": "IT", "EVC": "V1"}
"""The region of interest of the fMRI study, and the area it is compared with."""

_HENAFF_MISSING = 255


def cowley(home: Path, session: str) -> Recording:
    """Read a session of Cowley et al. (2023), macaque V4, spike counts in 100 ms.

    Session 210325 has raw repeats (50 units, 640 images, up to 10 repeats, NaN = missing); 190923 was
    kept as averages only (33 units, 1,200 images, one "repeat"), which supports no noise ceiling.
    """
    folder = home / "cowley2023"
    raw = folder / f"responses_raw_{session}.npy"
    if raw.is_file():
        trials = read_npy(raw)
    else:
        trials = read_npy(folder / f"responses_repeat_averaged_{session}.npy")[:, :, None]
    return Recording(
        name=f"cowley2023.{session}",
        area="V4",
        trials=trials.astype(np.float32),
        stimuli=read_stimuli(folder / f"images_{session}.zip"),
        source=SOURCES["cowley2023"].line,
    )


def henaff(home: Path) -> Recording:
    """Read Hénaff et al. (2021), macaque V1, spike counts in 200 ms: 280 units, 440 frames, 60 repeats.

    Seven populations are pooled; those with 50 repeats are filled up with NaN. Frames of one movie are
    near-copies in all their versions (two scales; natural, synthetic, contrast), so movies are the groups.
    """
    folder = home / "henaff2021"
    populations = read_npz(folder / "responses.npz")
    trials = pooled([populations[key] for key in sorted(populations)])
    table = read_table(folder / "stimuli.csv")
    frames = read_stimuli(folder / "images_256.npz")
    columns = (table.columns[name] for name in ("scale", "category", "movie_name", "frame"))
    ids = tuple(
        f"{s}/{category}/{movie}/{int(f):02d}" for s, category, movie, f in zip(*columns, strict=True)
    )
    return Recording(
        name="henaff2021",
        area="V1",
        trials=np.where(trials == _HENAFF_MISSING, np.float32(np.nan), trials),
        stimuli=Stimuli(frames.pixels, ids),
        groups=table.column("movie_name"),
        source=SOURCES["henaff2021"].line,
    )


def cichy(home: Path, area: str, background: str = "gray") -> Dissimilarities:
    """Read Cichy et al. (2014, 2016), human fMRI: matrices of 15 subjects for 92 objects.

    Args:
        home: the data folder.
        area: ``IT``, or ``EVC`` for early visual cortex, which is compared with V1.
        background: ``gray`` or ``white`` pictures; scores depend on it.
    """
    folder = home / "cichy2016"
    suffix = {"gray": "npz", "white": "zip"}[background]
    return Dissimilarities(
        name=".".join(["cichy2016", *(["white"] if background == "white" else []), area]),
        area=CICHY_AREAS[area],
        rdms=read_npz(folder / "rdms.npz")[area].astype(np.float32),
        stimuli=read_stimuli(folder / f"images_{background}_background.{suffix}"),
        source=SOURCES["cichy2016"].line,
    )


def cifar10h(home: Path, n_fit: int = 2000, seed: int = 0) -> Choices:
    """Read CIFAR-10H (Peterson et al. 2019): human choices among 10 classes for 5,000 images.

    Args:
        home: the data folder.
        n_fit: number of CIFAR-10 training images for the model's decoder, the same in every class. The
            images of a smaller ``n_fit`` are among those of a larger one.
        seed: of the sample.
    """
    folder = home / "cifar10h"
    behavior = read_npz(folder / "behavior.npz")
    classes = tuple(behavior["classes"].tolist())
    labels = behavior["labels"].astype(np.int64)
    fit = read_labelled(
        home / "cifar10" / "train.zip",
        classes=classes,
        choose=lambda all_labels: _balanced(all_labels, n_fit, len(classes), seed),
    )
    return Choices(
        name="cifar10h",
        counts=behavior["counts"].astype(np.int64),
        test=LabelledImages(read_stimuli(folder / "images.zip"), labels, classes),
        fit=fit,
        source=SOURCES["cifar10h"].line,
    )


def _balanced(labels: NDArray[np.int64], n: int, n_classes: int, seed: int) -> NDArray[np.intp]:
    """Return the sorted index of ``n / n_classes`` randomly drawn images of every class."""
    at_least(n, n_classes, "The number of images to fit the decoder on")
    if n % n_classes:
        raise InputError(f"n_fit is {n}, but has to be a multiple of the {n_classes} classes.")
    members = (np.flatnonzero(labels == c) for c in range(n_classes))
    drawn = [
        numpy_stream(seed, "cifar10h", "fit", c).permutation(m)[: n // n_classes]
        for c, m in enumerate(members)
    ]
    return np.sort(np.concatenate(drawn))
