"""Published scores as rows of the table of results, marked as such: never mixed with own ones unseen."""

import logging
from pathlib import Path
from typing import Any

from wiringup.core.errors import MissingDataError
from wiringup.core.score import DEFAULT_NORMALISATION, Score
from wiringup.data.sources import paper_scores, scaling_scores
from wiringup.data.sources.published_point import AREAS, PAPER, SCALING, PublishedPoint
from wiringup.data.sources.scores import published_points
from wiringup.results.record import score_to_dict
from wiringup.results.table import COLUMNS

PUBLISHED = "published"
STUDIES = (PAPER, SCALING)
"""The studies whose scores can be fetched."""

log = logging.getLogger(__name__)

_CITED = {PAPER: "Geiger et al. 2022", SCALING: "Gokce & Schrimpf 2025"}
_BENCHMARKS = {PAPER: paper_scores.BENCHMARKS, SCALING: scaling_scores.BENCHMARKS}
_CHANCE = 0.001  # of 1,000 classes
_NOTE = "as published: ceiled; the raw score, its error and the ceiling were not published"


def published_rows(study: str = PAPER, home: Path | None = None) -> list[dict[str, Any]]:
    """Return the published points of a study as rows, with the columns of `results.table.rows`.

    "source" is "published", "suite" the study, and "epochs" those until it converged; a label ends in the
    citation, so that no own run has the same. "trained" is counted as this package counts; what was not
    published is None. Points at epoch 0 of networks that classify are left out: they were trained.

    Args:
        study: one of `STUDIES`.
        home: the data folder; by default `core.home.data_home`.

    Raises:
        InputError: if there is no such study, or its files are damaged.
        MissingDataError: if they are not there, with the command that brings them.
    """
    every = published_points(study, home)
    points = [point for point in every if not _trained_already(point)]
    if len(points) < len(every):
        told = "%s: left out are %d points at epoch 0 that classify above chance: they are no births."
        log.info(told, study, len(every) - len(points))
    ends: dict[str, float] = {}
    for point in points:
        converged = paper_scores.CONVERGED.get((point.model, point.seed, point.images))
        ends[_run(point)] = converged or max(point.epoch, ends.get(_run(point), 0.0))
    return [row for point in points for row in _rows(point, ends[_run(point)])]


def published_here(home: Path | None = None, *, needed: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """Return the rows of all studies that are here, see `published_rows`; what is not is told.

    Args:
        home: the data folder.
        needed: studies that have to be.

    Raises:
        MissingDataError: if one of these is not.
    """
    found = []
    for study in STUDIES:
        try:
            found += published_rows(study, home)
        except MissingDataError as error:
            if study in needed:
                raise
            log.info("%s", error)
    return found


def _trained_already(point: PublishedPoint) -> bool:
    return point.epoch == 0 and (point.top1 or 0.0) > 5 * _CHANCE


def _run(point: PublishedPoint) -> str:
    parts = (point.study, point.model, str(point.seed), str(point.images), point.variant)
    return ":".join(filter(None, parts))


def _rows(point: PublishedPoint, epochs: float) -> list[dict[str, Any]]:
    spent = None if point.trained is None else point.updates * point.trained
    said = {
        "source": PUBLISHED,
        "run": _run(point),
        "label": label(point),
        "seed": point.seed,
        "trained": point.trained,
        "n_images": point.images,
        "epochs": epochs,
        "birth": point.birth,
        "architecture": point.architecture,
        "plasticity": point.plasticity,
        **_settings(point),
        "suite": point.study,
        "epoch": point.epoch,
        "updates": point.updates,
        "synaptic_updates": spent if point.updates else 0,
        "images": min(point.images, point.updates),
        "top1": point.top1,
        "top1_protocol": "" if point.top1 is None else "validation images of ImageNet",
        "brain_match": point.mean,
    }
    row = dict.fromkeys(COLUMNS) | said
    return [row | _score(point, area) for area in AREAS if area in point.match] or [row]


def _settings(point: PublishedPoint) -> dict[str, Any]:
    """Return how a CORnet-S of the paper was trained; of the other networks it is not said."""
    if point.study != PAPER or point.architecture != "cornet_s":
        return {}
    usual = {"width": 1.0, "size": 224, "optimiser": "sgd", "lr": 0.1, "weight_decay": 1e-4, "batch": 256}
    return {**usual, **paper_scores.SETTINGS[point.variant]}


def label(point: PublishedPoint) -> str:
    """Return the label of a published point's condition."""
    if point.study == SCALING:
        told = [point.model, point.variant]
    else:
        born = f"{point.birth} + {point.plasticity}" if point.birth else ""
        network = "" if point.architecture == "cornet_s" else point.architecture
        few = "" if point.images == paper_scores.IMAGENET else f"{point.images:,} images"
        told = [network, born, point.variant, few]
    return f"{', '.join(filter(None, told))} ({_CITED[point.study]})"


def _score(point: PublishedPoint, area: str) -> dict[str, Any]:
    benchmark = _BENCHMARKS[point.study][area]
    score = Score(
        benchmark=benchmark,
        area=area,
        metric=benchmark.rpartition("-")[2],
        layer="",
        raw=float("nan"),
        ceiling=None,
        score=point.match[area],
        normalisation=DEFAULT_NORMALISATION,
        error=float("nan"),
        n_stimuli=0,
        n_units=0,
        note=_NOTE,
    )
    return score_to_dict(score, units=False) | {"n_stimuli": None, "n_units": None}
