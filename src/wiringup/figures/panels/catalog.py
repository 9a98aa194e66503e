"""Every panel: what it shows, which runs it needs, and how it is drawn."""

from collections.abc import Mapping

from wiringup.core.checks import one_of
from wiringup.figures.panels import growth, newborn, sets
from wiringup.figures.panels.panel import Panel, is_compressed, is_standard
from wiringup.figures.panels.spots import KN, WC, Spot

GENOME, BITS = ("2a", "s6"), "s7"
"""Panels that are drawn from a genome, and from brain matches that were kept, instead of from runs."""

_OF = "Percent of the reference"
_BLANK = "Blank: not scored."


def _standard(spot: Spot) -> bool:
    return is_standard(spot) and spot.epoch > 0


def _compressed(spot: Spot) -> bool:
    return is_compressed(spot) and spot.epoch > 0


def _other_network(spot: Spot) -> bool:
    return spot.architecture in ("resnet50", "mobilenet_v1", "alexnet") and spot.epoch > 0


def _other_settings(spot: Spot) -> bool:
    return spot.architecture == "cornet_s" and bool(spot.variant)


def _other_birth(spot: Spot) -> bool:
    return spot.birth not in (KN, WC, None, "default") and spot.epoch > 0


_STANDARD = {"standard training (Kaiming normal, all synapses)": _standard}
_BOTH = _STANDARD | {"weight compression with critical training": _compressed}
_BIRTHS = {
    "Kaiming normal at birth": lambda s: s.epoch == 0 and s.birth == KN,
    "weight compression at birth": lambda s: s.epoch == 0 and s.birth == WC,
}

PANELS: Mapping[str, Panel] = {
    "1a": Panel(
        "Brain match against supervised updates",
        f"{_OF}, mean of areas; every number of images and epochs.",
        "fewer_updates",
        _STANDARD,
        growth.updates,
    ),
    "1b": Panel(
        "Each benchmark over epochs",
        f"{_OF}; the run with the most images.",
        "fewer_updates",
        _STANDARD,
        growth.epochs,
    ),
    "1c": Panel(
        "Each benchmark over the number of images",
        f"{_OF}, at the end of the training.",
        "fewer_updates",
        _STANDARD,
        growth.images,
    ),
    "2b": Panel(
        "Brain match at birth",
        f"{_OF}; nothing was learned.",
        "at_birth",
        _BIRTHS,
        newborn.at_birth,
    ),
    "3c": Panel(
        "Brain match against trained synapses",
        f"{_OF}, at the end of the training. Lines join sets of synapses that grow; "
        "downstream: an area and all that follows it, down to the decoder alone.",
        "critical",
        _BOTH,
        sets.matches,
    ),
    "3d": Panel(
        "Accuracy against trained synapses",
        "Top-1 in percent of that of the reference, at the end of the training.",
        "critical",
        _BOTH,
        sets.accuracies,
    ),
    "4a": Panel(
        "Brain match against supervised synaptic updates",
        f"{_OF}; updates are labelled images seen times trained synapses. "
        "Each condition with its most images, of CORnet-S: all synapses, and critical training.",
        "combination",
        _BOTH,
        growth.synaptic,
    ),
    "4b": Panel(
        "Weight compression + critical, minus standard",
        f"{_OF}: difference at equal images and epochs. {_BLANK}",
        "combination",
        _BOTH,
        growth.difference,
    ),
    "5a": Panel(
        "Transfer to other architectures",
        f"{_OF}, at the end of the training. Lines join weight compression + critical training (left) with "
        "all synapses (right).",
        "transfer",
        {"another architecture, trained": _other_network},
        sets.transfer,
    ),
    "5b": Panel(
        "Each benchmark at birth and after critical training",
        f"{_OF}.",
        "critical",
        _BIRTHS | _BOTH,
        newborn.trained,
    ),
    "s1": Panel(
        "Standard training over images and epochs",
        f"{_OF}. {_BLANK}",
        "fewer_updates",
        _STANDARD,
        growth.standard_map,
    ),
    "s2": Panel(
        "Brain match at birth over seeds",
        f"{_OF}. Bars, numbers and two-sided permutation tests: the mean over seeds (circles), equal ones "
        "of published scores taken once.",
        "at_birth",
        _BIRTHS,
        newborn.significance,
    ),
    "s3": Panel(
        "Weight compression + critical over images and epochs",
        f"{_OF}. {_BLANK}",
        "combination",
        _BOTH,
        growth.compressed_map,
    ),
    "s4": Panel(
        "Other hyper-parameters",
        f"{_OF}.",
        "hyper_parameters",
        {"other settings": _other_settings},
        sets.settings,
    ),
    "s5": Panel(
        "Training from other births",
        f"{_OF}. All synapses learn in published runs, critical training is that of own ones.",
        "initialisations",
        {"another birth, trained": _other_birth},
        newborn.initialisations,
    ),
}
"""Panel -> what it is, of those that are drawn from runs."""

OTHERS: Mapping[str, str] = {
    "2a": "The method of weight compression: the distributions of a genome, and what is born of them",
    "s6": "Centres of clusters and kernels of every layer of a genome",
    BITS: "Brain match at birth against description length",
}
"""Panels that are drawn from something else -> what they show."""


def find_panel(name: str) -> str:
    """Return the name of a panel; raise `InputError` if there is none."""
    return one_of(name.lower(), [*PANELS, *OTHERS], "panel")
