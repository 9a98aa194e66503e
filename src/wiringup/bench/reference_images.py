"""Reading training images as one writes it down first: Pillow in a torch DataLoader. The reference."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from wiringup.bench.pictures import FORMAT


class Decoded(Dataset[Tensor]):
    """Image files, opened and made square one by one: uint8 (size, size, 3)."""

    def __init__(self, paths: Sequence[Path], size: int) -> None:
        self.paths, self.size = list(paths), size

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, i: int) -> Tensor:
        with Image.open(self.paths[i], formats=[FORMAT]) as opened:
            image = opened.convert("RGB")
        least, size = min(image.size), self.size
        width, height = (size * side // least for side in image.size)
        if image.size != (width, height):
            image = image.resize((width, height), Image.Resampling.BILINEAR)
        left, top = round((width - size) / 2), round((height - size) / 2)
        return torch.from_numpy(np.array(image.crop((left, top, left + size, top + size))))


def plain_loader(paths: Sequence[Path], size: int, batch: int, workers: int) -> DataLoader[Tensor]:
    """Return the loader: batches of uint8 (batch, size, size, 3), decoded by so many processes."""
    return DataLoader(
        Decoded(paths, size), batch_size=batch, num_workers=workers, persistent_workers=workers > 0
    )
