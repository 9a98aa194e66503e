"""The ledger of supervision: what was spent, counted as it happens, in exact integers.

A supervised update is one labelled image as it was seen (the paper's images x epochs); a supervised
synaptic update is one labelled image seen by one trained synapse (images x epochs x trained synapses).
An optimiser step is neither: it is counted beside them. What is done before the first label has accounts
of its own.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from wiringup.training.plasticity import Plasticity


@dataclass
class Account:
    """What one phase without labels has spent.

    Attributes:
        updates: images as seen, each time they are seen.
        steps: steps of the optimiser.
        synaptic: {parameter: images as seen x synapses that learned}.
        statistics: {BatchNorm layer: images as seen x running means and variances that moved}.
    """

    updates: int = 0
    steps: int = 0
    synaptic: dict[str, int] = field(default_factory=dict)
    statistics: dict[str, int] = field(default_factory=dict)

    def record(self, images: int, learning: Mapping[str, int], statistics: Mapping[str, int]) -> None:
        """Enter one optimiser step.

        Args:
            images: images in the batch.
            learning: {parameter: synapses that learned in this step}.
            statistics: {BatchNorm layer: running statistics that moved in this step}.
        """
        self.updates += images
        self.steps += 1
        for spent, moved in ((self.synaptic, learning), (self.statistics, statistics)):
            for name, figures in moved.items():
                spent[name] = spent.get(name, 0) + images * figures

    @property
    def synaptic_updates(self) -> int:
        """Synaptic updates in total; running statistics are not among them."""
        return sum(self.synaptic.values())

    @property
    def statistics_updates(self) -> int:
        """Updates of running statistics in total."""
        return sum(self.statistics.values())

    def totals(self) -> dict[str, int]:
        """Return what records keep: images as seen, steps, synaptic updates, updates of statistics."""
        return {
            "updates": self.updates,
            "steps": self.steps,
            "synaptic_updates": self.synaptic_updates,
            "statistics_updates": self.statistics_updates,
        }


@dataclass
class Ledger:
    """Counts of supervision, kept up by the training loop.

    Attributes:
        areas: {parameter: area} for every parameter that may be charged.
        updates: supervised updates: labelled images as seen, each time they are seen.
        steps: steps of the optimiser.
        synaptic: {parameter: supervised synaptic updates}.
        label_free: {phase: what it has spent}, in the order of time.
    """

    areas: dict[str, str]
    updates: int = 0
    steps: int = 0
    synaptic: dict[str, int] = field(default_factory=dict)
    label_free: dict[str, Account] = field(default_factory=dict)

    @classmethod
    def of(cls, plasticity: Plasticity) -> "Ledger":
        """Return an empty ledger for the model that ``plasticity`` was resolved against."""
        return cls({row.parameter: row.area for row in plasticity.synapses})

    def record(self, images: int, trained: Mapping[str, int]) -> None:
        """Enter one optimiser step.

        Args:
            images: labelled images in the batch.
            trained: {parameter: synapses that learned in this step}.
        """
        self.updates += images
        self.steps += 1
        for parameter, synapses in trained.items():
            self.synaptic[parameter] = self.synaptic.get(parameter, 0) + images * synapses

    def phase(self, name: str) -> Account:
        """Return the account of a phase without labels, opened when it is first asked for."""
        return self.label_free.setdefault(name, Account())

    @property
    def synaptic_updates(self) -> int:
        """Supervised synaptic updates in total."""
        return sum(self.synaptic.values())

    def by_area(self) -> dict[str, int]:
        """Return {area: supervised synaptic updates}, for every area of the model."""
        totals = dict.fromkeys(self.areas.values(), 0)
        for parameter, spent in self.synaptic.items():
            totals[self.areas[parameter]] += spent
        return totals

    def to_dict(self) -> dict[str, Any]:
        """Return the ledger as plain JSON types; `from_dict` reads it back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "Ledger":
        """Return the ledger that `to_dict` wrote."""
        phases = {name: Account(**account) for name, account in content.get("label_free", {}).items()}
        return cls(**{**content, "label_free": phases})
