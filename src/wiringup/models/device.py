"""Where networks run on this machine, and with which arithmetic."""

import contextlib
import os
from collections.abc import Iterator

import torch

from wiringup.core.cautions import caution
from wiringup.core.checks import one_of
from wiringup.core.errors import InputError

AUTO = "auto"
FLOAT32, BF16 = PRECISIONS = ("float32", "bf16")


def devices() -> list[str]:
    """Return the devices that are here, by PyTorch's names: ``cpu``, and every card."""
    found = ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
    found += [f"xpu:{i}" for i in range(torch.xpu.device_count())]
    return found + (["mps"] if torch.backends.mps.is_available() else [])


def cards() -> list[str]:
    """Return what the environment variable CUDA_VISIBLE_DEVICES calls the CUDA cards that are here."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    here = [str(i) for i in range(torch.cuda.device_count())]
    return here if named is None else [card.strip() for card in named.split(",")][: len(here)]


def check_device(name: str) -> torch.device:
    """Return the device called ``name``: ``cpu``, ``cuda`` (the first card), ``cuda:1``; or ``auto``.

    ``auto`` is the first CUDA card, or the CPU if there is none.

    Raises:
        InputError: if there is no such device here; it names those that are, and this PyTorch.
    """
    here = devices()
    if name == AUTO:
        return torch.device("cuda:0" if "cuda:0" in here else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is not None and {f"{device.type}:{device.index or 0}", device.type} & set(here):
        return device
    raise InputError(
        f"There is no device {name!r} here (PyTorch {torch.__version__}). There is: {', '.join(here)}. "
        f"Or say {AUTO}."
    )


def device_name(device: str) -> str:
    """Return what a device is called: the name of its card, or its type (``cpu``)."""
    where = torch.device(device)
    return torch.cuda.get_device_name(where) if where.type == "cuda" else where.type


def multiplies_in_bf16(device: torch.device | str) -> bool:
    """Return whether a device has instructions for products in bfloat16; others emulate them.

    Of processors only x86 ones with AVX512-BF16 are counted, where it was measured (1.6 times as fast as
    float32); emulated, bfloat16 is two (AVX-512) to eleven times (AVX2) slower than float32.
    """
    where = torch.device(device)
    if where.type == "cuda":
        with torch.cuda.device(where):
            return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # PyTorch 2.4 does not know
    known = getattr(torch.cpu, "_is_avx512_bf16_supported", bool)
    return where.type == "cpu" and bool(known())


def settled_precision(precision: str, device: torch.device | str) -> str:
    """Return a precision; for ``auto`` the faster: bf16 where the device multiplies in it, else float32."""
    if precision != AUTO:
        return precision
    return BF16 if multiplies_in_bf16(device) else FLOAT32


def warn_if_emulated(precision: str, device: torch.device | str) -> None:
    """Say so where a processor may emulate a precision: the same numbers, many times later."""
    if precision == BF16 and torch.device(device).type == "cpu" and not multiplies_in_bf16(device):
        caution(
            "This processor is not known to multiply in bf16 (AVX512-BF16). Emulated, it is up to ten times "
            "slower than float32 (--precision float32)."
        )


@contextlib.contextmanager
def arithmetic(device: torch.device, precision: str = "float32") -> Iterator[None]:
    """Run the block's convolutions and products in float32 as it is defined, or by autocast in bfloat16.

    Raises:
        InputError: for another precision.
    """
    reduced = one_of(precision, PRECISIONS, "precision") == BF16
    with strict_float32(), torch.autocast(device.type, torch.bfloat16, enabled=reduced):
        yield


@contextlib.contextmanager
def strict_float32() -> Iterator[None]:
    """Let a card multiply float32 as it is defined, in the block.

    It may otherwise round the factors of convolutions to 10 bits (TF32), and does so by default.
    """
    before = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = before
