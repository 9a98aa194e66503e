"""SIGTERM, by which a scheduler takes a machine back: noticed, so that a step is ended and written down."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def noticing() -> Iterator[Callable[[], bool]]:
    """Notice SIGTERM while the block runs, instead of dying of it; yield what tells whether it came.

    Only the main thread hears signals, and a program that handles SIGTERM itself goes on doing so: there
    the answer is always no.
    """
    in_charge = threading.current_thread() is threading.main_thread()
    if not in_charge or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield lambda: False
        return
    came = threading.Event()

    def hear(number: int, frame: FrameType | None) -> None:
        came.set()

    signal.signal(signal.SIGTERM, hear)
    try:
        yield came.is_set
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
