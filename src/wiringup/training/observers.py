"""Those who watch a training: they fire at birth, at chosen moments and at the end."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from wiringup.core.errors import InputError
from wiringup.core.stimuli import LabelledImages
from wiringup.models.architecture import ModelSpec
from wiringup.models.device import arithmetic
from wiringup.models.preprocessing import IMAGENET, Preprocessing, batches
from wiringup.models.steadiness import drawn
from wiringup.models.weights import save_weights
from wiringup.training.checkpoint import MOMENTS
from wiringup.training.distributed import ALONE, ProcessGroup
from wiringup.training.ledger import Ledger


@dataclass(frozen=True)
class TrainingMoment:
    """What an observer sees.

    Attributes:
        epoch: images seen, as a fraction of the images there are.
        images: labelled images seen (supervised updates).
        step: optimiser steps done.
        model: the network, in evaluation mode; to be looked at, not to be changed.
        ledger: what has been spent so far.
        losses: training loss of every step so far.
        group: the processes that train together.
    """

    epoch: float
    images: int
    step: int
    model: nn.Module
    ledger: Ledger
    losses: Sequence[float]
    group: ProcessGroup = ALONE


Observer = Callable[[TrainingMoment], Mapping[str, Any] | None]
"""Looks at a moment; what it returns (plain JSON values) is kept with the run and its checkpoints."""


@dataclass(frozen=True)
class Shared:
    """An observer that all processes of a training call, each for its share; the first calls all others."""

    observer: Observer

    def __call__(self, moment: TrainingMoment) -> Mapping[str, Any] | None:
        """Look at a moment."""
        return self.observer(moment)


def observe(moment: TrainingMoment, observers: Sequence[Observer]) -> dict[str, Any]:
    """Let every observer of this process look, and return what they saw with the time at which they saw it.

    Raises:
        InputError: if an observer returns something that JSON cannot hold.
    """
    seen: dict[str, Any] = {"epoch": moment.epoch, "images": moment.images, "step": moment.step}
    with evaluating(moment.model):
        for observer in observers:
            if moment.group.rank > 0 and not isinstance(observer, Shared):
                continue
            seen |= observer(moment) or {}
    try:
        plain: dict[str, Any] = json.loads(json.dumps(seen))
    except TypeError as error:
        raise InputError(f"An observer has to return plain JSON values or None ({error}).") from error
    return plain


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put the model in evaluation mode while the block runs; every module's mode is restored."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def top1(
    model: nn.Module, data: LabelledImages, size: int, batch: int = 256, how: Preprocessing = IMAGENET
) -> float:
    """Return the fraction of images whose most active class is the right one.

    Args:
        model: maps (n, 3, size, size) to (n, classes).
        data: the images.
        size: side of the network's input in px.
        batch: images in one forward pass.
        how: what happens to an image on its way to the network.
    """
    device = next(model.parameters()).device
    right = torch.zeros((), dtype=torch.int64, device=device)
    with evaluating(model), torch.inference_mode(), arithmetic(device), drawn(device):
        for rows, images in batches(data.stimuli, size, batch, how, device):
            right = right + (model(images).argmax(1) == torch.from_numpy(data.labels[rows]).to(device)).sum()
    return int(right) / len(data)


def moment_file(epoch: float) -> Path:
    """Return where the weights of a moment are kept, in the folder of a run."""
    return Path(MOMENTS, f"epoch-{epoch:.8g}.safetensors")


@dataclass(frozen=True)
class KeepWeights:
    """Keeps the weights of every moment in a run's folder, as ``moments/epoch-0.5.safetensors``.

    A file is whole or not there. A training that is continued writes those of a moment again only where it
    was interrupted before its checkpoint had it.

    Attributes:
        folder: of the run.
        classes: names of the classes, kept in the files; None if they are not known.
        network: what is trained, kept in the files too.
    """

    folder: Path
    classes: Sequence[str] | None = None
    network: ModelSpec | None = None

    def __call__(self, moment: TrainingMoment) -> dict[str, str]:
        """Return {"weights": where they are in the folder}."""
        path = moment_file(moment.epoch)
        save_weights(moment.model, self.folder / path, self.classes, self.network)
        return {"weights": path.as_posix()}
