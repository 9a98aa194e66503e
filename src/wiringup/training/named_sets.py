"""The named sets of synapses: one rule each, resolved against the table of any model."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import chain

from wiringup.core.checks import listed, one_of
from wiringup.core.errors import InputError
from wiringup.core.registry import Registry
from wiringup.models.architecture import Architecture
from wiringup.training.synapses import KINDS, Network, Synapses

DECODER = "decoder"
POINTWISE = (1, 1)

Rule = Callable[[Network, str], set[str]]
"""Maps the table of a model, and what stands after the colon, to the names of parameters."""


@dataclass(frozen=True)
class NamedSet:
    """A set of synapses with a name.

    Attributes:
        rule: which parameters are in it.
        meaning: one line for people; empty if the name does not stand alone.
        arguments: what may stand after a colon, for an architecture.
        of: what it means with an argument.
        table: what of an architecture it is defined by; nothing of it is there where that is empty.
    """

    rule: Rule
    meaning: str = ""
    arguments: Callable[[Architecture], Iterable[str]] = lambda architecture: ()
    of: str = ""
    table: Callable[[Architecture], Iterable[str]] = lambda architecture: architecture.blocks


SETS: Registry[NamedSet] = Registry("plasticity")
PATTERN = "PATTERN"


def names(architecture: Architecture) -> dict[str, str]:
    """Return {name: meaning} of every named set of an architecture; see `expression` for joining them."""
    found: dict[str, str] = {}
    for name in SETS:
        one = SETS[name]
        if not one.table(architecture):
            continue
        found |= {name: one.meaning} if one.meaning else {}
        found |= {f"{name}:{a}": one.of.format(a) for a in one.arguments(architecture)}
    return found | {area: f"every synapse of {area}" for area in architecture.blocks if area not in found}


def members(network: Network, name: str, argument: str = "") -> set[str]:
    """Return the parameters of the set called ``name`` or ``name:argument``.

    Raises:
        InputError: for an unknown name, or if the model lacks the layers that a name stands for.
    """
    if name == "layer" and argument:
        return _layer(network, argument)
    if name in SETS and not SETS[name].table(network.architecture):
        raise InputError(
            f"{name!r} trains layers that are listed for the networks of this package, and none are for "
            f"{network.architecture.name}. Take all, decoder, layer:PATTERN, kind:KIND or downstream:AREA."
        )
    one_of(f"{name}:{argument}" if argument else name, names(network.architecture), "plasticity")
    if name in SETS:
        return SETS[name].rule(network, argument)
    return _in_areas(network, [name])


def _those(belongs: Callable[[Synapses], bool]) -> Rule:
    """Return the rule of the tensors that belong, and the decoder."""
    return lambda network, argument: {
        row.parameter for row in network.rows if belongs(row) or row.area == DECODER
    }


def _critical(network: Network, area: str) -> set[str]:
    """The paper's CT: down-projections and decoder; up to an area: all after it whole."""
    after = _from(network, area) - _in_areas(network, [area]) if area else set()
    return _projections(network, network.architecture.down_projections, "down-projection") | after


def _conv1(network: Network, argument: str) -> set[str]:
    return _projections(network, network.architecture.up_projections, "up-projection")


def _projections(network: Network, layers: Mapping[str, Iterable[str]], what: str) -> set[str]:
    """Return the projections of all areas, and the decoder."""
    wanted = set(chain.from_iterable(layers.values()))
    if missing := wanted - {row.layer for row in network.rows}:
        raise InputError(
            f"{network.architecture.name} names the {what} layers {sorted(wanted)}, of which this model "
            f"lacks {sorted(missing)}; train 'all' or 'downstream:<area>', or mend the architecture's table."
        )
    return _those(lambda row: row.layer in wanted)(network, "")


def _from(network: Network, area: str) -> set[str]:
    """The paper's DT: an area and all after it."""
    order = list(network.architecture.blocks)
    return _in_areas(network, order[order.index(area) :])


def _layer(network: Network, pattern: str) -> set[str]:
    found = {row.parameter for row in network.rows if fnmatchcase(row.layer, pattern)}
    if not found:
        layers = listed(list(dict.fromkeys(row.layer for row in network.rows)))
        raise InputError(f"No layer is called {pattern!r} (* and ? are wildcards). There are: {layers}.")
    return found


def _in_areas(network: Network, areas: Collection[str]) -> set[str]:
    return {row.parameter for row in network.rows if row.area in areas}


def _kind(network: Network, kind: str) -> set[str]:
    return {row.parameter for row in network.rows if row.kind == kind}


_BIAS = "every bias, BatchNorm's among them, and decoder"  # as in BitFit, Ben Zaken et al. 2022
_DOWN = (
    "down-projections and decoder",
    lambda a: a.down_projections,
    "down-projections up to {}, all after it",
)
_PATTERNS = "layers by name, * and ? are wildcards"

SETS.add("all", NamedSet(_those(lambda row: True), "every synapse"))
SETS.add("critical", NamedSet(_critical, *_DOWN, table=lambda a: a.down_projections))
SETS.add(
    "conv1",
    NamedSet(_conv1, "first convolution of every bottleneck, and decoder", table=lambda a: a.up_projections),
)
SETS.add(
    "pointwise",
    NamedSet(
        _those(lambda row: row.kind == "convolution" and row.shape[2:] == POINTWISE),
        "every 1x1 convolution, and decoder",
    ),
)
SETS.add(
    "batchnorm",
    NamedSet(_those(lambda row: row.kind == "batchnorm"), "BatchNorm affine parameters, and decoder"),
)
SETS.add("bias", NamedSet(_those(lambda row: row.parameter.endswith("bias")), _BIAS))
SETS.add("decoder", NamedSet(_those(lambda row: False), "the linear read-out of object classes"))
SETS.add("downstream", NamedSet(_from, "", lambda a: a.blocks, "{} and all after it"))
SETS.add("kind", NamedSet(_kind, "", lambda a: KINDS, "parameters of this kind, and no other"))
SETS.add("layer", NamedSet(_layer, "", lambda a: [PATTERN], _PATTERNS))
