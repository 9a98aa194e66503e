"""Reading out a model: responses of any layer and time step to a stack of images.

Benchmarks only ever see a `Subject`. A network becomes one through `NetworkSubject`; pixels and a table
of stored responses are subjects too.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from wiringup.core.checks import did_you_mean
from wiringup.core.errors import InputError
from wiringup.core.stimuli import Stimuli
from wiringup.models.architecture import MEAN, STD, Architecture, ModelSpec


class Subject(Protocol):
    """Anything that can look at images and be read out."""

    @property
    def name(self) -> str:
        """How results call it."""

    @property
    def identity(self) -> str:
        """A hash of everything that decides its responses (weights, preprocessing)."""

    def layer_for(self, area: str) -> str:
        """Return the layer that stands for ``area``; raise `InputError` if there is none."""

    def responses(self, stimuli: Stimuli, layers: Sequence[str]) -> dict[str, Tensor]:
        """Return {layer: float32 (images, features)} from one pass over the images."""


@dataclass(frozen=True)
class Readout:
    """A module of a network by its dotted name, and the time step (its n-th call) at which it is read."""

    module: str
    step: int = 0

    @classmethod
    def parse(cls, text: str, areas: Mapping[str, str]) -> "Readout":
        """Read ``"V4"``, ``"V4@1"`` or ``"V4.conv3@2"``; an area's name stands for its read-out layer."""
        name, at, step = text.partition("@")
        if at and not step.isdigit():
            raise InputError(f"{text!r}: after '@' comes the time step, counted from 0 (as in 'V4@1').")
        return cls(areas.get(name, name), int(step or 0))


def preprocess(pixels: np.ndarray, size: int) -> Tensor:
    """Map uint8 (n, h, w, 3) to normalised float32 (n, 3, size, size), as the networks were trained.

    Bilinear, antialiased, aspect not kept (as Brain-Score does); ImageNet mean and deviation.
    """
    x = torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2).float().div_(255)
    if x.shape[-2:] != (size, size):
        x = nn.functional.interpolate(x, (size, size), mode="bilinear", antialias=True, align_corners=False)
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (MEAN, STD))
    return x.sub_(mean).div_(std).contiguous(memory_format=torch.channels_last)


@dataclass
class NetworkSubject:
    """Any ``nn.Module`` on images, with a table that says which layer is which area.

    Args:
        module: the network; used in evaluation mode.
        areas: area -> layer name.
        size: side of the input in pixels.
        batch: images in one forward pass.
        device: where the network runs.
    """

    name: str
    module: nn.Module
    areas: Mapping[str, str]
    size: int
    batch: int = 64
    device: str = "cpu"
    _identity: str = field(default="", repr=False)

    @property
    def identity(self) -> str:
        """Hash of the weights, buffers and preprocessing (computed at every call: weights may move)."""
        digest = hashlib.sha256(f"{type(self.module).__name__}/{self.size}/{MEAN}/{STD}".encode())
        for key, tensor in self.module.state_dict().items():
            digest.update(key.encode())
            digest.update(tensor.detach().cpu().contiguous().numpy())
        return digest.hexdigest()

    def layer_for(self, area: str) -> str:
        """Return the area's own name if the table has it."""
        if area in self.areas:
            return area
        raise InputError(
            f"{self.name} has no layer for {area}; it knows {', '.join(self.areas)}. Name one with --layer."
        )

    @torch.inference_mode()
    def responses(self, stimuli: Stimuli, layers: Sequence[str]) -> dict[str, Tensor]:
        """Return the flattened responses of ``layers`` to every image, from one forward pass."""
        readouts = {layer: Readout.parse(layer, self.areas) for layer in layers}
        self._check(readouts.values())
        self.module.to(self.device).eval()
        out: dict[str, Tensor] = {}
        for start in range(0, len(stimuli), self.batch):
            rows = slice(start, start + self.batch)
            x = preprocess(stimuli.pixels[rows], self.size).to(self.device)
            for layer, value in self._forward(x, readouts).items():
                if layer not in out:
                    out[layer] = torch.empty(len(stimuli), value.shape[1])
                out[layer][rows] = value.cpu()
        return out

    def _forward(self, x: Tensor, readouts: Mapping[str, Readout]) -> dict[str, Tensor]:
        with recorded(self.module, {r.module for r in readouts.values()}) as calls:
            self.module(x)
        found: dict[str, Tensor] = {}
        for layer, readout in readouts.items():
            steps = calls[readout.module]
            if readout.step >= len(steps):
                raise InputError(
                    f"{layer!r}: {readout.module} has {len(steps)} time steps (0 to {len(steps) - 1})."
                )
            found[layer] = steps[readout.step].flatten(1).float()
        return found

    def _check(self, readouts: Iterable[Readout]) -> None:
        modules = dict(self.module.named_modules())
        for readout in readouts:
            if readout.module not in modules:
                names = [*self.areas, *filter(None, modules)]
                raise InputError(
                    f"{self.name} has no layer {readout.module!r}.{did_you_mean(readout.module, names)} "
                    f"Areas: {', '.join(self.areas)}; any module name works too."
                )


@contextmanager
def recorded(module: nn.Module, names: set[str]) -> Iterator[dict[str, list[Tensor]]]:
    """Record the output of every call of the named submodules while the block runs."""
    calls: dict[str, list[Tensor]] = {name: [] for name in names}
    hooks = [
        module.get_submodule(name).register_forward_hook(
            lambda _m, _i, output, name=name: calls[name].append(output.clone())
        )
        for name in names
    ]
    try:
        yield calls
    finally:
        for hook in hooks:
            hook.remove()


@dataclass(frozen=True)
class PixelSubject:
    """The images themselves, at ``size`` pixels: what a score owes to the input alone."""

    size: int
    name: str = "pixels"

    @property
    def identity(self) -> str:
        """Decided by the size alone."""
        return hashlib.sha256(f"pixels/{self.size}".encode()).hexdigest()

    def layer_for(self, area: str) -> str:
        """Every area is compared with the same pixels."""
        return "pixels"

    def responses(self, stimuli: Stimuli, layers: Sequence[str]) -> dict[str, Tensor]:
        """Return the flattened, normalised pixels under every name in ``layers``."""
        parts = [
            preprocess(stimuli.pixels[i : i + 256], self.size).flatten(1) for i in range(0, len(stimuli), 256)
        ]
        return dict.fromkeys(layers, torch.cat(parts))


def subject(module: nn.Module, spec: ModelSpec, architecture: Architecture, name: str = "") -> NetworkSubject:
    """Return a registered network as a subject, read out where its architecture says."""
    return NetworkSubject(name or spec.architecture, module, architecture.readouts, spec.size)
