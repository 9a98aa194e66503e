"""Floating-point operations of one image, forward and backward, counted from the modules.

Counted are the multiplications and additions (two for each pair) of convolutions, linear layers and the
projections of attention, in the passes that are really made: a weight that does not learn costs no weight
gradient, and what lies below the lowest plastic layer costs no gradient at all. Norms, pooling,
nonlinearities and the optimiser are left out. Responses that are remembered instead of computed again count
as computed, so that a count does not depend on the machine, nor on where a run was interrupted.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from wiringup.core.errors import InputError
from wiringup.models.forward import hooked

Counted = nn.Conv2d | nn.Linear | nn.MultiheadAttention
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

    Raises:
        InputError: if what the model computes depends on values.
    """
    meta = on_meta(model)
    dtype = next(model.parameters()).dtype
    found: dict[str, Flops] = {}

    def count(name: str, layer: Counted, inputs: tuple[Any, ...], output: Any) -> None:
        if isinstance(layer, nn.MultiheadAttention):
            new = _attention_flops(layer, inputs, output[0])
        else:
            new = _flops(layer, inputs[0], output)
        found[name] = found.get(name, Flops()) + new

    counted = [name for name, layer in model.named_modules() if isinstance(layer, Counted)]
    detached = hooked(model, [reads] if reads else [], lambda name, module, inputs, output: output.detach())
    with hooked(model, counted, count), detached:
        try:
            functional_call(model, meta, (torch.empty(IMAGES, 3, size, size, dtype=dtype, device="meta"),))
        except (RuntimeError, NotImplementedError) as error:
            if "meta" not in str(error):
                raise
            raise InputError(
                f"The operations of {type(model).__name__} cannot be counted from shapes alone: it looks at "
                f"values of its images, or makes tensors on a device of its own ({error}). It can be scored, "
                "but not trained; write its forward pass without that."
            ) from error
    return found


def on_meta(module: nn.Module) -> dict[str, Tensor]:
    """Return the parameters and buffers of a module on PyTorch's meta device, for `functional_call`."""
    tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    return {name: _meta(tensor) for name, tensor in tensors.items()}


def _meta(tensor: Tensor) -> Tensor:
    if not (tensor.ndim or tensor.is_floating_point()):
        return torch.zeros_like(tensor, device="cpu")  # a counter, as of batches: its value may be read
    return torch.empty_like(tensor, device="meta").requires_grad_(tensor.requires_grad)


def _flops(module: nn.Conv2d | nn.Linear, inputs: Tensor, output: Tensor) -> Flops:
    """Forward; backward as much for the gradient of the weight, and again for that of the input."""
    weight: Tensor = module.weight  # on the meta device no nn.Parameter
    # not of the first row of an answer: windows or time may be folded into that axis
    return _product(output.numel() * weight[0].numel() // IMAGES, weight.requires_grad, inputs.requires_grad)


def _attention_flops(module: nn.MultiheadAttention, inputs: tuple[Any, ...], output: Tensor) -> Flops:
    """Of the four projections, which the module applies without calling a layer; attention has no weights."""
    query, key, value = (*inputs, *inputs[:1] * 2)[:3]
    weights = [module.in_proj_weight, module.q_proj_weight, module.k_proj_weight, module.v_proj_weight]
    learns = any(weight is not None and weight.requires_grad for weight in weights)
    needed = any(one.requires_grad for one in (query, key, value))
    seen = (query.numel() + key.numel() + value.numel()) * module.embed_dim // IMAGES
    out: Tensor = module.out_proj.weight
    answer = output.numel() * module.embed_dim // IMAGES
    return _product(seen, learns, needed) + _product(answer, out.requires_grad, learns or needed)


def _product(pairs: int, weight: bool, inputs: bool) -> Flops:
    return Flops(2 * pairs, 2 * pairs * (int(weight) + int(inputs)))
