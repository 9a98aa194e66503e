"""A network compiled by `torch.compile`, where that pays."""

import logging
import signal
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn

from wiringup.training.distributed import ProcessGroup
from wiringup.training.spec import TrainSpec

log = logging.getLogger(__name__)

PAYS_AFTER = 1500
"""Steps: compiling takes about 15 s, and a step then 10 ms less."""

Network = Callable[..., Any]

OPTIONS: dict[str, str | int | bool | Callable[..., Any]] = {
    "fallback_random": True
}  # dropout draws what it draws uncompiled
GRAPHED = OPTIONS | {"triton.cudagraphs": True}
"""Kernels are launched all at once: where images are small, launching takes longer than computing."""


def worth_compiling(spec: TrainSpec, steps: int, group: ProcessGroup) -> bool:
    """Return whether a training with so many steps to go is compiled."""
    if spec.compile == "auto":
        return torch.device(spec.device).type == "cuda" and group.size == 1 and steps >= PAYS_AFTER
    return spec.compile == "on"


class Compiled(nn.Module):
    """A network that is compiled when it is first called, for batches of ``images``.

    Batches of other sizes (the last of an epoch) are answered by the network as it is, and so are all if it
    cannot be compiled. The first batch is tried: forward and backward, with the same statistics of BatchNorm
    afterwards as before.
    """

    def __init__(self, network: nn.Module, images: int) -> None:
        super().__init__()
        self.network, self.images = network, images
        self._compiled: Network | None = None
        self._tried = False

    def forward(self, *inputs: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Return what the network answers."""
        if len(inputs[0]) == self.images and not self._tried:
            self._tried, self._compiled = True, self._try(inputs)
        fast = self._compiled if len(inputs[0]) == self.images else None
        answer: Tensor | tuple[Tensor, ...] = (self.network if fast is None else fast)(*inputs)
        if fast is not None and isinstance(answer, tuple):  # a graph writes its next answers over these
            return tuple(each.clone() for each in answer)
        return answer

    def _try(self, inputs: Sequence[Tensor]) -> Network | None:
        """Return the compiled network, or None if it cannot be compiled; the network is left as it was."""
        buffers = [(buffer, buffer.clone()) for buffer in self.network.buffers()]
        on_card = inputs[0].is_cuda
        options = GRAPHED if on_card else OPTIONS

        def attempt() -> Network:
            compiled: Network = torch.compile(self.network, dynamic=False, options=options)
            with torch.random.fork_rng([inputs[0].device] if on_card else []):
                for _ in range(2 if on_card else 1):  # a graph of kernels is recorded in the second call
                    self._forward_and_backward(compiled, inputs)
            return compiled

        log.info("Compiling the network, once for each training: up to a minute ...")
        try:
            return _compiled_if_possible(attempt, "The network is run as it is; it")
        finally:
            with torch.no_grad():
                for buffer, before in buffers:
                    buffer.copy_(before)

    def _forward_and_backward(self, compiled: Network, inputs: Sequence[Tensor]) -> None:
        answer = compiled(*inputs)
        if torch.is_grad_enabled():
            learning = [parameter for parameter in self.network.parameters() if parameter.requires_grad]
            torch.autograd.grad(answer.float().sum(), learning)


class Interrupted(BaseException):
    """SIGTERM came while a network was compiled; no compiler takes it for an error of its own."""


@contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """Let SIGTERM end the block too, if something in this process listens to it.

    Whoever sends it to a whole group of processes ends those that compile; waiting for them would never end.
    """
    listener = signal.getsignal(signal.SIGTERM)
    if threading.current_thread() is not threading.main_thread() or not callable(listener):
        yield
        return

    def hear(number: int, frame: FrameType | None) -> None:
        listener(number, frame)
        raise Interrupted

    signal.signal(signal.SIGTERM, hear)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, listener)


class CompiledFunction:
    """A function of images, compiled when it is first given ``images`` of them; others it gets as it is."""

    def __init__(self, function: Network, images: int) -> None:
        self._function, self._images = function, images
        self._compiled: Network | None = None
        self._tried = False

    @property
    def compiled(self) -> bool:
        """Whether it could be compiled."""
        return self._compiled is not None

    def __call__(self, first: Tensor, *more: Any) -> Any:
        """Return what the function does."""
        if len(first) != self._images:
            return self._function(first, *more)
        if not self._tried:
            self._tried, self._compiled = True, self._try(first, *more)
        return (self._function if self._compiled is None else self._compiled)(first, *more)

    def _try(self, *values: Any) -> Network | None:
        def attempt() -> Network:
            compiled: Network = torch.compile(self._function, dynamic=False)
            compiled(*values)
            return compiled

        return _compiled_if_possible(attempt, "Images are prepared as they are; that")


def _compiled_if_possible(attempt: Callable[[], Network], otherwise: str) -> Network | None:
    """Return what an attempt compiled; None where it could not: then what happens ``otherwise`` is told."""
    try:
        with ended_by_sigterm(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the compiler's advice none is for users
            return attempt()
    except Interrupted:
        log.info("%s was being compiled when SIGTERM came.", otherwise)
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # compilers fail in whatever way they happen to
        log.warning("%s could not be compiled (%s).", otherwise, _line(error))
    return None


def _line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__
