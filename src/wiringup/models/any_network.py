"""Networks of other packages: a factory of one's own, or a name in timm or torchvision.

``package.module:factory`` is called without arguments and returns an ``nn.Module``; modules are found on
Python's path and in the working directory. ``timm:NAME`` and ``torchvision:NAME`` are made by these
libraries, where they are installed. The weights that a factory returns, or that a library calls pretrained,
are a network's *own*.
"""

import contextlib
import copy
import inspect
import logging
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from importlib import import_module
from importlib.metadata import version
from operator import attrgetter
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from wiringup.core.areas import AREAS, SCORED
from wiringup.core.checks import did_you_mean, listed, one_of
from wiringup.core.errors import InputError, MissingDataError
from wiringup.core.seeds import torch_stream
from wiringup.models.code import source_of
from wiringup.models.layout import Architecture, Modules
from wiringup.models.preprocessing import IMAGENET, Preprocessing

log = logging.getLogger(__name__)

DECODER, REST = "decoder", "rest"
NO_CLASSES = 1000  # what a network is said to have that has no decoder: it makes no difference
FORMS = ("package.module:factory", "timm:NAME", "torchvision:NAME")
_FORM = re.compile(r"(timm|torchvision):[\w./-]+|[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")


def is_foreign(name: str) -> bool:
    """Return whether a name is that of a network of another package."""
    return _FORM.fullmatch(name) is not None


@dataclass(frozen=True)
class _Library:
    """How a library makes its networks: (module, name) -> the network, with its weights or without."""

    make: Callable[[Any, str, bool], nn.Module]
    preprocessing: Callable[[Any, str], Preprocessing]


def _timm_preprocessing(timm: Any, name: str) -> Preprocessing:
    given = timm.get_pretrained_cfg(name)
    crop = given.crop_pct if given.crop_mode == "center" else None
    return Preprocessing(tuple(given.mean), tuple(given.std), given.interpolation, crop=crop)


def _torchvision_preprocessing(torchvision: Any, name: str) -> Preprocessing:
    made = torchvision.models.get_model_weights(name).DEFAULT.transforms()
    if not hasattr(made, "crop_size"):
        raise ValueError(f"{type(made).__name__} is no preprocessing of image classification")
    crop = min(1.0, made.crop_size[0] / made.resize_size[0])
    return Preprocessing(tuple(made.mean), tuple(made.std), made.interpolation.value, crop=crop)


_LIBRARIES: Mapping[str, _Library] = {
    "timm": _Library(lambda timm, name, own: timm.create_model(name, pretrained=own), _timm_preprocessing),
    "torchvision": _Library(
        lambda library, name, own: library.models.get_model(name, weights="DEFAULT" if own else None),
        _torchvision_preprocessing,
    ),
}


def make(name: str, *, own: bool) -> nn.Module:
    """Return the network called ``name``.

    Args:
        name: see `FORMS`.
        own: with the library's pretrained weights. A factory of one's own decides by itself.

    Raises:
        InputError: if there is no such network.
        MissingDataError: if the library is not installed, or it cannot bring the weights.
    """
    where, _, what = name.partition(":")
    with torch.random.fork_rng(devices=[]), contextlib.redirect_stdout(sys.stderr), _working_directory():
        torch.manual_seed(0)  # a factory that draws weights gives the same ones every time
        found = _called(name) if where not in _LIBRARIES else _from_library(where, what, own)
    if not isinstance(found, nn.Module):
        raise InputError(f"{name} returned a {type(found).__name__}; it has to return a torch.nn.Module.")
    return _in_float32(found, name)


def _in_float32(network: nn.Module, name: str) -> nn.Module:
    """Return a network that can look at float32; what it holds in mixed precision is its own affair."""
    kinds = {p.dtype for p in network.parameters() if p.is_floating_point()}
    if not kinds or torch.float32 in kinds:
        return network
    _say_cast(name, listed(sorted(str(kind).removeprefix("torch.") for kind in kinds)))
    return network.float()


@cache
def _say_cast(name: str, kinds: str) -> None:
    log.warning("%s holds weights in %s; they are cast to float32, as images are.", name, kinds)


