"""Write a network as a Brain-Score submission that runs in an environment without wiringup.

`brainscore_vision` pins old versions of what we need, so it is never imported here; the package follows the
plugin layout of its documentation (one folder below ``models`` that registers itself in ``model_registry``).
"""

import ast
import importlib
import re
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from wiringup import __version__
from wiringup.core.areas import AREAS, BEHAVIOR
from wiringup.core.checks import one_of
from wiringup.core.errors import InputError
from wiringup.core.spec import content_hash
from wiringup.core.stimuli import from_pixels
from wiringup.experiments.runs.options import as_trained
from wiringup.experiments.scoring import bridge_texts as texts
from wiringup.models.any_network import parse_areas
from wiringup.models.architecture import ARCHITECTURES, ModelSpec, architecture_of
from wiringup.models.cornet_s import parameter_count
from wiringup.models.forward import Readout
from wiringup.models.readout import NetworkSubject, subject
from wiringup.models.trained import read_trained
from wiringup.models.weights import check_finite, save_weights

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
HASH_DIGITS = 8


@dataclass(frozen=True)
class Package:
    """A submission that was written.

    Attributes:
        identifier: how Brain-Score will call the model.
        folder: the plugin: ``OUT/models/IDENTIFIER``.
        readouts: area or "behavior" -> the module and time step read out.
        parameters: trainable numbers of the network.
        notes: sentences on how the checkpoint was read.
    """

    identifier: str
    folder: Path
    readouts: dict[str, Readout] = field(default_factory=dict)
    parameters: int = 0
    notes: tuple[str, ...] = ()


def write_package(
    model: str,
    weights: Path,
    out: Path,
    name: str = "",
    layers: tuple[str, ...] = (),
    size: int | None = None,
    weights_key: str | None = None,
) -> Package:
    """Write a submission to ``out/models/IDENTIFIER``, whole or not at all.

    Args:
        model: an architecture.
        weights: its checkpoint.
        out: a folder.
        name: the identifier's beginning; by default the architecture's. A hash of weights and read-outs is
            appended, because Brain-Score keeps responses under the identifier alone.
        layers: ``AREA=LAYER`` for areas that are not to be read out where the architecture says.
        size: side of the model's input in px; by default the one with which it was trained, or 224.
        weights_key: which of several sets of weights in the checkpoint; see `models.state_dicts.find`.

    Raises:
        MissingDataError: if there is no checkpoint.
        InputError: if the name could not be a Python module, the weights do not fit or are not finite, a
            layer does not exist, or the folder is there already.
    """
    one_of(model, ARCHITECTURES.names(), "model")
    if name and not NAME.fullmatch(name):
        raise InputError(
            f"The name {name!r} cannot be an identifier: use letters, digits and underscores, and begin with "
            "a letter."
        )
    seen = as_trained([weights], {"size": size})
    if seen["mean"] is not None:
        raise InputError(
            f"{weights} was trained with another preprocessing than ImageNet's, which a submission gets from "
            "Brain-Score. Score it here, or train it without --mean, --std, --interpolation and --crop."
        )
    trained = read_trained(weights, ModelSpec(model, size=seen["size"], areas=seen["areas"]), weights_key)
    spec, network = trained.spec, trained.network()
    check_finite(network.state_dict(), str(weights))
    read = subject(network, spec)
    readouts = _readouts(layers, read)
    digest = content_hash([read.identity, {area: [r.module, r.step] for area, r in readouts.items()}])
    identifier = f"{name or f'wiringup_{spec.architecture}'}_{digest[:HASH_DIGITS]}"
    folder = out / "models" / identifier
    if folder.exists():
        raise InputError(f"{folder} is there already. Remove it first, or choose another --name or --out.")
    notes = (*trained.notes, *trained.seen_otherwise(str(weights)))
    package = Package(identifier, folder, readouts, parameter_count(network), notes)
    _write(package, spec, network, trained.classes)
    return package


def _readouts(layers: tuple[str, ...], read: NetworkSubject) -> dict[str, Readout]:
    chosen = {**read.areas, **dict(parse_areas(layers))}
    blank = from_pixels(np.zeros((1, read.size, read.size), np.uint8))
    read.responses(blank, list(chosen.values()))  # refuses layers and steps that are not there
    return {area: Readout.parse(layer, read.areas) for area, layer in chosen.items()}


def _write(package: Package, spec: ModelSpec, network: nn.Module, classes: tuple[str, ...] | None) -> None:
    package.folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(dir=package.folder.parent, prefix=".part-"))
    try:
        for name, text in _texts(package, spec).items():
            (made / name).write_text(text)
        save_weights(network, made / texts.WEIGHTS, classes, spec)
        made.chmod(0o755)
        made.rename(package.folder)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _texts(package: Package, spec: ModelSpec) -> dict[str, str]:
    """Return the content of each text file of the plugin."""
    factory = architecture_of(spec).build
    readouts = {area: (r.module, r.step) for area, r in package.readouts.items()}
    facts: dict[str, Any] = {
        "identifier": package.identifier,
        "version": __version__,
        "architecture": spec.architecture,
        "module": _file_name(factory.__module__),
        "build": factory.__name__,
        "width": repr(spec.width),
        "classes": repr(spec.classes),
        "size": repr(spec.size),
        "readouts": repr(readouts),
        "regions": repr({area: area for area in AREAS if area in readouts}),
        "behavior": repr(BEHAVIOR if BEHAVIOR in readouts else None),
        "parameters": f"{package.parameters:,}",
        "megabytes": f"{4 * package.parameters / 1e6:,.0f}",
        "table": "\n".join(f"| {area} | {name} | {step} |" for area, (name, step) in readouts.items()),
    }
    written = {name: text.substitute(facts) for name, text in texts.FILES.items()}
    code = self_contained(factory.__module__)
    return written | {f"{_file_name(name)}.py": source for name, source in code.items()}


def _file_name(module: str) -> str:
    return module.removeprefix("wiringup.").replace(".", "_")


def self_contained(module: str) -> dict[str, str]:
    """Return {module: source} of a module of ours and all of ours that it imports, importing each other.

    Raises:
        InputError: if one of them imports in a way that cannot be rewritten.
    """
    found: dict[str, str] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in found:
            source = Path(str(importlib.import_module(name).__file__)).read_text()
            needed = _imported(source, name)
            for other in needed:
                source = source.replace(f"\nfrom {other} import ", f"\nfrom .{_file_name(other)} import ")
            found[name] = texts.HEADER.substitute(version=__version__, module=name) + source
            waiting += needed
    return found


def _imported(source: str, name: str) -> list[str]:
    """Return our own modules that ``source`` imports from."""
    needed = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            origins, plain = [alias.name for alias in node.names], True
        elif isinstance(node, ast.ImportFrom):
            origins, plain = [node.module or ""], node.col_offset > 0
        else:
            continue
        for other in (o for o in origins if o.split(".")[0] == "wiringup"):
            if plain or hasattr(importlib.import_module(other), "__path__"):
                raise InputError(f"{name} imports {other} in a way that cannot be copied into a package.")
            needed.append(other)
    return list(dict.fromkeys(needed))
