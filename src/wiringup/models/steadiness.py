"""Whether what a network answers to an image is decided by the image alone."""

import contextlib
from collections.abc import Collection, Iterator, Mapping

import torch
from torch import Tensor, nn

from wiringup.models.forward import Readout, forward

IMAGES = 3
TOLERANCE = 1e-3  # of the longest response; another size of the batch changes rounding, by about 1e-6
SEED = 0


@contextlib.contextmanager
def drawn(device: torch.device) -> Iterator[None]:
    """Let a network that draws numbers draw the same ones in every such block, and restore the generators."""
    cards = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=cards):
        torch.default_generator.manual_seed(SEED)
        for card in cards:
            with torch.cuda.device(card):
                torch.cuda.manual_seed(SEED)
        yield


def reservation(module: nn.Module, x: Tensor, wanted: Collection[Readout]) -> str:
    """Return in words why responses are not decided by the image alone; "" if they are.

    Args:
        module: the network, in evaluation mode.
        x: a few images, as it sees them.
        wanted: what is read out.
    """
    whole = _answers(module, x, wanted)
    if _differ(whole, _answers(module, x, wanted)):
        return (
            "asked twice, the network answers otherwise (by noise or dropout): drawn here with a fixed seed, "
            "one draw of many"
        )
    if _differ(whole, _answers(module, x[:1], wanted)):
        return (
            "what the network answers to an image depends on the others in its batch, and so the score on "
            "--batch"
        )
    return ""


def _answers(module: nn.Module, x: Tensor, wanted: Collection[Readout]) -> dict[Readout, Tensor]:
    found: dict[Readout, Tensor] = {}
    forward(module, x, wanted, lambda readout, value: found.update({readout: value.clone()}))
    return {readout: value.reshape(len(value), -1).float() for readout, value in found.items()}


def _differ(many: Mapping[Readout, Tensor], some: Mapping[Readout, Tensor]) -> bool:
    """Return whether the responses to the first images differ by more than rounding."""
    return any(
        bool((many[r][: len(values)] - values).norm(dim=1).max() > TOLERANCE * many[r].norm(dim=1).max())
        for r, values in some.items()
    )
