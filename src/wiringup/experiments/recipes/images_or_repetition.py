"""Many images once, or few images many times, for equal updates.

    wiringup run images_or_repetition --scale gpu

The same number of supervised updates spent on all images or on fewer of them, with all synapses from
Kaiming normal and with critical training from weight compression. In later work distinct images beat
repetition. The rate falls along with the updates that are spent, in every run alike (cosine): by epochs, as
with the published schedule, few images would be seen at a rate near 0 most of the time. At `small` (two
cores, three seeds) 1,000 images seen 156 times are not told from 15,600 seen ten times (docs/findings.md).

Three seeds: 39 runs, one after the other about 11 minutes at `gpu` (one card) and 3.5 hours at `small` (two
cores).
"""

import logging

from wiringup.experiments.recipes.conditions import ALL, KN, WC, Conditions, Recipe
from wiringup.results.claims import LEAST, MOST, Claim
from wiringup.training.schedule import images

ALIKE = ("cosine", "one-cycle", "constant")
"""Schedules by which equal updates, on few images or many, are spent at the same rates."""
INSTEAD = ALIKE[0]

log = logging.getLogger(__name__)


def images_or_repetition(study: Conditions) -> None:
    """Add every number of images for two budgets of updates, those of the fewest and of the most epochs."""
    usual = study.base.training.schedule
    changes = {} if usual in ALIKE else {"training.schedule": INSTEAD}
    if changes:
        log.warning("The rate falls by %s here; %s goes by epochs (see the recipe).", INSTEAD, usual)
    for passes in dict.fromkeys((study.scale.epochs[0], study.scale.epochs[-1])):
        spent = round(study.images * passes)
        for number in study.numbers:
            budget = f"{spent:,} updates on {number:,} images"
            for label, birth, learns in (("KN, all", KN, ALL), ("WC + critical", WC, "critical")):
                study.add(
                    f"{label}, {budget}",
                    birth=birth,
                    learns=learns,
                    number=number,
                    duration=images(spent),
                    changes=changes,
                )


CLAIMS = tuple(
    Claim(
        f"With equal updates, {told} matches better from all images than from few, repeated",
        "",
        {"plasticity": learns, "name": name, "images": MOST, "epochs": MOST},
        than={"plasticity": learns, "name": name, "images": LEAST, "epochs": MOST},
    )
    for told, learns, name in (
        ("KN with all synapses", "all", r"KN, all, [\d,]+ updates"),
        ("WC + critical", "critical", r"WC \+ critical, [\d,]+ updates"),
    )
)


RECIPE = Recipe(
    "With equal updates, more distinct images give a better brain match.",
    ("1c", "s1"),
    images_or_repetition,
    claims=CLAIMS,
)
