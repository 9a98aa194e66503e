"""A network taken apart for training: what stands still before the first plastic synapse, and the rest.

The network is traced (torch.fx) into its operations. Those with nothing plastic before them are the frozen
part: it needs no gradients, and its answer to an image never changes. A BatchNorm that stands still is
folded into the convolution before it, which saves two passes over its activations and two over their
gradients. The traced network shares parameters and statistics with the model.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn.functional import conv2d
from torch.nn.modules.batchnorm import _BatchNorm as BatchNorm
from torch.nn.modules.dropout import _DropoutNd as Dropout

_CONV2D = {"input": None, "weight": None, "bias": None, "stride": 1, "padding": 0, "dilation": 1, "groups": 1}


@dataclass(frozen=True)
class Parts:
    """A network in two parts, one after the other.

    Attributes:
        frozen: maps images to a tuple of activations; None if nothing stands still.
        learning: maps those activations (or the images) to logits.
    """

    frozen: nn.Module | None
    learning: nn.Module


def take_apart(model: nn.Module, rewrite: Callable[[BatchNorm], nn.Module] | None = None) -> Parts:
    """Return the parts of a model in which what learns has gradients and is in training mode.

    They hold for these gradients and modes alone: when others shall learn, the model is to be taken apart
    again. One that cannot be traced, because its operations depend on values, is all learning.

    Args:
        model: the network.
        rewrite: maps every BatchNorm that learns to what shall run in its place.

    Raises:
        ValueError: if there is something to rewrite, but the model cannot be traced.
    """
    try:
        graph = _Tracer().trace(model)
    except Exception as error:  # whatever a forward pass raises when it meets a proxy for a tensor
        if rewrite:
            raise ValueError(f"The network cannot be traced by torch.fx ({error}).") from error
        return Parts(None, model)
    traced = fx.GraphModule(model, graph)
    _replace_norms(traced, rewrite)
    return _split(traced)


class _Tracer(fx.Tracer):
    """Enters convolutions, so that each is one call of conv2d, however its class chooses the stride."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return not isinstance(m, nn.Conv2d) and super().is_leaf_module(m, module_qualified_name)


class Folded(nn.Module):
    """A convolution and the BatchNorm after it, which stands still, as one convolution.

    With s = gamma / sqrt(var + eps): BN(W * x + b) = (s W) * x + s (b - mean) + beta.
    """

    def __init__(self, norm: BatchNorm) -> None:
        super().__init__()
        self.norm = norm

    def forward(self, x: Tensor, weight: Tensor, bias: Tensor | None, *options: Any) -> Tensor:
        """Convolve (n, c, h, w) and normalise; ``options`` are those of conv2d, from the stride on."""
        norm = self.norm
        assert norm.running_mean is not None
        assert norm.running_var is not None
        scale = torch.rsqrt(norm.running_var + norm.eps) * (1 if norm.weight is None else norm.weight)
        shift = ((0 if bias is None else bias) - norm.running_mean) * scale
        if norm.bias is not None:
            shift = shift + norm.bias
        return conv2d(x, weight * scale[:, None, None, None], shift, *options)


def _replace_norms(traced: fx.GraphModule, rewrite: Callable[[BatchNorm], nn.Module] | None) -> None:
    """Fold every BatchNorm that stands still and can be folded; rewrite every one that learns."""
    modules = dict(traced.named_modules())
    for node in list(traced.graph.nodes):
        norm = modules.get(node.target) if node.op == "call_module" else None
        if not isinstance(norm, BatchNorm):
            continue
        if norm.training and rewrite:
            owner, _, name = node.target.rpartition(".")
            setattr(traced.get_submodule(owner), name, rewrite(norm))
        elif not norm.training and norm.track_running_stats and _follows_convolution(node):
            _fold(traced, node, norm)
    traced.recompile()


def _follows_convolution(node: fx.Node) -> bool:
    before = node.args[0]
    return isinstance(before, fx.Node) and before.target is conv2d and len(before.users) == 1


def _fold(traced: fx.GraphModule, node: fx.Node, norm: BatchNorm) -> None:
    before = node.args[0]
    assert isinstance(before, fx.Node)
    given = dict(zip(_CONV2D, before.args, strict=False)) | before.kwargs
    name = f"folded_{node.name}"
    traced.add_module(name, Folded(norm))
    with traced.graph.inserting_before(node):
        new = traced.graph.call_module(name, tuple((_CONV2D | given).values()))
    node.replace_all_uses_with(new)
    traced.graph.erase_node(node)
    traced.graph.erase_node(before)


def _split(traced: fx.GraphModule) -> Parts:
    """Cut the graph where the first operations learn."""
    moving = _moving(traced)
    nodes = [node for node in traced.graph.nodes if node.op not in ("get_attr", "output")]
    cut = [node for node in nodes if node not in moving and any(user in moving for user in node.users)]
    if all(node.op == "placeholder" for node in cut):
        return Parts(None, traced)
    frozen, learning = fx.Graph(), fx.Graph()
    kept: dict[fx.Node, fx.Node] = {}
    for node in nodes:
        if node not in moving:
            _copy(node, frozen, kept)
    frozen.output(tuple(kept[node] for node in cut))
    entered = {node: learning.placeholder(node.name) for node in cut}
    for node in traced.graph.nodes:
        if node in moving and node.op != "get_attr":
            _copy(node, learning, entered)
    return Parts(fx.GraphModule(traced, frozen), fx.GraphModule(traced, learning))


def _copy(node: fx.Node, graph: fx.Graph, copied: dict[fx.Node, fx.Node]) -> None:
    """Copy a node, and the parameters that it reads."""
    for source in node.all_input_nodes:
        if source.op == "get_attr" and source not in copied:
            copied[source] = graph.node_copy(source)
    copied[node] = graph.node_copy(node, copied.__getitem__)


def _moving(traced: fx.GraphModule) -> set[fx.Node]:
    """Return the nodes whose value for one and the same image may change in the course of the training."""
    modules = dict(traced.named_modules())
    moving: set[fx.Node] = set()
    for node in traced.graph.nodes:
        if any(source in moving for source in node.all_input_nodes) or _moves(node, traced, modules):
            moving.add(node)
    return moving


def _moves(node: fx.Node, traced: fx.GraphModule, modules: Mapping[str, nn.Module]) -> bool:
    if node.op == "output":
        return True
    if node.op == "get_attr":
        return bool(getattr(_attribute(traced, str(node.target)), "requires_grad", False))
    if node.op == "call_module":
        module = modules[str(node.target)]
        return any(map(_learns, module.modules())) or (getattr(module, "inplace", False) and _shared(node))
    name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", "")
    return "dropout" in name or (name.endswith("_") and _shared(node))


def _learns(module: nn.Module) -> bool:
    """Return whether a module's own parameters learn, or its answer changes from one call to the next."""
    changes = isinstance(module, BatchNorm | Dropout) and module.training
    return changes or any(parameter.requires_grad for parameter in module.parameters(recurse=False))


def _shared(node: fx.Node) -> bool:
    """Return whether others read what a node changes in place: it must not run before its turn."""
    return any(len(source.users) > 1 for source in node.all_input_nodes)


def _attribute(module: nn.Module, name: str) -> Any:
    owner, _, attribute = name.rpartition(".")
    return getattr(module.get_submodule(owner), attribute)
