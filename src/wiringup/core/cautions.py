"""Cautions: what was assumed, repaired or left out. Logged as warnings; kept by those who store a result."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

_log = logging.getLogger("wiringup")
_open: list[list[str]] = []


def caution(message: str) -> None:
    """Log a warning; one that was given before within a block of `cautions` is not repeated."""
    known = any(message in gathered for gathered in _open)
    for gathered in _open:
        if message not in gathered:
            gathered.append(message)
    if not known:
        _log.warning("%s", message)


@contextmanager
def cautions() -> Iterator[list[str]]:
    """Yield a list that receives the cautions of the block, whatever logging shows of them."""
    gathered: list[str] = []
    _open.append(gathered)
    try:
        yield gathered
    finally:
        _open[:] = [one for one in _open if one is not gathered]
