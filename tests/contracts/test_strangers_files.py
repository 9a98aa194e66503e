"""Whatever bytes a file holds, its reader returns, or raises one of our errors: soon, and with little memory.

Valid small files of every kind are changed at random: bytes flipped, parts cut, doubled or moved, lengths and
numbers replaced by extreme ones. The choices are derived from the tests' names, so that every run tries the
same. Numpy and Python report what they allocate, even where it is never touched; libraries beneath them are
held by a limit of the process.
"""

import io
import json
import os
import pickle
import resource
import shutil
import signal
import time
import tracemalloc
from contextlib import contextmanager, suppress
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io
import torch
import xarray
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.numpy import save_file

from made_images import class_folders, encoded, noise, write_tar, write_zip
from made_records import make_record
from wiringup.benchmarks.layer_map import load_layer_map
from wiringup.birth.gabor import GABOR_COLUMNS
from wiringup.birth.genome import Genome
from wiringup.birth.published import read_arrays
from wiringup.birth.transfer import read_layer_map
from wiringup.core.errors import WiringupError
from wiringup.core.stimuli import LabelledImages, from_pixels
from wiringup.data.behavior.counts import read_counts
from wiringup.data.behavior.trials import read_trial_table
from wiringup.data.formats.matlab import read_mat
from wiringup.data.formats.tables import read_table
from wiringup.data.images.cache import ImageCache
from wiringup.data.images.cifar import read_cifar
from wiringup.data.images.decoding import FORMATS, decode, squared
from wiringup.data.images.names import read_class_names
from wiringup.data.images.pack_file import beside, index_of, noted
from wiringup.data.images.packed import read_packed
from wiringup.data.images.reading import read_stimuli
from wiringup.data.images.source import open_source, read_labelled
from wiringup.data.recordings.rdms import read_matrices
from wiringup.data.recordings.responses import read_responses
from wiringup.data.sources.brainscore.brainio import read_choices
from wiringup.data.sources.brainscore.brainio import read_responses as read_presentations
from wiringup.experiments.scoring.stored import read_stored
from wiringup.models.weights import read_weights
from wiringup.results.record import to_dict
from wiringup.results.store import Store

TRIES = int(os.environ.get("WIRINGUP_TRIES", "150"))  # for each kind of file; 150 take half a minute for all
MOST_BYTES = 300_000_000
PATIENCE = 60  # seconds after which a reader counts as hanging

VALUES = np.random.default_rng(0).normal(size=(3, 5, 2))
PICTURE = noise(1, 24, 32)[0]
STATE = {"conv1.weight": np.ones((4, 3), np.float32), "fc.weight": np.zeros((4, 2), np.float32)}


def of_array(write):
    stream = io.BytesIO()
    write(stream)
    return stream.getvalue()


def of_file(folder, name, write):
    path = Path(folder) / name
    write(path)
    return path.read_bytes()


def packed(folder):
    """Write packed images; return the files of the pixels and of what is known of them."""
    folder = Path(folder)
    np.savez(folder / "images.npz", images=PACKED.stimuli.pixels, labels=PACKED.labels)
    store = ImageCache(folder / "store", 1.0)
    store.load(folder / "images.npz", PACKED.stimuli.sides[0])
    (entry,) = store.entries()
    for part in (index_of, beside):
        part(entry.path).replace(part(folder / "packed.npy"))
    noted(entry.path).unlink()
    return entry.path.replace(folder / "packed.npy"), beside(folder / "packed.npy")


def read_packed_array(path):
    for part in (beside, index_of):
        shutil.copyfile(part(path.parent.parent / path.name), part(path))
    read_packed(path)


def read_packed_json(path):
    for suffix in (".npy", ".index"):
        shutil.copyfile(path.parent.parent / f"packed{suffix}", path.with_suffix(suffix))
    read_packed(path.with_suffix(".npy"))


def read_packed_index(path):
    for suffix in (".npy", ".json"):
        shutil.copyfile(path.parent.parent / f"packed{suffix}", path.with_suffix(suffix))
    read_packed(path.with_suffix(".npy"))


def netcdf(path):
    ids = ("image", [f"im{i}.png" for i in range(5)])
    array = xarray.DataArray(VALUES, dims=("unit", "image", "repeat"), coords={"filename": ids}, name="rates")
    array.to_netcdf(path, engine="h5netcdf")


def choices(path):
    along = {"stimulus_id": [f"im{i}" for i in range(5)], "subject": list("ababa")}
    coords = {name: ("presentation", values) for name, values in along.items()}
    array = xarray.DataArray(list("cdcdc"), dims=("presentation",), coords=coords, name="choice")
    array.to_netcdf(path, engine="h5netcdf")


def hdf5(path):
    with h5py.File(path, "w", userblock_size=512) as file:
        file.create_dataset("responses", data=VALUES, chunks=(1, 5, 2), compression="gzip")
        file["cells"] = np.array([1, 2])


