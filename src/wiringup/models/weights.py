"""Load checkpoints without running anything that is in them."""

import json
import struct
import zipfile
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from wiringup.core.checks import listed
from wiringup.core.errors import InputError
from wiringup.core.files import parsed_json, regular
from wiringup.core.sealed import BLANK, KEY, expect_seal, sealed_path, verify
from wiringup.core.spec import from_dict, to_dict
from wiringup.models.architecture import ModelSpec
from wiringup.models.state_dicts import find, flat

CLASSES = "classes"
"""Under this name a file says which class each output of the decoder stands for."""

NETWORK = "network"
"""Under this name a file says of which network its weights are, and how images reach it: a `ModelSpec`."""

ADVICE = (
    "Restore it from a copy. The weights of a run are made again if they are deleted together with the run's "
    "record.json."
)


@dataclass(frozen=True)
class Weights:
    """What a checkpoint holds of one network.

    Attributes:
        state: its entries, under the network's own names.
        classes: names of the classes in the order of the decoder's outputs; None where the file does not say.
        network: the network that the file says they are of; None where it does not say.
        notes: sentences that the user should read.
    """

    state: dict[str, Tensor]
    classes: tuple[str, ...] | None = None
    network: ModelSpec | None = None
    notes: tuple[str, ...] = ()


def read_weights(path: Path, names: Collection[str], key: str | None = None) -> Weights:
    """Read the weights of a network from ``.safetensors`` or a PyTorch file, whatever wrapper they lie in.

    Prefixes (``module.``, ``_orig_mod.``, ``model.``, in any nesting) are taken off. PyTorch files are read
    with ``weights_only``.

    Args:
        path: the checkpoint.
        names: of the network's parameters and buffers.
        key: which of several sets of weights to take; see `state_dicts.find`.

    Raises:
        MissingDataError: if there is no such file.
        InputError: if the file is damaged, is not a checkpoint, or holds objects other than tensors and plain
            values; or it does not decide which weights to take.
    """
    regular(path, "checkpoint")
    content, about = _read_safetensors(path) if _is_safetensors(path) else _read_torch(path)
    tensors = flat(content)
    if not tensors:
        raise InputError(f"{path} holds no tensors; expected a state dict, alone or under 'state_dict'.")
    found = find(tensors, names, str(path), key)
    return Weights(found.state, _class_names(about), _network(about), found.notes)


def network_of(path: Path) -> ModelSpec | None:
    """Return the network that a file says its weights are of; None if it does not say, or cannot be read."""
    from safetensors import SafetensorError

    if not path.is_file() or not _is_safetensors(path):
        return None
    try:
        return _network(_metadata(path))
    except SafetensorError:  # told when the weights are read
        return None


def _network(about: Mapping[str, Any]) -> ModelSpec | None:
    told = about.get(NETWORK)
    ours = isinstance(told, dict) and "architecture" in told  # other programs may call anything a network
    return from_dict(ModelSpec, told, "the network of the weights") if ours else None


