"""The checkpoint of a training: one whole file in a folder that one process holds."""

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from wiringup.core.errors import InputError
from wiringup.core.files import locked, sweep
from wiringup.core.sealed import add_comment, expect_seal, sealed_path
from wiringup.core.spec import diff
from wiringup.training.state import TrainState

FILE = "checkpoint.pt"
MOMENTS = "moments"  # folder of what observers keep
LOCK = ".lock"
AFRESH = "Restore it from a copy, or delete it to begin this training again."
ELSEWHERE = (
    "If nothing else was changed, this is another kind of processor, or another PyTorch: the statistics that "
    "BatchNorm is born with differ there in the last digits. Continue where the training began. "
)
EARLIER = (
    "If the images are the same, an earlier version of wiringup wrote it, which named images by another hash "
    "and alone can continue it; delete it to begin this training again. "
)


@dataclass(frozen=True)
class Checkpoint:
    """The checkpoint of one training.

    Args:
        folder: the training's folder; None keeps no checkpoint.
        identity: what decides the training (spec, images, weights at birth), as plain values. A checkpoint
            of another identity is refused.
        writes: whether this process writes; of several that train together, one does.
    """

    folder: Path | None
    identity: Mapping[str, Any]
    writes: bool = True

    @property
    def path(self) -> Path | None:
        """Where the checkpoint lies, or would lie."""
        return self.folder / FILE if self.folder else None

    def restore(self, state: TrainState) -> None:
        """Load the folder's checkpoint into ``state``, if there is one.

        Raises:
            InputError: if it is damaged, of an earlier version, or belongs to another training (the
                differences are named).
        """
        if self.path is None or not self.path.is_file():
            return
        content = _read(self.path)
        changed = diff(content["identity"], self.identity)
        if changed:
            found = "; ".join(f"{name}: {old!r} there, {new!r} now" for name, (old, new) in changed.items())
            by_images = EARLIER if "images" in changed else ""
            advice = ELSEWHERE if changed.keys() == {"birth"} else by_images
            raise InputError(
                f"{self.path} belongs to another training ({found}). {advice}Use another folder, or the same "
                "settings to continue it."
            )
        content["state"].setdefault("seconds", 0.0)  # earlier versions did not count them
        if content["state"].keys() != state.to_dict().keys():
            raise InputError(
                f"{self.path} was written by another version of wiringup, which alone can continue it. "
                "Delete it to begin this training again."
            )
        state.load(content["state"])

    def write(self, state: TrainState) -> None:
        """Write the state; an interruption leaves the earlier checkpoint whole.

        Raises:
            NotFinite: if a weight is not finite.
            WiringupError: if the disk is full.
        """
        if self.path is None or not self.writes:
            return
        state.check()
        content = io.BytesIO()
        torch.save({"identity": dict(self.identity), "state": state.to_dict()}, content)
        with sealed_path(self.path) as temporary:
            temporary.write_bytes(content.getbuffer())
            add_comment(temporary)

    def last_good(self) -> str:
        """Say in a clause where the last good checkpoint is."""
        if self.path is None or not self.path.is_file():
            return "no checkpoint was written"
        state = _read(self.path)["state"]
        return f"the last good checkpoint is {self.path}, of step {len(state['losses'])}"


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
        sweep(folder, FILE)
        sweep(folder / MOMENTS, "*")
        yield
