"""Birth states, without a single label (the paper's Figure 2B).

    wiringup run at_birth --scale gpu

Every birth has ten seeds (or those of --seed), for a permutation test over seeds; those that are distilled
are all distilled from the reference of the first seed. Published: weight compression 54 % of the fully
trained brain match, Kaiming normal 43 %, pixels less (wiringup score pixels). At `gpu` (one H200, ten seeds,
mean of V1, V4, IT and behaviour): Kaiming normal 57 %, weight compression 70 %; at `small` 34 and 45 %, and
53 % where it is distilled from the study's own reference (docs/findings.md). What is compared besides are
the births of the paper's supplement and later ones (wiringup genome recipes). At `gpu` the references take
four minutes and each birth a scoring.

Three seeds: 213 runs, one after the other about 17 minutes at `gpu` (one card) and 2.5 hours at `small`
(two cores).
"""

from wiringup.experiments.recipes.conditions import KN, WC, Conditions, Recipe
from wiringup.experiments.recipes.scale import DISTILLED
from wiringup.results.claims import Claim
from wiringup.training.schedule import epochs

BASELINE = "KN, birth"


def at_birth(study: Conditions) -> None:
    """Add every birth, with many seeds and no training."""
    births = {BASELINE: KN, "WC, birth": WC}
    if study.scale.wc != DISTILLED:
        births["WC (distilled), birth"] = DISTILLED
    births |= {f"{name}, birth": name for name in study.scale.births}
    for label, birth in births.items():
        study.add(label, birth=birth, duration=epochs(0), seeds=study.scale.birth_seeds, one_genome=True)


CLAIMS = (
    Claim(
        "Weight compression (WC) is a better birth state than Kaiming normal (KN)",
        "54 % against 43 %",
        {"name": "WC, birth"},
        than={"name": BASELINE},
    ),
    Claim(
        "So is WC that was distilled from one network of the study",
        "",
        {"name": r"WC \(distilled\), birth"},
        than={"name": BASELINE},
    ),
    Claim("At birth, WC has more than half of the brain match", "54 %", {"name": "WC, birth"}, level=50),
)


RECIPE = Recipe(
    "Weight compression is a better birth state than Kaiming normal.",
    ("2b", "s2"),
    at_birth,
    BASELINE,
    CLAIMS,
)
