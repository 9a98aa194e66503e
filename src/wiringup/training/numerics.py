"""What PyTorch leaves to the machine or to global state: layout in memory, and what dropout draws from."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from wiringup.core.seeds import derive
from wiringup.models.device import BF16
from wiringup.training.spec import TrainSpec

_VECTOR = 16  # float32 values in an AVX-512 register


def memory_format(model: nn.Module) -> torch.memory_format:
    """Return the memory layout in which a model trains: channels-last, as it is faster, where it is safe.

    oneDNN's weight gradient of a strided 1x1 convolution writes past its workspace on CPUs when the layout
    is channels-last and there are fewer input channels than a vector register holds (16 with AVX-512):
    https://github.com/uxlfoundation/oneDNN/issues/6035. In CORnet-S that concerns widths below 1/8.
    """
    for module in model.modules():
        if (
            isinstance(module, nn.Conv2d)
            and module.kernel_size == (1, 1)
            and max(module.stride) > 1
            and module.in_channels < _VECTOR
        ):
            return torch.contiguous_format
    return torch.channels_last


def precision(spec: TrainSpec) -> torch.autocast:
    """Return the context in which a network is run with the precision of ``spec``."""
    device = torch.device(spec.device).type
    return torch.autocast(device, torch.bfloat16, enabled=spec.precision == BF16)


@contextmanager
def random_stream(model: nn.Module, seed: int, step: int, rank: int = 0) -> Iterator[None]:
    """Let what ``model`` draws (dropout, stochastic depth) come from a stream of this seed, step and process.

    PyTorch's dropout takes no generator: the global streams are set for one pass and then put back.

    Args:
        model: on its device.
        seed: of the training.
        step: of the training, from 0.
        rank: of the process: the images of its share have masks of their own. The first draws what a process
            alone draws.
    """
    device = next(model.parameters()).device
    streams = [torch.default_generator]
    if device.type == "cuda":
        streams.append(torch.cuda.default_generators[device.index or 0])
    before = [stream.get_state() for stream in streams]
    share = (rank,) if rank else ()
    for stream in streams:
        stream.manual_seed(derive(seed, "dropout", step, *share))
    try:
        yield
    finally:
        for stream, state in zip(streams, before, strict=True):
            stream.set_state(state)
