"""What is handed over in Python to be scored, as benchmarks look at it."""

from typing import Any

from torch import nn

from wiringup.core.errors import InputError
from wiringup.experiments.runs.network import Network
from wiringup.experiments.scoring.references import REFERENCES
from wiringup.models.readout import Subject
from wiringup.models.storage import Storage


def subject_of(model: Network | Subject | str, size: int, device: str) -> tuple[Subject, dict[str, Any]]:
    """Return a model as benchmarks look at it, and the columns that name it.

    Args:
        model: a network, anything that answers to images, or the name of a reference model.
        size: side in px at which reference models see.
        device: where a network runs.

    Raises:
        InputError: if it is none of these, or was never born.
    """
    if isinstance(model, str):
        if model not in REFERENCES:
            raise InputError(
                f"{model!r} is none of {', '.join(REFERENCES)}. For a network: create_model, give_birth."
            )
        made, facts = REFERENCES[model].make(size, 0, Storage())
        return made, {"model": model, "size": size, **facts}
    if isinstance(model, Network):
        return model.subject(device), model.facts
    if isinstance(model, nn.Module):
        raise InputError(told_of_module(model))
    if not hasattr(model, "responses"):
        raise InputError(
            f"{type(model).__name__} does not answer to images; make a network with create_model."
        )
    return model, {"model": model.name}


def told_of_module(module: nn.Module) -> str:
    """Return what to do with a module, which does not say how images reach it and where it is read out."""
    return (
        f"{type(module).__name__} is a module, which does not say how it sees. Score it as "
        "wiringup.NetworkSubject('name', module, {'V4': 'layer3'}, size=224): its areas, and the side of its "
        "input (preprocessing is ImageNet's unless another is given). To train it, give a factory: "
        "create_model('package.module:factory')."
    )
