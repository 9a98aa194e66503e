"""Small networks, fully trained: the control that spends few synaptic updates by having few synapses.

    wiringup run small_networks --scale gpu

Narrower CORnet-S and MobileNet-v1, with all synapses from Kaiming normal, for few epochs and for those of
the reference; and weight compression with critical training beside them. In later work EfficientNet-B0
reached 98 % of the fully trained CORnet-S with 1/126 of its synaptic updates. Such a network of another
package is trained by wiringup sweep --model timm:efficientnet_b0 --area ....

At `small`, without IT, WC + critical is 20 points above the narrowest CORnet-S with all synapses for as many
epochs; with IT it cannot be told. One of half the width has 78 % of the reference's brain match with all
synapses for ten epochs, where WC + critical has 68, and 93 after 50, with a quarter of the reference's
synaptic updates (docs/findings.md).

Three seeds: 33 runs, one after the other about 10 minutes at `gpu` (one card) and 5 hours at `small` (two
cores).
"""

from dataclasses import replace

from wiringup.core.checks import several
from wiringup.experiments.recipes.conditions import WC, Conditions, Recipe
from wiringup.results.claims import LEAST, Claim
from wiringup.training.schedule import epochs

NETWORKS = (
    ("CORnet-S", "cornet_s", 0.5), ("CORnet-S", "cornet_s", 0.25),
    ("MobileNet-v1", "mobilenet_v1", 1.0), ("MobileNet-v1", "mobilenet_v1", 0.5),
)  # fmt: skip
"""Name, architecture, and width as a part of the scale's."""


def small_networks(study: Conditions) -> None:
    """Add every network for few epochs and for those of the reference."""
    study.add("WC + critical", birth=WC, learns="critical")
    study.add("KN, all")
    whole = study.base.model
    for name, architecture, part in NETWORKS:
        model = replace(whole, architecture=architecture, width=whole.width * part)
        for passes in (study.epochs, study.scale.reference):
            label = f"{name} x {model.width:g}, KN, all, {several(passes, 'epochs')}"
            study.add(label, duration=epochs(passes), changes={"model": model})


CLAIMS = (
    Claim(
        "WC + critical is above all synapses of the narrowest CORnet-S for as many epochs",
        "",
        {"name": r"WC \+ critical"},
        than={"name": r"CORnet-S x .*, KN, all", "width": LEAST, "epochs": LEAST},
    ),
)


RECIPE = Recipe(
    "A small network that is fully trained is a strong control for few synaptic updates.",
    ("4a",),
    small_networks,
    claims=CLAIMS,
)
