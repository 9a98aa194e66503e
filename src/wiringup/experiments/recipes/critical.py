"""Which few synapses learn (the paper's Figure 3).

    wiringup run critical --scale gpu

The down-projections (critical training) against the first convolutions, BatchNorm, the last areas, the
decoder alone, and as many synapses drawn at random, against which a set is tested. Published, converged:
Kaiming normal with critical training 76 % of the fully trained brain match, conv1 76 %, batchnorm 61 %,
decoder 49 %; weight compression with critical training 83 %, decoder 52 %. At `gpu` (one H200, three seeds,
ten epochs, mean of V1, V4, IT and behaviour), with Kaiming normal: critical 75 %, conv1 83 %, batchnorm 68 %,
decoder 59 %, as many as critical at random 72 %; with weight compression 89, 90, –, 65 and 86 %; at `small`
critical 59 and, with weight compression, 68 %, decoder 36 and 44 %, conv1 and as many at random as good, and
as many as critical:V4 at random 80 % where that has 60 (docs/findings.md). The random sets need a lower rate
where they diverge (--lr 0.01).

Three seeds: 54 runs, one after the other about 18 minutes at `gpu` (one card) and 6 hours at `small` (two
cores).
"""

from collections.abc import Mapping

from wiringup.experiments.recipes.conditions import WC, Conditions, Recipe
from wiringup.results.claims import Claim

SETS = (
    "all", "critical", "critical:V4", "critical:V2", "conv1", "batchnorm", "downstream:V4", "downstream:IT",
    "decoder", "random:critical", "random:batchnorm", "random:(critical:V4)",
)  # fmt: skip
SETS_WC = ("all", "critical", "conv1", "decoder", "random:critical")


def critical(study: Conditions) -> None:
    """Add every set of synapses with Kaiming normal, and some with weight compression."""
    for learns in SETS:
        study.add(f"KN + {learns}", learns=learns)
    for learns in SETS_WC:
        study.add(f"WC + {learns}", birth=WC, learns=learns)


AS_MANY: Mapping[str, tuple[str, ...]] = {
    "KN + random:critical": ("KN + critical",),
    "KN + random:batchnorm": ("KN + batchnorm",),
    "KN + random:(critical:V4)": ("KN + critical:V4",),
    "WC + random:critical": ("WC + critical",),
}
"""As many synapses, drawn at random, of the same birth -> what is tested against them; nothing else is."""


CRITICAL_KN = {"birth": "kaiming_normal", "plasticity": "critical"}
CRITICAL_WC = {"birth": "weight_compression", "plasticity": "critical"}
CLAIMS = (
    Claim("WC + critical reaches 80 %", "83 %, converged", CRITICAL_WC, level=80),
    Claim("KN + critical reaches 75 %", "76 %, converged", CRITICAL_KN, level=75),
    *(
        Claim(
            f"{born} + critical is above {born} + {other}",
            published,
            critical,
            than=critical | {"plasticity": other},
        )
        for born, critical, other, published in (
            ("KN", CRITICAL_KN, "random:critical", ""),
            ("WC", CRITICAL_WC, "random:critical", ""),
            ("KN", CRITICAL_KN, "batchnorm", "76 % against 61 %, converged"),
            ("KN", CRITICAL_KN, "decoder", "76 % against 49 %, converged"),
            ("WC", CRITICAL_WC, "decoder", "83 % against 52 %, converged"),
        )
    ),
)


RECIPE = Recipe(
    "Training the down-projections alone keeps most of what training everything gives.",
    ("3c", "3d", "5b"),
    critical,
    AS_MANY,
    CLAIMS,
)
