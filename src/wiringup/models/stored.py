"""A table of responses that were computed elsewhere, as a subject."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wiringup.core.checks import one_of, same_length
from wiringup.core.errors import InputError
from wiringup.core.stimuli import Stimuli
from wiringup.models.forward import EVERY


@dataclass(frozen=True, eq=False)
class StoredSubject:
    """Responses of any model, computed by any program; it answers to the images that the table knows.

    Attributes:
        name: how results and messages call it.
        layers: layer -> real numbers (images, features).
        ids: the name of each image. With names, rows are found by them, in whatever order; without, they
            have to be in the order of the benchmark's images.
        classes: names of the classes in the order of the logits, if a layer holds logits and they are known.
        called: name of an image in a benchmark -> its id here, where the two may differ.

    Raises:
        InputError: if there is no layer, the layers differ in their number of images, a response is NaN
            or infinite, or the ids do not name the images one to one.
    """

    name: str
    layers: Mapping[str, NDArray[np.float32]]
    ids: tuple[str, ...] | None = None
    classes: tuple[str, ...] | None = None
    called: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.layers:
            raise InputError(f"{self.name} holds no responses.")
        first, images = next((layer, len(values)) for layer, values in self.layers.items())
        for layer, values in self.layers.items():
            if values.ndim != 2 or 0 in values.shape:
                raise InputError(
                    f"{self.name}: layer {layer!r} has shape {values.shape}; expected images x features."
                )
            same_length(len(values), images, f"{self.name}: layer {layer!r}", f"layer {first!r}")
            _check_finite(values, f"{self.name}: layer {layer!r}")
        if self.ids is not None:
            same_length(len(self.ids), images, f"{self.name}: the list of image ids", f"layer {first!r}")

    @cached_property
    def identity(self) -> str:
        """Hash of all responses and ids."""
        digest = hashlib.sha256(f"stored/{self.ids}".encode())
        for layer, values in self.layers.items():
            digest.update(f"/{layer}/{values.shape}/".encode())
            digest.update(np.ascontiguousarray(values).data)
        return digest.hexdigest()

    def layer_for(self, area: str) -> str:
        """Return the layer called ``area``, or the only one."""
        if area in self.layers or len(self.layers) > 1:
            return self._known(area)
        return next(iter(self.layers))

    def expand(self, layers: Sequence[str]) -> list[str]:
        """Return ``layers`` one by one: ``all`` is every layer of the table."""
        found = [one for layer in layers for one in (self.layers if layer == EVERY else [layer])]
        return list(dict.fromkeys(found))

    def responses(self, stimuli: Stimuli, layers: Sequence[str]) -> dict[str, Tensor]:
        """Return {layer: float32 (images, features)} in the order of ``stimuli``.

        Raises:
            InputError: if the table has no such layer, or its images are not those of ``stimuli``.
        """
        names = [self._known(layer) for layer in self.expand(layers)]
        order = self._order(stimuli)
        return {
            n: torch.from_numpy(self.layers[n] if order is None else self.layers[n][order]) for n in names
        }

    def _known(self, layer: str) -> str:
        return one_of(layer, self.layers, f"layer of {self.name} (name one with --layer):")

    def _order(self, stimuli: Stimuli) -> NDArray[np.intp] | None:
        """Return the row of each stimulus, or None if the rows stand in the order of the stimuli."""
        if self.ids is None:
            count = len(next(iter(self.layers.values())))
            same_length(count, len(stimuli), self.name, "the benchmark's set of images")
            return None
        if self.ids == stimuli.ids:
            return None
        row = {name: i for i, name in enumerate(self.ids)}
        names = [self.called.get(name, name) for name in stimuli.ids]
        absent = [name for name in names if name not in row]
        if absent or len(row) < len(self.ids) or len(set(stimuli.ids)) < len(stimuli):
            raise InputError(self._mismatch(stimuli, self.ids, absent))
        return np.array([row[name] for name in names])

    def _mismatch(self, stimuli: Stimuli, ids: Sequence[str], absent: Sequence[str]) -> str:
        if not absent:
            return (
                f"{self.name}: several images have the same id, and their order is not the benchmark's. "
                "Bring the responses into the order of the benchmark's images."
            )
        return (
            f"{self.name} has no response to {len(absent):,} of the benchmark's {len(stimuli):,} images, "
            f"such as {absent[0]!r}; its own ids are like {ids[0]!r}. "
            "Use the benchmark's ids, or leave the ids out and bring the responses into its order."
        )


def _check_finite(values: NDArray[np.float32], where: str) -> None:
    wrong = np.flatnonzero(~np.isfinite(values).all(1))
    if len(wrong):
        raise InputError(
            f"{where} has NaN or infinite responses to {len(wrong):,} of {len(values):,} images, the first "
            f"in row {wrong[0]} (counted from 0). Every image needs an answer of finite numbers."
        )
