"""All that changes in the course of a training."""

import copy
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from wiringup.training.batches import Plan, Step
from wiringup.training.distributed import ALONE, ProcessGroup
from wiringup.training.divergence import NotFinite, bad_weight
from wiringup.training.flops import Flops
from wiringup.training.ledger import Account, Ledger
from wiringup.training.updates import Updates

KEEP_STEPS = 1000
"""Between two copies to which a training returns that diverged; the steps since then are made again."""

_PLAIN = ("losses", "epoch_losses", "observations", "observed")


@dataclass
class TrainState:
    """All that changes: the loop (`loop.fit`) owns and moves it, callbacks look at it.

    Losses that lie on a card wait there until `fetch`, so that no step has to wait for one before it.

    Attributes:
        group: the processes that share every step.
        phase: name of the account of a phase without labels; empty where what is spent is supervised.
        losses: training loss of every step that was fetched.
        epoch_losses: mean training loss of every completed epoch.
        observations: what observers saw, see `observers.observe`.
        observed: images seen when observers last looked; -1 before birth was observed.
        over: whether no step is left.
        earlier: seconds of the sessions that a killed training was made in so far, up to their checkpoints.
    """

    model: nn.Module
    optimiser: Optimizer
    updates: Updates
    ledger: Ledger
    phase: str = ""
    group: ProcessGroup = ALONE
    losses: list[float] = field(default_factory=list)
    epoch_losses: list[float] = field(default_factory=list)
    observations: list[dict[str, Any]] = field(default_factory=list)
    observed: int = -1
    over: bool = False
    earlier: float = 0.0
    _begun: float = field(default_factory=time.monotonic)
    _waiting: list[tuple[Tensor, list[int]]] = field(default_factory=list)
    _good: dict[str, Any] | None = None
    _kept: int = 0

    @property
    def account(self) -> Account:
        """What is charged."""
        return self.ledger.phase(self.phase) if self.phase else self.ledger

    @property
    def steps(self) -> int:
        """Steps of the optimiser that have been made."""
        return len(self.losses) + self.waiting

    @property
    def waiting(self) -> int:
        """Steps whose loss has not been fetched."""
        return len(self._waiting)

    @property
    def seen(self) -> int:
        """Images that have been seen."""
        return self.account.updates

    @property
    def seconds(self) -> float:
        """Seconds that the training has taken, in all its sessions."""
        return self.earlier + time.monotonic() - self._begun

    @property
    def ends_epoch(self) -> bool:
        """Whether the loss of the last step of an epoch waits."""
        return bool(self._waiting and self._waiting[-1][1])

    def record(self, step: Step, loss: float | Tensor, flops: Flops, plan: Plan) -> None:
        """Enter a step that was made, and what it has cost for every image.

        Args:
            step: the step.
            loss: its loss; a tensor is this process's share of it, and waits for `fetch`.
            flops: operations for one image.
            plan: of the training.
        """
        images, moved = len(step.rows), self.updates
        new = images if step.epoch == 0 else 0
        self.account.record(images, moved.learning, moved.statistics, flops, new)
        sizes = [stop - start for start, stop in plan.bounds(step.epoch)] if step.ends_epoch else []
        if isinstance(loss, Tensor):
            self._waiting.append((loss.detach(), sizes))
        else:
            self._enter(loss, sizes)

    def _enter(self, loss: float, sizes: list[int]) -> None:
        self.losses.append(loss)
        if sizes:
            self.epoch_losses.append(float(np.average(self.losses[-len(sizes) :], weights=sizes)))

    def fetch(self) -> None:
        """Fetch the losses that wait, in all processes at once.

        Raises:
            NotFinite: if one of them is not finite.
        """
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        losses = self.group.mean(*torch.stack([loss for loss, _ in waiting]).tolist())
        for loss, (_, sizes) in zip(losses, waiting, strict=True):
            if not math.isfinite(loss):
                raise NotFinite(f"the loss is {loss}")
            self._enter(loss, sizes)

    @property
    def bad(self) -> str | None:
        """The first weight, statistic or parameter behind a weight that is not finite; None if all are."""
        return bad_weight(self.model, self.updates.hidden)

    def check(self, group: ProcessGroup = ALONE) -> None:
        """Raise `NotFinite` in all processes of a group, if anything is not finite in one of them."""
        name = self.bad
        (bad,) = group.mean(name is not None)
        if bad:
            raise NotFinite(f"{name or 'a weight of another process'} is not finite")

    def keep(self) -> None:
        """Keep a copy of the state, to which `rewind` returns, unless one was kept a moment ago.

        Raises:
            NotFinite: if a weight is not finite.
        """
        if self._good is not None and self.steps - self._kept < KEEP_STEPS:
            return
        self.check(self.group)
        self._good, self._kept = copy.deepcopy(self.to_dict()), self.steps

    def rewind(self) -> None:
        """Return to the state that was kept last."""
        self._waiting = []
        if self._good is not None:
            spent = self.seconds  # also on what is made again
            self.load(self._good)
            self.earlier, self._good = spent, None

    def to_dict(self) -> dict[str, Any]:
        """Return the state as tensors and plain values, which load without running code."""
        return {
            "weights": self.model.state_dict(),
            "parameters": self.updates.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "ledger": self.ledger.to_dict(),
            "seconds": self.seconds,
            **{name: getattr(self, name) for name in _PLAIN},
        }

    def load(self, content: Mapping[str, Any]) -> None:
        """Take over what `to_dict` returned."""
        self.model.load_state_dict(content["weights"])
        self.updates.load_state_dict(content["parameters"])
        fused = [group.get("fused") for group in self.optimiser.param_groups]
        self.optimiser.load_state_dict(content["optimiser"])
        for group, here in zip(self.optimiser.param_groups, fused, strict=True):
            group["fused"] = here  # how a step is computed depends on the device, not on the checkpoint
        self.ledger = Ledger.from_dict(content["ledger"])
        self.earlier, self._begun = content["seconds"], time.monotonic()
        for name in _PLAIN:
            setattr(self, name, content[name])
