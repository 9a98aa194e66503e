"""Where a network can run on this machine."""

import torch

from wiringup.core.errors import InputError


def devices() -> list[str]:
    """Return the devices that are here, by PyTorch's names: ``cpu``, and every card."""
    found = ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
    found += [f"xpu:{i}" for i in range(torch.xpu.device_count())]
    return found + (["mps"] if torch.backends.mps.is_available() else [])


def check_device(name: str) -> torch.device:
    """Return the device called ``name``: ``cpu``, ``cuda`` (the first card), ``cuda:1`` or ``auto``.

    ``auto`` is the first card where there is one, and otherwise the processor.

    Raises:
        InputError: if there is no such device here; it names those that are, and this PyTorch.
    """
    here = devices()
    if name == "auto":
        return torch.device("cuda" if "cuda:0" in here else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is not None and {f"{device.type}:{device.index or 0}", device.type} & set(here):
        return device
    raise InputError(
        f"There is no device {name!r} here (PyTorch {torch.__version__}). There is: {', '.join(here)}."
    )
