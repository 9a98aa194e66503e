"""Reading out a model: responses of any layer and time step to a stack of images.

Benchmarks only ever see a `Subject`. A network becomes one through `NetworkSubject`; pixels and a table
of stored responses are subjects too.
"""

import copy
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn

from wiringup.core.checks import did_you_mean
from wiringup.core.errors import InputError
from wiringup.core.spec import content_hash
from wiringup.core.stimuli import Stimuli
from wiringup.models.any_network import provenance
from wiringup.models.architecture import ModelSpec, architecture_of
from wiringup.models.code import code_of
from wiringup.models.device import arithmetic, check_device
from wiringup.models.forward import EVERY, Probe, Readout, Sink, count_calls, forward, probe
from wiringup.models.preprocessing import IMAGENET, Preprocessing, batches, network_input, preprocess
from wiringup.models.steadiness import IMAGES, drawn, reservation
from wiringup.models.storage import Storage, working_set

VERSION = 1
"""Of preprocessing and read-out: raise it when either changes a response, or kept ones would be stale."""

KEY_DIGITS = 40


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


@dataclass
class NetworkSubject:
    """Any ``nn.Module`` on images, with a table that says which layer is which area.

    Args:
        module: the network; used in evaluation mode, and never moved.
        areas: area -> layer name.
        size: side of the input in pixels.
        batch: images in one forward pass.
        device: where the network runs, see `device.check_device`. If its weights are elsewhere, a copy of it
            does: it may be in training where it is.
        storage: where the responses are held.
        classes: names of the classes in the order of the decoder's outputs; None if they are not known.
        preprocessing: what happens to an image on its way to the network.
        code: what decides the responses besides weights and preprocessing: the code of a network of another
            package, or the version of its library.
        precision: of the network's convolutions and products, one of `device.PRECISIONS`.
        reservation: in words, why the last responses were not decided by the images alone; see `steadiness`.
    """

    name: str
    module: nn.Module
    areas: Mapping[str, str]
    size: int
    batch: int = 64
    device: str = "cpu"
    storage: Storage = field(default_factory=Storage)
    classes: tuple[str, ...] | None = None
    preprocessing: Preprocessing = IMAGENET
    code: str = ""
    precision: str = "float32"
    reservation: str = field(default="", init=False)

    @property
    def identity(self) -> str:
        """Hash of the weights, buffers and preprocessing (computed at every call: weights may move)."""
        how = self.preprocessing
        text = f"{type(self.module).__name__}/{self.size}/{how.mean}/{how.std}"
        if self.code or replace(how, mean=IMAGENET.mean, std=IMAGENET.std) != IMAGENET:
            text += f"/{how.interpolation}/{how.antialias}/{how.crop}/{self.code}"
        if self.precision != "float32":
            text += f"/{self.precision}"
        digest = hashlib.sha256(text.encode())
        for key, tensor in self.module.state_dict().items():
            digest.update(key.encode())
            digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
        return digest.hexdigest()

    def layer_for(self, area: str) -> str:
        """Return the area's own name if the table has it."""
        if area in self.areas:
            return area
        known = f"; it knows {', '.join(self.areas)}" if self.areas else ""
        raise InputError(
            f"{self.name} has no layer for {area}{known}. Name one with --layer, or --area {area}=LAYER."
        )

    def expand(self, layers: Sequence[str]) -> list[str]:
        """Return ``layers`` one by one: ``all`` is every area, ``V4@all`` every time step of V4.

        Raises:
            InputError: if there is no such layer.
        """
        named = [area + step for layer in layers for area, step in _areas_and_step(layer, self.areas)]
        return list(dict.fromkeys(one for layer in named for one in self._steps(layer)))

    def responses(self, stimuli: Stimuli, layers: Sequence[str]) -> dict[str, Tensor]:
        """Return the flattened responses of ``layers`` (see `expand`) to every image, from one forward pass.

        The pass stops at the last module that is read out. Names of one and the same read-out ("V4", "V4@0")
        share one tensor. The size of the batch changes float32 rounding, nothing else. What the storage's
        cache holds is not computed again. A network of a user may draw numbers, or look at the whole batch:
        its draws have a fixed seed, its responses are not kept, and ``reservation`` says so.

        Raises:
            InputError: if a layer or time step does not exist.
            WiringupError: if neither memory nor disk suffices.
        """
        readouts = {layer: Readout.parse(layer, self.areas) for layer in self.expand(layers)}
        self._check(readouts.values())
        self.reservation = "" if self._ours else self._reservation(stimuli, readouts.values())
        keys = self._keys(stimuli, readouts.values())
        found = self._storage.recall(keys)
        missing = {layer: readout for layer, readout in readouts.items() if readout not in found}
        if missing:
            with drawn(self.where):
                found |= self._look(stimuli, missing, keys)
        return {layer: found[readout] for layer, readout in readouts.items()}

    @property
    def _ours(self) -> bool:
        return type(self.module).__module__.startswith(f"{__name__.partition('.')[0]}.")

    @property
    def _storage(self) -> Storage:
        return replace(self.storage, cache=None) if self.reservation else self.storage

    def _reservation(self, stimuli: Stimuli, readouts: Iterable[Readout]) -> str:
        rows = np.unique(np.linspace(0, len(stimuli) - 1, IMAGES, dtype=np.int64))
        x, module = network_input(stimuli, rows, self.size, self.preprocessing, 0, self.where), self.awake()
        with drawn(self.where), arithmetic(self.where):  # bfloat16 rounds more
            return reservation(module, x, set(readouts))

    def _look(
        self, stimuli: Stimuli, readouts: Mapping[str, Readout], keys: Mapping[Readout, str]
    ) -> dict[Readout, Tensor]:
        n, module, device = len(stimuli), self.awake(), self.where
        need = self._probe(module, readouts)
        working = working_set(n, min(self.batch, n), need.largest, device)
        strict = device.type == "cuda" and self.precision == "float32"
        layout = torch.contiguous_format if strict else torch.channels_last  # which is for tensor cores
        with self._storage.filling(n, need.features, keys, working, device) as stores:
            for rows, x in batches(stimuli, self.size, self.batch, self.preprocessing, device):
                with arithmetic(device, self.precision):
                    forward(module, x.contiguous(memory_format=layout), stores.keys(), _into(stores, rows))
            if device.type == "cuda":
                torch.cuda.synchronize(device)  # or its time would be taken for that of scoring
        return stores

    def _keys(self, stimuli: Stimuli, readouts: Iterable[Readout]) -> dict[Readout, str]:
        """Return the address of each response in the cache: everything that decides it, and no name."""
        if self._storage.cache is None:
            return {}
        kind = self.where.type
        shared = [VERSION, torch.__version__, kind, self.identity, code_of(self.module), stimuli.sha256]
        return {r: content_hash([*shared, r.module, r.step, "float32"])[:KEY_DIGITS] for r in readouts}

    def _probe(self, module: nn.Module, readouts: Mapping[str, Readout]) -> Probe:
        found = probe(module, self._blank(), set(readouts.values()))
        for layer, readout in readouts.items():
            if readout not in found.features:
                raise _too_late(layer, readout, found.calls[readout.module])
        return found

    def read_out(self, layer: str) -> str:
        """Return the module and the time step that a layer's name stands for, as in "V4.output@0"."""
        return str(Readout.parse(layer, self.areas))

    def _steps(self, layer: str) -> list[str]:
        name, at, step = layer.partition("@")
        if at + step != f"@{EVERY}":
            return [layer]
        module = self.areas.get(name, name).partition("@")[0]
        self._check([Readout(module)])
        steps = count_calls(self.awake(), self._blank(), [module])[module]
        if steps == 0:
            raise _too_late(layer, Readout(module), steps)
        return [f"{name}@{i}" for i in range(steps)]

    @property
    def where(self) -> torch.device:
        """The device on which the network runs."""
        return check_device(self.device)

    def awake(self) -> nn.Module:
        """Return the network in evaluation mode on the device: itself if it is there, otherwise a copy.

        Raises:
            InputError: if there is no such device, or its weights are not in float32.
        """
        kinds = {p.dtype for p in self.module.parameters() if p.is_floating_point()}
        if kinds and torch.float32 not in kinds:
            raise InputError(
                f"{self.name} holds weights in {kinds.pop()}, and images are float32; call float()."
            )
        where = torch.empty(0, device=self.where).device
        if all(tensor.device == where for tensor in (*self.module.parameters(), *self.module.buffers())):
            return self.module.eval()
        return copy.deepcopy(self.module).to(where).eval()

    def _blank(self) -> Tensor:
        return self.input_of(np.zeros((1, self.size, self.size, 3), np.uint8))

    def input_of(self, pixels: np.ndarray) -> Tensor:
        """Return uint8 (n, h, w, 3) as the network sees it, on its device."""
        return preprocess(pixels, self.size, self.preprocessing, self.where)

    def _check(self, readouts: Iterable[Readout]) -> None:
        modules = dict(self.module.named_modules())
        for readout in readouts:
            if readout.module not in modules:
                names = [*self.areas, *filter(None, modules)]
                raise InputError(
                    f"{self.name} has no layer {readout.module!r}.{did_you_mean(readout.module, names)} "
                    f"Areas: {', '.join(self.areas)}; any module name works too."
                )


