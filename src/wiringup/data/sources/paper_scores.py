"""The points of Geiger et al. (2022): what the names in its database of scores stand for.

The database names a scored network by one text: a model, then a seed, a number of images and an epoch where
they are not the usual ones, as in ``CORnet-S_full_seed42_img10000_epoch_06``.
"""

import logging
import re
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from statistics import fmean

from wiringup.core.errors import InputError
from wiringup.data.formats.tables import read_table
from wiringup.data.sources.published_point import AREAS, PAPER, PublishedPoint, number, scores_of

log = logging.getLogger(__name__)

IMAGENET = 1_281_167
BENCHMARKS = {
    "V1": "movshon.FreemanZiemba2013.V1-pls",
    "V2": "movshon.FreemanZiemba2013.V2-pls",
    "V4": "dicarlo.Majaj2015.V4-pls",
    "IT": "dicarlo.Majaj2015.IT-pls",
    "behavior": "dicarlo.Rajalingham2018-i2n",
}
TOP1 = "fei-fei.Deng2009-top1"

KN, WC = "kaiming_normal", "weight_compression"
_TO_V4, _TO_V2 = "critical:V4", "critical:V2"

MODELS: Mapping[str, tuple[str, str | None, str | None, str]] = {
    "CORnet-S_full": ("cornet_s", KN, "all", ""),
    "CORnet-S_full_lr0.01": ("cornet_s", KN, "all", "lr 0.01"),
    "CORnet-S_full_lr1.0": ("cornet_s", KN, "all", "lr 1.0"),
    "CORnet-S_full_opAdagrad": ("cornet_s", KN, "all", "adagrad"),
    "CORnet-S_full_opAdam": ("cornet_s", KN, "all", "adam"),
    "CORnet-S_full_wd0.001": ("cornet_s", KN, "all", "weight decay 1e-3"),
    "CORnet-S_full_wd1e-05": ("cornet_s", KN, "all", "weight decay 1e-5"),
    "CORnet-S_train_V4": ("cornet_s", KN, "V4+IT+decoder", ""),
    "CORnet-S_train_IT_seed_0": ("cornet_s", KN, "IT+decoder", ""),
    "CORnet-S_train_random": ("cornet_s", KN, "decoder", ""),
    "CORnet-S_train_batchnorm": ("cornet_s", KN, "batchnorm", ""),
    "CORnet-S_train_conv1_bi": ("cornet_s", KN, "conv1", ""),
    "CORnet-S_train_conv3_bi": ("cornet_s", KN, "critical", ""),
    "CORnet-S_train_conv3_V4_bi": ("cornet_s", KN, _TO_V4, ""),
    "CORnet-S_train_conv3_V2_bi": ("cornet_s", KN, _TO_V2, ""),
    "CORnet-S_cluster2_v2_IT_bi": ("cornet_s", WC, "decoder", ""),
    "CORnet-S_cluster2_v2_IT_trconv3_bi": ("cornet_s", WC, "critical", ""),
    "CORnet-S_cluster2_v2_V4_trconv3_bi": ("cornet_s", f"{WC}-to-V4", _TO_V4, ""),
    "CORnet-S_train_gmk1_cl2_7_7tr_bi": ("cornet_s", f"{WC}-to-V2", _TO_V2, ""),
    "CORnet-S_cluster2_IT_full_train": ("cornet_s", WC, "all", ""),
    "CORnet-S_brain_IT_full_train": ("cornet_s", "gabor+gaussian_mixture", "all", ""),
    "CORnet-S_brain2_IT_full_train": ("cornet_s", "kernel_normal", "all", ""),
    "CORnet-S_dist_IT_full_train": ("cornet_s", "best_distribution", "all", ""),
    "resnet_v1_CORnet-S_full": ("resnet50", KN, "all", ""),
    "resnet_v3_CORnet-S_cluster2_v2_IT_trconv3_bi": ("resnet50", WC, "critical", ""),
    "mobilenet_v1_1.0_224": ("mobilenet_v1", "default", "all", ""),
    "mobilenet_v6_CORnet-S_cluster2_v2_IT_trconv3_bi": ("mobilenet_v1", WC, "critical", ""),
    "hmax": ("hmax", None, None, ""),
    "pixels": ("pixels", None, None, ""),
}
"""Model of the database -> architecture, birth, what learns, and what else tells it from others."""

SETTINGS: Mapping[str, Mapping[str, str | float | None]] = {
    "": {},
    "lr 0.01": {"lr": 0.01},
    "lr 1.0": {"lr": 1.0},
    "adagrad": {"optimiser": "adagrad", "lr": None},
    "adam": {"optimiser": "adam", "lr": None},
    "weight decay 1e-3": {"weight_decay": 1e-3},
    "weight decay 1e-5": {"weight_decay": 1e-5},
}
"""What a variant changes of the usual training; None is not known."""

TRAINED: Mapping[str, Mapping[str, int]] = {
    "cornet_s": {
        "all": 53_416_616, "critical": 1_889_256, "conv1": 1_889_256, "batchnorm": 556_520,
        "decoder": 513_000, "V4+IT+decoder": 50_850_280, "IT+decoder": 40_771_560,
        _TO_V4: 41_099_240, _TO_V2: 50_915_816,
    },
    "resnet50": {"all": 25_557_032, "critical": 7_078_888},
    "mobilenet_v1": {"all": 4_231_976, "critical": 1_688_552},
}  # fmt: skip
"""Synapses that learn, counted as ``wiringup plasticity`` counts them (BatchNorm and decoder among them)."""

