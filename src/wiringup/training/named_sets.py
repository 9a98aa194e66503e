"""The named sets of synapses: one rule each, resolved against the table of any model."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import chain

from wiringup.core.checks import listed, one_of
from wiringup.core.errors import InputError
from wiringup.core.registry import Registry
from wiringup.models.architecture import Architecture
from wiringup.training.synapses import KINDS, Network

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


def _areas(architecture: Architecture) -> Iterable[str]:
    return architecture.blocks


def _all(network: Network, argument: str) -> set[str]:
    return {row.parameter for row in network.rows}


def _critical(network: Network, area: str) -> set[str]:
    """The paper's CT: down-projections and decoder; up to an area: all after it whole."""
    layers = chain.from_iterable(network.architecture.down_projections.values())
    order = list(network.architecture.blocks)
    after = _in_areas(network, order[order.index(area) + 1 :]) if area else set()
    return _in_layers(network, layers, "down-projection") | _decoder(network, "") | after


def _conv1(network: Network, argument: str) -> set[str]:
    layers = chain.from_iterable(network.architecture.up_projections.values())
    return _in_layers(network, layers, "up-projection") | _decoder(network, "")


def _pointwise(network: Network, argument: str) -> set[str]:
    convolutions = (row for row in network.rows if row.kind == "convolution")
    return {row.parameter for row in convolutions if row.shape[2:] == POINTWISE} | _decoder(network, "")


def _batchnorm(network: Network, argument: str) -> set[str]:
    return _kind(network, "batchnorm") | _decoder(network, "")


def _bias(network: Network, argument: str) -> set[str]:
    """Every additive parameter (as in BitFit, Ben Zaken et al. 2022), those of BatchNorm among them."""
    return {row.parameter for row in network.rows if row.parameter.endswith(".bias")} | _decoder(network, "")


def _decoder(network: Network, argument: str) -> set[str]:
    return _in_areas(network, [DECODER])


def _downstream(network: Network, area: str) -> set[str]:
    """The paper's DT."""
    order = list(network.architecture.blocks)
    return _in_areas(network, order[order.index(area) :])


def _kind(network: Network, kind: str) -> set[str]:
    return {row.parameter for row in network.rows if row.kind == kind}


def _layer(network: Network, pattern: str) -> set[str]:
    found = {row.parameter for row in network.rows if fnmatchcase(row.layer, pattern)}
    if not found:
        layers = listed(list(dict.fromkeys(row.layer for row in network.rows)))
        raise InputError(f"No layer is called {pattern!r} (* and ? are wildcards). There are: {layers}.")
    return found


def _in_areas(network: Network, areas: Iterable[str]) -> set[str]:
    wanted = set(areas)
    return {row.parameter for row in network.rows if row.area in wanted}


def _in_layers(network: Network, layers: Iterable[str], what: str) -> set[str]:
    wanted = set(layers)
    missing = wanted - {row.layer for row in network.rows}
    if missing:
        raise InputError(
            f"{network.architecture.name} names the {what} layers {sorted(wanted)}, of which this model "
            f"lacks {sorted(missing)}; train 'all' or 'downstream:<area>', or mend the architecture's table."
        )
    return {row.parameter for row in network.rows if row.layer in wanted}


def _projected(architecture: Architecture) -> Iterable[str]:
    return architecture.down_projections


SETS.add("all", NamedSet(_all, "every synapse"))
SETS.add(
    "critical",
    NamedSet(
        _critical,
        "down-projections and decoder",
        _projected,
        "down-projections up to {}, all after it",
        _projected,
    ),
)
SETS.add(
    "conv1",
    NamedSet(
        _conv1,
        "first convolution of every bottleneck, and decoder",
        table=lambda architecture: architecture.up_projections,
    ),
)
SETS.add("pointwise", NamedSet(_pointwise, "every 1x1 convolution, and decoder"))
SETS.add("batchnorm", NamedSet(_batchnorm, "BatchNorm affine parameters, and decoder"))
SETS.add("bias", NamedSet(_bias, "every bias, BatchNorm's among them, and decoder"))
SETS.add("decoder", NamedSet(_decoder, "the linear read-out of object classes"))
SETS.add("downstream", NamedSet(_downstream, "", _areas, "{} and all after it"))
SETS.add("kind", NamedSet(_kind, "", lambda architecture: KINDS, "parameters of this kind, and no other"))
SETS.add(
    "layer", NamedSet(_layer, "", lambda architecture: [PATTERN], "layers by name, * and ? are wildcards")
)
