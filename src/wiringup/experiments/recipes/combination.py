"""Fewer updates, a birth state and critical training together (the paper's Figure 4).

    wiringup run combination --scale gpu

Weight compression with critical training beside Kaiming normal with all synapses, on the same images for
the same epochs (equal updates), and for as many synaptic updates as critical training spends (equal
synaptic updates). Published: 79 % of the fully trained brain match after six epochs, 83 % converged. At
`gpu` (one H200, three seeds, ten epochs, mean of V1, V4, IT and behaviour): weight compression with critical
training 89 % [79, 101], Kaiming normal with critical training 75 %, with all synapses 83 %, with all synapses
and as many synaptic updates as critical training 43 % (docs/findings.md).

Three seeds: 84 runs, at `gpu` (one card) about 17 minutes one after the other (54 of them eight at once: 5
minutes), and 5 hours at `small` (two cores).
"""

from wiringup.core.checks import several
from wiringup.experiments.recipes.conditions import WC, Conditions, Recipe
from wiringup.experiments.recipes.grid import images_and_epochs
from wiringup.experiments.runs.inputs import plasticity_of
from wiringup.results.claims import MOST, Claim
from wiringup.training.schedule import epochs, images


def combination(study: Conditions) -> None:
    """Add critical training from weight compression, its parts, and its controls."""
    share = plasticity_of("critical", study.base.model).share
    for number in study.numbers:
        for passes in study.scale.epochs:
            budget = images_and_epochs(number, passes)
            study.add(
                f"WC + critical, {budget}",
                birth=WC,
                learns="critical",
                number=number,
                duration=epochs(passes),
            )
            study.add(f"KN, all, {budget}", number=number, duration=epochs(passes))
    for passes in study.scale.epochs:
        spent = max(2, round(study.images * passes * share))
        budget = several(passes, "epochs")
        study.add(f"KN, all, synaptic updates of critical for {budget}", duration=images(spent))
        study.add(f"KN + critical, {budget}", learns="critical", duration=epochs(passes))
        study.add(f"WC, all, {budget}", birth=WC, duration=epochs(passes))


TOGETHER = {"birth": "weight_compression", "plasticity": "critical", "images": MOST, "epochs": MOST}
CLAIMS = (
    Claim("WC + critical reaches 80 %", "79 % after 6 epochs, 83 % converged", TOGETHER, level=80),
    Claim(
        "WC + critical is above KN with all synapses for as many synaptic updates",
        "",
        TOGETHER,
        than={"name": "KN, all, synaptic updates of critical for", "epochs": MOST},
    ),
    Claim(
        "WC + critical is above KN + critical",
        "83 % against 76 %, converged",
        TOGETHER,
        than={"birth": "kaiming_normal", "plasticity": "critical", "epochs": MOST},
    ),
    Claim(
        "For as many updates, KN with all synapses is above WC + critical",
        "90 % against 79 % after 6 epochs",
        {"name": r"KN, all, [\d,]+ images", "images": MOST, "epochs": MOST},
        than=TOGETHER,
    ),
)


RECIPE = Recipe(
    "A birth state and critical training together reach most of the brain match with a thousandth of the "
    "synaptic updates.",
    ("4a", "4b", "s3"),
    combination,
    claims=CLAIMS,
)
