"""One training on several processes: each takes its share of every batch, and all make the same step.

Started with ``torchrun``, every process holds the whole network, and PyTorch's DistributedDataParallel
averages the gradients. What is learned is what one process would learn, up to the order of summation: the
batch, its augmentation and its loss are those of the whole, and a BatchNorm in training mode normalises by
the statistics of the whole batch (`SharedNorm`). Dropout alone draws differently in every process.
"""

import atexit
import os
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from inspect import signature
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm as BatchNorm
from torch.nn.parallel import DistributedDataParallel

from wiringup.core.errors import InputError, WiringupError
from wiringup.core.spec import diff
from wiringup.models.device import AUTO, check_device
from wiringup.training.objectives import Objective

T = TypeVar("T")

_BUFFERS = {"forward_sync_buffers", "broadcast_buffers"} & signature(
    DistributedDataParallel
).parameters.keys()
_OWN_BUFFERS: dict[str, Any] = {max(_BUFFERS): False}  # the newer name, where PyTorch has it

TIMEOUT = timedelta(days=1)  # observers may look for long, while the other processes wait


@dataclass(frozen=True)
class ProcessGroup:
    """The processes of a training; by default there is one.

    Attributes:
        rank: number of this process, from 0; the first observes.
        size: number of processes.
        leads: whether this process writes files.
    """

    rank: int = 0
    size: int = 1
    leads: bool = True

    def share(self, n: int) -> slice:
        """Return which of the ``n`` images of a batch are this process's."""
        return slice(n * self.rank // self.size, n * (self.rank + 1) // self.size)

    def check(self, smallest: int) -> None:
        """Raise `InputError` if a process would have no image of the smallest batch."""
        if 0 < smallest < self.size:
            raise InputError(
                f"The smallest batch of this training has {smallest} images, but {self.size} processes are "
                "to share it. Choose a batch size that leaves no such rest, or start fewer processes."
            )

    def check_norms(self, shares: int) -> None:
        """Raise `InputError` if BatchNorm cannot normalise so many shares of a batch by themselves."""
        if shares not in (1, self.size):
            raise InputError(
                f"{shares} shares of a batch are to be normalised by themselves, but this training has "
                f"{self.size} process(es). Start as many processes as shares (torchrun --nproc-per-node "
                f"{shares} ...), or normalise the whole batch (1 share)."
            )

    def check_alike(self, identity: Callable[[], Mapping[str, Any]]) -> None:
        """Raise `InputError` in all processes if one of them would do something else than the first."""
        first, *others = self.gather(identity) if self.size > 1 else [{}]
        for rank, other in enumerate(others, 1):
            told = [
                f"{name}: {_said(a)} in process 0, {_said(b)} in {rank}"
                for name, (a, b) in diff(first, other).items()
            ]
            if told:
                raise InputError(
                    f"Processes that train together have to do the same, but do not ({'; '.join(told)}). "
                    "Give all of them the same options and data, and one folder that all see (--out); where "
                    "machines differ, name the precision (--precision)."
                )

    def wrap(self, module: nn.Module) -> nn.Module:
        """Return a module whose gradients are the mean over all processes."""
        return module if self.size == 1 else DistributedDataParallel(module, **_OWN_BUFFERS)

    def loss(self, objective: Objective, output: Tensor, labels: Tensor, images: int) -> Tensor:
        """Return the loss of this process's share of a batch of so many images.

        Its mean over the processes (`mean`, and that of the gradients) is the mean over the batch.
        """
        if self.size == 1:
            return objective(output, labels)
        return objective(output, labels, reduction="sum") * (self.size / images)

    def mean(self, *values: float) -> list[float]:
        """Return the means over all processes."""
        if self.size == 1:
            return list(values)
        shared = torch.tensor(values, dtype=torch.float64)
        dist.all_reduce(shared)
        return (shared / self.size).tolist()

    def broadcast(self, value: T) -> T:
        """Return the leader's value."""
        if self.size == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box)
        return box[0]

    def gather(self, work: Callable[[], T]) -> list[T]:
        """Return what ``work`` is in every process, by its rank; an error of one is that of all."""
        if self.size == 1:
            return [work()]
        outcome: T | Exception
        cause: Exception | None = None
        try:
            outcome = work()
        except Exception as error:  # whatever it is, the others wait for this process
            outcome, cause = _sendable(error), error
        found: list[Any] = [None] * self.size
        dist.all_gather_object(found, outcome)
        for each in found:
            if isinstance(each, Exception):
                raise each from cause
        return found

    def share_buffers(self, model: nn.Module) -> None:
        """Give all processes the leader's running averages: they differ where each follows its own images."""
        if self.size > 1:
            for buffer in model.buffers():
                dist.broadcast(buffer, 0)

    def barrier(self) -> None:
        """Wait until all processes have come here."""
        if self.size > 1:
            dist.barrier()


