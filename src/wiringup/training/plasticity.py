"""Which synapses learn, how and when: a named, counted set of synapses, resolved against a model.

Every number of a weight tensor is a synapse (`synapses`), unless ``kinds`` says otherwise. What is counted as
trained are the parameters that training moves: of a low-rank update the entries of its factors.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from torch import Tensor, nn

from wiringup.core.checks import one_of
from wiringup.core.errors import InputError
from wiringup.models.architecture import Architecture
from wiringup.training.expression import Part, Window, parse
from wiringup.training.parametrisations import FREE, Parametrisation
from wiringup.training.synapses import ALL, KINDS, Network, Synapses, SynapseSet


@dataclass(frozen=True, eq=False)
class ParameterGroup:
    """The synapses of one weight tensor that learn in the same way and at the same times.

    Attributes:
        parameter: the tensor's name.
        mask: bool, of its shape; None for all of it.
        windows: when they learn; None for always.
        count: how many numbers the optimiser moves for them.
    """

    parameter: str
    mask: Tensor | None
    parametrisation: Parametrisation
    windows: tuple[Window, ...] | None
    count: int


@dataclass(frozen=True)
class Plasticity:
    """A named set of synapses of one model.

    Attributes:
        synapses: the table: every parameter of the model, and how much of it learns.
        groups: disjoint parts of what learns, in the order of the table.
    """

    name: str
    synapses: tuple[Synapses, ...]
    groups: tuple[ParameterGroup, ...] = field(default=(), compare=False, repr=False)

    @cached_property
    def trained(self) -> dict[str, int]:
        """{name: number of parameters} for every tensor that learns at some time."""
        return {row.parameter: row.learns for row in self.synapses if row.trained}

    def count(self, *, trained: bool = True, area: str | None = None, kinds: Iterable[str] = KINDS) -> int:
        """Return the number of parameters that learn, or with ``trained=False`` of all synapses.

        Args:
            trained: count only what learns.
            area: count only this block.
            kinds: which kinds of tensor count as synapses; see `synapses.KINDS`.
        """
        kinds = {one_of(kind, KINDS, "kind of synapse") for kind in kinds}
        rows = (row for row in self.synapses if row.kind in kinds and area in (None, row.area))
        return sum(row.learns if trained else row.count for row in rows)

    @property
    def share(self) -> float:
        """The parameters that learn, as a fraction of all synapses."""
        return self.count() / self.count(trained=False)

    def by_area(self) -> dict[str, tuple[int, int]]:
        """Return {area: (parameters that learn, all synapses)} in the order of the hierarchy."""
        areas = dict.fromkeys(row.area for row in self.synapses)
        return {area: (self.count(area=area), self.count(area=area, trained=False)) for area in areas}


def resolve(model: nn.Module, architecture: Architecture, name: str, seed: int = 0) -> Plasticity:
    """Return the plasticity called ``name`` as a set of synapses of ``model``.

    ``"critical"``, ``"downstream:IT"``, or an expression such as ``"critical+downstream:IT"``, which is the
    paper's critical training up to V4; see `expression` for the grammar.

    Args:
        model: its parameters are looked at, never changed.
        architecture: which of its modules are which area.
        name: a named set, or an expression.
        seed: of random subsets.

    Raises:
        InputError: for an unknown name, an expression that cannot be read, synapses that cannot learn in
            the way that was asked for, or if the architecture lacks the layers a name stands for.
    """
    network = Network.of(model, architecture)
    parts = parse(name, network, seed)
    groups = tuple(group for row in network.rows for group in _groups(row, parts))
    if not groups:
        raise InputError(f"No synapse of this {architecture.name} is in {name!r}, so nothing would learn.")
    return Plasticity(name, tuple(_learning(row, groups) for row in network.rows), groups)


def _groups(row: Synapses, parts: Sequence[Part]) -> list[ParameterGroup]:
    """Divide what learns of one tensor into disjoint sets of the same windows."""
    mine = [part for part in parts if row.parameter in part.synapses]
    ways = list(dict.fromkeys(part.parametrisation for part in mine))
    if len(ways) > 1:
        raise InputError(
            f"{row.parameter} would learn in two ways, {ways[0]} and {ways[1]}; take it out of one of them "
            "with '-'."
        )
    pieces: dict[tuple[Window, ...] | None, SynapseSet] = {(): SynapseSet.whole([row.parameter])}
    for part in mine:
        here = SynapseSet({row.parameter: part.synapses.members[row.parameter]})
        cut: dict[tuple[Window, ...] | None, SynapseSet] = {}
        for windows, piece in pieces.items():
            joined = None  # always, if not for each of them there is a window
            if windows is not None and part.window is not None:
                joined = tuple(dict.fromkeys((*windows, part.window)))
            for when, synapses in ((joined, piece & here), (windows, piece - here)):
                cut[when] = cut.get(when, SynapseSet({})) | synapses
        pieces = cut
    learn = {windows: synapses for windows, synapses in pieces.items() if synapses and windows != ()}
    return [_group(row, synapses, ways[0], windows) for windows, synapses in learn.items()]


def _group(
    row: Synapses, synapses: SynapseSet, way: Parametrisation, windows: tuple[Window, ...] | None
) -> ParameterGroup:
    name, count = row.parameter, synapses.counts([row])[row.parameter]
    mask = synapses.members[name]
    return ParameterGroup(name, None if mask is ALL else mask, way, windows, way.count(row, count))


def _learning(row: Synapses, groups: Iterable[ParameterGroup]) -> Synapses:
    mine = [group for group in groups if group.parameter == row.parameter]
    how = dict.fromkeys(_how(group) for group in mine)
    return replace(row, learns=sum(group.count for group in mine), how=", ".join(h for h in how if h))


def _how(group: ParameterGroup) -> str:
    way = "" if group.parametrisation == FREE else str(group.parametrisation)
    return way + "".join(str(window) for window in group.windows or ())
