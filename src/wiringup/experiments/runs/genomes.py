"""Where a birth recipe's genome comes from: a file the user names, or the published distributions.

A genome of another architecture is carried to the network that is to be born.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from wiringup.birth.distill import as_control, with_statistics
from wiringup.birth.gabor_layers import CONTROLS
from wiringup.birth.genome import Genome
from wiringup.birth.published import read_published
from wiringup.birth.recipes import RECIPES
from wiringup.birth.transfer import DONOR, LAYER_MAPS, read_layer_map, transfer
from wiringup.core.checks import did_you_mean
from wiringup.core.errors import InputError, MissingDataError
from wiringup.core.home import user_home
from wiringup.data.sources.fetch import check_whole
from wiringup.models.architecture import ModelSpec, outline
from wiringup.models.trained import Trained

PUBLISHED = "weight-compression"
"""Name of the data set that holds the published distributions (see `wiringup fetch`)."""


def find_genome(
    birth: str | Path | Genome,
    home: Path,
    model: ModelSpec,
    layer_map: Path | None = None,
    *,
    keep_gain: bool = False,
) -> tuple[str, Genome | None]:
    """Return the recipe and the genome behind what a user calls a birth.

    Args:
        birth: the name of a recipe ("kn", "wc"), or a genome or the path of its file (JSON), which name their
            own recipe.
        home: the data folder.
        model: the network to be born.
        layer_map: a file (JSON) that says which of its layers is born from which layer of the genome; by
            default the built-in map of its architecture, if the genome is another's.
        keep_gain: see `transfer`; nothing to a genome that is not carried over.

    Raises:
        InputError: for an unknown name, a file that is no genome or no map, a genome of another
            architecture without a map, or a recipe that needs a genome to be named.
        MissingDataError: if the published distributions are needed and not there.
    """
    genome = birth if isinstance(birth, Genome) else _from_file(str(birth))
    recipe = RECIPES.canonical(genome.recipe if genome else str(birth))
    if genome is None and RECIPES[recipe].needs_genome:
        genome = _from_published(recipe, home)
    if genome is not None:
        return recipe, carried(genome, model, layer_map, keep_gain=keep_gain)
    if layer_map is not None:
        raise InputError(f"The recipe {recipe} uses no genome, so there is nothing to map; leave out --map.")
    return recipe, None


def open_genome(name: str, home: Path) -> Genome:
    """Return the genome behind a name: a genome file (JSON), or a recipe of published distributions.

    Raises:
        InputError: if it is neither, or a recipe without a genome.
        MissingDataError: if there is no such file, or the published distributions are not there.
    """
    if genome := _from_file(name):
        return genome
    if name not in RECIPES:
        raise InputError(
            f"{name!r} is neither a genome file (.json) nor a recipe.{did_you_mean(name, RECIPES.names())} "
            "All recipes: wiringup genome recipes."
        )
    recipe = RECIPES.canonical(name)
    if not RECIPES[recipe].needs_genome:
        raise InputError(f"The recipe {recipe} is a rule: it draws from no genome, so there is none to open.")
    return _from_published(recipe, home)


def taught(name: str, home: Path, trained: Trained, source: Mapping[str, Any]) -> Genome:
    """Return a genome with the running statistics of a trained network beside its distributions.

    Args:
        name: a genome file, or a recipe that the published distributions serve.
        home: the data folder.
        trained: the network.
        source: what its weights are; kept in the genome.

    Raises:
        InputError: if the genome is another architecture's.
        MissingDataError: as `open_genome`.
    """
    genome, architecture = open_genome(name, home), trained.spec.architecture
    if genome.architecture != architecture:
        raise InputError(
            f"The genome is of {genome.architecture}, the weights are of {architecture}: running statistics "
            "go with the architecture that they were measured in."
        )
    return with_statistics(
        replace(genome, source={**genome.source, "statistics_from": dict(source)}), trained.state
    )


def birth_argument(recipe: str) -> str:
    """Return what to type after --birth: a name, or "FILE" where a genome has to be distilled first."""
    if RECIPES[recipe].needs_genome and not is_published(recipe):
        return "FILE"
    return (RECIPES.aliases(recipe) or [recipe])[0]


def is_published(recipe: str) -> bool:
    """Return whether the published distributions serve a recipe."""
    return recipe == "weight_compression" or RECIPES[recipe].first in CONTROLS


def _from_file(name: str) -> Genome | None:
    return Genome.load(Path(name)) if name.endswith(".json") else None


def _from_published(recipe: str, home: Path) -> Genome:
    """Return the genome of a recipe that the published distributions serve."""
    if is_published(recipe):
        found = published(home)
        return found if recipe == found.recipe else as_control(found, recipe)
    raise InputError(
        f"The recipe {recipe} draws from a genome of its own. Distil one from trained weights: "
        f"wiringup distill WEIGHTS --recipe {recipe} --out g.json, then name the file: --birth g.json."
    )


def carried(
    genome: Genome, model: ModelSpec, layer_map: Path | None = None, *, keep_gain: bool = False
) -> Genome:
    """Return ``genome`` as one from which ``model`` can be born: itself, or carried over by a layer map.

    Raises:
        InputError: if it is another architecture's and there is no map, or the map does not fit.
    """
    target = model.architecture
    if layer_map is None and genome.architecture == target:
        return genome
    if layer_map is None and (genome.architecture != DONOR or target not in LAYER_MAPS):
        raise InputError(
            f"The genome is of {genome.architecture}, the network a {target}, and there is no built-in map "
            f"between them (only from {DONOR} to {', '.join(LAYER_MAPS)}). Write one as JSON, layer of "
            f"{target}: layer of {genome.architecture}, and name it: wiringup birth {target} --map FILE."
        )
    rows = LAYER_MAPS[target] if layer_map is None else read_layer_map(layer_map)
    return transfer(genome, outline(model), rows, target, keep_gain=keep_gain)


def published(home: Path) -> Genome:
    """Return the genome of the published distributions, from the data folder or else the user data folder.

    The second is where they are looked for when the data folder is a read-only copy without them.

    Raises:
        MissingDataError: with the command that fetches them.
        InputError: if one of their files is damaged.
    """
    folders = [folder / PUBLISHED for folder in (home, user_home())]
    folder = next((f for f in folders if f.is_dir()), folders[0])
    check_whole(PUBLISHED, folder.parent)
    try:
        return read_published(folder)
    except MissingDataError as error:
        raise MissingDataError(
            f"Weight compression draws from the published distributions, which are not in {folders[0]}. "
            f"Fetch them with: wiringup fetch {PUBLISHED}  (or name a genome file of your own, FILE.json, in "
            "place of the recipe)"
        ) from error
