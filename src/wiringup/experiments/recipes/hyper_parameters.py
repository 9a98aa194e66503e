"""Other optimisers, learning rates and weight decays (the paper's supplement).

    wiringup run hyper_parameters --scale gpu

Each with all synapses from Kaiming normal and with critical training from weight compression. What diverges
is told and marked: at `gpu` the published weight compression did so with the running averages of BatchNorm
(--norms running), not with batch statistics.

Three seeds: 45 runs, one after the other about 16 minutes at `gpu` (one card) and 3 hours at `small` (two
cores). To expect at `small`, after three epochs: 59 to 62 % of the fully trained brain match for weight
compression with critical training, whatever the setting, but for ten times the rate (53 %).
"""

from collections.abc import Mapping
from typing import Any

from wiringup.experiments.recipes.conditions import KN, WC, Conditions, Recipe
from wiringup.results.claims import Claim
from wiringup.training.schedule import epochs

CHOICES: Mapping[str, Mapping[str, Any]] = {
    "as published": {},
    "lr 1": {"training.lr": 1.0},
    "lr 0.01": {"training.lr": 0.01},
    "weight decay 1e-3": {"training.weight_decay": 1e-3},
    "weight decay 1e-5": {"training.weight_decay": 1e-5},
    "adam": {"training.optimiser": "adam", "training.lr": 1e-3},
    "adagrad": {"training.optimiser": "adagrad", "training.lr": 1e-2},
}


def hyper_parameters(study: Conditions) -> None:
    """Add every choice for both trainings."""
    brief = epochs(study.scale.brief)
    for name, change in CHOICES.items():
        study.add(f"KN, all, {name}", birth=KN, duration=brief, changes=change)
        study.add(f"WC + critical, {name}", birth=WC, learns="critical", duration=brief, changes=change)


CLAIMS = tuple(
    Claim(f"WC + critical, {name}, reaches 80 %", "", {"name": rf"WC \+ critical, {name}$"}, level=80)
    for name in CHOICES
)


RECIPE = Recipe(
    "What holds does not hang on the choice of the optimiser.", ("s4",), hyper_parameters, claims=CLAIMS
)
