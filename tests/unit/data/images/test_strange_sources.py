"""Pipes and lists of classes where images, tables and weights belong."""

import os
import zipfile

import numpy as np
import pytest
import torch

from made_images import noise
from wiringup.core.errors import InputError
from wiringup.data.formats.tables import read_table
from wiringup.data.images.cifar import read_cifar
from wiringup.data.images.packed import read_packed
from wiringup.data.images.shards import read_samples
from wiringup.data.recordings.responses import read_responses
from wiringup.experiments.scoring.stored import read_stored
from wiringup.models.weights import read_weights


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("x.csv", read_table),
        ("x.npy", read_responses),
        ("x.npz", read_responses),
        ("x.nc", read_responses),
        ("x.npy", read_stored),
        ("x.safetensors", read_stored),
        ("x.npy", read_packed),
        ("test.bin", read_cifar),
        ("x.tar", lambda path: read_samples([path])),
        ("x.pth", lambda path: read_weights(path, [])),
        ("x.safetensors", lambda path: read_weights(path, [])),
    ],
)
def test_a_pipe_is_never_waited_for(tmp_path, name, read):
    os.mkfifo(tmp_path / name)
    with pytest.raises(InputError, match=f"{name} is a pipe, but has to be a .*: a plain file"):
        read(tmp_path / name)


def cifar(folder):
    records = np.concatenate([np.zeros((3, 1), np.uint8), noise(3, 32, 32).reshape(3, -1)], 1)
    (folder / "test_batch.bin").write_bytes(records.tobytes())
    return folder / "test_batch.bin"


def test_class_names_of_cifar_are_used_or_refused(tmp_path):
    names = tmp_path / "batches.meta.txt"
    names.write_text("\n".join("abcdefghij") + "\n\n")
    assert read_cifar(cifar(tmp_path)).classes == tuple("abcdefghij")
    names.write_text("a b c")
    with pytest.raises(InputError, match=r"has to name the 10 classes of CIFAR-10, .* has 3 names"):
        read_cifar(cifar(tmp_path))
    names.write_text("a\n" * 10)
    with pytest.raises(InputError, match="10 names, 1 of them different"):
        read_cifar(cifar(tmp_path))
    names.write_bytes(b"\xff")
    with pytest.raises(InputError, match="is no text in UTF-8"):
        read_cifar(cifar(tmp_path))


def test_compressed_weights_are_refused(tmp_path):
    """A few KB of them unpack to many GB."""
    torch.save({"a": torch.zeros(1000)}, tmp_path / "plain.pth")
    with (
        zipfile.ZipFile(tmp_path / "plain.pth") as plain,
        zipfile.ZipFile(tmp_path / "packed.pth", "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for name in plain.namelist():
            packed.writestr(name, plain.read(name))
    with pytest.raises(InputError, match="compressed archive, as PyTorch writes none"):
        read_weights(tmp_path / "packed.pth", ["a"])
    assert read_weights(tmp_path / "plain.pth", ["a"]).state["a"].shape == (1000,)
