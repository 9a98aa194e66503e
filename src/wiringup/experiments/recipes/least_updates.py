"""The fewest supervised synaptic updates that reach 80 % and 90 % of the reference's brain match.

    wiringup run least_updates --scale gpu

Births x sets of synapses x epochs, and fewer images for the most promising of them: the front of brain
match against synaptic updates. At `gpu` (one H200, three seeds, mean of V1, V4, IT and behaviour) weight
compression from the published figures, with critical training, had 70, 77 and 89 % [79, 101] after one,
three and ten epochs, 90 % [80, 102] with BatchNorm learning too: with 1/184 of the reference's synaptic
updates. 80 % took about 9e10 of them, where training all synapses took 7e12. At `small` (two cores) it had
52, 61 and 68 % [54, 82], with BatchNorm learning too 57, 69 and 80.8 % [70.5, 93.9]; distilled from the
reference of each seed, which is a better birth, 58, 66 and 75 % [63, 85] (docs/findings.md).

Three seeds: 66 runs, at `gpu` (one card) about 15 minutes one after the other, 8 minutes eight at once, and
4 hours at `small` (two cores).
"""

import re

from wiringup.experiments.recipes.conditions import ALL, KN, WC, Conditions, Recipe
from wiringup.experiments.recipes.grid import images_and_epochs
from wiringup.experiments.recipes.scale import DISTILLED
from wiringup.results.claims import LEAST, MOST, Claim, Which
from wiringup.training.schedule import epochs

BEST = WC, "critical + batchnorm"
CANDIDATES = ((WC, "critical"), BEST, (DISTILLED, BEST[1]), (KN, "critical"), (KN, ALL))
_CALLED = {KN: "KN", DISTILLED: "WC (distilled)"}


def least_updates(study: Conditions) -> None:
    """Add the candidates for every number of epochs."""
    for birth, learns in CANDIDATES:
        if birth == study.scale.wc:
            continue  # what is called WC is distilled
        for number in study.numbers if (birth, learns) == BEST else (study.images,):
            for passes in study.scale.epochs:
                told = _CALLED.get(birth, birth) + (", " if learns == ALL else " + ") + learns
                told += f", {images_and_epochs(number, passes)}"
                study.add(told, birth=birth, learns=learns, number=number, duration=epochs(passes))


_PUBLISHED, _DISTILLED = (f"{_CALLED.get(birth, birth)} + {BEST[1]}" for birth in (WC, DISTILLED))


def _all_images(said: str, passes: str) -> Which:
    return {"name": f"{re.escape(said)}, ", "images": MOST, "epochs": passes}


CLAIMS = (
    *(
        Claim(
            f"{said}, all images, {told} epochs, reaches {level} %",
            published if said == "WC + critical" else "",
            _all_images(said, passes),
            level=level,
        )
        for said in ("WC + critical", _PUBLISHED, _DISTILLED)
        for told, passes, level, published in (
            ("fewest", LEAST, 80, ""),
            ("most", MOST, 80, "79 % after 6 epochs, 83 % converged"),
            ("most", MOST, 90, "79 % after 6 epochs, 83 % converged"),
        )
    ),
    Claim(
        f"{_DISTILLED} is above {_PUBLISHED}, all images, most epochs",
        "",
        _all_images(_DISTILLED, MOST),
        than=_all_images(_PUBLISHED, MOST),
    ),
)


RECIPE = Recipe(
    "A thousandth of the synaptic updates reaches 80 to 90 % of the fully trained brain match.",
    ("4a",),
    least_updates,
    claims=CLAIMS,
)
