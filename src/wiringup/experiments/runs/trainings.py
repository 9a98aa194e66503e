"""Trainings that are in the store: a run that differs in its exam alone is scored, not trained again."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from torch import nn

from wiringup.core.errors import WiringupError
from wiringup.core.sealed import read_sealed
from wiringup.core.spec import from_dict
from wiringup.experiments.runs.spec import ExamSpec, RunSpec, throughout
from wiringup.models.architecture import architecture_of, build
from wiringup.models.weights import load_weights, read_weights
from wiringup.results.record import Point, Record
from wiringup.results.store import RECORD, Store
from wiringup.training.batches import Plan
from wiringup.training.observers import moment_file
from wiringup.training.plasticity import resolve
from wiringup.training.updates import Updates

SPEC = "spec.json"
WEIGHTS = "weights.safetensors"


class Trainings:
    """The trainings of a folder, looked for once, when they are first asked for.

    Args:
        store: where runs lie; what cannot be read there is passed over.
    """

    def __init__(self, store: Store) -> None:
        self.store = store

    def alike(self, spec: RunSpec) -> Record | None:
        """Return a finished run of the same training that was scored on something else, or None.

        Its trained network is there, and so are the weights of all moments at which ``spec`` asks for scores.

        Args:
            spec: pinned.
        """
        if not spec.learns:
            return None
        wanted = _training(spec)
        for uid in self._runs.get(wanted, []):
            record = self._whole(uid, wanted) if uid != spec.uid else None
            if record and all(_weights(record, point, self.store).is_file() for point in record.points[1:]):
                return record
        return None

    def work(self, spec: RunSpec) -> dict[str, float]:
        """Return what a run has to do, as kinds of `core.progress`: images to train on, and scorings.

        What was trained for another run is only scored.

        Args:
            spec: pinned.
        """
        scorings = {"score": float(len(spec.moments) + 2)}
        if self.alike(spec):
            return scorings
        seen = spec.training.duration.in_images(spec.images.number or 0, spec.training.batch)
        frames = spec.before.frames if spec.before else 0
        return {f"train:{spec.training.plasticity}": seen, "train:label-free": frames} | scorings

    def _whole(self, uid: str, wanted: str) -> Record | None:
        """Return the record of a run if it is of this run and training: files may have changed places."""
        try:
            record = self.store.record(uid)
            mine = record.uid == uid and _training(from_dict(RunSpec, record.spec)) == wanted
        except WiringupError:
            return None
        return record if mine else None

    @cached_property
    def _runs(self) -> dict[str, list[str]]:
        """Address of a training -> finished runs that made it."""
        found: dict[str, list[str]] = {}
        for path in sorted(Path(self.store.root).glob(f"*/{SPEC}")):
            if path.with_name(RECORD).is_file() and path.with_name(WEIGHTS).is_file():
                with suppress(OSError):  # another process may have moved it
                    training = _training_in(path, path.stat().st_mtime_ns)
                    found.setdefault(training, []).append(path.parent.name)
        found.pop("", None)
        return found


def networks(
    spec: RunSpec, record: Record, born: nn.Module, store: Store
) -> Iterator[tuple[Point, nn.Module]]:
    """Return each scored moment of a run with the network as it was then, in evaluation mode.

    Args:
        spec: of the run.
        record: of a run of the same training.
        born: the network before its training; changed in place, if that begins with another one.
        store: where the run lies.

    Raises:
        InputError: if weights are damaged.
    """
    yield record.points[0], _begun(born, spec)
    for point in record.points[1:]:
        yield point, restored_from(_weights(record, point, store), spec)


def _begun(born: nn.Module, spec: RunSpec) -> nn.Module:
    """Return a newborn network as it is observed at the first moment: masks act from there on."""
    how, number = spec.training, spec.images.number or 0
    plasticity = resolve(born, architecture_of(spec.model), how.plasticity, how.seed)
    Updates(born, plasticity, Plan.of(number, how), how.seed, how.norms)
    return born.eval()


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


@lru_cache(maxsize=100_000)
def _training_in(path: Path, _changed: int) -> str:
    """Return the training that a file specifies; "" if it cannot be read."""
    try:
        values: Any = read_sealed(path, "")
        return _training(from_dict(RunSpec, values))
    except WiringupError:
        return ""