def neurons(path):
    along = {"region": ("neuroid", list("abb")), "stimulus_id": ("presentation", list("vwxyz"))}
    time_bins = {"time_bin_start": ("time_bin", [0, 50]), "time_bin_end": ("time_bin", [50, 100])}
    dims = ("neuroid", "presentation", "time_bin")
    array = xarray.DataArray(VALUES, dims=dims, coords=along | time_bins, name="rates")
    array.to_netcdf(path, engine="h5netcdf")


def rdms(path):
    with h5py.File(path, "w") as file:
        file["dissimilarities"] = VALUES[:2, :, 0] ** 2 @ np.ones((5, 10))
        file.create_group("pattern_descriptors")["names"] = np.array([b"a", b"b", b"c", b"d", b"e"])
        file.create_group("rdm_descriptors")["subject"] = np.array([b"x", b"y"])


def sources(path):
    with open_source(path, 8) as source:
        return [squared(source.read(i), source.where(i), 8) for i in range(len(source))]


def suppressed(read, path):
    with suppress(WiringupError):
        read(path)


def matrices(path):
    return read_matrices(path, 5)


def store_of(path):
    """Every list of a store, with the file as each kind of document in turn."""
    content = path.read_bytes()
    for name in ("record", "study", "scores", "match", "diverged"):
        other = path.parent / "runs/A-0" / f"{name}.json"
        other.parent.mkdir(parents=True, exist_ok=True)
        other.write_bytes(content)
    store = Store(path.parent / "runs")
    store.records(), store.scores(), store.matches(), store.studies()
    for read in (store.record, store.study, store.diverged):
        suppressed(read, "A-0")


PACKED = LabelledImages(from_pixels(noise(4)), np.array([0, 1, 0, 1]), ("a", "b"))
TRIALS = "image,category,response,subject\n" + "".join(f"im{i}.png,a,b,s{i % 2}\n" for i in range(12))
CIFAR = np.concatenate([np.zeros((3, 1), np.uint8), noise(3, 32, 32).reshape(3, -1)], 1).tobytes()
TAR = {f"{i}.{end}": part for i, image in enumerate(noise(3)) for end, part in (
    ("png", encoded(image)), ("cls" if i else "json", b"1"))}  # fmt: skip


def picture(form):
    def write(_folder):
        exif = Image.Exif()
        exif[0x112] = 6
        options = {"exif": exif} if form in ("JPEG", "PNG", "TIFF", "WEBP") else {}
        return encoded(PICTURE, form, **options)

    return write


def pictured(path):
    for size in (None, 16):
        decode(path.read_bytes(), str(path), size)
    squared(path.read_bytes(), str(path), 16)


def layers(_folder):
    """A genome's document, with fields of several forms."""
    document = {
        "schema": 3, "recipe": "weight_compression", "architecture": "cornet_s", "source": {"paper": "x"},
        "layers": {
            "V1.norm1": {
                "kind": "batchnorm", "weight_mean": 1.0, "weight_std": 0.5, "bias_mean": 0.0, "bias_std": 0.1
            },
            "V1.conv1": {
                "kind": "gabor", "kernel_size": 7, "fits": np.full((4, 3, len(GABOR_COLUMNS)), 0.5).tolist()
            },
        },
    }  # fmt: skip
    return json.dumps(document).encode()


KINDS = {
    "table.csv": (lambda _: TRIALS.replace(",", ";").encode(), read_table),
    "trials.csv": (lambda _: TRIALS.encode(), read_trial_table),
    "responses.npy": (lambda _: of_array(lambda s: np.save(s, VALUES)), read_responses),
    "responses.npz": (lambda _: of_array(lambda s: np.savez_compressed(s, responses=VALUES)), read_responses),
    "v5.mat": (
        lambda _: of_array(lambda s: scipy.io.savemat(s, {"responses": VALUES}, do_compression=True)),
        lambda path: read_mat(path, "responses"),
    ),
    "v7.mat": (lambda f: of_file(f, "made.h5", hdf5), lambda path: read_mat(path, "responses")),
    "responses.nc": (lambda f: of_file(f, "made.nc", netcdf), read_responses),
    "choices.nc": (lambda f: of_file(f, "made.nc", choices), read_choices),
    "neurons.nc": (
        lambda f: of_file(f, "made.nc", neurons), lambda path: read_presentations(path, "b", (0, 100))
    ),
    "rdms.npy": (lambda _: of_array(lambda s: np.save(s, np.ones((2, 5, 5)) - np.eye(5))), matrices),
    "rdms.h5": (lambda f: of_file(f, "made.h5", rdms), matrices),
    "counts.csv": (lambda _: b"image,truth,a,b\nx.png,a,3,1\ny.png,b,0,4\n", read_counts),
    "classes.json": (lambda _: b'{"0": "cat", "1": "dog"}', read_class_names),
    "classes.txt": (lambda _: "Katze\nB\u00e4r\n".encode(), read_class_names),
    "map.json": (
        lambda _: b'{"conv1": "V1.conv1", "conv2": "V2.conv1"}',
        lambda path: (read_layer_map(path), suppressed(load_layer_map, path)),
    ),
    **{f"picture.{form}": (picture(form), pictured) for form in FORMATS},
    "stimuli.zip": (
        lambda f: write_zip(Path(f) / "made.zip", class_folders(noise(4))).read_bytes(),
        lambda path: (read_stimuli(path, 8), read_labelled(path, 8), sources(path)),
    ),
    "labelled.npz": (
        lambda _: of_array(lambda s: np.savez(s, images=noise(4), labels=np.array([0, 1, 0, 1]))),
        sources,
    ),
    "shard.tar": (lambda f: write_tar(Path(f) / "made.tar", TAR).read_bytes(), sources),
    "test_batch.bin": (lambda _: CIFAR, read_cifar),
    "weights.safetensors": (
        lambda f: of_file(f, "made.st", lambda p: save_file(STATE, p, {"classes": '["a", "b"]'})),
        lambda path: read_weights(path, STATE),
    ),
    "responses.safetensors": (
        lambda f: of_file(f, "made.st", lambda p: save_file(STATE, p, {"ids": "a\nb\nc\nd"})),
        read_stored,
    ),
    "weights.pth": (
        lambda _: of_array(lambda s: torch.save({k: torch.tensor(v) for k, v in STATE.items()}, s)),
        lambda path: read_weights(path, STATE),
    ),
    "packed.npy": (lambda f: packed(f)[0].read_bytes(), read_packed_array),
    "packed.index": (lambda f: index_of(packed(f)[0]).read_bytes(), read_packed_index),
    "packed.json": (lambda f: packed(f)[1].read_bytes(), read_packed_json),
    "genome.json": (layers, Genome.load),
    "record.json": (lambda _: json.dumps(to_dict(make_record("A", 0, 0.5, 0.6))).encode(), store_of),
    "cluster.pkl": (lambda _: pickle.dumps({"centers": VALUES, "mean": VALUES[0]}, 4), read_arrays),
}  # fmt: skip

