"""Where a training diverged: the layer in which the first value stopped being finite."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from wiringup.models.forward import hooked


class NotFinite(ArithmeticError):
    """A loss, a gradient or a weight of a training is not finite; the message is a clause that says which."""


def bad_weight(model: nn.Module, others: Sequence[tuple[str, Tensor]] = ()) -> str | None:
    """Return the first parameter or statistic of a model, or of ``others``, that is not finite; or None."""
    named = [*model.named_parameters(), *model.named_buffers(), *others]
    if not named or _finite(torch.stack([value.detach().sum(dtype=torch.float64) for _, value in named])):
        return None  # looked at together, as every look at a card waits for it
    return next((name for name, value in named if not _finite(value)), None)


def bad_gradient(model: nn.Module) -> str | None:
    """Return the last parameter whose gradient is not finite; None if all are.

    Gradients flow from the last layer to the first, and so does what is not finite: it began at the last.
    """
    graded = [(name, p.grad) for name, p in model.named_parameters() if p.grad is not None]
    if not graded or _finite(torch.stack([grad.sum() for _, grad in graded])):
        return None
    return next((name for name, grad in reversed(graded) if not _finite(grad)), None)


@torch.no_grad()
def bad_layer(model: nn.Module, images: Tensor) -> str | None:
    """Return the first layer, in the order of the forward pass, whose answer is not finite; None if none."""
    found: list[str] = []

    def heard(name: str, _module: nn.Module, _inputs: Any, answer: Any) -> None:
        if isinstance(answer, Tensor) and not _finite(answer):
            found.append(name)

    layers = [name for name, module in model.named_modules() if not list(module.children())]
    with hooked(model, layers, heard):
        model(images)
    return found[0] if found else None


def explain(model: nn.Module, images: Tensor) -> str:
    """Say in a clause why the loss of these images is not finite."""
    if weight := bad_weight(model):
        return f"{weight} is not finite"
    layer = bad_layer(model, images)
    return (
        f"the answer of {layer} is the first that is not finite"
        if layer
        else "the answers of all layers are finite"
    )


def _finite(value: Tensor) -> bool:
    return bool(torch.isfinite(value).all())
