"""A genome: the distributions of every layer from which networks are born, as one readable document.

``{"schema": 2, "architecture": ..., "source": {...}, "layers": {"V2.conv1": {"kind": ...}, ...}}``.
Layers carry the state-dict names of the modules they give birth to. Documents without ``schema`` are of
version 1, which knew only CORnet-S and had neither BatchNorm nor linear entries.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from wiringup.birth.layers import Layer, layer_from_dict, layer_to_dict
from wiringup.core.checks import at_least
from wiringup.core.errors import InputError
from wiringup.core.files import read_json, write_text
from wiringup.core.spec import content_hash

SCHEMA = 2


@dataclass(frozen=True, eq=False)
class Genome:
    """Distributions of the layers of one network.

    Attributes:
        layers: layer name (as in the state dict, "V2.conv1") -> its distribution.
        architecture: the network that was distilled.
        source: what it was distilled from (citation, hash of the weights); decides nothing.
    """

    layers: Mapping[str, Layer]
    architecture: str = "cornet_s"
    source: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def sha256(self) -> str:
        """Hash of everything that decides a birth: the architecture and the layers, not the source."""
        return content_hash({"architecture": self.architecture, "layers": self._layers_to_dict()})

    def figures(self) -> int:
        """Return the number of figures that births need; a distribution that layers share counts once."""
        shared = {json.dumps(layer_to_dict(layer)): layer.figures for layer in self.layers.values()}
        return sum(shared.values())

    def bits(self, precision: int = 16) -> int:
        """Return the description length in bits, at ``precision`` bits for each figure.

        Source: Geiger et al. 2022, supplement (brain match against bits).
        """
        return self.figures() * int(at_least(precision, 1, "the precision in bits"))

    def to_dict(self) -> dict[str, Any]:
        """Return the document as plain JSON types."""
        return {
            "schema": SCHEMA,
            "architecture": self.architecture,
            "source": dict(self.source),
            "layers": self._layers_to_dict(),
        }

    @classmethod
    def from_dict(cls, document: Any) -> "Genome":
        """Read a document of any schema version so far.

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
            {name: layer_from_dict(name, entry) for name, entry in entries.items()},
            str(document.get("architecture", "cornet_s")),
            dict(source),
        )

    @classmethod
    def load(cls, path: Path) -> "Genome":
        """Read a genome file.

        Raises:
            MissingDataError: if there is no such file.
            InputError: if it is not JSON or not a genome; the message names file, layer and field.
        """
        try:
            return cls.from_dict(read_json(path))
        except InputError as error:
            raise InputError(f"{path}: {error}") from error

    def save(self, path: Path) -> None:
        """Write the genome to ``path`` atomically, one line for each field."""
        write_text(path, _readable(self.to_dict()) + "\n")

    def _layers_to_dict(self) -> dict[str, Any]:
        return {name: layer_to_dict(layer) for name, layer in self.layers.items()}


def _readable(value: Any, indent: str = "") -> str:
    """Return JSON with objects spread over lines and arrays kept on one."""
    if not isinstance(value, Mapping) or not value:
        return json.dumps(value)
    inner = indent + "  "
    lines = (f"{inner}{json.dumps(k)}: {_readable(v, inner)}" for k, v in value.items())
    return "{\n" + ",\n".join(lines) + f"\n{indent}}}"
