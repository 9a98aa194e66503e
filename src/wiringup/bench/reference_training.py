"""Training as one writes it down with plain PyTorch: files decoded by Pillow in a DataLoader, float32."""

import math
import os
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from wiringup.bench.images import FORMAT

MEAN = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)


@dataclass(frozen=True)
class Files(Dataset[tuple[Tensor, int]]):
    """Image files with their labels.

    Attributes:
        size: side of the network's input in px.
        augment: RandomResizedCrop and horizontal flip; otherwise the whole image is resized.
    """

    paths: Sequence[Path]
    labels: Sequence[int]
    size: int
    augment: bool

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """Return a normalised image (3, size, size) and its label."""
        with Image.open(self.paths[index], formats=[FORMAT]) as file:
            image = file.convert("RGB")
        box = random_box(*image.size) if self.augment else None
        image = image.resize((self.size, self.size), Image.Resampling.BILINEAR, box)
        if self.augment and random.random() < 0.5:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).float().div(255)
        return (pixels - MEAN) / STD, self.labels[index]


def random_box(width: int, height: int) -> tuple[int, int, int, int]:
    """Draw a crop (left, top, right, bottom): 8 to 100 % of the area, aspect ratio 3/4 to 4/3."""
    for _ in range(10):
        area = width * height * random.uniform(0.08, 1)
        ratio = math.exp(random.uniform(math.log(3 / 4), math.log(4 / 3)))
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            left, top = random.randint(0, width - w), random.randint(0, height - h)
            return left, top, left + w, top + h
    return 0, 0, width, height


def loader(files: Files, batch: int) -> "DataLoader[tuple[Tensor, int]]":
    """Return batches in random order, decoded by as many processes as there are cores."""
    cores = os.cpu_count() or 1
    return DataLoader(files, batch, shuffle=True, num_workers=cores, persistent_workers=True)


def epochs(model: nn.Module, batches: "DataLoader[tuple[Tensor, int]]", trained: set[str]) -> Iterator[float]:
    """Train with momentum SGD, and yield the mean loss after every epoch.

    Args:
        model: a network in training mode, or with the norms in evaluation mode that are frozen.
        batches: the images.
        trained: names of the parameters that learn; the others get no gradients.
    """
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name in trained)
    learning = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.SGD(learning, lr=0.01, momentum=0.9, weight_decay=1e-4)
    while True:
        losses = []
        for images, labels in batches:
            loss = nn.functional.cross_entropy(model(images), labels)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            losses.append(loss.item())
        yield sum(losses) / len(losses)
