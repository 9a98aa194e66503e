"""Where the pixels of a training lie: in memory or in a file, or, if there is room, on the card."""

import logging

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wiringup.core.stimuli import Stimuli
from wiringup.models.storage import free_on

log = logging.getLogger(__name__)

ROOM = 0.4
"""Share of a card's free memory (see `free_on`) that pixels may take."""
_BLOCK = 4096  # images that are copied at a time


def sent(values: Tensor, device: torch.device) -> Tensor:
    """Return values on a device; a card takes them while the caller goes on."""
    if device.type != "cuda":
        return values.to(device)
    return values.pin_memory().to(device, non_blocking=True)


class Pixels:
    """The pixels of images, by their rows.

    On a card all are copied there once, as bytes, if they take no more than `ROOM` of what is free; the
    others are read into pinned memory, from which the card takes them by itself. Photographs with sides of
    their own are decoded every time.
    """

    def __init__(self, stimuli: Stimuli, device: torch.device) -> None:
        self._stimuli, self._device = stimuli, device
        self._resident: Tensor | None = None
        if device.type == "cuda" and stimuli.uniform:
            self._resident = self._resident_if_it_fits()

    def _resident_if_it_fits(self) -> Tensor | None:
        n, sides = len(self._stimuli), self._stimuli.sides
        needed = n * sides[0] * sides[1] * 3
        if needed > ROOM * free_on(self._device):
            return None
        log.info("The pixels of %s images (%.0f MB) are kept on the card.", f"{n:,}", needed / 1e6)
        found = torch.empty((n, *sides, 3), dtype=torch.uint8, device=self._device)
        for start in range(0, n, _BLOCK):
            rows = slice(start, start + _BLOCK)
            found[rows] = torch.from_numpy(np.ascontiguousarray(self._stimuli.at(rows))).to(self._device)
        return found

    @property
    def resident(self) -> bool:
        """Whether they lie on the card."""
        return self._resident is not None

    def read(self, rows: NDArray[np.int64]) -> Tensor:
        """Return what `on_device` makes the pixels of some images of; in any thread."""
        if self._resident is not None:
            return torch.from_numpy(rows)
        return self.pinned(torch.from_numpy(self._stimuli.at(rows)))

    def pinned(self, pixels: Tensor) -> Tensor:
        """Return pixels where the device takes them from by itself; in any thread."""
        return pixels.pin_memory() if self._device.type == "cuda" else pixels

    def on_device(self, read: Tensor) -> Tensor:
        """Return pixels on the device: uint8 (n, h, w, 3)."""
        there = sent(read, self._device)
        return there if self._resident is None else self._resident.index_select(0, there)
