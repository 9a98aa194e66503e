"""The distributions of one layer that a genome can hold, and how each is read and checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from wiringup.core.checks import one_of
from wiringup.core.errors import InputError

GABOR_COLUMNS = (
    "frequency",
    "theta",
    "sigma_x",
    "sigma_y",
    "phase",
    "centre_x",
    "centre_y",
    "scale",
    "fit_error",
)
"""The columns of a Gabor fit: cycles/px, rad, px, px, rad, px, px, weight units, mean squared error.

The centre is counted from the middle of the kernel. ``fit_error`` is a record and decides nothing.
"""

Shape = tuple[int | str, ...]


@dataclass(frozen=True, eq=False)
class GaborLayer:
    """Gabors fitted to a first layer (Geiger et al. 2022, methods): one for each filter and colour.

    Attributes:
        kernel_size: side of the kernels that were fitted, in px.
        fits: (filters, colours, 9), with the columns `GABOR_COLUMNS`.
    """

    kind: ClassVar[str] = "gabor"
    shapes: ClassVar[Mapping[str, Shape]] = {"fits": ("filters", "colours", len(GABOR_COLUMNS))}
    kernel_size: int
    fits: NDArray[np.float64]

    @property
    def figures(self) -> int:
        """Number of figures: eight for each Gabor (the fit error decides nothing)."""
        return int(self.fits[..., :8].size)

    def fault(self) -> str:
        """Return what is impossible about the values, or an empty string."""
        if (self.fits[..., 0] < 0).any():
            return "fits: a frequency is negative"
        return "fits: a sigma is not positive" if (self.fits[..., 2:4] <= 0).any() else ""


@dataclass(frozen=True, eq=False)
class ClusterLayer:
    """Clusters of in-channel kernels (Geiger et al. 2022, methods).

    Attributes:
        kernel_size: side of the kernels in px.
        count_mean: (clusters,) mean over output kernels of the number of in-channels in each cluster.
        count_std: (clusters,) its standard deviation.
        noise_std: (clusters,) standard deviation of a cluster's members around its centre.
        centers: (clusters, kernel_size, kernel_size).
    """

    kind: ClassVar[str] = "clusters"
    shapes: ClassVar[Mapping[str, Shape]] = {
        "count_mean": ("clusters",),
        "count_std": ("clusters",),
        "noise_std": ("clusters",),
        "centers": ("clusters", "kernel_size", "kernel_size"),
    }
    kernel_size: int
    count_mean: NDArray[np.float64]
    count_std: NDArray[np.float64]
    noise_std: NDArray[np.float64]
    centers: NDArray[np.float64]

    @property
    def in_channels(self) -> float:
        """Number of input channels of the layer that was distilled: the counts add up to it."""
        return float(self.count_mean.sum())

    @property
    def figures(self) -> int:
        """Number of figures: three and the centre for each cluster."""
        return int(3 * self.count_mean.size + self.centers.size)

    def fault(self) -> str:
        """Return what is impossible about the values, or an empty string."""
        for name in ("count_mean", "count_std", "noise_std"):
            if (getattr(self, name) < 0).any():
                return f"{name}: a value is negative"
        return "" if self.in_channels > 0 else "count_mean: all counts are 0"


@dataclass(frozen=True, eq=False)
class BatchNormLayer:
    """Normal distributions of a BatchNorm's weight and bias over its channels."""

    kind: ClassVar[str] = "batchnorm"
    shapes: ClassVar[Mapping[str, Shape]] = dict.fromkeys(
        ("weight_mean", "weight_std", "bias_mean", "bias_std"), ()
    )
    weight_mean: float
    weight_std: float
    bias_mean: float
    bias_std: float

    @property
    def figures(self) -> int:
        """Number of figures: two means, two standard deviations."""
        return 4

    def fault(self) -> str:
        """Return what is impossible about the values, or an empty string."""
        return "weight_std or bias_std is negative" if min(self.weight_std, self.bias_std) < 0 else ""


@dataclass(frozen=True, eq=False)
class LinearLayer:
    """A linear read-out born without figures: uniform within 1/sqrt(inputs), as in Kaiming normal."""

    kind: ClassVar[str] = "linear"
    shapes: ClassVar[Mapping[str, Shape]] = {}

    @property
    def figures(self) -> int:
        """No figures: the rule alone decides."""
        return 0

    def fault(self) -> str:
        """Nothing can be wrong with it."""
        return ""


Layer = GaborLayer | ClusterLayer | BatchNormLayer | LinearLayer
KINDS: Mapping[str, type[Layer]] = {
    layer.kind: layer for layer in (GaborLayer, ClusterLayer, BatchNormLayer, LinearLayer)
}
_SIZED = (GaborLayer, ClusterLayer)


def layer_to_dict(layer: Layer) -> dict[str, Any]:
    """Return the JSON form of a layer; floats keep every digit."""
    entry: dict[str, Any] = {"kind": layer.kind}
    if isinstance(layer, _SIZED):
        entry["kernel_size"] = layer.kernel_size
    return entry | {name: np.asarray(getattr(layer, name)).tolist() for name in layer.shapes}


def layer_from_dict(name: str, entry: Any) -> Layer:
    """Read the JSON form of the layer called ``name``.

    Raises:
        InputError: naming the layer, the field and what is wrong with it.
    """
    if not isinstance(entry, Mapping):
        raise InputError(f"Genome, layer {name}: expected an object with a 'kind', got {entry!r:.60}.")
    kind = KINDS[one_of(str(entry.get("kind")), KINDS, f"kind of layer {name}")]
    fields: dict[str, Any] = {}
    if kind in _SIZED:
        fields["kernel_size"] = _kernel_size(name, entry)
    sizes: dict[str, int] = dict(fields)
    for field, shape in kind.shapes.items():
        fields[field] = _array(name, field, entry, shape, sizes)
    layer = kind(**fields)
    if fault := layer.fault():
        raise InputError(f"Genome, layer {name}, field {fault}.")
    return layer


def _kernel_size(name: str, entry: Mapping[str, Any]) -> int:
    size = entry.get("kernel_size")
    if not isinstance(size, int) or size < 1:
        raise InputError(
            f"Genome, layer {name}, field kernel_size: expected a whole number from 1, got {size!r}."
        )
    return size


def _array(name: str, field: str, entry: Mapping[str, Any], shape: Shape, sizes: dict[str, int]) -> Any:
    """Read one numeric field; names in ``shape`` are bound to what comes first and have to agree after."""
    where = f"Genome, layer {name}, field {field}"
    if field not in entry:
        raise InputError(f"{where}: missing. A layer of kind {entry['kind']!r} has to hold it.")
    try:
        value = np.asarray(entry[field], dtype=np.float64)
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