def _from_library(where: str, name: str, own: bool) -> nn.Module:
    library = _imported(where)
    try:
        return _LIBRARIES[where].make(library, name, own)
    except Exception as error:  # each library has errors of its own
        if not own:
            raise InputError(f"{where} makes no network {name!r} ({error}).") from error
        _from_library(where, name, own=False)
        raise MissingDataError(
            f"The weights of {where}:{name} cannot be had ({type(error).__name__}: {error}). Give a "
            "checkpoint (--weights FILE), let it be born (--birth kn), or fetch them where there is an "
            f"internet connection: {where} keeps them in its cache."
        ) from error


def _imported(library: str) -> Any:
    try:
        return import_module(library)
    except Exception as error:  # torchvision beside another build of torch fails in many ways
        raise MissingDataError(
            f"{library} cannot be imported here ({type(error).__name__}: {error}). "
            f"Install it beside PyTorch {torch.__version__}: pip install {library}"
        ) from error


def _called(name: str) -> Any:
    where, _, what = name.partition(":")
    try:
        factory = attrgetter(what)(import_module(where))
    except ModuleNotFoundError as error:
        if error.name is None or not where.startswith(error.name):
            raise
        raise InputError(
            f"There is no Python module {where!r} on the path or in {Path.cwd()}. A network is named as "
            f"{', '.join(FORMS)}."
        ) from error
    except AttributeError as error:
        raise InputError(f"{where} has no {what!r}; a network is named as package.module:factory.") from error
    if not callable(factory):
        raise InputError(
            f"{name} is a {type(factory).__name__}; it has to be a function that makes a network."
        )
    try:
        inspect.signature(factory).bind()
    except TypeError as error:
        raise InputError(
            f"{name} cannot be called without arguments ({error}). Write a function that takes none and "
            "returns the network."
        ) from error
    return factory()


@contextlib.contextmanager
def _working_directory() -> Iterator[None]:
    """Let modules be found in the working directory too, after those that are installed."""
    here = str(Path.cwd())
    sys.path.append(here)
    try:
        yield
    finally:
        sys.path.remove(here)


def provenance(name: str) -> str:
    """Return the version of the library that makes a network, as in "timm 1.0.31"; "" for one's own code."""
    where = name.partition(":")[0]
    return f"{where} {version(where)}" if where in _LIBRARIES else ""


def code_hash(name: str) -> str:
    """Return a hash of the code behind a factory of one's own; "" for a library, whose version says it."""
    if name.partition(":")[0] in _LIBRARIES:
        return ""
    network, module = _outline(name), sys.modules[name.partition(":")[0]]
    return source_of(network, *map(Path, filter(None, [module.__file__])))[:16]


def own_preprocessing(name: str) -> Preprocessing:
    """Return the preprocessing with which a library trained a network; ImageNet's for one's own code.

    Raises:
        MissingDataError: if the library is not installed.
        InputError: if it does not say.
    """
    where, _, what = name.partition(":")
    if where not in _LIBRARIES:
        return IMAGENET
    try:
        return _LIBRARIES[where].preprocessing(_imported(where), what)
    except MissingDataError:
        raise
    except Exception as error:
        raise InputError(
            f"{where} does not say how images reach {what!r} ({error}). Say it: --mean, --std, "
            "--interpolation and --crop."
        ) from error


def own_network(name: str, classes: int, seed: int = 0) -> nn.Module:
    """Return a network with its own weights; for another number of classes its decoder is a new one.

    A new decoder is uniform within 1/sqrt(inputs), as that of a birth with this seed.

    Raises:
        InputError, MissingDataError: as `make`.
    """
    return _with_classes(make(name, own=True), classes, seed)


def classes_of(name: str) -> int:
    """Return how many classes the decoder of a network has as it is made; `NO_CLASSES` without a decoder."""
    last = _outline(name).get_submodule(_decoder(_outline(name)))
    return last.out_features if isinstance(last, nn.Linear) else NO_CLASSES


def outline(name: str, classes: int) -> nn.Module:
    """Return a network with the shapes of its weights alone."""
    return _with_classes(copy.deepcopy(_outline(name)), classes)


@lru_cache(maxsize=4)
def _outline(name: str) -> nn.Module:
    return make(name, own=False).to("meta")


