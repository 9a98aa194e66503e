"""What a genome can hold of one layer: the base of all kinds, the kinds of weight compression, their JSON.

A kind is a frozen dataclass that derives from `Layer`, declares its fields by `values` and is listed
in `genome.KINDS`. Reading, checking, writing, counting and hashing follow from the declaration.
"""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from wiringup.core.checks import one_of
from wiringup.core.errors import InputError

Array = NDArray[np.float64]
Shape = tuple[int | str, ...]

_DIGITS = 7


def values(*shape: int | str, beside: bool = False) -> Any:
    """Declare a numeric field of a kind of layer.

    Args:
        *shape: sizes; a name stands for one that has to agree between fields, whole numbers among them.
        beside: whether it is too long for a document: the genome names its hash, and the values lie in a
            safetensors file beside it.
    """
    return field(metadata={"shape": shape, "beside": beside})


def words(length: str, allowed: Collection[str]) -> Any:
    """Declare a field that is a list of words: the name of its length, and the words that are allowed."""
    return field(metadata={"length": length, "allowed": allowed})


@dataclass(frozen=True, eq=False)
class Layer:
    """The distribution of one layer; alone it decides how the layer's values are drawn.

    Fields are declared by `values` and `words`; others are whole numbers from 1.

    Attributes:
        kind: its name in the genome file.
    """

    kind: ClassVar[str]

    @property
    def numeric(self) -> dict[str, bool]:
        """Its numeric fields, and whether they lie beside the document."""
        return {f.name: f.metadata["beside"] for f in fields(self) if "shape" in f.metadata}

    @property
    def n_parameters(self) -> int:
        """Number of parameters that a birth needs: all numeric fields, unless the kind says otherwise."""
        return sum(int(np.size(getattr(self, name))) for name in self.numeric)

    def fault(self) -> str:
        """Return which field is impossible and why, or an empty string."""
        return ""

    def summary(self) -> str:
        """Return the parameters that tell most, in a few words."""
        return ""


def negative(layer: Layer, *fields: str) -> str:
    """Return the fault of the first of ``fields`` that holds a negative value, or an empty string."""
    found = (name for name in fields if (np.asarray(getattr(layer, name)) < 0).any())
    return next((f"{name}: a value is negative" for name in found), "")


@dataclass(frozen=True, eq=False)
class ConvolutionLayer(Layer):
    """The distribution of a convolution's weights: fitted to trained ones, sampled for a newborn network.

    Attributes:
        drawn: False where the values are a rule: every seed gives the same.
        sized_by: what the size counts that `fit` is given: "clusters", "hidden units", or "" for nothing.
    """

    drawn: ClassVar[bool] = True
    sized_by: ClassVar[str] = ""

    @classmethod
    def fit(cls, weight: Tensor, generator: Generator, size: int = 0) -> Self:
        """Describe trained weights (out, in, k, k).

        Args:
            weight: the weights.
            generator: for kinds that subsample them, or start at random.
            size: of the description, see ``sized_by``; 0 for one that fits.
        """
        raise NotImplementedError

    def sample(self, shape: torch.Size, generator: Generator) -> Tensor:
        """Draw float32 weights (out, in, k, k); adaptation to another shape is in here."""
        raise NotImplementedError


