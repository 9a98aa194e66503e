"""The published distributions of weight compression, from their original files; nothing in them is run.

Source: github.com/franzigeiger/training_reductions, commit 61e8805, folder ``pretrained``.
"""

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from wiringup.birth.genome import Genome, layer_from_dict
from wiringup.birth.genome_layers import Layer
from wiringup.core.errors import InputError, MissingDataError
from wiringup.core.files import read_bounded, sha256_of
from wiringup.data.formats.arrays import read_npy

REPOSITORY = "franzigeiger/training_reductions"
COMMIT = "61e88053fd1cb289cfbfaa70eb397d6174a32e2e"
_LARGEST = 64_000_000  # bytes of one file; the published ones have a few MB
GABOR_FILE = "gm_gabor_V1.conv1.npy"
CLUSTERED = (
    "V1.conv2",
    *(
        f"{area}.{conv}"
        for area in ("V2", "V4", "IT")
        for conv in ("conv_input", "skip", "conv1", "conv2", "conv3")
    ),
)
"""The layers of CORnet-S that the paper describes by clusters."""

PUBLISHED_STATISTICS = 38_912
"""Running statistics with which the published networks were born besides these parameters: those of the
trained CORnet-S, after every convolution that was sampled (norm3, after the trained ones, aside). They are
in no published count of bits, and not in the files."""

_FIELDS = {"count_mean": "mean", "count_std": "std", "noise_std": "weight_stds", "centers": "centers"}


def left_out(genome: Genome, precision: int) -> str:
    """Return the sentence on what the size of the published distributions leaves out; "" for others."""
    if genome.source.get("repository") != f"github.com/{REPOSITORY}" or genome.statistics:
        return ""
    n = genome.n_parameters + PUBLISHED_STATISTICS
    return (
        f"The published networks were born with {PUBLISHED_STATISTICS:,} running statistics of the trained "
        f"CORnet-S besides, which these parameters leave out: with them {n:,} parameters, "
        f"{n * precision:,} bits. Add them from its checkpoint (wiringup distill CHECKPOINT --add-to "
        "wc), or calibrate BatchNorm on unlabelled images."
    )


def published_files() -> tuple[str, ...]:
    """Return the names of the original files that make up the published genome."""
    return (GABOR_FILE, *(f"cluster_{layer}.pkl" for layer in CLUSTERED))


def read_published(folder: Path) -> Genome:
    """Read the original files in ``folder`` as a genome of CORnet-S.

    The files hold no BatchNorm parameters.

    Raises:
        MissingDataError: naming the files that are not there.
        InputError: if a file is damaged, or holds anything but numpy arrays and numbers.
    """
    missing = [name for name in published_files() if not (folder / name).is_file()]
    if missing:
        raise MissingDataError(
            f"{folder} lacks {len(missing)} of the published files: {', '.join(missing[:3])}"
            f"{' ...' if missing[3:] else ''}. They are in {REPOSITORY} at commit {COMMIT[:7]}, 'pretrained'."
        )
    layers = {"V1.conv1": _gabors(folder / GABOR_FILE)}
    layers |= {name: _clusters(folder / f"cluster_{name}.pkl", name) for name in CLUSTERED}
    source = {
        "paper": "Geiger, Schrimpf, Marques, DiCarlo (2022), Wiring Up Vision, ICLR",
        "repository": f"github.com/{REPOSITORY}",
        "commit": COMMIT,
        "what": "distributions fitted to ImageNet-trained CORnet-S (epoch 43)",
        "sha256": {name: sha256_of(folder / name) for name in published_files()},
    }
    return Genome(layers, "cornet_s", source)


def _gabors(path: Path) -> Layer:
    fits = read_npy(path)
    return layer_from_dict("V1.conv1", {"kind": "gabor", "kernel_size": 7, "fits": fits})


def _clusters(path: Path, layer: str) -> Layer:
    content = read_arrays(path)
    absent = {*_FIELDS.values()} - {*content} if isinstance(content, dict) else {*_FIELDS.values()}
    if absent:
        raise InputError(f"{path} lacks {', '.join(sorted(absent))}; it is not a published cluster file.")
    entry: dict[str, Any] = {field: np.asarray(content[key]) for field, key in _FIELDS.items()}
    centers = entry["centers"]
    entry["centers"] = centers.reshape(-1, *centers.shape[-2:])  # stored with a leading axis of length 1
    return layer_from_dict(layer, {"kind": "clusters", "kernel_size": int(centers.shape[-1]), **entry})


def read_arrays(path: Path) -> Any:
    """Read a pickle that holds numpy arrays, numpy scalars and plain containers, and nothing else.

    Raises:
        InputError: if the file asks for any other class or function (which is then not run), or is
            damaged.
    """
    try:
        return _ArrayReader(io.BytesIO(read_bounded(path, _LARGEST))).load()
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except Exception as error:  # of damaged bytes an unpickler raises nearly every kind there is
        raise InputError(f"{path} is damaged, or no pickle of arrays ({error}).") from error


def _number_type(code: Any, *flags: Any) -> "np.dtype[Any]":
    """Return the dtype of a number; object and structured types are refused."""
    if not isinstance(code, str) or code[:1] not in ("f", "i", "u", "b"):
        raise InputError(f"it holds an array of {code!r}, which are not numbers.")
    return np.dtype(code)


_ADMITTED = {
    ("numpy", "dtype"): _number_type,
    ("numpy", "ndarray"): np.ndarray,
    **{
        (f"numpy.{core}.multiarray", name): value.__reduce__()[0]
        for core in ("core", "_core")
        for name, value in (("_reconstruct", np.empty(0)), ("scalar", np.float64(0)))
    },
}


class _ArrayReader(pickle.Unpickler):
    """An unpickler that knows four names of numpy and refuses all others."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ADMITTED:
            raise InputError(
                f"it asks for {module}.{name}, which was not run; only numpy arrays and numbers are read."
            )
        return _ADMITTED[module, name]
