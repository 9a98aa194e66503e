"""SIGTERM, by which schedulers take machines back, as an exception: what is open is closed in good order."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from wiringup.core.errors import PreemptedError


def stop(number: int, frame: FrameType | None) -> None:
    """Raise `PreemptedError`; a handler of signals."""
    raise PreemptedError("Stopped by SIGTERM. Run the same command again to continue.")


def unclaimed() -> bool:
    """Return whether SIGTERM may be handled here: in the main thread, of a program that does not itself."""
    in_charge = threading.current_thread() is threading.main_thread()
    return in_charge and signal.getsignal(signal.SIGTERM) in (signal.SIG_DFL, stop)


@contextmanager
def preemptible() -> Iterator[None]:
    """End the block by `PreemptedError` when SIGTERM comes; a training in it first ends its step."""
    if not unclaimed():
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
