"""A network with the weights of a checkpoint."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor, nn

from wiringup.core.checks import listed
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
    """

    spec: ModelSpec
    state: Mapping[str, Tensor] = field(repr=False)
    classes: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()

    def network(self) -> nn.Module:
        """Return the network itself."""
        model = build(self.spec)
        load_weights(model, self.state)
        return model


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
    return Trained(spec, found.state, classes, tuple(notes))
