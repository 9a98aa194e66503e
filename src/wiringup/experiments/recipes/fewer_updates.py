"""Fewer images and fewer epochs, with all synapses (the paper's Figure 1).

    wiringup run fewer_updates --scale gpu

Published, at the paper's scale: 76 % of the fully trained brain match after one epoch of ImageNet, 90 %
after six, 79 % with 100,000 images for 20 epochs. At `gpu` (one H200, three seeds, mean of V1, V4, IT and
behaviour): 57 % at birth, and 53, 67 and 83 % after one, three and ten epochs of 50 (docs/findings.md).

Three seeds: 36 runs, one after the other about 10 minutes at `gpu` (one card) and 3 hours at `small` (two
cores).
"""

from wiringup.experiments.recipes.conditions import Conditions, Recipe
from wiringup.experiments.recipes.grid import images_and_epochs
from wiringup.results.claims import LEAST, MOST, Claim
from wiringup.training.schedule import epochs


def fewer_updates(study: Conditions) -> None:
    """Add every number of images for every number of epochs."""
    for number in study.numbers:
        for passes in (*study.scale.epochs, study.scale.reference):
            if (number, passes) != (study.images, study.scale.reference):
                label = f"KN, all, {images_and_epochs(number, passes)}"
                study.add(label, number=number, duration=epochs(passes))


ALL_SYNAPSES = r"KN, all, [\d,]+ images"
CLAIMS = (
    Claim(
        "All synapses, all images, the fewest epochs reach 80 %",
        "76 % after 1 of 43 epochs",
        {"name": ALL_SYNAPSES, "images": MOST, "epochs": LEAST},
        level=80,
    ),
    Claim(
        "All synapses, all images, the most epochs short of the reference reach 90 %",
        "90 % after 6 of 43 epochs",
        {"name": ALL_SYNAPSES, "images": MOST, "epochs": MOST},
        level=90,
    ),
)


RECIPE = Recipe(
    "Most of the brain match is there after a small part of the images and epochs.",
    ("1a", "1b", "1c", "s1"),
    fewer_updates,
    claims=CLAIMS,
)