def _into(stores: Mapping[Readout, Tensor], rows: slice) -> Sink:
    def keep(readout: Readout, value: Tensor) -> None:
        stores[readout][rows].view(value.shape).copy_(value)

    return keep


def _areas_and_step(layer: str, areas: Mapping[str, str]) -> list[tuple[str, str]]:
    name, at, step = layer.partition("@")
    return [(area, at + step) for area in (areas if name == EVERY else [name])]


def _too_late(layer: str, readout: Readout, calls: int) -> InputError:
    if calls == 0:
        return InputError(f"{layer!r}: {readout.module} is never called in a forward pass; name another.")
    return InputError(f"{layer!r}: {readout.module} has {calls} time steps (0 to {calls - 1}).")


@dataclass(frozen=True)
class PixelSubject:
    """The images themselves, at ``size`` pixels: what a score owes to the input alone."""

    size: int
    name: str = "pixels"
    storage: Storage = field(default_factory=Storage)

    @property
    def identity(self) -> str:
        """Decided by the size alone."""
        return hashlib.sha256(f"pixels/{self.size}".encode()).hexdigest()

    def layer_for(self, area: str) -> str:
        """Every area is compared with the same pixels."""
        return "pixels"

    def responses(self, stimuli: Stimuli, layers: Sequence[str]) -> dict[str, Tensor]:
        """Return the flattened, normalised pixels under every name in ``layers``."""
        working = working_set(len(stimuli), 256, 0)
        values = self.storage.stores(len(stimuli), {"pixels": 3 * self.size**2}, working)["pixels"]
        for rows, x in batches(stimuli, self.size, 256):
            values[rows].view(x.shape).copy_(x)
        return dict.fromkeys(layers, values)