def rounded(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return ``values`` at 7 significant digits, what float32 weights can support.

    Distilled parameters are rounded once, before they are used, so that a genome in memory and the same
    genome read from its file give birth to identical networks.
    """
    flat = [float(f"{v:.{_DIGITS}g}") for v in np.asarray(values, dtype=np.float64).ravel()]
    return np.array(flat).reshape(np.shape(values))


@dataclass(frozen=True, eq=False)
class BatchNormLayer(Layer):
    """Normal distributions of a BatchNorm's weight and bias over its channels."""

    kind: ClassVar[str] = "batchnorm"
    weight_mean: float = values()
    weight_std: float = values()
    bias_mean: float = values()
    bias_std: float = values()

    def fault(self) -> str:
        """Return what is impossible about the values, or an empty string."""
        return "weight_std or bias_std is negative" if min(self.weight_std, self.bias_std) < 0 else ""

    def summary(self) -> str:
        """Return both distributions."""
        return (
            f"weight {self.weight_mean:.3g} ± {self.weight_std:.3g}, "
            f"bias {self.bias_mean:.3g} ± {self.bias_std:.3g}"
        )


@dataclass(frozen=True, eq=False)
class RunningStatistics(Layer):
    """The running statistics of a trained network's BatchNorm, channel by channel.

    No distribution: the published models of weight compression were born with them all the same
    (Geiger et al. 2022, research code), so a genome can hold them beside its layers, counted.

    Attributes:
        mean, variance: float32 (channels,).
    """

    kind: ClassVar[str] = "statistics"
    mean: NDArray[np.float32] = values("channels", beside=True)
    variance: NDArray[np.float32] = values("channels", beside=True)

    def fault(self) -> str:
        """Return what is impossible about the values, or an empty string."""
        return negative(self, "variance")


@dataclass(frozen=True, eq=False)
class LinearLayer(Layer):
    """A linear read-out born without parameters: uniform within 1/sqrt(inputs), as in Kaiming normal."""

    kind: ClassVar[str] = "linear"

    def summary(self) -> str:
        """Return the rule."""
        return "uniform within 1/sqrt(inputs)"


def layer_to_dict(layer: Layer) -> dict[str, Any]:
    """Return the JSON form of a layer; floats keep every digit."""
    entry: dict[str, Any] = {"kind": layer.kind}
    for declared in fields(layer):
        value = getattr(layer, declared.name)
        if "shape" in declared.metadata:
            value = np.asarray(value)
            value = _reference(value) if declared.metadata["beside"] else value.tolist()
        entry[declared.name] = list(value) if "length" in declared.metadata else value
    return entry


def read_layer(
    kind: type[Layer], name: str, entry: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]
) -> Layer:
    """Read the JSON form of the layer called ``name``, of a known kind.

    Args:
        kind: the class to read.
        name: the layer's name, for messages and for its tensors ("V2.conv1.weight").
        entry: the layer's object in the genome file.
        tensors: what lies beside the genome file.

    Raises:
        InputError: naming the layer, the field and what is wrong with it.
    """
    found: dict[str, Any] = {}
    sizes: dict[str, int] = {}
    for one, said in ((f.name, f.metadata) for f in fields(kind)):
        where = f"Genome, layer {name}, field {one}"
        value = entry.get(one)
        if "length" in said:
            found[one] = _words(where, value, said["allowed"], f"word in field {one} of layer {name}")
            sizes.setdefault(said["length"], len(found[one]))
        elif "shape" not in said:
            found[one] = sizes[one] = _whole(where, value)
        elif one not in entry:
            raise InputError(f"{where}: missing. A layer of kind {kind.kind!r} has to hold it.")
        elif said["beside"]:
            long = _fetched(where, value, tensors.get(f"{name}.{one}"))
            found[one] = _array(where, long, said["shape"], sizes).astype(np.float32)
        else:
            found[one] = _array(where, value, said["shape"], sizes)
    layer = kind(**found)
    if fault := layer.fault():
        raise InputError(f"Genome, layer {name}, field {fault}.")
    return layer


def _reference(value: NDArray[Any]) -> dict[str, Any]:
    digest = hashlib.sha256(np.ascontiguousarray(value, "<f4").tobytes())
    return {"shape": list(value.shape), "sha256": digest.hexdigest()}


def _fetched(where: str, named: Any, value: NDArray[Any] | None) -> NDArray[Any]:
    """Return the values beside the genome if they are those that it names by hash."""
    if value is None:
        raise InputError(f"{where}: its values are missing from the weights file beside the genome.")
    if named != _reference(value):
        raise InputError(f"{where}: the weights file beside the genome holds other values than it names.")
    return value


def _whole(where: str, size: Any) -> int:
    if not isinstance(size, int) or size < 1:
        raise InputError(f"{where}: expected a whole number from 1, got {size!r}.")
    return size


def _words(where: str, words: Any, allowed: Collection[str], what: str) -> tuple[str, ...]:
    if not isinstance(words, list) or not words:
        raise InputError(f"{where}: expected a list of words, got {words!r:.60}.")
    return tuple(one_of(str(word), allowed, what) for word in words)


def _array(where: str, given: Any, shape: Shape, sizes: dict[str, int]) -> Any:
    """Read one numeric field; names in ``shape`` are bound to what comes first and have to agree after."""
    try:
        value = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{where}: expected numbers in a regular array ({error}).") from error
    expected = _bind(shape, value.shape, sizes)
    if value.shape != expected:
        told = ", ".join(
            f"{n} = {sizes[n]}" for n in dict.fromkeys(shape) if isinstance(n, str) and n in sizes
        )
        raise InputError(
            f"{where}: shape {value.shape}, expected {shape}" + (f" with {told}." if told else ".")
        )
    if not np.isfinite(value).all():
        raise InputError(f"{where}: holds NaN or infinite values.")
    return value if shape else float(value)


def _bind(shape: Shape, found: tuple[int, ...], sizes: dict[str, int]) -> tuple[int, ...] | None:
    """Return the sizes that ``shape`` stands for, or None if the number of dimensions is wrong."""
    if len(shape) != len(found) or 0 in found:
        return None
    return tuple(
        sizes.setdefault(n, length) if isinstance(n, str) else n
        for n, length in zip(shape, found, strict=True)
    )
