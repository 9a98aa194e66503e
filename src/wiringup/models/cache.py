"""Responses kept between runs: one file for each layer, addressed by everything that decides its content.

A file's name is KEY.SHA256.npy. The key is a hash of weights, code, preprocessing, images, layer, time step
and device, never of a name; the second hash is that of the file itself, checked whenever it is read. So an
entry appears in one step (a rename), two processes that compute the same never disturb each other, and an
entry that is evicted while another process reads it stays readable there (POSIX keeps an open file; on
Windows, where a file in use can be neither renamed nor removed, new entries are not kept, with a note).
"""

import contextlib
import hashlib
import inspect
import os
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from wiringup.core.cache import PART, CacheFolder, limit_asked, touch
from wiringup.core.files import full_disk_explained, sha256_of
from wiringup.models.files import Key, reserve


@dataclass(frozen=True)
class ResponseCache(CacheFolder):
    """Responses in a folder, bounded in size."""

    SUFFIX = ".npy"

    say: Callable[[str], None] = lambda _message: None

    def find(self, key: str) -> Tensor | None:
        """Return the response (images, features) kept under ``key``, mapped from its file, or None.

        A damaged file is removed. Changes of the tensor never reach the file.
        """
        for path in self.folder.glob(f"{key}.*.npy"):
            with contextlib.suppress(FileNotFoundError):  # evicted by another process just now
                if sha256_of(path) == path.name.split(".")[1]:
                    touch(path)
                    return _opened(path)
                self.say(f"A kept response is damaged and is computed again: {path}")
                path.unlink()
        return None

    @contextlib.contextmanager
    def filling(
        self, images: int, features: Mapping[Key, int], keys: Mapping[Key, str]
    ) -> Iterator[dict[Key, Tensor]]:
        """Yield a float32 (images, features) store for each entry of ``features``, kept once the block ends.

        The stores are the files themselves: nothing is copied. If the block raises, nothing is kept.
        Afterwards the yielded dictionary holds tensors whose changes no longer reach the files.
        """
        from wiringup.core.home import writable

        folder = writable(self.folder, "WIRINGUP_CACHE")
        parts = {key: folder / f"{keys[key]}.{uuid.uuid4().hex}{PART}" for key in features}
        try:
            files = {key: _new(part, images, features[key]) for key, part in parts.items()}
            stores = {key: torch.from_numpy(file) for key, file in files.items()}
            yield stores
            for file in files.values():
                file.flush()
            kept = self._keep({keys[key]: part for key, part in parts.items()})
            stores.update({key: kept[keys[key]] for key in parts if keys[key] in kept})
        finally:
            for part in parts.values():
                part.unlink(missing_ok=True)

    def _keep(self, parts: Mapping[str, Path]) -> dict[str, Tensor]:
        """Give parts their names; return those that are still there, opened while nobody can remove them."""
        named = {key: self.folder / f"{key}.{sha256_of(part)}.npy" for key, part in parts.items()}
        try:
            with self.locked():
                for key, part in parts.items():
                    os.utime(part)  # as the last used, so that it is not what has to go
                    part.replace(named[key])
                self.evict()
                return {key: _opened(path) for key, path in named.items() if path.exists()}
        except OSError as error:
            self.say(f"Responses cannot be kept in {self.folder} ({error.strerror or error}).")
            return {}


def default_cache(say: Callable[[str], None]) -> ResponseCache:
    """Return the cache in the cache folder (`core.home.cache_home`); its limit is ``$WIRINGUP_CACHE_GB``.

    Raises:
        InputError: if the limit is no number of GB.
    """
    from wiringup.core.home import cache_home

    return ResponseCache(cache_home() / "responses", limit_asked(), say)


def code_of(module: nn.Module) -> str:
    """Return a hash of the code of a network: what torch prints of it, its plain attributes, and its classes.

    Two networks with the same weights may still compute different things (another activation, another
    forward pass, another flag). What has no lasting form (an object that prints its place in memory) changes
    the hash from process to process: its responses are then computed again, never mistaken.
    """
    digest = hashlib.sha256(repr(module).encode())
    for name, part in module.named_modules():
        digest.update(name.encode() + _plain(_attributes(part)))
    classes = {f"{type(m).__module__}.{type(m).__qualname__}": type(m) for m in module.modules()}
    for name in sorted(classes):
        if not name.startswith("torch."):
            digest.update(name.encode() + _source(classes[name]))
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


def _opened(path: Path) -> Tensor:
    return torch.from_numpy(np.load(path, mmap_mode="c", allow_pickle=False))


def _new(path: Path, images: int, features: int) -> "np.memmap[Any, np.dtype[np.float32]]":
    with full_disk_explained(path):
        store = np.lib.format.open_memmap(path, "w+", np.dtype(np.float32), (images, features))
        with path.open("r+b") as stream:
            reserve(stream, path.stat().st_size)
    return store