CONVERGED: Mapping[tuple[str, int, int], float] = {
    ("CORnet-S_full", 0, 500_000): 21,
    ("CORnet-S_train_conv3_bi", 0, IMAGENET): 29,
    ("CORnet-S_cluster2_v2_V4_trconv3_bi", 42, IMAGENET): 27,
    ("resnet_v3_CORnet-S_cluster2_v2_IT_trconv3_bi", 0, IMAGENET): 22,
}
"""Model, seed, images -> the epoch that the paper takes as converged, where a later one was scored too."""

# What these points have to be, to three digits, whatever they were read from.
_KNOWN = {
    ("CORnet-S_full", 0, IMAGENET, 43.0): (0.224, 0.234, 0.579, 0.538, 0.549),
    ("CORnet-S_full", 0, IMAGENET, 0.0): (0.169, 0.108, 0.414, 0.194, 0.033),
    ("CORnet-S_full", 0, 100_000, 20.0): (0.217, 0.185, 0.568, 0.443, 0.267),
    ("CORnet-S_cluster2_v2_IT_trconv3_bi", 0, IMAGENET, 0.0): (0.209, 0.202, 0.449, 0.185, 0.099),
    ("CORnet-S_cluster2_v2_IT_trconv3_bi", 0, IMAGENET, 38.0): (0.209, 0.236, 0.535, 0.434, 0.356),
}
_ENDINGS = (
    ("epoch", re.compile(r"_epoch_(\d+(?:\.\d+)?)$")),
    ("images", re.compile(r"_img(\d+)$")),
    ("seed", re.compile(r"_seed(\d+)$")),
)

Key = tuple[str, int, int, float]
"""Model, seed, images, epoch."""


def condensed(folder: Path) -> list[PublishedPoint]:
    """Read the points from a table with a row for each."""
    table = read_table(folder / "published_scores.csv")
    columns = (table.columns[name] for name in ("published_id", "seed", "images", "epoch", "top1"))
    points = [
        _point((model, int(seed), int(images), float(epoch)), scores_of(table, row), number(top1))
        for row, (model, seed, images, epoch, top1) in enumerate(zip(*columns, strict=True))
    ]
    return _checked(points, folder)


def original(folder: Path) -> list[PublishedPoint]:
    """Read the points from the paper's own database; what is not in `MODELS` is left out, and counted.

    Raises:
        InputError: if it is no such database.
    """
    path = folder / "scores.sqlite"
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            rows = connection.execute("SELECT modification, benchmark, score FROM raw_scores").fetchall()
    except sqlite3.Error as error:
        raise InputError(f"{path} cannot be read as the paper's database of scores: {error}.") from error
    found: dict[Key, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    others = set()
    for name, benchmark, score in rows:
        if (key := _key(str(name))) is None:
            others.add(name)
        elif score is not None:
            found[key][benchmark].append(float(score))
    if others:
        log.info(
            "%s: %d scored networks are none of the paper's figures and are left out.", PAPER, len(others)
        )
    return _checked([_averaged(key, scores) for key, scores in sorted(found.items())], folder)


def _key(name: str) -> Key | None:
    """Return what a name of the database stands for; None if it is of no model that is known."""
    said: dict[str, str] = {}
    while name not in MODELS:
        for what, ending in _ENDINGS:
            if what not in said and (match := ending.search(name)):
                said[what], name = match[1], name[: match.start()]
                break
        else:
            return None
    return name, int(said.get("seed", 0)), int(said.get("images", IMAGENET)), float(said.get("epoch", 0))


def _averaged(key: Key, scores: Mapping[str, Iterable[float]]) -> PublishedPoint:
    means = {name: fmean(of) for name, of in scores.items()}
    match = {area: means[BENCHMARKS[area]] for area in AREAS if BENCHMARKS[area] in means}
    return _point(key, match, means.get(TOP1))


def _point(key: Key, match: Mapping[str, float], top1: float | None) -> PublishedPoint:
    model, seed, images, epoch = key
    if model not in MODELS:
        raise InputError(f"{model!r} is no model of the paper's scores that is known.")
    architecture, birth, plasticity, variant = MODELS[model]
    trained = TRAINED.get(architecture, {}).get(plasticity or "")
    updates = round(images * epoch) if plasticity else 0
    return PublishedPoint(
        PAPER,
        model,
        architecture,
        birth,
        plasticity,
        variant,
        seed,
        images,
        epoch,
        updates,
        trained,
        match,
        top1,
    )


def _checked(points: list[PublishedPoint], folder: Path) -> list[PublishedPoint]:
    """Return points, if those that were printed are among them as they were printed."""
    found = {(p.model, p.seed, p.images, p.epoch): p for p in points}
    for key, expected in _KNOWN.items():
        values = [found[key].match.get(area, float("nan")) for area in AREAS] if key in found else []
        if not values or any(not abs(v - e) < 0.0006 for v, e in zip(values, expected, strict=True)):
            raise InputError(
                f"The scores in {folder} were read, but {key[0]} at epoch {key[3]:g} is "
                f"{values or 'missing'} there, and {expected} in the paper: they are not used. "
                "Fetch them again, or report this."
            )
    return points
