"""CIFAR-10 and CIFAR-100 in their binary version (Krizhevsky 2009): a label or two and 3,072 pixels a record.

A record of CIFAR-10 is <label><pixels>, one of CIFAR-100 <coarse label><fine label><pixels>; the pixels are
three planes (red, green, blue) of 32 x 32. The fine label is the class.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wiringup.core.errors import InputError
from wiringup.core.files import read_bounded, regular
from wiringup.core.limits import LABEL_BYTES
from wiringup.core.stimuli import LabelledImages, Stimuli
from wiringup.data.formats.arrays import check_room

SIDE = 32
_PLANES = 3 * SIDE * SIDE


@dataclass(frozen=True)
class _Version:
    name: str
    training: tuple[str, ...]
    test: str
    names: str
    labels: int  # bytes in front of the pixels; the last of them is the class
    classes: int


_VERSIONS = (
    _Version("CIFAR-10", tuple(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin",
             "batches.meta.txt", 1, 10),
    _Version("CIFAR-100", ("train.bin",), "test.bin", "fine_label_names.txt", 2, 100),
)  # fmt: skip

FILES = "data_batch_1.bin ... data_batch_5.bin (CIFAR-10) or train.bin (CIFAR-100)"


def is_cifar(path: Path) -> bool:
    """Return whether ``path`` is a binary file of CIFAR, or a folder of its training files."""
    if path.is_dir():
        return any((path / v.training[0]).is_file() for v in _VERSIONS)
    return path.suffix.lower() == ".bin"


def read_cifar(path: Path) -> LabelledImages:
    """Read the training files in a folder, or one file (for the test images).

    Images are called by file and record; classes by their numbers where the file of names is not there.

    Raises:
        InputError: if a file is missing, cut short, has another name than it was published under, or labels
            that there are not.
    """
    version, files = _files(path)
    records = [_records(file, version) for file in files]
    labels = np.concatenate([r[:, version.labels - 1] for r in records]).astype(np.int64)
    if len(labels) and labels.max() >= version.classes:
        raise InputError(
            f"{path} has the label {labels.max()}, but {version.name} has {version.classes} classes."
        )
    planes = np.concatenate([r[:, version.labels :] for r in records]).reshape(-1, 3, SIDE, SIDE)
    ids = tuple(f"{file.stem}/{i:05d}" for file, r in zip(files, records, strict=True) for i in range(len(r)))
    classes = _class_names(files[0].parent / version.names, version)
    return LabelledImages(Stimuli(planes.transpose(0, 2, 3, 1), ids), labels, classes)


def _files(path: Path) -> tuple[_Version, list[Path]]:
    if path.is_dir():
        version = next(v for v in _VERSIONS if (path / v.training[0]).is_file())
        return version, [path / name for name in version.training]
    for version in _VERSIONS:
        if path.name in (*version.training, version.test):
            return version, [path]
    raise InputError(f"{path} has no name of a binary file of CIFAR: {FILES}, test_batch.bin or test.bin.")


def _records(file: Path, version: _Version) -> NDArray[np.uint8]:
    if not file.exists():
        raise InputError(
            f"{version.name} lacks {file}; its training files are {', '.join(version.training)}."
        )
    check_room(str(file), regular(file).stat().st_size)
    content = np.fromfile(file, np.uint8)
    if not len(content) or len(content) % (_PLANES + version.labels):
        raise InputError(
            f"{file} has {len(content):,} bytes, which are no whole records of {version.name} "
            f"({_PLANES + version.labels:,} bytes each); is the copy complete?"
        )
    return content.reshape(-1, _PLANES + version.labels)


def _class_names(file: Path, version: _Version) -> tuple[str, ...]:
    if not file.exists():
        return tuple(map(str, range(version.classes)))
    try:
        names = tuple(read_bounded(file, LABEL_BYTES, "list of classes").decode().split())
    except UnicodeDecodeError as error:
        raise InputError(f"{file} is no text in UTF-8 ({error}).") from error
    if len(set(names)) != version.classes or len(names) != version.classes:
        raise InputError(
            f"{file} has to name the {version.classes} classes of {version.name}, a different one in each "
            f"line; it has {len(names)} names, {len(set(names))} of them different."
        )
    return names
