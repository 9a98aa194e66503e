"""Critical training from every birth state (the paper's supplement).

    wiringup run initialisations --scale gpu

The births of `at_birth`, each with critical training; those that are distilled are distilled from the
reference of the same seed.

Three seeds: 66 runs, one after the other about 20 minutes at `gpu` (one card) and 3.5 hours at `small` (two
cores). To expect at `small`: weight compression 14 points [5, 24] above Kaiming normal.
"""

from wiringup.experiments.recipes.conditions import KN, WC, Conditions, Recipe
from wiringup.experiments.recipes.scale import DISTILLED
from wiringup.results.claims import Claim
from wiringup.training.schedule import epochs


def initialisations(study: Conditions) -> None:
    """Add every birth with critical training."""
    births = {"KN": KN, "WC": WC}
    if study.scale.wc != DISTILLED:
        births["WC (distilled)"] = DISTILLED
    births |= {name: name for name in study.scale.births}
    for label, birth in births.items():
        study.add(f"{label} + critical", birth=birth, learns="critical", duration=epochs(study.scale.brief))


CLAIMS = (
    Claim(
        "WC + critical is above KN + critical",
        "83 % against 76 %, converged",
        {"name": r"WC \+ critical"},
        than={"name": r"KN \+ critical"},
    ),
)


RECIPE = Recipe(
    "A better birth state is still a better one after critical training.",
    ("s5",),
    initialisations,
    "KN + critical",
    CLAIMS,
)
