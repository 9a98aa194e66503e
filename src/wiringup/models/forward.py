"""One forward pass that hands over what chosen modules answer at chosen time steps, and then stops."""

import contextlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from wiringup.core.errors import InputError

EVERY = "all"


@dataclass(frozen=True)
class Readout:
    """A module of a network by its dotted name, and the time step (its n-th call) at which it is read."""

    module: str
    step: int = 0

    @classmethod
    def parse(cls, text: str, areas: Mapping[str, str]) -> "Readout":
        """Read ``"V4"``, ``"V4@1"`` or ``"V4.conv3@2"``; an area's name stands for its read-out layer.

        That layer may itself have a time step, which holds unless the text names another.
        """
        name, at, step = text.partition("@")
        module, own_at, own = areas.get(name, name).partition("@")
        step = step if at else own
        if (at or own_at) and not step.isdigit():
            raise InputError(
                f"{text!r}: after '@' comes the time step, counted from 0 (as in 'V4@1'), or 'all'."
            )
        return cls(module, int(step or 0))

    def __str__(self) -> str:
        return f"{self.module}@{self.step}"


Sink = Callable[[Readout, Tensor], None]
"""Is given a response as the module returned it; it has to copy what it keeps, for the network may go on to
change it in place."""


@dataclass(frozen=True)
class Probe:
    """What one image tells about a network.

    Attributes:
        calls: how often each module in question was called.
        features: number of features of each read-out that answered.
        largest: bytes of the largest output of any module.
    """

    calls: Counter[str]
    features: dict[Readout, int]
    largest: int


class _Answered(Exception):
    """Everything has answered that is read out; the rest of the forward pass is not needed."""


@torch.inference_mode()
def forward(module: nn.Module, x: Tensor, wanted: Collection[Readout], sink: Sink) -> Counter[str]:
    """Run ``x`` (images, 3, size, size) through ``module`` until every read-out has answered.

    Args:
        module: the network, in the mode in which it is to answer.
        x: a batch of images.
        wanted: what is read out.
        sink: is given each response (images, ...) as soon as it is there.

    Returns:
        How often each module in question was called. A read-out whose step is not below that number was
        never answered.

    Raises:
        InputError: if a module does not return one response for each image.
    """
    calls: Counter[str] = Counter()
    pending = set(wanted)

    def heard(name: str, _module: nn.Module, _inputs: Any, output: Any) -> None:
        readout = Readout(name, calls[name])
        calls[name] += 1
        if readout in pending:
            sink(readout, _one_per_image(output, len(x), name))
            pending.remove(readout)
        if not pending:
            raise _Answered

    with hooked(module, {r.module for r in wanted}, heard), contextlib.suppress(_Answered):
        module(x)
    return calls


@torch.inference_mode()
def count_calls(module: nn.Module, x: Tensor, names: Iterable[str]) -> Counter[str]:
    """Return how often each of the named modules is called in a whole forward pass."""
    calls: Counter[str] = Counter()
    with hooked(module, names, lambda name, *_: calls.update([name])):
        module(x)
    return calls


def probe(module: nn.Module, x: Tensor, wanted: Collection[Readout]) -> Probe:
    """Run one image ``x`` (1, 3, size, size) and return what storing its responses will need."""
    sizes = [x.nbytes]
    features: dict[Readout, int] = {}

    def measure(_name: str, _module: nn.Module, _inputs: Any, output: Any) -> None:
        if isinstance(output, Tensor):
            sizes.append(output.nbytes)

    with hooked(module, [name for name, _ in module.named_modules()], measure):
        calls = forward(module, x, wanted, lambda readout, value: features.update({readout: value.numel()}))
    return Probe(calls, features, max(sizes))


@contextlib.contextmanager
def hooked(module: nn.Module, names: Iterable[str], heard: Callable[..., Tensor | None]) -> Iterator[None]:
    """Call ``heard(name, module, inputs, output)`` at every call of the named modules in the block."""
    hooks = [module.get_submodule(name).register_forward_hook(partial(heard, name)) for name in names]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _one_per_image(output: Any, images: int, name: str) -> Tensor:
    if isinstance(output, Tensor) and output.ndim > 0 and len(output) == images:
        return output
    found = tuple(output.shape) if isinstance(output, Tensor) else f"a {type(output).__name__}"
    raise InputError(
        f"{name or 'the network'} answers {images} images with {found}; a layer that is read out has to "
        "return one tensor whose first axis are the images. Name another layer."
    )