NUMBERS = [b"9" * 25, b"-1", b"1e999", b"99999999", b"null", b"[[", b"7777777"]
EXTREME = [0, 1, 0x7F, 0xFF, 2**15, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**63 - 1, 2**64 - 1]


@st.composite
def changed(draw, content):
    """Return ``content`` with one to four changes, or bytes that have nothing to do with it."""
    if draw(st.integers(0, 19)) == 0:
        return draw(st.binary(max_size=200))
    content = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(content) - 1)))
        match draw(st.sampled_from(["flip", "cut", "move", "number", "digits", "insert"])):
            case "flip" if content:
                content[at] ^= draw(st.integers(1, 255))
            case "cut":
                del content[at : at + draw(st.sampled_from([1, 7, 100, len(content)]))]
            case "move":
                part = content[at : at + draw(st.integers(1, 600))]
                to = draw(st.integers(0, len(content)))
                content[to:to] = part
            case "number":
                size = draw(st.sampled_from([1, 2, 4, 8]))
                value = draw(st.sampled_from(EXTREME)) % 256**size
                content[at : at + size] = value.to_bytes(size, draw(st.sampled_from(["little", "big"])))
            case "digits":
                digits = [i for i in range(at, min(at + 300, len(content))) if chr(content[i]).isdecimal()]
                if digits:
                    content[digits[0] : digits[0] + 1] = draw(st.sampled_from(NUMBERS))
            case "insert":
                content[at:at] = draw(st.binary(max_size=20))
    return bytes(content)


TRIED = settings(
    max_examples=TRIES,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


class Hung(BaseException):
    """A reader did not come back; no reader takes it for a damaged file."""


def hung(*_):
    raise Hung


@contextmanager
def bounded():
    """Limit the address space and the time of what is read; tell how much memory was asked for at most."""
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before, handler = resource.getrlimit(resource.RLIMIT_AS), signal.signal(signal.SIGALRM, hung)
    resource.setrlimit(resource.RLIMIT_AS, (taken + 4_000_000_000, before[1]))
    signal.alarm(PATIENCE)
    tracemalloc.start()
    try:
        yield tracemalloc.get_traced_memory
    finally:
        tracemalloc.stop()
        signal.alarm(0)
        signal.signal(signal.SIGALRM, handler)
        resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif(not Path("/proc/self/statm").is_file(), reason="limits are set as on Linux")
@pytest.mark.parametrize("name", KINDS)
def test_any_bytes_are_read_or_refused(name, tmp_path, monkeypatch):
    write, read = KINDS[name]
    with monkeypatch.context() as at_one_time:  # archives and MATLAB's files hold the time
        at_one_time.setattr("time.localtime", lambda *_: time.gmtime(1.6e9))
        at_one_time.setattr("time.asctime", lambda *_: "Sun Sep 13 12:26:40 2020")
        whole = write(tmp_path)
    path = tmp_path / "read" / name
    path.parent.mkdir()
    path.write_bytes(whole)
    read(path)  # what is changed is whole

    @settings(TRIED)
    @given(changed(whole))
    def tried(content):
        path.write_bytes(content)
        with bounded() as traced:
            with suppress(WiringupError):
                read(path)
            most = traced()[1]
        assert most < MOST_BYTES

    tried()
