"""Where a birth recipe's genome comes from: a file the user names, or the published figures."""

from pathlib import Path

from wiringup.birth.genome import Genome
from wiringup.birth.published import read_published
from wiringup.birth.recipes import RECIPES
from wiringup.core.errors import MissingDataError
from wiringup.core.home import user_home

PUBLISHED = "weight-compression"
"""Name of the data set that holds the published figures (see `wiringup fetch`)."""

FROM_GENOME = "weight_compression"


def find_genome(birth: str, home: Path) -> tuple[str, Genome | None]:
    """Return the recipe and the genome behind what a user calls a birth.

    Args:
        birth: the name of a recipe ("kn", "wc"), or the path of a genome file (JSON).
        home: the data folder.

    Raises:
        InputError: for an unknown name, or a file that is no genome.
        MissingDataError: if the published figures are needed and not there.
    """
    if birth.endswith(".json"):
        return FROM_GENOME, Genome.load(Path(birth))
    recipe = RECIPES.canonical(birth)
    return recipe, published(home) if RECIPES[recipe].needs_genome else None


def published(home: Path) -> Genome:
    """Return the genome of the published figures, from the data folder or else the user data folder.

    The second is where they are looked for when the data folder is a read-only copy without them.

    Raises:
        MissingDataError: with the command that fetches them.
    """
    folders = [folder / PUBLISHED for folder in (home, user_home())]
    try:
        return read_published(next((f for f in folders if f.is_dir()), folders[0]))
    except MissingDataError as error:
        raise MissingDataError(
            f"Weight compression draws from the published figures, which are not in {folders[0]}. "
            f"Fetch them with: wiringup fetch {PUBLISHED}  (or name a genome of your own: --birth FILE.json)"
        ) from error
