"""What was scored, in words and in bits: kept beside a brain match, to be set against it."""

from pathlib import Path
from typing import Any

from wiringup.birth.apply import BirthSpec
from wiringup.birth.description import of_birth, of_trained
from wiringup.experiments.genomes import find_genome
from wiringup.experiments.scoring import STORED, ScoreRequest
from wiringup.experiments.stored import is_stored
from wiringup.models.architecture import ARCHITECTURES, ModelSpec, build
from wiringup.models.trained import read_trained
from wiringup.results.bits import BORN, REFERENCE, TRAINED


def described(request: ScoreRequest, home: Path) -> dict[str, Any]:
    """Return what a request scores, as plain JSON types: its name, its network, and its description length.

    Pixels, other reference models and stored responses have no description that could be counted here.
    """
    if request.model not in ARCHITECTURES:
        shown = request.model if is_stored(request.model) else f"{request.model} at {request.size} px"
        facts = {"kind": REFERENCE, "name": request.model, "network": shown}
        return facts | {
            "batchnorm": None,
            "figures": None,
            "parameters": None,
            "precision": None,
            "bits": None,
        }
    if request.weights is not None:
        trained = read_trained(
            request.weights, ModelSpec(request.model, size=request.size), request.weights_key
        )
        spec, notes = trained.spec, list(trained.notes)
        size, kind, name, batchnorm = of_trained(build(spec)), TRAINED, request.weights.name, STORED
    else:
        spec, notes = ModelSpec(request.model, request.width, request.classes, request.size), []
        recipe, genome = find_genome(request.birth, home, spec)
        birth = BirthSpec(recipe, 0, genome.sha256 if genome else "", request.batchnorm)
        size, kind, batchnorm = of_birth(birth, genome), BORN, request.batchnorm
        own = request.birth.endswith(".json")
        name = f"{recipe} ({Path(request.birth).name})" if own else recipe
    network = f"{spec.architecture}, width {spec.width:g}, {spec.size} px"
    facts = {"kind": kind, "name": name, "network": network, "batchnorm": batchnorm}
    sizes = dict.fromkeys(("figures", "parameters"), size.n_parameters)
    sizes |= {"precision": size.precision, "bits": size.bits}
    return facts | sizes | ({"weights_notes": notes} if notes else {})
