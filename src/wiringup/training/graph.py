"""A network split for training: what stands still before the first plastic synapse, and the rest.

The network is traced (torch.fx) into its operations. Those with nothing plastic before them, no random draw
and no statistics of the batch are the frozen part: it needs no gradients, and its answer to an image never
changes. The traced network shares parameters and statistics with the model.

A BatchNorm that stands still is not folded into the convolution before it: on CPUs that is slower, by 4 %
at quarter width and 64 px and 25 % at full width and 224 px (its weights would be written anew in every
time step), and it would change results in the last bits.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import fx, nn
from torch.fx.node import map_arg
from torch.nn.modules.batchnorm import _BatchNorm as BatchNorm

from wiringup.core.errors import InputError
from wiringup.models.batchnorm import batchnorms
from wiringup.models.blocks import Depthwise
from wiringup.training.distributed import UNSHARED
from wiringup.training.drawing import Draws, drawing

_FILLED = ("empty", "zeros", "ones", "full")
_OF_SHAPE = ("size", "dim", "getattr", *(how + name for how in ("", "new_") for name in _FILLED))
"""What reads of a tensor no values: only its shape, type or device."""
_TRAINING = 5
"""Where ``training`` stands among the arguments of F.batch_norm and torch.batch_norm."""


@dataclass(frozen=True)
class Parts:
    """A network in two parts, one after the other.

    Attributes:
        frozen: maps images to a tuple of activations; None if nothing stands still.
        learning: maps those activations (or the images) to logits.
    """

    frozen: nn.Module | None
    learning: nn.Module


class _Tracer(fx.Tracer):
    """Keeps norms whole that are classes of another package, and what the device decides."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, BatchNorm | Depthwise) or super().is_leaf_module(m, module_qualified_name)


def split_frozen(
    model: nn.Module, batch: Sequence[int], rewrite: Callable[[BatchNorm], nn.Module] | None = None
) -> Parts:
    """Return the parts of a model in which what learns has gradients and is in training mode.

    They hold for these gradients and modes alone: when others shall learn, the model is to be split again.
    One that cannot be traced, because its operations depend on values, is all learning.

    Args:
        model: the network.
        batch: shape of what it is given.
        rewrite: maps every BatchNorm in training mode to what shall run in its place.

    Raises:
        InputError: if a norm is to be rewritten that cannot be.
    """
    try:
        traced = _traced(model)
    except Exception as error:  # whatever a forward pass raises when it meets a proxy for a tensor
        if rewrite and any(norm.training for norm in batchnorms(model).values()):
            raise InputError(f"{UNSHARED} if torch.fx cannot trace its network ({error}).") from error
        return Parts(None, model)
    _fill_in_defaults(traced)
    random = drawing(traced, batch)
    if rewrite:
        _rewrite_norms(traced, rewrite)
    return _split(traced, random)


def parameters_before_norms(model: nn.Module) -> dict[str, set[str]]:
    """Return {BatchNorm layer: parameters of the convolution, or linear layer, whose answer it is given}.

    Raises:
        InputError: if the network cannot be traced.
    """
    try:
        traced = _traced(model)
    except Exception as error:  # see `split_frozen`
        raise InputError(
            "Norms are held but for those behind what learns, and which these are is not known of a network "
            f"that torch.fx cannot trace ({error}). Use norms batch or running."
        ) from error
    modules, found = dict(model.named_modules()), dict[str, set[str]]()
    for node in traced.graph.nodes:
        if node.op == "call_module" and isinstance(modules[str(node.target)], BatchNorm):
            before = [_parameters_of(of, modules) for of in node.all_input_nodes]
            found[str(node.target)] = set().union(*before)
    return found


def _parameters_of(node: fx.Node, modules: Mapping[str, nn.Module]) -> set[str]:
    """Return the parameters with which a node computes: its module's, or those that a function is given."""
    if node.op == "call_module":
        return {f"{node.target}.{name}" for name, _ in modules[str(node.target)].named_parameters()}
    return {str(of.target) for of in node.all_input_nodes if of.op == "get_attr"}


def _traced(model: nn.Module) -> fx.GraphModule:
    with Draws() as draws:
        graph = _Tracer().trace(model)
    if draws.any:  # they would stand in the graph as constants
        raise ValueError("it draws random numbers of a fixed shape")
    return fx.GraphModule(model, graph)


