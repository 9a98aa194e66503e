"""All recipes by name: one file a claim. The main study, `wiringup run` without a name, is apart."""

from collections.abc import Mapping

from wiringup.core.checks import one_of
from wiringup.experiments.recipes import (
    at_birth,
    combination,
    critical,
    fewer_updates,
    hyper_parameters,
    images_or_repetition,
    initialisations,
    least_updates,
    small_networks,
    transfer,
)
from wiringup.experiments.recipes.conditions import Recipe

RECIPES: Mapping[str, Recipe] = {
    "fewer_updates": fewer_updates.RECIPE,
    "at_birth": at_birth.RECIPE,
    "critical": critical.RECIPE,
    "combination": combination.RECIPE,
    "least_updates": least_updates.RECIPE,
    "transfer": transfer.RECIPE,
    "hyper_parameters": hyper_parameters.RECIPE,
    "initialisations": initialisations.RECIPE,
    "images_or_repetition": images_or_repetition.RECIPE,
    "small_networks": small_networks.RECIPE,
}


def find_recipe(name: str) -> Recipe:
    """Return the recipe called ``name``; raise `InputError` if there is none."""
    return RECIPES[one_of(name, RECIPES, "recipe")]
