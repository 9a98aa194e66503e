"""A genome: the distributions of every layer from which networks are born, as one readable document.

``{"schema": 4, "recipe": ..., "architecture": ..., "source": {...}, "layers": {"V2.conv1": {"kind": ...}}}``.
Layers carry the state-dict names of the modules they give birth to. Values that are too many for a document
(trained weights, running statistics) lie beside it in ``NAME.weights.safetensors``; the document names their
hashes. Documents without ``schema`` are of version 1, which knew only CORnet-S and had neither BatchNorm nor
linear entries; versions 1 and 2 knew only weight compression and name no recipe; running statistics came with
version 4. Both files carry a seal (`core.sealed`); one that was written by hand has none.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wiringup.birth.best_fit import BestFitKernel, BestFitLayer
from wiringup.birth.clusters import ClusterLayer
from wiringup.birth.covariance import CovarianceLayer
from wiringup.birth.g_networks import GNetwork, NoisyGNetwork
from wiringup.birth.gabor_layers import FixedGabors, GaborBank, GaborLayer, ScrambledGabors
from wiringup.birth.genome_layers import (
    BatchNormLayer,
    ConvolutionLayer,
    Layer,
    LinearLayer,
    RunningStatistics,
    layer_to_dict,
    read_layer,
)
from wiringup.birth.normals import ChannelNormal, KernelNormal, LayerNormal
from wiringup.birth.shuffles import ShuffledChannel, ShuffledKernel, ShuffledLayer
from wiringup.birth.signs import SignLayer
from wiringup.birth.weight_mixtures import ChannelMixture, KernelMixture
from wiringup.core.checks import at_least, one_of
from wiringup.core.errors import InputError
from wiringup.core.files import read_json
from wiringup.core.sealed import BLANK, KEY, expect_seal, read_sealed, sealed_path
from wiringup.core.spec import content_hash

if TYPE_CHECKING:
    import pandas

CONVOLUTIONS: Mapping[str, type[ConvolutionLayer]] = {
    kind.kind: kind
    for kind in (
        GaborLayer, ClusterLayer, LayerNormal, KernelNormal, ChannelNormal, BestFitLayer, BestFitKernel,
        KernelMixture, ChannelMixture, ShuffledLayer, ShuffledKernel, ShuffledChannel, FixedGabors,
        ScrambledGabors, GaborBank, CovarianceLayer, SignLayer, GNetwork, NoisyGNetwork,
    )
}  # fmt: skip
"""Names in genome files -> kinds that describe convolutions."""

KINDS: Mapping[str, type[Layer]] = {
    BatchNormLayer.kind: BatchNormLayer, LinearLayer.kind: LinearLayer, **CONVOLUTIONS
}  # fmt: skip
"""Names in genome files -> all kinds."""


def layer_from_dict(name: str, entry: Any, tensors: Mapping[str, NDArray[Any]] | None = None) -> Layer:
    """Read the JSON form of the layer called ``name``; ``tensors`` are the values beside the file.

    Raises:
        InputError: naming the layer, the field and what is wrong with it.
    """
    if not isinstance(entry, Mapping):
        raise InputError(f"Genome, layer {name}: expected an object with a 'kind', got {entry!r:.60}.")
    kind = KINDS[one_of(str(entry.get("kind")), KINDS, f"kind of layer {name}")]
    return read_layer(kind, name, entry, tensors or {})


SCHEMA = 4

ADVICE = (
    "Restore it from a copy, or distil it again; a study distils its own again if it is deleted. If it was "
    "changed on purpose, make it a genome of its own: wiringup genome seal {} --out NEW.json"
)


@dataclass(frozen=True, eq=False, repr=False)
class Genome:
    """Distributions of the layers of one network.

    Attributes:
        layers: layer name (as in the state dict, "V2.conv1") -> its distribution.
        architecture: the network that was distilled.
        source: what it was distilled from (citation, hash of the weights); decides nothing.
        recipe: the recipe whose kinds of layers it holds, a name in `recipes.RECIPES`.
        statistics: BatchNorm layer -> its running statistics in the network that was distilled (the
            teacher); empty where they were not kept.
    """

    layers: Mapping[str, Layer]
    architecture: str = "cornet_s"
    source: Mapping[str, Any] = field(default_factory=dict)
    recipe: str = "weight_compression"
    statistics: Mapping[str, RunningStatistics] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Genome({self.recipe} of {self.architecture}, {len(self.layers)} layers)"

    def to_frame(self) -> "pandas.DataFrame":
        """Return a pandas frame: a row for every layer, its kind and number of parameters."""
        import pandas

        held = (*self.layers.items(), *self.statistics.items())
        return pandas.DataFrame([{"layer": n, "kind": h.kind, "parameters": h.n_parameters} for n, h in held])

    @cached_property
    def sha256(self) -> str:
        """Hash of everything that decides a birth: the architecture, the layers, and statistics if any.

        The source decides nothing, and the recipe only names what the kinds of the layers decide.
        """
        decides = {"architecture": self.architecture, "layers": _to_dicts(self.layers)}
        return content_hash(decides | self._statistics_to_dict())

    @property
    def has_batchnorm(self) -> bool:
        """Whether it holds fitted BatchNorm parameters (the published distributions do not)."""
        return any(isinstance(layer, BatchNormLayer) for layer in self.layers.values())

    def without_batchnorm(self) -> "Genome":
        """Return the genome without fitted BatchNorm parameters."""
        kept = {n: layer for n, layer in self.layers.items() if not isinstance(layer, BatchNormLayer)}
        return replace(self, layers=kept)

    def without_statistics(self) -> "Genome":
        """Return the genome without the teacher's running statistics."""
        return replace(self, statistics={})

    @property
    def n_parameters(self) -> int:
        """The number of parameters; a distribution that layers share counts once."""
        shared = {json.dumps(layer_to_dict(layer)): layer.n_parameters for layer in self.layers.values()}
        return sum(shared.values()) + self.n_statistics

    @property
    def n_statistics(self) -> int:
        """The number of running means and variances."""
        return sum(held.n_parameters for held in self.statistics.values())

    def bits(self, precision: int = 16) -> int:
        """Return the description length in bits, at ``precision`` bits for each parameter.

        Source: Geiger et al. 2022, supplement (brain match against bits).
        """
        return self.n_parameters * int(at_least(precision, 1, "the precision in bits"))

    def to_dict(self) -> dict[str, Any]:
        """Return the document as plain JSON types."""
        return {
            "schema": SCHEMA,
            "recipe": self.recipe,
            "architecture": self.architecture,
            "source": dict(self.source),
            "layers": _to_dicts(self.layers),
        } | self._statistics_to_dict()

    @classmethod
    def from_dict(cls, document: Any, tensors: Mapping[str, NDArray[Any]] | None = None) -> "Genome":
        """Read a document of any schema version so far; ``tensors`` are the values beside it.

        In version 1, entries whose name is not a module's (an alternative with a remark in its name) are
        left out.

        Raises:
            InputError: naming the layer and field that is missing or of the wrong shape.
        """
        if not isinstance(document, Mapping) or not isinstance(document.get("layers"), Mapping):
            raise InputError("A genome is a JSON object with 'layers': {name: {kind: ...}}; found none.")
        schema = document.get("schema", 1)
        if schema not in range(1, SCHEMA + 1):
            raise InputError(f"The genome has schema {schema!r}; this wiringup reads 1 to {SCHEMA}.")
        source = document.get("source", {})
        if not isinstance(source, Mapping):
            raise InputError(f"Genome, field source: expected an object, got {source!r:.60}.")
        entries = {n: e for n, e in document["layers"].items() if schema > 1 or " " not in n}
        return cls(
            {name: layer_from_dict(name, entry, tensors) for name, entry in entries.items()},
            str(document.get("architecture", "cornet_s")),
            dict(source),
            str(document.get("recipe", "weight_compression")),
            _read_statistics(document.get("statistics", {}), tensors or {}),
        )

    @classmethod
    def load(cls, path: Path | str, *, edited: bool = False) -> "Genome":
        """Read a genome file.

        Args:
            path: the file; what lies beside it is read with it.
            edited: whether it may have been changed since it was written.

        Raises:
            MissingDataError: if there is no such file.
            InputError: if it is damaged, not JSON or not a genome; the message names file, layer and field.
        """
        path = Path(path)
        advice = ADVICE.format(path)
        document = read_json(path) if edited else read_sealed(path, advice)
        if not edited:
            expect_seal(beside(path), advice)
        try:
            return cls.from_dict(document, _read_tensors(beside(path)))
        except InputError as error:
            raise InputError(f"{path}: {error}") from error

    def save(self, path: Path | str) -> None:
        """Write the genome with a seal, atomically, one line for each field; long values go beside it."""
        path = Path(path)
        if tensors := self._tensors():
            from safetensors.numpy import save

            with sealed_path(beside(path)) as temporary:
                temporary.write_bytes(save(tensors, metadata={KEY: BLANK}))
        with sealed_path(path) as temporary:
            text = _readable({KEY: BLANK, **self.to_dict()}) + "\n"
            temporary.write_text(text, encoding="utf-8", newline="\n")

    def _statistics_to_dict(self) -> dict[str, Any]:
        return {"statistics": _to_dicts(self.statistics)} if self.statistics else {}

    def _tensors(self) -> dict[str, NDArray[np.float32]]:
        return {
            f"{name}.{values}": np.ascontiguousarray(getattr(layer, values), np.float32)
            for name, layer in (*self.layers.items(), *self.statistics.items())
            for values, apart in layer.numeric.items()
            if apart
        }


