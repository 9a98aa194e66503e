import logging

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from tests_world import write_toy_benchmark
from wiringup.benchmarks.benchmark import evaluate
from wiringup.benchmarks.catalog import load_benchmark
from wiringup.core.errors import InputError, MissingDataError
from wiringup.experiments.scoring.scores import score
from wiringup.experiments.scoring.spec import ScoreSpec
from wiringup.experiments.scoring.stored import read_stored
from wiringup.models.readout import PixelSubject

RANDOM = np.random.default_rng(0)
VALUES = RANDOM.normal(size=(6, 4)).astype(np.float32)
IDS = tuple("abcdef")


@pytest.fixture
def benchmark(tmp_path):
    write_toy_benchmark(tmp_path)
    return load_benchmark("toy", tmp_path)


@pytest.mark.parametrize("named", [True, False])
def test_stored_responses_score_as_the_model_that_gave_them(tmp_path, benchmark, named, caplog):
    caplog.set_level(logging.INFO, "wiringup")
    pixels = PixelSubject(32)
    values = pixels.responses(benchmark.stimuli, ["pixels"])["pixels"].numpy()
    order = RANDOM.permutation(len(values)) if named else np.arange(len(values))
    ids = {"ids": np.array(benchmark.stimuli.ids)[order]} if named else {}
    np.savez(tmp_path / "r.npz", V1=values[order][:, ::2], V4=values[order], **ids)
    (expected,) = evaluate(pixels, [benchmark])
    request = ScoreSpec(str(tmp_path / "r.npz"))
    (row,) = score(request, [benchmark], tmp_path)
    assert (row["raw"], row["score"], row["layer"]) == (expected.raw, expected.score, "V4")
    assert (row["birth"], row["seed"], row["size"]) == (None, None, None)
    told = caplog.messages
    assert told[0] == f"Scoring {tmp_path / 'r.npz'} on toy (40 images) ..."
    assert told[1].startswith("  responses 0.0 s, scoring ")
    rows = score(ScoreSpec(str(tmp_path / "r.npz"), layers=("all",)), [benchmark], tmp_path)
    assert [r["layer"] for r in rows] == ["V1", "V4"]
    assumed = "no ids of images: rows were taken in the benchmark's order"
    assert (assumed in row["note"]) == any(assumed in one for one in told) == (not named)


@pytest.mark.parametrize("key", ["ids", "filenames", "whatever"])
def test_ids_are_images_under_any_name_and_without_suffix_or_folder(tmp_path, benchmark, key):
    pixels = PixelSubject(32)
    (expected,) = evaluate(pixels, [benchmark])
    values = pixels.responses(benchmark.stimuli, ["pixels"])["pixels"].numpy()
    order = RANDOM.permutation(len(values))
    ids = np.array([f"C:\\images\\{name.removesuffix('.png').upper()}" for name in benchmark.stimuli.ids])
    np.savez(tmp_path / "r.npz", V4=values[order], **{key: ids[order]})
    (row,) = score(ScoreSpec(str(tmp_path / "r.npz")), [benchmark], tmp_path)
    assert (row["raw"], row["note"]) == (expected.raw, expected.note)


def test_npz_npy_and_safetensors(tmp_path):
    maps = RANDOM.normal(size=(6, 2, 3, 3))
    np.savez(tmp_path / "a.npz", V1=VALUES, maps=maps, stimulus_id=np.arange(6))
    found = read_stored(tmp_path / "a.npz")
    assert found.ids == tuple("012345")
    assert found.layers["maps"].shape == (6, 18) and found.layers["maps"].dtype == np.float32
    np.testing.assert_array_equal(found.layers["maps"], maps.reshape(6, 18).astype(np.float32))
    np.save(tmp_path / "b.npy", VALUES)
    found = read_stored(tmp_path / "b.npy")
    assert (list(found.layers), found.ids) == (["responses"], None)
    save_file({"V4": VALUES}, tmp_path / "c.safetensors", metadata={"ids": "\n".join(IDS)})
    found = read_stored(tmp_path / "c.safetensors")
    assert found.ids == IDS
    np.testing.assert_array_equal(found.layers["V4"], VALUES)


