"""Training on a card as one writes it down with plain PyTorch: pixels on the card, one crop for a batch."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from wiringup.bench.reference_training import MEAN, STD, random_box


def step_of(
    model: nn.Module, pixels: Tensor, labels: Tensor, size: int, batch: int, trained: set[str], *, bf16: bool
) -> Callable[[], Tensor]:
    """Return what makes one step of momentum SGD and returns its loss, which it does not wait for.

    Args:
        model: in the mode in which it is trained, on its device.
        pixels: uint8 (n, 3, h, w), on the device.
        labels: int64 (n,), on the device.
        size: side of the network's input in px.
        batch: images in a step, drawn at random.
        trained: names of the parameters that learn; the others get no gradients.
        bf16: whether products are made in bfloat16 (autocast).
    """
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name in trained)
    learning = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.SGD(learning, lr=0.01, momentum=0.9, weight_decay=1e-4)
    device = pixels.device
    mean, std = (255 * MEAN).to(device), (255 * STD).to(device)

    def step() -> Tensor:
        rows = torch.randint(len(pixels), (batch,), device=device)
        left, top, right, bottom = random_box(*pixels.shape[:-3:-1])
        x = pixels[rows][:, :, top:bottom, left:right].float()
        x = nn.functional.interpolate(x, (size, size), mode="bilinear", antialias=True)
        x = ((x - mean) / std).contiguous(memory_format=torch.channels_last)
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            logits = model(x)
        loss = nn.functional.cross_entropy(logits.float(), labels[rows])
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        return loss

    return step