def _said(value: Any) -> str:
    if value is None:
        return "the default"  # which a spec does not say
    return f"{value:.12}" if isinstance(value, str) else repr(value)  # of a hash the beginning


def _sendable(error: Exception) -> Exception:
    """Return an error, or if it cannot be sent to another process, one that says the same."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301  (our own; some can be written, but not read)
    except Exception:  # an error's own way to be written may fail in any way
        return WiringupError(f"{type(error).__name__}: {error}")
    return error


ALONE = ProcessGroup()


def join(device: str) -> ProcessGroup:
    """Join the processes that torchrun started, if it did: known by the environment variables that it sets.

    They stay together until the process ends. A process group that is there already is used.
    """
    there = dist.is_available() and dist.is_initialized()
    if not there and not started_together():
        return ProcessGroup()
    if not there:
        cuda = torch.device(device).type == "cuda"
        if cuda:
            torch.cuda.set_device(check_device(f"cuda:{os.environ['LOCAL_RANK']}"))
        dist.init_process_group("cpu:gloo,cuda:nccl" if cuda else "gloo", timeout=TIMEOUT)
        # not after every training: to meet again at the same port is a race
        atexit.register(dist.destroy_process_group)
    return ProcessGroup(dist.get_rank(), dist.get_world_size(), dist.get_rank() == 0)


def place(device: str) -> str:
    """Return where this process runs; ``auto`` gives each that torchrun started a card of its own."""
    found = check_device(device)
    return found.type if device == AUTO and started_together() else str(found)


def leads() -> bool:
    """Return whether this process is the first of those that train together, or alone: who writes."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank() == 0
    return not started_together() or int(os.environ["RANK"]) == 0


def started_together() -> bool:
    """Return whether torchrun, or what does as it does, started this process with others."""
    return int(os.environ.get("WORLD_SIZE", 1)) > 1 and "MASTER_ADDR" in os.environ


UNSHARED = (
    "Train in one process, or let each normalise its own share of a batch (--norm-shares N for N processes): "
    "they cannot share a BatchNorm"
)


def shared_norm(norm: BatchNorm) -> nn.Module:
    """Return a BatchNorm in training mode that normalises by the batch of all processes.

    On a card that is PyTorch's SyncBatchNorm, with the same parameters and statistics.

    Raises:
        InputError: if it is of a class that does something of its own, an activation say: it would be lost.
    """
    if type(norm).forward not in (BatchNorm.forward, nn.SyncBatchNorm.forward):
        raise InputError(f"{UNSHARED} with a forward pass of its own ({type(norm).__name__}).")
    if any(value.is_cuda for value in norm.state_dict().values()):
        synchronised: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(norm)  # type: ignore[no-untyped-call]
        return synchronised
    return SharedNorm(norm)


class SharedNorm(nn.Module):
    """What SyncBatchNorm is, for CPUs.

    The variance is that of two passes; it is as exact as on one process.
    """

    def __init__(self, norm: BatchNorm) -> None:
        super().__init__()
        self.norm = norm

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (n, channels, ...)."""
        norm, dims, given = self.norm, [d for d in range(x.ndim) if d != 1], x.dtype
        x = x.to(torch.promote_types(given, torch.float32))  # a sum over a batch in bf16 tells little
        shape = [1, -1] + [1] * (x.ndim - 2)
        count = x.new_tensor([x.numel() / x.shape[1]])
        sums = _summed(torch.cat([x.sum(dims), count]))
        n = sums[-1].detach()
        mean = sums[:-1] / n
        centred = x - mean.view(shape)
        variance = _summed(centred.square().sum(dims)) / n
        self._remember(mean.detach(), variance.detach() * (n / (n - 1)))
        scale = torch.rsqrt(variance + norm.eps)
        if norm.weight is not None:
            scale = scale * norm.weight
        y = centred * scale.view(shape)
        if norm.bias is not None:
            y = y + norm.bias.view(shape)
        return y.to(given)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        norm = self.norm
        if not norm.track_running_stats:
            return
        if norm.running_mean is None or norm.running_var is None or norm.num_batches_tracked is None:
            return
        norm.num_batches_tracked.add_(1)
        momentum = 1 / float(norm.num_batches_tracked) if norm.momentum is None else norm.momentum
        norm.running_mean.lerp_(mean, momentum)
        norm.running_var.lerp_(variance, momentum)


def _summed(values: Tensor) -> Tensor:
    """Return the sum over all processes; gradients are summed in the same way."""
    total: Tensor = _Sum.apply(values)  # type: ignore[no-untyped-call]
    return total


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        total = values.detach().clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        total = gradient.clone()
        dist.all_reduce(total)
        return total
