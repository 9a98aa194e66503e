"""Labels of runs of several studies: where one label covers several conditions, it says which."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from wiringup.core.checks import several
from wiringup.core.spec import content_hash
from wiringup.results.record import Record

Path = tuple[str, ...]
Condition = Mapping[Path, Any]
"""Where a specification says something -> what, but for what tells no condition from another."""

NEUTRAL = frozenset((
    "source", "val", "name", "label", "device", "workers", "compile", "keep_weights",
))  # fmt: skip
"""The ``core.spec.neutral()`` fields of a run's specification, which change no address."""

DISTILLED = "distilled"
SHORT: Mapping[str, str] = {"kaiming_normal": "KN", "weight_compression": "WC"}
"""How births are called in names of lines, and in figures."""

NO_CONDITION = NEUTRAL | {"seed", "calibration_sha256", "held_out"}  # the latter follow from the images
LONG = 40


def told_apart(records: Iterable[Record]) -> list[Record]:
    """Return records whose labels name in what runs of one label differ, apart from seeds.

    As in "kaiming_normal + critical, lr 0.01". Other images are told by their hash; by their source, where
    they were chosen by several seeds.
    """
    found: dict[str, list[Record]] = {}
    for record in (each := list(records)):
        found.setdefault(record.label, []).append(record)
    labels = {}
    for same in found.values():
        chosen = len({_images(record, "seed") for record in same}) > 1
        told = "source" if chosen else "sha256"
        conditions = [
            dict(_leaves(r.spec)) | {("images",): _images(r, told), ("val",): _validation(r)} for r in same
        ]
        for record, condition in zip(same, conditions, strict=True):
            labels[record.uid] = ", ".join([record.label, *_differences(condition, conditions)])
    return [replace(record, label=labels[record.uid]) for record in each]


def condition(record: Record) -> str:
    """Return a short hash of all that a run's specification says, but for its seeds.

    Images are told by their hash; those that another seed than 0 chose by their source and number, because
    every seed chooses others.
    """
    source = str(_images(record, "source") or "").replace("\\", "/").rsplit("/", 1)[-1]
    images = source if _images(record, "seed") else _images(record, "sha256")
    said = sorted((".".join(path), value) for path, value in _leaves(record.spec))
    return _digest([said, images, _validation(record), record.norms])[:8]


def training(record: Record) -> str:
    """Return a short hash of all that a run's specification says, its seeds too, but for its length.

    Runs that have the same are one training, ended earlier or later, each with the schedule of its length.
    """
    said = sorted((".".join(path), value) for path, value in _all_leaves(record.spec))
    return _digest([said, record.norms])[:12]


def _digest(value: Any) -> str:
    """Return the SHA-256 (hex) of what was read from JSON: as `content_hash`, and several times faster."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _all_leaves(value: Any, path: Path = ()) -> Iterable[tuple[Path, Any]]:
    if isinstance(value, Mapping):
        for name, of in value.items():
            if name not in NEUTRAL and (*path, name) != ("training", "duration"):
                yield from _all_leaves(of, (*path, name))
    else:
        yield path, value


def _differences(mine: Condition, conditions: Sequence[Condition]) -> list[str]:
    paths = dict.fromkeys(path for condition in conditions for path in condition)
    differ = (
        p for p in paths if any(c.get(p) != mine.get(p) for c in conditions) and mine.get(p) is not None
    )
    return list(dict.fromkeys(f"{p[-1] if len(p) < 3 else ' '.join(p)} {_text(mine[p])}" for p in differ))


def _images(record: Record, name: str) -> Any:
    images = record.spec.get("images")
    return images.get(name) if isinstance(images, Mapping) else None


def _validation(record: Record) -> Any:
    """Return the hash of a validation set; None where images were held out."""
    exam = record.spec.get("exam")
    return exam.get("held_out") if _images(record, "val") and isinstance(exam, Mapping) else None


def _leaves(value: Any, path: Path = ()) -> Iterable[tuple[Path, Any]]:
    """Yield (path, value) of what decides a condition; a duration and a list of benchmarks are one value."""
    if isinstance(value, Mapping) and "unit" not in value and path[-1:] != ("benchmarks",):
        for name, of in value.items():
            if name not in NO_CONDITION and (*path, name)[-2:] != ("images", "sha256"):
                yield from _leaves(of, (*path, name))
    elif not str(value).startswith("run:"):  # distilled with every seed from another run, which is told too
        yield path, value


def _text(value: Any) -> str:
    """Return a value in few words, or the beginning of a hash."""
    if isinstance(value, Mapping):
        return several(value["value"], value["unit"]) if "unit" in value else content_hash(value)[:8]
    text = f"{value:.12g}" if isinstance(value, float) else str(value)
    if isinstance(value, list | tuple):
        text = " ".join(map(_text, value)) or "none"
    if len(text) == 64 and isinstance(value, str):  # a hash already
        return text[:8]
    return text if len(text) <= LONG else content_hash(value)[:8]


def born(row: Mapping[str, Any], usual: Mapping[str, Any]) -> str:
    """Return what a newborn of a row is called, whatever is to learn: as in "WC (distilled)".

    Args:
        row: of a run; "" if it does not say its birth.
        usual: of the reference: another network than its is named.
    """
    if not (birth := row.get("birth")):
        return ""
    other = [str(row.get(name)) for name in ("architecture",) if row.get(name) != usual.get(name)]
    other += [f"width {row['width']:g}"] if row.get("width") != usual.get("width") else []
    distilled = " (distilled)" if genome_kind(row) == DISTILLED else ""
    norms = [f"BatchNorm {row['batchnorm']}"] if _other("batchnorm", row, usual) else []
    phase = f" after {row['before']}" if row.get("before") else ""
    mask = ["masked"] if masked(row) else []
    return ", ".join([*other, SHORT.get(birth, str(birth)) + distilled + phase, *norms, *mask])


def masked(row: Mapping[str, Any]) -> bool:
    """Return whether masks are learned: then the newborn is masked already, before anything is learned."""
    return "mask:" in str(row.get("plasticity") or "")


def _other(name: str, row: Mapping[str, Any], usual: Mapping[str, Any]) -> bool:
    return None not in (row.get(name), usual.get(name)) and row[name] != usual[name]


def genome_kind(row: Mapping[str, Any]) -> str:
    """Return "" for a birth without a genome, "distilled" if it was from a run of the study, or "given"."""
    genome = str(row.get("genome") or "")
    return genome and (DISTILLED if genome.startswith("run:") else "given")
