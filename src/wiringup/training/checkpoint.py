"""A training that can be killed at any moment: one whole checkpoint in a folder that one process holds."""

import io
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from wiringup.core.errors import DivergedError, InputError
from wiringup.core.files import locked
from wiringup.core.sealed import add_comment, expect_seal, sealed_path
from wiringup.core.spec import diff
from wiringup.training.divergence import bad_weight
from wiringup.training.ledger import Ledger
from wiringup.training.updates import Updates

FILE = "checkpoint.pt"
LOCK = ".lock"
AFRESH = "Restore it from a copy, or delete it to begin this training again."
ELSEWHERE = (
    "If nothing else was changed, this is another kind of processor, or another PyTorch: the statistics that "
    "BatchNorm is born with differ there in the last digits. Continue where the training began. "
)


@dataclass
class TrainState:
    """All that changes in a run; its position is the number of losses, one for each step.

    Attributes:
        losses: training loss of every step.
        epoch_losses: mean training loss of every completed epoch.
        observations: what observers saw, see `observers.observe`.
        observed: images seen when observers last fired; -1 before birth was observed.
    """

    model: nn.Module
    optimiser: Optimizer
    ledger: Ledger
    updates: Updates
    losses: list[float] = field(default_factory=list)
    epoch_losses: list[float] = field(default_factory=list)
    observations: list[dict[str, Any]] = field(default_factory=list)
    observed: int = -1

    def to_dict(self) -> dict[str, Any]:
        """Return the state as tensors and plain values, which load without running code."""
        return {
            "weights": self.model.state_dict(),
            "figures": self.updates.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "ledger": self.ledger.to_dict(),
            "losses": self.losses,
            "epoch_losses": self.epoch_losses,
            "observations": self.observations,
            "observed": self.observed,
        }

    def load(self, content: Mapping[str, Any]) -> None:
        """Take over what `to_dict` returned."""
        self.model.load_state_dict(content["weights"])
        self.updates.load_state_dict(content["figures"])
        self.optimiser.load_state_dict(content["optimiser"])
        self.ledger = Ledger.from_dict(content["ledger"])
        self.losses, self.epoch_losses = content["losses"], content["epoch_losses"]
        self.observations, self.observed = content["observations"], content["observed"]


@dataclass(frozen=True)
class Interval:
    """How often a run is written down between moments: after so many seconds or so many steps."""

    seconds: float = 60.0
    steps: int | None = None


@dataclass
class Checkpoints:
    """The checkpoint of one run in its folder.

    Args:
        folder: the run's folder; None keeps no checkpoint.
        identity: what decides the run (spec, images, weights at birth), as plain values. A checkpoint
            of another identity is refused.
        interval: how often `save_if_due` writes.
        writes: whether this process writes; of several that train together, one does.
    """

    folder: Path | None
    identity: Mapping[str, Any]
    interval: Interval = field(default_factory=Interval)
    writes: bool = True
    _written: float = field(default_factory=time.monotonic, repr=False)

    @property
    def path(self) -> Path | None:
        """Where the checkpoint lies, or would lie."""
        return self.folder / FILE if self.folder else None

    def restore(self, state: TrainState) -> bool:
        """Load the folder's checkpoint into ``state``; return whether there was one.

        Raises:
            InputError: if it is damaged, or belongs to another training (the differences are named).
        """
        if self.path is None or not self.path.is_file():
            return False
        content = _read(self.path)
        changed = diff(content["identity"], self.identity)
        if changed:
            told = "; ".join(f"{name}: {old!r} there, {new!r} now" for name, (old, new) in changed.items())
            advice = ELSEWHERE if changed.keys() == {"birth"} else ""
            raise InputError(
                f"{self.path} belongs to another training ({told}). {advice}Use another folder, or the same "
                "settings to continue it."
            )
        state.load(content["state"])
        return True

    def save(self, state: TrainState) -> None:
        """Write the state; an interruption leaves the earlier checkpoint whole.

        Raises:
            WiringupError: if a weight is not finite, or the disk is full.
        """
        if self.path is None or not self.writes:
            return
        check_finite(state, self)
        content = io.BytesIO()
        torch.save({"identity": dict(self.identity), "state": state.to_dict()}, content)
        with sealed_path(self.path) as temporary:
            temporary.write_bytes(content.getbuffer())
            add_comment(temporary)
        self._written = time.monotonic()

    def save_if_due(self, state: TrainState) -> None:
        """Write the state if the interval has passed."""
        every = self.interval.steps
        late = time.monotonic() - self._written >= self.interval.seconds
        if late or (every and len(state.losses) % every == 0):
            self.save(state)

    def last_good(self) -> str:
        """Say in a clause where the last good checkpoint is."""
        if self.path is None or not self.path.is_file():
            return "no checkpoint was written"
        state = _read(self.path)["state"]
        return f"the last good checkpoint is {self.path}, of step {len(state['losses'])}"


def check_finite(state: TrainState, checkpoints: Checkpoints) -> None:
    """Raise `WiringupError` naming the first weight or statistic that is not finite, step and way back."""
    if name := bad_weight(state.model):
        raise diverged(f"{name} is not finite", state, checkpoints)


def diverged(what: str, state: TrainState, checkpoints: Checkpoints) -> DivergedError:
    """Return the error that ends a divergent training."""
    return DivergedError(
        f"Training diverged: {what} at step {len(state.losses)} ({state.ledger.updates} images); "
        f"{checkpoints.last_good()}. Lower the learning rate."
    )


def _read(path: Path) -> dict[str, Any]:
    expect_seal(path, AFRESH)
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # torn bytes end PyTorch's reader in whatever way they happen to
        raise InputError(f"{path} is damaged. {AFRESH}") from error
    if not isinstance(content, dict) or content.keys() != {"identity", "state"}:
        raise InputError(f"{path} is not a checkpoint of a training; use another folder.")
    return content


@contextmanager
def held(folder: Path | None) -> Iterator[None]:
    """Hold a run folder for this process while the block runs; a process that dies lets go of it.

    Raises:
        BusyError: if another process, or another training of this one, holds the folder.
    """
    if folder is None:
        yield
        return
    busy = f"Another training is running in {folder}. Wait until it ends, or use another folder."
    with locked(folder / LOCK, busy):
        # what a killed process left half-written
        for part in folder.glob(f".{FILE}.*.part"):
            part.unlink(missing_ok=True)
        yield
