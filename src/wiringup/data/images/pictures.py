"""Single image files: where they lie (folder or zip), and their bytes."""

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from wiringup.core.errors import InputError, MissingDataError, WiringupError
from wiringup.core.files import files_below, read_bounded, regular, sample_of
from wiringup.core.limits import PICTURE_BYTES
from wiringup.data.formats.zips import open_zip, read_member
from wiringup.data.images.decoding import SUFFIXES
from wiringup.data.images.names import is_hidden

MOST_SAMPLED = 20_000

Mark = tuple[int | str, ...]


@dataclass(frozen=True)
class Pictures:
    """The image files of one folder or zip, unopened.

    Attributes:
        path: the folder or zip.
        names: their names below ``path``, with forward slashes, in no particular order.
        content: returns the bytes of a name.
        mark: returns what changes when those bytes do: size and checksum from the directory of a zip; of a
            file, its size, the time of its last change and a sample of its bytes.
    """

    path: Path
    names: list[str]
    content: Callable[[str], bytes]
    mark: Callable[[str], Mark]

    def where(self, name: str) -> str:
        """Return how messages call the image ``name``."""
        return f"{name!r} in {self.path}" if self.path.is_file() else str(self.path / name)

    def file(self, name: str) -> tuple[bytes, str]:
        """Return the bytes of ``name`` and how messages call it."""
        return self.read(name), self.where(name)

    def read(self, name: str) -> bytes:
        """Return the bytes of ``name``; raise `InputError` if they cannot be read whole."""
        try:
            return self.content(name)
        except MissingDataError as error:
            raise InputError(f"{self.where(name)} cannot be read ({error})") from error


@contextlib.contextmanager
def open_pictures(path: Path) -> Iterator[Pictures]:
    """Yield the image files below a folder or in a zip.

    Raises:
        InputError: if ``path`` is no readable zip or holds no image.
    """
    with contextlib.ExitStack() as stack:
        if path.is_dir():
            pictures = _folder(path)
        else:
            archive = stack.enter_context(open_zip(path))
            pictures = Pictures(
                path,
                archive.namelist(),
                lambda name: read_member(archive, name, PICTURE_BYTES, "picture"),
                lambda name: (archive.getinfo(name).file_size, archive.getinfo(name).CRC),
            )
        names = [name for name in pictures.names if _is_image(name)]
        if not names:
            raise InputError(f"{path} holds no images (looked for {', '.join(SUFFIXES)}).")
        yield replace(pictures, names=names)


def _folder(path: Path) -> Pictures:
    names = [file.relative_to(path).as_posix() for file in files_below(path)]
    sampled = set(sorted(names)[:: -(-len(names) // MOST_SAMPLED) or 1])
    return Pictures(
        path,
        names,
        lambda name: read_bounded(path / name, PICTURE_BYTES, "picture"),
        lambda name: _mark(path / name, name in sampled),
    )


def _mark(file: Path, sampled: bool) -> Mark:
    """Return size, time and, where it is to be ``sampled``, sample of a file.

    Size and time alone are no mark: what was unpacked from a reproducible archive has equal times, and
    bitmaps have equal sizes. For 4,000 files the samples take 0.3 s where the system has them in memory, and
    some 1.7 s from disk (two cores, busy); of more than `MOST_SAMPLED` files, that many are sampled.
    """
    try:
        with regular(file).open("rb", buffering=0) as stream:
            about = os.fstat(stream.fileno())
            sample = sample_of(stream, 0, about.st_size) if sampled else ""
            return about.st_size, about.st_mtime_ns, sample
    except (OSError, WiringupError):
        return ("unreadable",)  # who reads the image is told; nothing is kept of it


def _is_image(name: str) -> bool:
    return not is_hidden(name) and name.lower().endswith(SUFFIXES)
