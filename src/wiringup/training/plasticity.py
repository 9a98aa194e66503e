"""Which synapses learn: named, counted sets of parameters, resolved against a model.

A synapse is one trainable figure of the network: a convolution or decoder weight, an affine parameter of
a BatchNorm, or a bias. That is the convention of every count here unless ``kinds`` says otherwise (with
``kinds=("convolution",)`` only convolution weights are counted). Shared weights count once, however many
time steps use them.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import chain

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm as BatchNorm

from wiringup.core.checks import one_of
from wiringup.core.errors import InputError
from wiringup.core.registry import Registry
from wiringup.models.architecture import Architecture, area_of

DECODER = "decoder"
UNION = "+"
KINDS = ("convolution", "linear", "batchnorm", "bias")


@dataclass(frozen=True)
class Synapses:
    """One parameter tensor: a row of the table of what learns.

    Attributes:
        parameter: its dotted name, such as ``V2.conv3.weight``.
        layer: the module that holds it, such as ``V2.conv3``.
        area: the block it lies in (V1, V2, V4, IT, decoder).
        kind: convolution, linear, batchnorm (affine) or bias.
        trained: whether this plasticity moves it.
    """

    parameter: str
    layer: str
    area: str
    kind: str
    shape: tuple[int, ...]
    count: int
    trained: bool = False


Rule = Callable[[Sequence[Synapses], Architecture], set[str]]
"""Maps the table of a model and its architecture to the names of the parameters that learn."""

RULES: Registry[Rule] = Registry("plasticity")


@dataclass(frozen=True)
class Plasticity:
    """A named set of synapses of one model, and what it means for that model's parameters and norms."""

    name: str
    synapses: tuple[Synapses, ...]

    @cached_property
    def trained(self) -> dict[str, int]:
        """{parameter: number of synapses} for every parameter that learns."""
        return {row.parameter: row.count for row in self.synapses if row.trained}

    def count(self, *, trained: bool = True, area: str | None = None, kinds: Iterable[str] = KINDS) -> int:
        """Return the number of synapses that learn, or with ``trained=False`` of all there are.

        Args:
            trained: count only what learns.
            area: count only this block.
            kinds: which kinds of parameter count as synapses; see `KINDS`.
        """
        kinds = {one_of(kind, KINDS, "kind of synapse") for kind in kinds}
        rows = (row for row in self.synapses if row.kind in kinds and area in (None, row.area))
        return sum(row.count for row in rows if row.trained or not trained)

    @property
    def share(self) -> float:
        """The fraction of all synapses that learns."""
        return self.count() / self.count(trained=False)

    def by_area(self) -> dict[str, tuple[int, int]]:
        """Return {area: (synapses that learn, all synapses)} in the order of the hierarchy."""
        areas = dict.fromkeys(row.area for row in self.synapses)
        return {area: (self.count(area=area), self.count(area=area, trained=False)) for area in areas}

    def apply(self, model: nn.Module) -> list[nn.Parameter]:
        """Let only these parameters have gradients; return them, for the optimiser.

        A frozen parameter never reaches the optimiser, so neither weight decay nor momentum moves it.
        """
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(name in self.trained)
            parameter.grad = None
        return [p for p in model.parameters() if p.requires_grad]

    def training_mode(self, model: nn.Module) -> None:
        """Put the model in training mode, except for every BatchNorm whose affine does not learn.

        Those stay in evaluation mode: they normalise by their running statistics, which stand still
        (``requires_grad`` alone would leave them moving). A BatchNorm that learns behaves as usual.
        """
        model.train()
        for layer, module in model.named_modules():
            if isinstance(module, BatchNorm) and not self._learns(layer, module):
                module.eval()

    def _learns(self, layer: str, module: nn.Module) -> bool:
        return any(f"{layer}.{name}" in self.trained for name, _ in module.named_parameters(recurse=False))


def names(architecture: Architecture) -> list[str]:
    """Return every name that `resolve` knows for an architecture (and that may be joined with "+")."""
    return [*RULES, *(f"downstream:{area}" for area in architecture.blocks)]


def resolve(model: nn.Module, architecture: Architecture, name: str) -> Plasticity:
    """Return the plasticity called ``name`` as a set of synapses of ``model``.

    ``"critical"``, ``"downstream:IT"``, or a union such as ``"critical+downstream:IT"``, which is the
    paper's critical training up to V4.

    Raises:
        InputError: for an unknown name, or if the architecture lacks the layers a name stands for.
    """
    table = [_row(model, key, value, architecture) for key, value in model.named_parameters()]
    learn: set[str] = set()
    for part in name.split(UNION):
        learn |= _rule(part.strip(), architecture)(table, architecture)
    rows = tuple(replace(row, trained=row.parameter in learn) for row in table)
    return Plasticity(name, rows)


def _row(model: nn.Module, name: str, parameter: Tensor, architecture: Architecture) -> Synapses:
    layer = name.rpartition(".")[0]
    kind = _kind(model.get_submodule(layer), name)
    area = area_of(name, architecture)
    return Synapses(name, layer, area, kind, tuple(parameter.shape), parameter.numel())


def _kind(module: nn.Module, parameter: str) -> str:
    if isinstance(module, BatchNorm):
        return "batchnorm"
    if parameter.endswith("bias"):
        return "bias"
    return "linear" if isinstance(module, nn.Linear) else "convolution"


def _rule(name: str, architecture: Architecture) -> Rule:
    one_of(name, names(architecture), "plasticity")
    kind, _, area = name.partition(":")
    return partial(_downstream, area) if area else RULES[kind]


def _downstream(area: str, table: Sequence[Synapses], architecture: Architecture) -> set[str]:
    """The paper's DT: ``area`` and every block after it."""
    order = list(architecture.blocks)
    return _in_areas(table, order[order.index(area) :])


@RULES.register("all")
def _all(table: Sequence[Synapses], architecture: Architecture) -> set[str]:
    return {row.parameter for row in table}


@RULES.register("critical")
def _critical(table: Sequence[Synapses], architecture: Architecture) -> set[str]:
    layers = chain.from_iterable(architecture.down_projections.values())
    return _in_layers(table, layers, "down-projection", architecture) | _decoder(table, architecture)


@RULES.register("conv1")
def _conv1(table: Sequence[Synapses], architecture: Architecture) -> set[str]:
    layers = chain.from_iterable(architecture.up_projections.values())
    return _in_layers(table, layers, "up-projection", architecture) | _decoder(table, architecture)


@RULES.register("batchnorm")
def _batchnorm(table: Sequence[Synapses], architecture: Architecture) -> set[str]:
    """BatchNorm affine parameters and decoder; the running statistics of these norms move as well."""
    affine = {row.parameter for row in table if row.kind == "batchnorm"}
    return affine | _decoder(table, architecture)


@RULES.register("decoder")
def _decoder(table: Sequence[Synapses], architecture: Architecture) -> set[str]:
    return _in_areas(table, [DECODER])


def _in_areas(table: Sequence[Synapses], areas: Iterable[str]) -> set[str]:
    wanted = set(areas)
    return {row.parameter for row in table if row.area in wanted}


def _in_layers(
    table: Sequence[Synapses], layers: Iterable[str], what: str, architecture: Architecture
) -> set[str]:
    wanted = set(layers)
    missing = wanted - {row.layer for row in table}
    if missing or not wanted:
        raise InputError(
            f"{architecture.name} names the {what} layers {sorted(wanted)}, of which this model lacks "
            f"{sorted(missing)}; train 'all' or 'downstream:<area>', or mend the architecture's table."
        )
    return {row.parameter for row in table if row.layer in wanted}
