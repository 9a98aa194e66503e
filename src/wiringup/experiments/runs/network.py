"""A network with its weights, as the Python interface hands it on."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from wiringup.birth.apply import OWN, BirthSpec
from wiringup.birth.distill import state_hash
from wiringup.core.errors import InputError
from wiringup.experiments.runs.inputs import plasticity_of
from wiringup.models.architecture import ModelSpec
from wiringup.models.readout import NetworkSubject, subject
from wiringup.models.trained import read_trained

if TYPE_CHECKING:
    import pandas

UNBORN, STORED = "unborn", "stored"

log = logging.getLogger(__name__)


@dataclass(eq=False)
class Network:
    """A network, and where its weights are from.

    Attributes:
        spec: what it is.
        module: the network itself, as any ``nn.Module``.
        origin: a birth, or in words what its weights are.
        born_from: what the birth was asked for by: a recipe or a genome file; "" for a genome in memory.
    """

    spec: ModelSpec
    module: nn.Module
    origin: BirthSpec | str = UNBORN
    born_from: str = ""

    def __post_init__(self) -> None:
        self._made = state_hash(self.module.state_dict())

    def become(self, origin: BirthSpec, born_from: str) -> None:
        """Note that it was just born, by ``origin``."""
        self.origin, self.born_from = origin, born_from
        self._made = state_hash(self.module.state_dict())

    @property
    def changed(self) -> bool:
        """Whether its weights are others than those of its birth or file: somebody trained or set them."""
        return state_hash(self.module.state_dict()) != self._made

    def __repr__(self) -> str:
        spec = self.spec
        return f"Network({spec.architecture}, width {spec.width:g}, {spec.size} px, {self.description})"

    @property
    def description(self) -> str:
        """Where its weights are from, in words."""
        since = ", changed since" if self.changed else ""
        if isinstance(self.origin, str):
            return self.origin + since
        if self.origin.recipe == OWN:
            return f"its own weights{since}"
        return f"{self.origin.recipe}, seed {self.origin.seed}, BatchNorm {self.origin.batchnorm}{since}"

    def subject(self, device: str = "cpu", classes: tuple[str, ...] | None = None) -> NetworkSubject:
        """Return it as benchmarks look at it."""
        if self.origin == UNBORN and not self.changed:
            raise InputError("This network was never born: its weights are 0. Give it a birth (give_birth).")
        return replace(subject(self.module, self.spec, classes=classes), device=device)

    @property
    def facts(self) -> dict[str, Any]:
        """What stands beside its scores; what was changed since its birth is of no birth."""
        spec, origin = self.spec, self.origin
        facts = {"model": spec.architecture, "width": spec.width, "size": spec.size}
        if not isinstance(origin, BirthSpec) or self.changed:
            return facts | {"weights": self.description}
        if origin.recipe == OWN:
            return facts | {"weights": OWN, "batchnorm": STORED}
        facts |= {"birth": origin.recipe, "seed": origin.seed, "batchnorm": origin.batchnorm}
        return facts | {"genome": origin.genome or None}

    def to_frame(self) -> "pandas.DataFrame":
        """Return its synapses as a pandas frame: a row for every parameter, with layer, area and number."""
        import pandas

        rows = plasticity_of("all", self.spec).synapses
        return pandas.DataFrame(
            [{"parameter": r.parameter, "area": r.area, "kind": r.kind, "synapses": r.count} for r in rows]
        )


def from_weights(path: Path, spec: ModelSpec, width: float = 1.0, classes: int | None = None) -> Network:
    """Return a network with the weights of a checkpoint, and log what there is to say of it.

    Args:
        path: the checkpoint.
        spec: the network; its width and classes are those that the weights have.
        width: refused if it is neither 1 nor that of the weights.
        classes: refused if they are others than those of the weights.
    """
    trained = read_trained(path, spec)
    held = trained.spec
    if width not in (1.0, held.width) or classes not in (None, held.classes):
        raise InputError(
            f"{path} holds a network of width {held.width:g} with {held.classes} classes; leave out width "
            "and classes."
        )
    for note in (*trained.notes, *trained.seen_otherwise(str(path))):
        log.warning("%s", note)
    return Network(held, trained.network(), path.name)