def _to_dicts(layers: Mapping[str, Layer]) -> dict[str, Any]:
    return {name: layer_to_dict(layer) for name, layer in layers.items()}


def _read_statistics(entries: Any, tensors: Mapping[str, NDArray[Any]]) -> dict[str, RunningStatistics]:
    if not isinstance(entries, Mapping) or not all(isinstance(entry, Mapping) for entry in entries.values()):
        raise InputError(f"Genome, field statistics: expected an object of objects, got {entries!r:.60}.")
    found: dict[str, RunningStatistics] = {}
    for name, entry in entries.items():
        held = read_layer(RunningStatistics, name, entry, tensors)
        assert isinstance(held, RunningStatistics)
        found[name] = held
    return found


def beside(path: Path) -> Path:
    """Return where the values lie that are too many for the genome file at ``path``."""
    return path.with_suffix(".weights.safetensors")


def _read_tensors(path: Path) -> dict[str, NDArray[Any]]:
    """Return the tensors in ``path``; none if there is no such file, as few genomes need one."""
    if not path.is_file():
        return {}
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return dict(load_file(path))
    except SafetensorError as error:
        raise InputError(f"{path.name} beside it is no whole safetensors file ({error}).") from error


def _readable(value: Any, indent: str = "") -> str:
    """Return JSON with objects spread over lines and arrays kept on one."""
    if not isinstance(value, Mapping) or not value:
        return json.dumps(value)
    inner = indent + "  "
    lines = (f"{inner}{json.dumps(k)}: {_readable(v, inner)}" for k, v in value.items())
    return "{\n" + ",\n".join(lines) + f"\n{indent}}}"
