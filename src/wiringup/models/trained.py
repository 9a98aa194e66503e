"""A network with the weights of a checkpoint."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from wiringup.core.checks import listed
from wiringup.core.spec import to_dict
from wiringup.models.any_network import parse_areas
from wiringup.models.architecture import ModelSpec, build, outline, spec_of
from wiringup.models.weights import check_fits, load_weights, read_weights


@dataclass(frozen=True)
class Trained:
    """A network that was read from a checkpoint.

    Attributes:
        spec: the network, with the width and the number of classes that its weights have.
        state: its parameters and buffers.
        classes: names of its classes in the order of the decoder's outputs; None if the checkpoint has none.
        notes: sentences on how the checkpoint was read.
        told: the network that the checkpoint says it is of; None if it does not say.
    """

    spec: ModelSpec
    state: Mapping[str, Tensor] = field(repr=False)
    classes: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()
    told: ModelSpec | None = None

    def network(self) -> nn.Module:
        """Return the network itself."""
        model = build(self.spec)
        load_weights(model, self.state)
        return model

    def seen_otherwise(self, source: str) -> Iterator[str]:
        """Yield a note if the network is to see, or is read out, otherwise than when it was trained."""
        if self.told is None:
            return
        if self.told.code != self.spec.code:
            yield f"The code of {self.spec.architecture} has changed since {source} was trained."
        before, here = _seen(self.told), _seen(self.spec)
        if other := [name for name in before if before[name] != here.get(name)]:
            was, used = (", ".join(f"{n} {of.get(n)}" for n in other) for of in (before, here))
            yield f"{source} was trained with {was}. HERE IT HAS {used}."


def _seen(spec: ModelSpec) -> dict[str, Any]:
    how = to_dict(spec.preprocessing) | {"crop": spec.preprocessing.crop or "none"}
    return {"size": spec.size, **how, **{area: f"at {layer}" for area, layer in parse_areas(spec.areas)}}


def read_trained(path: Path, spec: ModelSpec, key: str | None = None) -> Trained:
    """Read a network from a checkpoint.

    Args:
        path: the checkpoint; see `weights.read_weights`.
        spec: the network; its width and its classes are those that the weights have.
        key: which of several sets of weights to take; see `state_dicts.find`.

    Raises:
        MissingDataError: if there is no such file.
        InputError: if it holds no such network, or does not decide which weights to take.
    """
    found = read_weights(path, outline(spec).state_dict(), key)
    spec = spec_of(found.state, spec, str(path))
    check_fits(outline(spec), found.state, str(path))
    classes, notes = found.classes, list(found.notes)
    if classes is not None and not (len(set(classes)) == len(classes) == spec.classes):
        notes.append(
            f"{path} names {len(classes)} classes ({listed(classes, 3)}), which are not one for each of the "
            f"decoder's {spec.classes} outputs: the names are not used."
        )
        classes = None
    return Trained(spec, found.state, classes, tuple(notes), found.network)