@runtime_checkable
class Expands(Protocol):
    """A subject that can name all its areas and time steps."""

    def expand(self, layers: Sequence[str]) -> list[str]:
        """Return ``layers`` one by one: ``all`` is every area, ``V4@all`` every time step of V4."""


def expanded(subject: Subject, layers: Sequence[str]) -> list[str]:
    """Return ``layers`` one by one if the subject can tell its areas and steps, otherwise as they are."""
    return subject.expand(layers) if isinstance(subject, Expands) else list(layers)


def classes_of(subject: Subject) -> tuple[str, ...] | None:
    """Return the names of a subject's classes in the order of its decoder's outputs, if it knows them."""
    return getattr(subject, "classes", None)


def reservation_of(subject: Subject) -> str:
    """Return why a subject's last responses were not decided by the images alone; "" if they were."""
    return getattr(subject, "reservation", "")


def subject(
    module: nn.Module,
    spec: ModelSpec,
    name: str = "",
    storage: Storage | None = None,
    classes: tuple[str, ...] | None = None,
) -> NetworkSubject:
    """Return the network of ``spec`` as a subject, read out where its architecture says."""
    return NetworkSubject(
        name or spec.architecture,
        module,
        architecture_of(spec).readouts,
        spec.size,
        storage=storage or Storage(),
        classes=classes,
        preprocessing=spec.preprocessing,
        code=spec.code or provenance(spec.architecture),
    )