def _fill_in_defaults(traced: fx.GraphModule) -> None:
    """Put the default of an argument (a mask, say) wherever it is read: a network is given images alone."""
    for node in list(traced.graph.nodes):
        if node.op == "placeholder" and node.args:
            for user in list(node.users):
                user.args, user.kwargs = map_arg((user.args, user.kwargs), partial(_default, node))
            traced.graph.erase_node(node)
    traced.recompile()


def _default(of: fx.Node, node: fx.Node) -> Any:
    return of.args[0] if node is of else node


def _rewrite_norms(traced: fx.GraphModule, rewrite: Callable[[BatchNorm], nn.Module]) -> None:
    """Put something else in the place of every BatchNorm in training mode."""
    for node in traced.graph.nodes:
        if _normalises(node):
            raise InputError(f"{UNSHARED} if it is a function (F.batch_norm).")
        owner, _, name = str(node.target).rpartition(".")
        norm = getattr(traced.get_submodule(owner), name) if node.op == "call_module" else None
        if isinstance(norm, BatchNorm) and norm.training:
            setattr(traced.get_submodule(owner), name, rewrite(norm))


def _split(traced: fx.GraphModule, random: set[fx.Node]) -> Parts:
    """Cut the graph where the first operations learn; what crosses has one answer for each image."""
    moving = _moving(traced, random)
    later = moving | _repeated(traced, moving)
    nodes = [node for node in traced.graph.nodes if node.op not in ("get_attr", "output")]
    cut = [node for node in nodes if node not in later and any(user in later for user in node.users)]
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
        if node in later and node.op != "get_attr":
            _copy(node, learning, entered)
    return Parts(fx.GraphModule(traced, frozen), fx.GraphModule(traced, learning))


def _copy(node: fx.Node, graph: fx.Graph, copied: dict[fx.Node, fx.Node]) -> None:
    """Copy a node, and the parameters that it reads."""
    for source in node.all_input_nodes:
        if source.op == "get_attr" and source not in copied:
            copied[source] = graph.node_copy(source)
    copied[node] = graph.node_copy(node, copied.__getitem__)


def _repeated(traced: fx.GraphModule, moving: set[fx.Node]) -> set[fx.Node]:
    """Return the nodes that no image decides (sizes, what is made of parameters alone) and what moves reads.

    They are computed in both parts: cut there, they would be taken for answers to images.
    """
    alike: set[fx.Node] = set()
    for node in traced.graph.nodes:
        if _of_shape(node) or (node.op != "placeholder" and alike.issuperset(node.all_input_nodes)):
            alike.add(node)
    found: set[fx.Node] = set()
    for node in reversed(traced.graph.nodes):
        if node in alike - moving and node.op != "get_attr" and any(u in moving | found for u in node.users):
            found.add(node)
    return found


def _of_shape(node: fx.Node) -> bool:
    """Return whether a node reads of a tensor its shape, type or device alone."""
    return _function(node).removesuffix("_like") in _OF_SHAPE


def _moving(traced: fx.GraphModule, random: set[fx.Node]) -> set[fx.Node]:
    """Return the nodes whose value for one and the same image may change in the course of the training."""
    modules = dict(traced.named_modules())
    moving = set(random)
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
    return _normalises(node) or (_function(node).endswith("_") and _shared(node))


def _function(node: fx.Node) -> str:
    """Return the name of the function or method that a node calls; "" if it does something else."""
    if node.op not in ("call_function", "call_method"):
        return ""
    return node.target if isinstance(node.target, str) else getattr(node.target, "__name__", "")


def _normalises(node: fx.Node) -> bool:
    """Return whether a node is a BatchNorm, written as a function, that takes the statistics of the batch."""
    given = dict(enumerate(node.args)) | node.kwargs
    return _function(node) == "batch_norm" and bool(given.get("training", given.get(_TRAINING)))


def _learns(module: nn.Module) -> bool:
    """Return whether a module's own parameters learn, or its answer hangs on the batch."""
    changes = isinstance(module, BatchNorm) and module.training
    return changes or any(parameter.requires_grad for parameter in module.parameters(recurse=False))


def _shared(node: fx.Node) -> bool:
    """Return whether others read what a node changes in place: it must not run before its turn."""
    return any(len(source.users) > 1 for source in node.all_input_nodes)


def _attribute(module: nn.Module, name: str) -> Any:
    owner, _, attribute = name.rpartition(".")
    return getattr(module.get_submodule(owner), attribute)