def _class_names(about: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Return the names of the classes where a file has them, as trainers write them."""
    numbered = about.get("class_to_idx")
    if isinstance(numbered, Mapping) and all(isinstance(i, int) for i in numbered.values()):
        by_number = {i: str(name) for name, i in numbered.items()}
        if by_number and sorted(by_number) == list(range(len(numbered))):
            return tuple(by_number[i] for i in range(len(numbered)))
    for name in (CLASSES, "class_names"):
        listed_there = about.get(name)
        if isinstance(listed_there, list | tuple) and listed_there:
            return tuple(map(str, listed_there))
    return None


Content = tuple[Mapping[str, Any], Mapping[str, Any]]
"""Tensors, and what else a file says about them."""


def _is_safetensors(path: Path) -> bool:
    """Return whether a file is of that format by its content, and by its name where that does not tell."""
    if not path.is_file():
        return path.suffix == ".safetensors"
    with path.open("rb") as stream:
        start = stream.read(9)  # the length of the header, and its first character
    of_torch = start.startswith((b"PK\x03\x04", b"\x80"))
    return start[8:] == b"{" or (path.suffix == ".safetensors" and not of_torch)


def _read_safetensors(path: Path) -> Content:
    from safetensors import SafetensorError, safe_open

    expect_seal(path, ADVICE)
    try:
        about = _metadata(path)
        with safe_open(path, "pt") as content:
            tensors = {name: content.get_tensor(name) for name in content.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise InputError(f"{path} is no whole safetensors file ({error}).") from error
    return tensors, about


def _metadata(path: Path) -> dict[str, Any]:
    """Return what we write into the metadata of a safetensors file, where it is of our form."""
    from safetensors import safe_open

    found: dict[str, Any] = {}
    with safe_open(path, "pt") as content:
        written = content.metadata() or {}
    for name in (CLASSES, NETWORK):
        with suppress(InputError):
            found[name] = parsed_json(written.get(name, "null").encode(), name)
    classes = found.get(CLASSES)
    if not (isinstance(classes, list) and all(isinstance(name, str) for name in classes)):
        found.pop(CLASSES, None)
    return found


def _read_torch(path: Path) -> Content:
    verify(path, ADVICE)  # other programs write these, and no seal with them
    _check_archive(path)
    try:
        with path.open("rb") as stream:  # by its name PyTorch would take it for another format
            content = torch.load(stream, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # other bytes end PyTorch's reader in whatever way they happen to
        raise InputError(
            f"{path} cannot be read as a checkpoint of tensors only. It may be damaged, or hold pickled "
            "objects, which wiringup never runs; save its state_dict with torch.save or safetensors."
        ) from error
    if not isinstance(content, Mapping):
        raise InputError(f"{path} holds a {type(content).__name__}; expected a state dict.")
    return content, {name: value for name, value in content.items() if name != NETWORK}  # which is ours


def _check_archive(path: Path) -> None:
    """Raise `InputError` if a PyTorch file is compressed, as PyTorch writes none: it may have any size."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except Exception:  # no archive, as files of old versions are, or a damaged one: PyTorch's reader tells
        return
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise InputError(f"{path} is a compressed archive, as PyTorch writes none; save it with torch.save.")


def save_weights(
    model: nn.Module, path: Path, classes: Sequence[str] | None = None, network: ModelSpec | None = None
) -> None:
    """Write a model's state dict as safetensors with a seal, atomically.

    Args:
        model: the network.
        path: the file.
        classes: names of the classes in the order of the decoder's outputs, kept in the file; None if they
            are not known.
        network: what the model is and how images reach it, kept in the file: whoever reads it later sees as
            it was trained to.
    """
    from safetensors.torch import save

    about = {KEY: BLANK} | ({} if classes is None else {CLASSES: json.dumps(list(classes))})
    about |= {} if network is None else {NETWORK: json.dumps(to_dict(network))}
    with sealed_path(path) as temporary:
        temporary.write_bytes(save(_apart(model.state_dict()), about))
        _sort_metadata(temporary)


def _apart(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return dense tensors with memory of their own: tied weights are written under each of their names."""
    found: dict[str, Tensor] = {}
    taken: set[int] = set()
    for name, value in state.items():
        dense = value.contiguous()
        memory = dense.untyped_storage().data_ptr()
        found[name] = dense.clone() if memory in taken else dense
        taken.add(memory)
    return found


def _sort_metadata(path: Path) -> None:
    """Sort the metadata of a safetensors file: its writer leaves their order to chance, and so its bytes."""
    with path.open("r+b") as stream:
        (length,) = struct.unpack("<Q", stream.read(8))
        header = json.loads(stream.read(length))
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
        text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode().ljust(length)
        if len(text) != length:
            raise ValueError(f"the header of {path} cannot be written in its place")
        stream.seek(8)
        stream.write(text)


def load_weights(model: nn.Module, state: Mapping[str, Tensor], source: str = "the checkpoint") -> None:
    """Copy ``state`` into ``model``; every parameter and buffer has to be there in the right shape.

    Raises:
        InputError: naming the missing, unexpected and misshapen entries.
    """
    check_fits(model, state, source)
    model.load_state_dict(dict(state), strict=False)


def check_finite(state: Mapping[str, Tensor], source: str = "the checkpoint") -> None:
    """Raise `InputError` if a weight is NaN or infinite, as after a training that diverged."""
    wrong = [name for name, value in state.items() if not bool(torch.isfinite(value).all())]
    if wrong:
        raise InputError(
            f"{source} holds NaN or infinite weights, the first in {wrong[0]}. Take a checkpoint from before "
            "its training diverged."
        )


def check_fits(model: nn.Module, state: Mapping[str, Tensor], source: str = "the checkpoint") -> None:
    """Raise `InputError` unless ``state`` holds every parameter and buffer of ``model`` and nothing else."""
    own = model.state_dict()
    optional = {k for k in own if k.endswith("num_batches_tracked")}
    missing = sorted(own.keys() - state.keys() - optional)
    unexpected = sorted(state.keys() - own.keys())
    shapes = [
        f"{k} {tuple(state[k].shape)} instead of {tuple(own[k].shape)}"
        for k in own
        if k in state and state[k].shape != own[k].shape
    ]
    kinds = [
        f"{k} {str(state[k].dtype).removeprefix('torch.')}"
        for k in own
        if k in state and own[k].is_floating_point() and not state[k].is_floating_point()
    ]
    sparse = sorted(k for k, value in state.items() if value.layout is not torch.strided)
    faults = {"missing": missing, "unexpected": unexpected, "of another shape": shapes}
    faults |= {"not floating-point numbers, as of a quantised network": kinds, "sparse": sparse}
    told = [f"{len(names)} {what}: {listed(names, 4)}" for what, names in faults.items() if names]
    if told:
        raise InputError(
            f"{source} does not fit the model ({'; '.join(told)}). "
            "Check the architecture, its width and its number of classes, and that weights are plain floats."
        )
