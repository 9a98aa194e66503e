"""A network with its weights, as the Python interface hands it on."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from torch import nn

from wiringup.birth.apply import OWN, BirthSpec
from wiringup.core.errors import InputError
from wiringup.experiments.runs.inputs import plasticity_of
from wiringup.models.architecture import ModelSpec
from wiringup.models.readout import NetworkSubject, subject

if TYPE_CHECKING:
    import pandas

UNBORN = "unborn"


@dataclass(eq=False)
class Network:
    """A network, and where its weights are from.

    Attributes:
        spec: what it is.
        module: the network itself, as any ``nn.Module``.
        origin: a birth, or in words what its weights are.
    """

    spec: ModelSpec
    module: nn.Module
    origin: BirthSpec | str = UNBORN
    born_from: str = ""

    def __repr__(self) -> str:
        spec = self.spec
        return f"Network({spec.architecture}, width {spec.width:g}, {spec.size} px, {self.description})"

    @property
    def description(self) -> str:
        """Where its weights are from, in words."""
        if isinstance(self.origin, str):
            return self.origin
        if self.origin.recipe == OWN:
            return "its own weights"
        return f"{self.origin.recipe}, seed {self.origin.seed}, BatchNorm {self.origin.batchnorm}"

    def subject(self, device: str = "cpu", classes: tuple[str, ...] | None = None) -> NetworkSubject:
        """Return it as benchmarks look at it."""
        if self.origin == UNBORN:
            raise InputError("This network was never born: its weights are 0. Give it a birth (give_birth).")
        return replace(subject(self.module, self.spec, classes=classes), device=device)

    def to_frame(self) -> "pandas.DataFrame":
        """Return its synapses as a pandas frame: a row for every parameter, with layer, area and number."""
        import pandas

        rows = plasticity_of("all", self.spec).synapses
        return pandas.DataFrame(
            [{"parameter": r.parameter, "area": r.area, "kind": r.kind, "synapses": r.count} for r in rows]
        )
