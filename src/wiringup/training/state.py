"""All that changes in the course of a training."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import nn
from torch.optim import Optimizer

from wiringup.training.batches import Plan, Step
from wiringup.training.flops import Flops
from wiringup.training.ledger import Account, Ledger
from wiringup.training.updates import Updates

_PLAIN = ("losses", "epoch_losses", "observations", "observed")


@dataclass
class TrainState:
    """All that changes: the loop (`loop.fit`) owns and moves it, callbacks look at it.

    Attributes:
        phase: name of the account of a phase without labels; empty where what is spent is supervised.
        losses: training loss of every step.
        epoch_losses: mean training loss of every completed epoch.
        observations: what observers saw, see `observers.observe`.
        observed: images seen when observers last looked; -1 before birth was observed.
        over: whether no step is left.
    """

    model: nn.Module
    optimiser: Optimizer
    updates: Updates
    ledger: Ledger
    phase: str = ""
    losses: list[float] = field(default_factory=list)
    epoch_losses: list[float] = field(default_factory=list)
    observations: list[dict[str, Any]] = field(default_factory=list)
    observed: int = -1
    over: bool = False

    @property
    def account(self) -> Account:
        """What is charged."""
        return self.ledger.phase(self.phase) if self.phase else self.ledger

    @property
    def steps(self) -> int:
        """Steps of the optimiser that have been made."""
        return len(self.losses)

    @property
    def seen(self) -> int:
        """Images that have been seen."""
        return self.account.updates

    def record(self, step: Step, loss: float, flops: Flops, plan: Plan) -> None:
        """Enter a step that was made: its loss, and what it has cost for every image."""
        images, moved = len(step.rows), self.updates
        new = images if step.epoch == 0 else 0
        self.account.record(images, moved.learning, moved.statistics, flops, new)
        self.losses.append(loss)
        if step.ends_epoch:
            sizes = [stop - start for start, stop in plan.bounds(step.epoch)]
            self.epoch_losses.append(float(np.average(self.losses[-len(sizes) :], weights=sizes)))

    def to_dict(self) -> dict[str, Any]:
        """Return the state as tensors and plain values, which load without running code."""
        return {
            "weights": self.model.state_dict(),
            "parameters": self.updates.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "ledger": self.ledger.to_dict(),
            **{name: getattr(self, name) for name in _PLAIN},
        }

    def load(self, content: Mapping[str, Any]) -> None:
        """Take over what `to_dict` returned."""
        self.model.load_state_dict(content["weights"])
        self.updates.load_state_dict(content["parameters"])
        self.optimiser.load_state_dict(content["optimiser"])
        self.ledger = Ledger.from_dict(content["ledger"])
        for name in _PLAIN:
            setattr(self, name, content[name])
