"""Zip archives from outside: opened, and their members read, within bounds."""

import contextlib
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from wiringup.core.errors import InputError, UnreadableError, WiringupError
from wiringup.core.files import regular

COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Those that are read: of the others Python unpacks as much at a time as there is."""

_ENCRYPTED = 0x1


@contextlib.contextmanager
def open_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """Yield a zip, of which nothing is ever unpacked to disk.

    Raises:
        MissingDataError: if there is no such file.
        InputError: if it is no readable zip, or holds two files of one name.
    """
    with contextlib.ExitStack() as stack:
        try:
            archive = stack.enter_context(zipfile.ZipFile(regular(path, "zip")))
        except WiringupError:
            raise
        except Exception as error:  # of a damaged directory zipfile raises nearly every kind there is
            raise InputError(f"{path} is not a readable zip ({error}); is the copy complete?") from error
        twice = [name for name, n in Counter(archive.namelist()).items() if n > 1]
        if twice:
            raise InputError(
                f"{path}: {len(twice)} files are in it twice, such as {twice[0]!r}; zip it again."
            )
        yield archive


def read_member(archive: zipfile.ZipFile, name: str, most: int, what: str) -> bytes:
    """Return the bytes of a member; no more than it announces are ever unpacked.

    Args:
        archive: a zip from `open_zip`.
        name: of the member.
        most: bytes that it may have, see `core.limits`.
        what: what it is, for the message.

    Raises:
        InputError: if it is larger, encrypted, damaged, or compressed in another way than usual.
        UnreadableError: if the system does not let it be read.
    """
    where = f"{name!r} in {archive.filename}"
    about = archive.getinfo(name)
    if about.flag_bits & _ENCRYPTED:
        raise InputError(f"{where} is encrypted; unpack the zip, and give the folder.")
    if about.compress_type not in COMPRESSIONS:
        raise InputError(f"{where} is compressed in an unusual way; unpack the zip, and give the folder.")
    if about.file_size > most:
        raise InputError(f"{where} has {about.file_size:,} bytes; a {what} may have {most:,}.")
    try:
        with archive.open(about) as stream:
            # in pieces: asked for everything, zipfile unpacks what is there, whatever the directory says
            content = stream.read(about.file_size)
    except OSError as error:
        raise UnreadableError(f"{where} cannot be read ({error}).") from error
    except Exception as error:  # of damaged bytes zipfile raises nearly every kind there is
        raise InputError(f"{where} cannot be read ({error}).") from error
    if len(content) != about.file_size:
        raise InputError(
            f"{where} cannot be read (it ends after {len(content):,} of {about.file_size:,} bytes)."
        )
    return content
