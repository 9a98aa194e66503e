"""No kind of file is read with a flipped bit; what was written before files carried hashes is read."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from wiringup.birth.genome import Genome
from wiringup.core import sealed
from wiringup.core.sealed import KEY

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "flipped_bits.py"
FLIPS = 60


@pytest.fixture(scope="module")
def flipped_bits():
    spec = importlib.util.spec_from_file_location("flipped_bits", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


NAMES = (
    "checkpoint.pt", "before/checkpoint.pt", "weights.safetensors", "genome.json",
    "genome.weights.safetensors", "spec.json", "suite",
    "record.json", "study.json", "runs.json", "failed.json", "scores.json", "match.json",
    "diverged.json", "layer map", "imported set: meta.json", "imported set: arrays.npz", "packed images",
    "packed images: whole ones", "packed images: same time", "packed images: index",
    "packed images: labels", "downloaded file", "kept response", "list of a folder", "list of shards",
    "samples of a folder",
)  # fmt: skip


@pytest.fixture(scope="module")
def kinds(flipped_bits, tmp_path_factory):
    torch.set_num_threads(1)
    return {kind.name: kind for kind in flipped_bits.kinds(tmp_path_factory.mktemp("flips"))}


def test_every_kind_is_tried(kinds):
    assert tuple(kinds) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_no_flipped_bit_is_accepted(name, flipped_bits, kinds):
    assert flipped_bits.accepted(kinds[name], FLIPS) == 0


def without_seal(path):
    """Write a file again as versions without seals wrote it."""
    if path.suffix == ".json":
        values = json.loads(path.read_text())
        del values[KEY]
        path.write_text(json.dumps(values.get("rows", values), indent=2) + "\n")
    elif path.suffix == ".safetensors":
        save_file({k: v.clone() for k, v in load_file(path).items()}, path)
    elif path.suffix == ".pt":
        torch.save(torch.load(path, weights_only=True), path)
    else:
        np.savez(path, **dict(np.load(path)))


OLD = [
    n
    for n in NAMES
    if not n.startswith(("packed images", "downloaded file", "kept response", "list of", "samples of"))
]


@pytest.mark.parametrize("name", OLD)
def test_old_files_open_with_one_line(name, kinds, caplog, monkeypatch):
    kind = kinds[name]
    whole = kind.path.read_bytes()
    try:
        without_seal(kind.path)
        assert sealed.BLANK[:30].encode() not in kind.path.read_bytes()
        monkeypatch.setattr(sealed, "_SAID", set())
        kind.read()
        (line,) = caplog.messages
        assert line.startswith(f"{kind.path} carries no hash of itself")
    finally:
        kind.path.write_bytes(whole)


def test_the_shared_reference_genome_opens(shared, caplog, monkeypatch):
    monkeypatch.setattr(sealed, "_SAID", set())
    genome = Genome.load(shared / "reference" / "genome_tinyimagenet40_full_width.json")
    assert (genome.architecture, genome.recipe) == ("cornet_s", "weight_compression")
    assert len(caplog.messages) == 1
