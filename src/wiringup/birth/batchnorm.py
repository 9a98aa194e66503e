"""BatchNorm at birth, an explicit policy of every recipe: "untrained" is not one baseline.

A policy is the name of the running statistics, and after a hyphen, if wanted, that of the affine parameters:
"calibrated", "noise-plain", "default-fitted".
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from wiringup.core.errors import InputError
from wiringup.core.seeds import torch_stream
from wiringup.models.batchnorm import batchnorms

STATISTICS: Mapping[str, str] = {
    "default": "mean 0, variance 1",
    "calibrated": "calibrated",
    "noise": "calibrated on white noise",
    "teacher": "those of the network that the genome was distilled from",
}
"""Running statistics at birth -> what a record says of them; "calibrated" is on unlabelled images."""

AFFINES: Mapping[str, str] = {
    "": "drawn where the genome holds fitted ones, otherwise weight 1 and bias 0",
    "fitted": "drawn from the genome, which has to hold them",
    "plain": "weight 1 and bias 0, whatever the genome holds",
}
"""Weights and biases at birth."""

POLICIES = tuple(f"{s}-{a}" if a else s for a in AFFINES for s in STATISTICS)

NOISE_IMAGES = 64

Images = TypeVar("Images", bound=Tensor | Iterable[Tensor])
"""Preprocessed images (n, 3, size, size), or batches of them."""


def parts(policy: str) -> tuple[str, str]:
    """Return statistics and affine parameters of one of `POLICIES`, keys of `STATISTICS` and `AFFINES`."""
    statistics, _, affine = policy.partition("-")
    return statistics, affine


def uses_images(policy: str) -> bool:
    """Return whether a policy needs unlabelled images."""
    return parts(policy)[0] == "calibrated"


def white_noise(seed: int, size: int) -> Tensor:
    """Return the images of the statistics "noise", (`NOISE_IMAGES`, 3, size, size), already preprocessed.

    Every pixel is an independent standard normal: the mean and variance of natural images after
    preprocessing, without any of their structure. What retinal activity could be before the eyes open.
    """
    return torch.randn(NOISE_IMAGES, 3, size, size, generator=torch_stream(seed, "batchnorm", "noise"))


def images_for(policy: str, seen: Images | None, seed: int, size: int) -> Images | Tensor | None:
    """Return what a policy sets running statistics on: images as ``seen``, white noise, or nothing."""
    statistics, _ = parts(policy)
    return white_noise(seed, size) if statistics == "noise" else seen if uses_images(policy) else None


def calibrates(policy: str) -> bool:
    """Return whether a policy measures running statistics, on images or noise, and can do so again."""
    return uses_images(policy) or parts(policy)[0] == "noise"


@torch.no_grad()
def calibrate_batchnorm(model: nn.Module, images: Tensor | Iterable[Tensor]) -> None:
    """Set the running mean and variance of every BatchNorm to those of its input, in place.

    The statistics are exactly those of the population of ``images`` (variance without Bessel's
    correction), and consistent from layer to layer: each norm uses its own new statistics before its
    output goes on. For that all images pass through together; batches are joined first, so how they were
    cut does not matter. The largest layer of CORnet-S holds 3.2 MB an image at 224 px, 0.8 MB at 112 px.
    A norm that is called more than once in a pass keeps the statistics of its last call.

    Args:
        model: the network; its mode and gradients are left as they were.
        images: preprocessed images (n, channels, size, size), or batches of them.

    Raises:
        InputError: if there are fewer than two images.
    """
    stack = images if isinstance(images, Tensor) else torch.cat(list(images))
    if stack.ndim != 4 or len(stack) < 2:
        raise InputError(
            "Calibrating BatchNorm needs at least two preprocessed images (n, channels, size, size); "
            f"got {tuple(stack.shape)}."
        )
    training = {module: module.training for module in model.modules()}
    model.eval()
    with _measuring(list(batchnorms(model).values())):
        model(stack.to(next(model.parameters()).device))
    for module, mode in training.items():
        module.training = mode


@contextmanager
def _measuring(modules: list[nn.Module]) -> Iterator[None]:
    hooks = [module.register_forward_pre_hook(_measure) for module in modules]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _measure(module: nn.Module, inputs: tuple[Any, ...]) -> None:
    values: Tensor = inputs[0]
    dims = [d for d in range(values.ndim) if d != 1]
    variance, mean = torch.var_mean(values, dims, correction=0)
    module.get_buffer("running_mean").copy_(mean)
    module.get_buffer("running_var").copy_(variance)
