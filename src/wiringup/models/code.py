"""The code of a network, hashed: two networks with the same weights may still compute different things."""

import hashlib
import inspect
from collections.abc import Mapping
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np
from torch import Tensor, nn


def code_of(module: nn.Module) -> str:
    """Return a hash of the code of a network: what torch prints of it, its plain attributes, and its classes.

    Two networks with the same weights may still compute different things (another activation, another
    forward pass, another flag). What has no lasting form (an object that prints its place in memory) changes
    the hash from process to process: its responses are then computed again, never mistaken.
    """
    digest = hashlib.sha256(repr(module).encode())
    for name, part in module.named_modules():
        digest.update(name.encode() + _plain(_attributes(part)))
    digest.update(source_of(module).encode())
    return digest.hexdigest()


def source_of(module: nn.Module, *files: Path) -> str:
    """Return a hash of the files that define a network's classes, PyTorch's aside, and of ``files``."""
    digest = hashlib.sha256()
    classes = {f"{type(m).__module__}.{type(m).__qualname__}": type(m) for m in module.modules()}
    for name in sorted(classes):
        if not name.startswith("torch."):
            digest.update(name.encode() + _source(classes[name]))
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _attributes(module: nn.Module) -> dict[str, Any]:
    """Return what a module holds beside parameters, buffers and modules; its hooks are among it."""
    known = {"_parameters", "_buffers", "_modules", "_non_persistent_buffers_set", "training"}
    held = {name: value for name, value in vars(module).items() if name not in known}
    # hooks are held by a number that counts the hooks of the process
    return {name: list(value.values()) if "_hooks" in name else value for name, value in held.items()}


def _plain(value: Any) -> bytes:
    """Return bytes that tell apart what computes differently."""
    if isinstance(value, Tensor):
        value = value.detach().cpu().numpy()
    if isinstance(value, np.ndarray):
        return repr((value.dtype, value.shape)).encode() + value.tobytes()
    if isinstance(value, Mapping):
        return b"{" + b",".join(_plain(key) + b":" + _plain(item) for key, item in value.items()) + b"}"
    if isinstance(value, list | tuple):
        return b"(" + b",".join(map(_plain, value)) + b")"
    if isinstance(value, nn.Module):  # one that is no child: a list of them, say
        return code_of(value).encode()
    if inspect.isfunction(value):
        return _function(value)
    if inspect.isbuiltin(value):  # torch.tanh prints its place in memory
        return f"{value.__module__}.{value.__qualname__}".encode()
    return repr(value).encode()


def _function(value: FunctionType) -> bytes:
    around = [cell.cell_contents for cell in value.__closure__ or ()]
    code = value.__code__
    names = repr((value.__module__, value.__qualname__, code.co_consts, code.co_names)).encode()
    return names + code.co_code + _plain([value.__defaults__, value.__kwdefaults__, *around])


def _source(cls: type) -> bytes:
    try:
        return Path(inspect.getfile(cls)).read_bytes()
    except (OSError, TypeError):  # typed in by hand: no file
        codes = [f.__code__ for f in vars(cls).values() if inspect.isfunction(f)]
        return b"".join(c.co_code + repr((c.co_consts, c.co_names)).encode() for c in codes)
