"""Load checkpoints without running anything that is in them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from wiringup.core.checks import listed
from wiringup.core.errors import InputError, MissingDataError
from wiringup.core.files import atomic_path


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Read a state dict from ``.safetensors`` or a PyTorch file (plain, or under ``state_dict``).

    DataParallel's ``module.`` prefix is removed. PyTorch files are read with ``weights_only``.

    Raises:
        MissingDataError: if there is no such file.
        InputError: if the file is not a checkpoint, or holds objects other than tensors and plain values.
    """
    if not path.is_file():
        raise MissingDataError(f"There is no checkpoint {path}.")
    content = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
    nested = (content[key] for key in ("state_dict", "model", "weights") if key in content)
    content = next((inner for inner in nested if isinstance(inner, Mapping)), content)
    tensors = {k.removeprefix("module."): v for k, v in content.items() if isinstance(v, Tensor)}
    if not tensors:
        raise InputError(f"{path} holds no tensors; expected a state dict, alone or under 'state_dict'.")
    return tensors


def _read_safetensors(path: Path) -> Mapping[str, Any]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except SafetensorError as error:
        raise InputError(f"{path} is no whole safetensors file ({error}).") from error


def _read_torch(path: Path) -> Mapping[str, Any]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # other bytes end PyTorch's reader in whatever way they happen to
        raise InputError(
            f"{path} cannot be read as a checkpoint of tensors only. It may be damaged, or hold pickled "
            "objects, which wiringup never runs; save its state_dict with torch.save or safetensors."
        ) from error
    if not isinstance(content, Mapping):
        raise InputError(f"{path} holds a {type(content).__name__}; expected a state dict.")
    return content


def save_weights(model: nn.Module, path: Path) -> None:
    """Write a model's state dict as safetensors, atomically."""
    from safetensors.torch import save_file

    with atomic_path(path) as temporary:
        save_file({k: v.contiguous() for k, v in model.state_dict().items()}, temporary)


def load_weights(model: nn.Module, state: Mapping[str, Tensor], source: str = "the checkpoint") -> None:
    """Copy ``state`` into ``model``; every parameter and buffer has to be there in the right shape.

    Raises:
        InputError: naming the missing, unexpected and misshapen entries.
    """
    check_fits(model, state, source)
    model.load_state_dict(dict(state), strict=False)


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
    faults = {"missing": missing, "unexpected": unexpected, "of another shape": shapes}
    told = [f"{len(names)} {what}: {listed(names, 4)}" for what, names in faults.items() if names]
    if told:
        raise InputError(
            f"{source} does not fit the model ({'; '.join(told)}). "
            "Check the architecture, its width and its number of classes."
        )
