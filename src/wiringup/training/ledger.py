"""The ledger of supervision: what was spent, counted as it happens, in exact integers.

A supervised update is one labelled image as it was seen (the paper's images x epochs); a supervised
synaptic update is one labelled image seen by one trained parameter (images x epochs x trained synapses).
An optimiser step is neither: it is counted beside them, as are the running statistics of BatchNorm (which
move without a label), floating-point operations, and the distinct images that were labelled at all.
What is done before the first label has accounts of its own.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from wiringup.training.flops import Flops
from wiringup.training.plasticity import Plasticity


@dataclass
class Account:
    """What one phase has spent.

    Attributes:
        updates: images as seen, each time they are seen.
        steps: steps of the optimiser.
        images: distinct images seen.
        synaptic: {weight tensor: images as seen x parameters that learned}.
        statistics: {BatchNorm layer: images as seen x running means and variances that moved}.
        forward, backward: floating-point operations, see `flops`.
    """

    updates: int = 0
    steps: int = 0
    images: int = 0
    synaptic: dict[str, int] = field(default_factory=dict)
    statistics: dict[str, int] = field(default_factory=dict)
    forward: int = 0
    backward: int = 0

    def record(
        self,
        images: int,
        learning: Mapping[str, int],
        statistics: Mapping[str, int] | None = None,
        flops: Flops | None = None,
        new: int = 0,
    ) -> None:
        """Enter one optimiser step.

        Args:
            images: images in the batch.
            learning: {weight tensor: parameters that learned in this step}.
            statistics: {BatchNorm layer: running statistics that moved in this step}.
            flops: operations for each image.
            new: images in the batch that were never seen before.
        """
        self.updates += images
        self.steps += 1
        self.images += new
        for spent, moved in ((self.synaptic, learning), (self.statistics, statistics or {})):
            for name, count in moved.items():
                spent[name] = spent.get(name, 0) + images * count
        if flops:
            self.forward += images * flops.forward
            self.backward += images * flops.backward

    @property
    def synaptic_updates(self) -> int:
        """Synaptic updates in total; running statistics are not among them."""
        return sum(self.synaptic.values())

    @property
    def statistics_updates(self) -> int:
        """Updates of running statistics in total."""
        return sum(self.statistics.values())

    @property
    def flops(self) -> int:
        """Floating-point operations in total, forward and backward."""
        return self.forward + self.backward

    def totals(self) -> dict[str, int]:
        """Return the total of every axis."""
        return {
            "distinct images": self.images,
            "updates": self.updates,
            "steps": self.steps,
            "synaptic updates": self.synaptic_updates,
            "updates of BatchNorm statistics": self.statistics_updates,
            "flops forward": self.forward,
            "flops backward": self.backward,
        }

    def to_dict(self) -> dict[str, Any]:
        """Return the account as plain JSON types; `from_dict` reads it back."""
        return asdict(self)


@dataclass
class Ledger(Account):
    """The account of supervision, and those of phases without labels.

    Attributes:
        areas: {weight tensor: area} for every one that may be charged.
        kinds: {weight tensor: kind of synapse}, see `synapses.KINDS`.
        label_free: {phase: what it has spent}, in the order of time.
    """

    areas: dict[str, str] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    label_free: dict[str, Account] = field(default_factory=dict)

    @classmethod
    def of(cls, plasticity: Plasticity) -> "Ledger":
        """Return an empty ledger for the model that ``plasticity`` was resolved against."""
        rows = plasticity.synapses
        areas, kinds = {r.parameter: r.area for r in rows}, {r.parameter: r.kind for r in rows}
        return cls(areas=areas, kinds=kinds)

    def phase(self, name: str) -> Account:
        """Return the account of a phase without labels, opened when it is first asked for."""
        return self.label_free.setdefault(name, Account())

    def by_area(self) -> dict[str, int]:
        """Return {area: supervised synaptic updates}, for every area of the model."""
        return self._by(self.areas.__getitem__, dict.fromkeys(self.areas.values(), 0))

    def by_layer(self) -> dict[str, int]:
        """Return {layer: supervised synaptic updates}, for every layer that has any."""
        return self._by(lambda parameter: parameter.rpartition(".")[0], {})

    def by_kind(self) -> dict[str, int]:
        """Return {kind of synapse: supervised synaptic updates}: affine parameters of BatchNorm apart."""
        return self._by(self.kinds.__getitem__, dict.fromkeys(self.kinds.values(), 0))

    def _by(self, group: Callable[[str], str], totals: dict[str, int]) -> dict[str, int]:
        for parameter, spent in self.synaptic.items():
            key = group(parameter)
            totals[key] = totals.get(key, 0) + spent
        return totals

    def summary(self) -> dict[str, Any]:
        """Return the totals of every axis, and what was spent where, as plain JSON types."""
        return self.totals() | {
            "synaptic updates by area": self.by_area(),
            "synaptic updates by layer": self.by_layer(),
            "synaptic updates by kind": self.by_kind(),
            "label-free": {name: account.totals() for name, account in self.label_free.items()},
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "Ledger":
        """Return the ledger that `to_dict` wrote."""
        phases = {name: Account(**account) for name, account in content["label_free"].items()}
        return cls(**{**content, "label_free": phases})
