"""Those who watch a training: they fire at birth, at chosen moments and at the end."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from wiringup.core.errors import InputError
from wiringup.core.stimuli import LabelledImages
from wiringup.models.readout import preprocess
from wiringup.training.ledger import Ledger
from wiringup.training.schedule import Duration, epochs

PUBLISHED_MOMENTS = tuple(epochs(n / 10) for n in range(11)) + tuple(epochs(n) for n in (2, 3, 5, 6, 10, 20))
"""When the paper scores its models: 0, 0.1 ... 1, 2, 3, 5, 6, 10 and 20 epochs (METHODS, training)."""


@dataclass(frozen=True)
class Moment:
    """What an observer sees.

    Attributes:
        epoch: images seen, as a fraction of the images there are.
        images: labelled images seen (supervised updates).
        step: optimiser steps done.
        model: the network, in evaluation mode; to be looked at, not to be changed.
        ledger: what has been spent so far.
        losses: training loss of every step so far.
    """

    epoch: float
    images: int
    step: int
    model: nn.Module
    ledger: Ledger
    losses: Sequence[float]


Observer = Callable[[Moment], Mapping[str, Any] | None]
"""Looks at a moment; what it returns (plain JSON values) is kept with the run and its checkpoints."""


def observe(moment: Moment, observers: Sequence[Observer]) -> dict[str, Any]:
    """Let every observer look, and return what they saw with the time at which they saw it.

    Raises:
        InputError: if an observer returns something that JSON cannot hold.
    """
    seen: dict[str, Any] = {"epoch": moment.epoch, "images": moment.images, "step": moment.step}
    with evaluating(moment.model):
        for observer in observers:
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


def top1(model: nn.Module, data: LabelledImages, size: int, batch: int = 256) -> float:
    """Return the fraction of images whose most active class is the right one.

    Args:
        model: maps (n, 3, size, size) to (n, classes).
        data: the images, scaled to ``size`` without keeping their aspect, not cropped.
        size: side of the network's input in px.
        batch: images in one forward pass.
    """
    device = next(model.parameters()).device
    right = 0
    with evaluating(model), torch.inference_mode():
        for start in range(0, len(data), batch):
            rows = slice(start, start + batch)
            logits = model(preprocess(data.stimuli.at(rows), size).to(device))
            right += int((logits.argmax(1).cpu() == torch.from_numpy(data.labels[rows])).sum())
    return right / len(data)


@dataclass(frozen=True)
class Accuracy:
    """Observes top-1 accuracy on held-out images, reported under ``name``."""

    data: LabelledImages
    size: int
    name: str = "top1"

    def __call__(self, moment: Moment) -> dict[str, float]:
        """Return {name: fraction right}."""
        return {self.name: top1(moment.model, self.data, self.size)}


def due(moments: Sequence[Duration], dataset: int, batch: int, since: int, now: int) -> bool:
    """Return whether a moment was reached by the images seen after ``since`` and up to ``now``."""
    return any(since < moment.in_images(dataset, batch) <= now for moment in moments)
