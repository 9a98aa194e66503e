"""Floating-point operations of one image, forward and backward, counted from the modules.

Counted are the multiplications and additions (two for each pair) of convolutions and linear layers, in the
passes that are really made: a weight that does not learn costs no weight gradient, and what lies below the
lowest plastic layer costs no gradient at all. Norms, pooling, nonlinearities and the optimiser are left out.
Responses that are remembered instead of computed again count as computed, so that a count does not depend
on the machine, nor on where a run was interrupted.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from wiringup.models.forward import hooked

IMAGES = 2  # a BatchNorm that learns cannot normalise one value


@dataclass(frozen=True)
class Flops:
    """Operations for one image."""

    forward: int = 0
    backward: int = 0

    def __add__(self, other: "Flops") -> "Flops":
        return Flops(self.forward + other.forward, self.backward + other.backward)


def flops_by_layer(model: nn.Module, size: int, reads: str | None = None) -> dict[str, Flops]:
    """Return the operations for one image of ``size`` px in every convolution and linear layer.

    The model is called once on PyTorch's meta device, which computes shapes alone, in its present mode
    and with the gradients that its parameters ask for at present. It is left as it was.

    Args:
        model: the network.
        size: side of its input in px.
        reads: the module from whose answer a loss is taken: no gradient comes from behind it. None for the
            network's own answer.

    Returns:
        {layer: operations}, in the order of the first call; layers that are shared over time add up.
    """
    tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    meta = {name: _meta(tensor) for name, tensor in tensors.items()}
    dtype = next(model.parameters()).dtype
    detached = hooked(model, [reads] if reads else [], lambda name, module, inputs, output: output.detach())
    with _counting(model) as found, detached:
        functional_call(model, meta, (torch.empty(IMAGES, 3, size, size, dtype=dtype, device="meta"),))
    return found


def _meta(tensor: Tensor) -> Tensor:
    return torch.empty_like(tensor, device="meta").requires_grad_(tensor.requires_grad)


@contextmanager
def _counting(model: nn.Module) -> Iterator[dict[str, Flops]]:
    found: dict[str, Flops] = {}
    layers = {m: name for name, m in model.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)}

    def count(module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:
        assert isinstance(module, nn.Conv2d | nn.Linear)
        found[layers[module]] = found.get(layers[module], Flops()) + _flops(module, inputs[0], output)

    hooks = [module.register_forward_hook(count) for module in layers]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()


def _flops(module: nn.Conv2d | nn.Linear, inputs: Tensor, output: Tensor) -> Flops:
    """Forward; backward as much for the gradient of the weight, and again for that of the input."""
    weight: Tensor = module.weight  # on the meta device no nn.Parameter
    forward = 2 * output[0].numel() * weight[0].numel()
    return Flops(forward, forward * (int(weight.requires_grad) + int(inputs.requires_grad)))