@cache
def architecture(name: str, areas: tuple[tuple[str, str], ...]) -> Architecture:
    """Return what the rest of the package may know about a network of another package.

    The areas hold the parameters up to their read-out layer, in the order in which they were registered;
    the decoder is the classifier (the last linear layer); what lies between them is called "rest".

    Args:
        name: see `FORMS`.
        areas: (area or "behavior", layer) of each read-out.

    Raises:
        InputError: if there is no such network, or no such layer in it.
    """
    network = _outline(name)
    check_layers(name, [module for module, _ in network.named_modules()], areas)
    decoder, readouts = _decoder(network), dict(areas)
    return Architecture(
        name=name,
        build=partial(_built, name),
        blocks=_blocks(network, readouts, decoder),
        readouts=readouts,
        down_projections={},
        up_projections={},
        width_and_classes=partial(_width_and_classes, decoder),
        smallest=1,
    )


def check_layers(name: str, modules: Sequence[str], areas: Iterable[tuple[str, str]]) -> None:
    """Raise `InputError` if a network whose modules are named lacks the layer of one of its (area, layer)."""
    for layer in (layer.partition("@")[0] for _, layer in areas):
        if layer not in modules:
            close = did_you_mean(layer, modules)
            raise InputError(f"{name} has no layer {layer!r}.{close} Layers: wiringup layers {name} ...")


def parse_areas(areas: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Return (area, layer) of each ``AREA=LAYER``, in the order of the hierarchy.

    Raises:
        InputError: if one is not of that form, or an area is named twice.
    """
    found: dict[str, str] = {}
    for text in areas:
        area, equals, layer = text.partition("=")
        if not equals or not layer or one_of(area, SCORED, "area") in found:
            raise InputError(f"{text!r}: a layer is given once for each area as AREA=LAYER, as in V4=layer3.")
        found[area] = layer
    return tuple((area, found[area]) for area in SCORED if area in found)


def _built(name: str, width: float, classes: int) -> nn.Module:
    return _with_classes(make(name, own=False), classes)


def _with_classes(network: nn.Module, classes: int, seed: int | None = None) -> nn.Module:
    """Put a new decoder in the place of one of other classes; its values are drawn only with a seed."""
    decoder = _decoder(network)
    last = network.get_submodule(decoder)
    if decoder and isinstance(last, nn.Linear) and last.out_features != classes:
        new = nn.Linear(last.in_features, classes, last.bias is not None, "meta")
        new.to_empty(device=last.weight.device)
        for parameter, values in new.named_parameters() if seed is not None else ():
            stream, bound = torch_stream(seed or 0, f"{decoder}.{parameter}"), last.in_features**-0.5
            values.data = torch.rand(values.shape, generator=stream).mul_(2 * bound).sub_(bound)
        holder, _, name = decoder.rpartition(".")
        setattr(network.get_submodule(holder), name, new)
    return network


def _decoder(network: nn.Module) -> str:
    """Return the name of the classifier: as timm tells it, or a linear layer at the end; "" for none."""
    holding = [(n, m) for n, m in network.named_modules() if n and any(True for _ in m.parameters(False))]
    named = getattr(network, "get_classifier", None)
    last = named() if callable(named) else holding and holding[-1][1]
    return next((name for name, m in holding if m is last and isinstance(m, nn.Linear)), "")


def _blocks(network: nn.Module, readouts: Mapping[str, str], decoder: str) -> dict[str, Modules]:
    """Return area -> its parameters; the decoder, as a module, comes last."""
    order = {name: i for i, (name, _) in enumerate(network.named_modules())}
    areas = [area for area in AREAS if area in readouts]
    layers = [readouts[area].partition("@")[0] for area in areas]
    ends = [max(i for n, i in order.items() if f"{n}.".startswith(f"{layer}.")) for layer in layers]
    found: dict[str, list[str]] = {area: [] for area in (*areas, REST)}
    for parameter, _ in network.named_parameters():
        layer = parameter.rpartition(".")[0]
        if layer != decoder or not decoder:
            area = next((a for a, end in zip(areas, ends, strict=True) if order[layer] <= end), REST)
            found[area].append(parameter)
    blocks = {area: tuple(names) for area, names in found.items() if names or area != REST}
    return {**blocks, **({DECODER: (decoder,)} if decoder else {})}


def _width_and_classes(decoder: str, state: Mapping[str, Tensor]) -> tuple[float, int]:
    return 1.0, len(state[f"{decoder}.weight"]) if decoder else NO_CLASSES
