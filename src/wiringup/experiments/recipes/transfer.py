"""The distributions of CORnet-S on other architectures, trained there (the paper's Figure 5).

    wiringup run transfer --scale gpu

ResNet-50, MobileNet-v1 and AlexNet, each fully trained, and with critical training from Kaiming normal and
from weight compression; births are the first moments of these runs. Percentages are of the fully trained
CORnet-S. Published: ResNet-50 100 % and, with weight compression and critical training, 91 %; MobileNet-v1
101 % and 79 %. AlexNet, which has no BatchNorm, learns at a tenth of the rate. At `small` (two cores, three
seeds): weight compression with critical training 72 % in ResNet-50, 25 % in MobileNet-v1, 68 % in AlexNet, as
in CORnet-S; in the last two above Kaiming normal with the same synapses by 11 and 13 points, in ResNet-50
that cannot be told (docs/findings.md).

Three seeds: 36 runs, one after the other about 10 minutes at `gpu` (one card) and 4.5 hours at `small` (two
cores).
"""

from dataclasses import replace
from typing import Any

from wiringup.experiments.recipes.conditions import WC, Conditions, Recipe
from wiringup.results.claims import Claim
from wiringup.training.schedule import epochs

ARCHITECTURES = {"ResNet-50": "resnet50", "MobileNet-v1": "mobilenet_v1", "AlexNet": "alexnet"}
SLOWER = ("alexnet",)


def transfer(study: Conditions) -> None:
    """Add every architecture, fully trained and with critical training from both births."""
    study.add("CORnet-S, WC + critical", birth=WC, learns="critical")
    study.add("CORnet-S, KN + critical", learns="critical")
    for name, architecture in ARCHITECTURES.items():
        how: dict[str, Any] = {"model": replace(study.base.model, architecture=architecture)}
        if architecture in SLOWER:
            how["training.lr"] = study.base.training.lr / 10
        study.add(f"{name}, KN, all", duration=epochs(study.scale.reference), changes=how)
        study.add(f"{name}, WC + critical", birth=WC, learns="critical", changes=how)
        study.add(f"{name}, KN + critical", learns="critical", changes=how)


CLAIMS = tuple(
    claim
    for name, published in zip(ARCHITECTURES, ("91 %, converged", "79 %, converged", ""), strict=True)
    for claim in (
        Claim(
            f"{name}, WC + critical, reaches 80 % of CORnet-S",
            published,
            {"name": rf"{name}, WC \+ critical"},
            level=80,
        ),
        Claim(
            f"{name}, WC + critical, is above {name}, KN + critical",
            "",
            {"name": rf"{name}, WC \+ critical"},
            than={"name": rf"{name}, KN \+ critical"},
        ),
    )
)


RECIPE = Recipe(
    "Weight compression and critical training carry over to architectures that were never distilled.",
    ("5a",),
    transfer,
    claims=CLAIMS,
)