def test_a_brain_score_assembly_of_a_model(tmp_path):
    xarray = pytest.importorskip("xarray")
    pytest.importorskip("h5netcdf")
    coords = {
        "stimulus_id": ("presentation", list("abcdef")),
        "layer": ("neuroid", ["V1", "V4", "V1", "V4"]),
        "neuroid_id": ("neuroid", [f"n{i}" for i in range(4)]),
    }
    assembly = xarray.DataArray(VALUES, coords, dims=("presentation", "neuroid"), name="x")
    assembly.to_netcdf(tmp_path / "m.nc", engine="h5netcdf")
    found = read_stored(tmp_path / "m.nc")
    assert found.ids == IDS
    np.testing.assert_array_equal(found.layers["V1"], VALUES[:, [0, 2]])
    np.testing.assert_array_equal(found.layers["V4"], VALUES[:, [1, 3]])
    twice = xarray.concat([assembly, assembly + 2], "presentation").drop_vars("layer")
    twice.to_netcdf(tmp_path / "t.nc", engine="h5netcdf")
    found = read_stored(tmp_path / "t.nc")
    assert (found.ids, list(found.layers)) == (IDS, ["responses"])
    np.testing.assert_allclose(found.layers["responses"], VALUES + 1, rtol=1e-6)
    other = assembly.rename(stimulus_id="my_names").assign_coords(kind=("presentation", list("xxyyzz")))
    other.to_netcdf(tmp_path / "o.nc", engine="h5netcdf")
    assert read_stored(tmp_path / "o.nc").ids == IDS


def test_what_is_no_table_is_refused_with_what_to_do(tmp_path):
    with pytest.raises(MissingDataError, match="no file of responses"):
        read_stored(tmp_path / "none.npz")
    np.savez(tmp_path / "text.npz", V1=np.array(list("abc")))
    with pytest.raises(InputError, match="'V1' is <U1"):
        read_stored(tmp_path / "text.npz")
    np.savez(tmp_path / "ids.npz", V1=VALUES, ids=VALUES)
    with pytest.raises(InputError, match="'ids' has to be one text or number"):
        read_stored(tmp_path / "ids.npz")
    np.savez(tmp_path / "two.npz", V1=VALUES, names=np.array(IDS), kind=np.array(IDS))
    with pytest.raises(InputError, match=r"several lists of texts: names, kind\. Call the one .* 'ids'"):
        read_stored(tmp_path / "two.npz")
    save_file({"conv.weight": np.ones((4, 3, 7, 7)), "norm.weight": np.ones(4)}, tmp_path / "w.safetensors")
    with pytest.raises(
        InputError, match="Weights are scored with wiringup score ARCHITECTURE --weights FILE"
    ):
        read_stored(tmp_path / "w.safetensors")
    (tmp_path / "junk.safetensors").write_bytes(b"junk")
    with pytest.raises(InputError, match="no whole safetensors file"):
        read_stored(tmp_path / "junk.safetensors")
    torch.save({}, tmp_path / "w.pth")
    with pytest.raises(InputError, match=r"is none of \.npz"):
        read_stored(tmp_path / "w.pth")


def test_numbers_that_float32_cannot_hold_are_refused_in_words(tmp_path):
    np.save(tmp_path / "r.npy", np.full((4, 3), 1e300))
    with pytest.raises(
        InputError, match="'responses' holds numbers beyond the range of float32; rescale them"
    ):
        read_stored(tmp_path / "r.npy")


def test_a_table_has_no_birth(tmp_path):
    for fields in ({"birth": "wc"}, {"seeds": (1,)}, {"weights": (tmp_path,)}):
        with pytest.raises(InputError, match="is a file of responses; leave out"):
            ScoreSpec("r.npz", **fields)
