"""Trainings that are in the store: a run that differs in its exam alone is scored, not trained again."""

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from torch import nn

from wiringup.core.errors import WiringupError
from wiringup.core.sealed import read_sealed
from wiringup.core.spec import from_dict
from wiringup.experiments.spec import ExamSpec, RunSpec, throughout
from wiringup.models.architecture import build
from wiringup.models.weights import load_weights, read_weights
from wiringup.results.record import Point, Record
from wiringup.results.store import RECORD, Store
from wiringup.training.observers import moment_file

SPEC = "spec.json"
WEIGHTS = "weights.safetensors"


def trained_alike(spec: RunSpec, store: Store) -> Record | None:
    """Return a finished run of the same training that was scored on something else; None if there is none.

    Its trained network is there, and so are the weights of all moments at which ``spec`` asks for scores.

    Args:
        spec: pinned.
        store: where runs lie; what cannot be read there is passed over.
    """
    if not spec.learns:
        return None
    wanted = _training(spec)
    for uid in sorted(_trainings(store).get(wanted, [])):
        if uid == spec.uid:
            continue
        try:
            record = store.record(uid)
        except WiringupError:
            continue
        if all(_weights(record, point, store).is_file() for point in record.points[1:]):
            return record
    return None


def networks(
    spec: RunSpec, record: Record, born: nn.Module, store: Store
) -> Iterator[tuple[Point, nn.Module]]:
    """Return each scored moment of a run with the network as it was then, in evaluation mode.

    Args:
        spec: of the run.
        record: of a run of the same training.
        born: the network at birth.
        store: where the run lies.

    Raises:
        InputError: if weights are damaged.
    """
    yield record.points[0], born.eval()
    for point in record.points[1:]:
        yield point, restored_from(_weights(record, point, store), spec)


def restored_from(path: Path, spec: RunSpec) -> nn.Module:
    """Return the network of a run with the weights of a file, in evaluation mode."""
    model = build(spec.model)
    load_weights(model, read_weights(path, model.state_dict()).state, str(path))
    return model.eval()


def _weights(record: Record, point: Point, store: Store) -> Path:
    last = point is record.points[-1]
    return store.folder(record.uid) / (WEIGHTS if last else moment_file(point.epoch))


def _training(spec: RunSpec) -> str:
    """Return the address of a training: of the run, whatever it is scored on."""
    return throughout(spec, lambda one: replace(one, exam=ExamSpec())).uid


def _trainings(store: Store) -> dict[str, list[str]]:
    """Return address of a training -> finished runs that made it."""
    found: dict[str, list[str]] = {}
    for path in Path(store.root).glob(f"*/{SPEC}"):
        if path.with_name(RECORD).is_file() and path.with_name(WEIGHTS).is_file():
            found.setdefault(_training_in(path, path.stat().st_mtime_ns), []).append(path.parent.name)
    return found


@lru_cache(maxsize=100_000)
def _training_in(path: Path, _changed: int) -> str:
    """Return the training that a file specifies; "" if it cannot be read."""
    try:
        values: Any = read_sealed(path, "")
        return _training(from_dict(RunSpec, values))
    except WiringupError:
        return ""
