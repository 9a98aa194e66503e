"""Single image files: where they lie (folder or zip), and their bytes."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any
from zipfile import ZipFile

from wiringup.core.cautions import caution
from wiringup.core.errors import InputError, MissingDataError, UnreadableError
from wiringup.core.files import read_bounded
from wiringup.core.limits import PICTURE_BYTES
from wiringup.data.formats.zips import open_zip, read_member
from wiringup.data.images.decoding import SUFFIXES
from wiringup.data.images.listing import images_below, is_image, marks_of
from wiringup.data.images.names import in_natural_order, passed_over


@dataclass(frozen=True)
class Pictures:
    """The image files of one folder or zip, unopened.

    Attributes:
        path: the folder or zip.
        names: their names below ``path``, with forward slashes, in natural order.
        content: returns the bytes of a name.
        marks: returns what changes when one of them does: sizes and checksums from the directory of a zip; of
            files see `listing.marks_of`.
    """

    path: Path
    names: list[str]
    content: Callable[[str], bytes]
    marks: Callable[[], list[Any]]

    def where(self, name: str) -> str:
        """Return how messages call the image ``name``."""
        return f"{name!r} in {self.path}" if self.path.is_file() else str(self.path / name)

    def file(self, name: str) -> tuple[bytes, str]:
        """Return the bytes of ``name`` and how messages call it."""
        return self.read(name), self.where(name)

    def read(self, name: str) -> bytes:
        """Return the bytes of ``name``.

        Raises:
            InputError: if they are not whole.
            UnreadableError: if the system does not let them be read.
        """
        try:
            return self.content(name)
        except MissingDataError as error:
            raise UnreadableError(f"{self.where(name)} cannot be read ({error})") from error


@contextlib.contextmanager
def open_pictures(path: Path, names: list[str] | None = None) -> Iterator[Pictures]:
    """Yield the image files below a folder or in a zip.

    Args:
        path: the folder or zip.
        names: those of a folder that are wanted, in natural order; by default all below it.

    Raises:
        InputError: if ``path`` is no readable zip or holds no image.
    """
    with contextlib.ExitStack() as stack:
        pictures = (
            _folder(path, names) if path.is_dir() else _zipped(path, stack.enter_context(open_zip(path)))
        )
        if not pictures.names:
            raise InputError(f"{path} holds no images (looked for {', '.join(SUFFIXES)}).")
        yield pictures


def _zipped(path: Path, archive: ZipFile) -> Pictures:
    files = [name for name in archive.namelist() if not name.endswith("/")]
    names = in_natural_order(filter(is_image, files))
    if told := passed_over(files, names, path):
        caution(told)
    about, one_at_a_time = [archive.getinfo(name) for name in names], Lock()

    def content(name: str) -> bytes:
        with one_at_a_time:  # images are read by several threads, and an archive counts its readers
            return read_member(archive, name, PICTURE_BYTES, "picture")

    return Pictures(
        path,
        names,
        content,
        lambda: [(one.file_size, one.CRC) for one in about],
    )


def _folder(path: Path, wanted: list[str] | None) -> Pictures:
    names = images_below(path) if wanted is None else wanted
    return Pictures(
        path,
        names,
        lambda name: read_bounded(path / name, PICTURE_BYTES, "picture"),
        lambda: marks_of(path, names),
    )
