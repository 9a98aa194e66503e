"""Download one file over HTTPS: continued where it stopped, retried, verified, whole or absent."""

import http.client
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO

from wiringup.core.errors import InputError
from wiringup.core.files import full_disk_explained, hash_of, locked
from wiringup.core.progress import task
from wiringup.data.sources.addresses import SourceFile

_CHUNK = 1 << 16
_PATIENCE_SECONDS = 30.0
_ATTEMPTS = 4
# Statuses that may pass on their own: too many requests, and the server's own troubles.
_PASSING = {408, 425, 429, 500, 502, 503, 504}


class Refused(ConnectionError):
    """The server answered, but does not give the file; another address may."""


def download(file: SourceFile, target: Path, pause_seconds: float = 1.0) -> None:
    """Download ``file`` to ``target`` from the first of its addresses that gives it.

    Bytes gather in ``target`` + ``.part``, which a later call continues; only a file with the right hash
    is moved to ``target``. One process at a time fetches it: two would write into one part.

    Args:
        file: addresses and hash.
        target: where the file is to lie; its folder exists.
        pause_seconds: pause before the first retry, doubled before each further one.

    Raises:
        InputError: if what arrived from every address has another hash; nothing of it is kept.
        ConnectionError: if the servers refuse, cannot be reached, or break off again and again.
        BusyError: if another process is fetching it.
    """
    busy = f"Another process is fetching {target}. When it is done, run the same command again."
    with locked(target.with_name(f".{target.name}.lock"), busy):
        _download(file, target, pause_seconds)


def _download(file: SourceFile, target: Path, pause_seconds: float) -> None:
    problems: list[Refused | InputError] = []
    for url in file.addresses:
        try:
            return _download_from(url, file, target, pause_seconds)
        except (Refused, InputError) as problem:
            problems.append(problem)
    message = " ".join(str(problem) for problem in problems)
    kind = InputError if all(isinstance(problem, InputError) for problem in problems) else ConnectionError
    raise kind(message) from problems[-1]


def _download_from(url: str, file: SourceFile, target: Path, pause_seconds: float) -> None:
    part = target.with_name(f"{target.name}.part")
    continued = part.exists()
    _gather(url, part, pause_seconds)
    found = hash_of(part, file.algorithm)
    # A part left from elsewhere can spoil the whole: then start once more from nothing.
    if continued and found != file.digest:
        part.unlink()
        _gather(url, part, pause_seconds)
        found = hash_of(part, file.algorithm)
    if found != file.digest:
        part.unlink()
        raise InputError(
            f"{url} is not the expected file: its {file.algorithm} is {found}, not {file.digest}. "
            "Nothing was kept; it may have changed at its source, or been altered on the way."
        )
    part.replace(target)


def _gather(url: str, part: Path, pause_seconds: float) -> None:
    for attempt in range(_ATTEMPTS):
        try:
            return _request(url, part)
        except (ConnectionError, TimeoutError, http.client.HTTPException, urllib.error.URLError) as error:
            _raise_if_final(url, error, attempt)
            time.sleep(pause_seconds * 2**attempt)
    return None


def _raise_if_final(url: str, error: Exception, attempt: int) -> None:
    kind = ConnectionError
    if isinstance(error, urllib.error.HTTPError):
        error.close()
        kind = Refused
        if error.code not in _PASSING:
            raise Refused(f"{url} cannot be downloaded: {error.code} {error.reason}.") from error
    if attempt == _ATTEMPTS - 1:
        reason = getattr(error, "reason", None) or error or type(error).__name__
        raise kind(f"No download from {url} after {_ATTEMPTS} attempts ({reason}).") from error


def _request(url: str, part: Path) -> None:
    done = part.stat().st_size if part.exists() else 0
    headers = {"User-Agent": "wiringup"} | ({"Range": f"bytes={done}-"} if done else {})
    request = urllib.request.Request(url, headers=headers)
    try:
        response = urllib.request.urlopen(request, timeout=_PATIENCE_SECONDS)
    except urllib.error.HTTPError as error:
        # 416: nothing lies beyond what is here; the hash will tell whether it is the whole.
        if error.code == 416 and done:
            error.close()
            return
        raise
    with response, full_disk_explained(part):
        resumed = response.status == 206
        with part.open("ab" if resumed else "wb") as stream:
            _copy(part.stem, response, stream, done if resumed else 0)


def _copy(name: str, response: http.client.HTTPResponse, stream: IO[bytes], done: int) -> None:
    length = response.headers.get("Content-Length")
    total = done + int(length) if length is not None else None
    with task("fetch", (total or 0) / 1e6, f"MB of {name}") as finished:
        while chunk := response.read(_CHUNK):
            stream.write(chunk)
            done += len(chunk)
            if total is not None:
                finished(done / 1e6)
    if total is not None and done < total:
        raise ConnectionError(f"the connection broke off after {done} of {total} bytes")
