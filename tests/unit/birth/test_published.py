"""The original files, and pickles that want more than numbers."""

import os
import pickle
import shutil

import numpy as np
import pytest

from wiringup.birth.genome import Genome
from wiringup.birth.genome_layers import layer_to_dict
from wiringup.birth.published import published_files, read_arrays, read_published
from wiringup.core.errors import InputError, MissingDataError


@pytest.fixture
def originals(shared):
    return shared / "reference" / "training_reductions" / "pretrained"


def test_originals_agree_with_the_published_parameters(shared, originals):
    genome = read_published(originals)
    parameters = Genome.load(shared / "reference" / "weight_compression_published.json")
    assert genome.layers.keys() == parameters.layers.keys()
    for name, layer in genome.layers.items():
        ours, theirs = layer_to_dict(layer), layer_to_dict(parameters.layers[name])
        for field, tolerance in (
            ("fits", 1e-6),
            ("count_mean", 1e-4),
            ("count_std", 1e-4),
            ("noise_std", 1e-6),
            ("centers", 1e-6),
        ):
            if field in ours:
                assert np.asarray(ours[field]) == pytest.approx(np.asarray(theirs[field]), abs=tolerance)
    assert genome.source["sha256"]["gm_gabor_V1.conv1.npy"].startswith("e3bea2b9ec9f")


class Malicious:
    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return os.mkdir, (self.target,)


def test_code_in_a_pickle_does_not_run(tmp_path):
    path, target = tmp_path / "cluster.pkl", tmp_path / "ran"
    path.write_bytes(pickle.dumps({"mean": [1.0], "std": Malicious(str(target))}))
    with pytest.raises(InputError, match=r"cluster\.pkl: it asks for \w+\.mkdir, which was not run"):
        read_arrays(path)
    assert not target.exists()


@pytest.mark.parametrize(
    "name", ["builtins.eval", "numpy.load", "numpy.core.multiarray.fromfile", "functools.partial"]
)
def test_other_names_are_refused_even_unused(name, tmp_path):
    module, _, attribute = name.rpartition(".")
    path = tmp_path / "x.pkl"
    path.write_bytes(b"\x80\x03c" + f"{module}\n{attribute}\n".encode() + b".")
    with pytest.raises(InputError, match=f"asks for {name}"):
        read_arrays(path)


def test_arrays_and_scalars_of_this_numpy_are_read(tmp_path):
    path = tmp_path / "x.pkl"
    content = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": [np.float64(2.5), np.int64(3)]}
    path.write_bytes(pickle.dumps(content, protocol=3))
    found = read_arrays(path)
    assert np.array_equal(found["a"], content["a"]) and found["a"].dtype == np.float32
    assert found["b"] == content["b"]


def test_arrays_of_objects_are_refused(tmp_path):
    path = tmp_path / "x.pkl"
    path.write_bytes(pickle.dumps(np.array([None, {}], dtype=object), protocol=3))
    with pytest.raises(InputError, match="holds an array of 'O8', which are not numbers"):
        read_arrays(path)


@pytest.mark.parametrize("content", [b"", b"hello", b"\x80\x03}q\x00(X\x04"])
def test_damaged_files(content, tmp_path):
    path = tmp_path / "x.pkl"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"x\.pkl is damaged"):
        read_arrays(path)


def test_missing_and_foreign_files(originals, tmp_path):
    with pytest.raises(MissingDataError, match=r"lacks 17 of the published files: gm_gabor_V1\.conv1\.npy"):
        read_published(tmp_path)
    for name in published_files():
        shutil.copyfile(originals / name, tmp_path / name)
    (tmp_path / "cluster_V2.skip.pkl").write_bytes(pickle.dumps({"mean": [1.0], "std": [1.0]}))
    with pytest.raises(InputError, match=r"cluster_V2\.skip\.pkl lacks centers, weight_stds"):
        read_published(tmp_path)
    np.save(tmp_path / "gm_gabor_V1.conv1.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match=r"gm_gabor_V1\.conv1\.npy cannot be read as arrays"):
        read_published(tmp_path)
