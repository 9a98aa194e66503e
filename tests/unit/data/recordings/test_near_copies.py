"""Near-copies are found whatever their contrast and brightness; distinct images are not near-copies."""

import dataclasses

import numpy as np
import pytest

from wiringup.core.stimuli import from_pixels
from wiringup.data.importing.recordings import import_recordings
from wiringup.data.recordings.near_copies import near_copies, thumbnails, warn_of_near_copies
from wiringup.data.sources import catalog


def scenes(n=30, side=140, seed=0):
    random = np.random.default_rng(seed)
    coarse = random.uniform(40, 200, (n, 7, 7))
    return np.kron(coarse, np.ones((side // 7, side // 7)))


def with_copies():
    """Image 30 is image 4 with other contrast and noise, in image 31 a small part of image 9 is brighter."""
    shown = scenes()
    random = np.random.default_rng(1)
    fainter = 0.6 * shown[4] + 50 + random.normal(0, 4, shown[4].shape)
    brighter = shown[9].copy()
    brighter[60:75, 60:75] += 30
    return from_pixels(np.concatenate([shown, [fainter, brighter]]).astype(np.uint8))


def test_copies_are_found_and_nothing_else():
    first, second = near_copies(with_copies())
    assert list(zip(first, second, strict=True)) == [(4, 30), (9, 31)]
    assert [len(x) for x in near_copies(from_pixels(scenes().astype(np.uint8)))] == [0, 0]


def test_blocks_of_rows_make_no_difference(monkeypatch):
    whole = near_copies(with_copies(), 0.3)
    monkeypatch.setattr("wiringup.data.recordings.near_copies._ROWS", 7)
    np.testing.assert_array_equal(near_copies(with_copies(), 0.3), whole)


def test_thumbnails_are_block_means_whose_products_are_correlations():
    pixels = np.random.default_rng(0).integers(0, 256, (4, 12, 8), np.uint8)
    blocks = pixels.reshape(4, 4, 3, 4, 2).mean((2, 4)).reshape(4, -1)
    small = thumbnails(from_pixels(pixels), 4)
    np.testing.assert_allclose(small @ small.T, np.corrcoef(blocks), atol=1e-6)


def test_images_smaller_than_a_thumbnail_and_blank_ones():
    pixels = np.random.default_rng(0).integers(0, 256, (6, 5, 5), np.uint8)
    pixels[[1, 2]] = 128
    pixels[5] = pixels[3]
    first, second = near_copies(from_pixels(pixels))
    assert (first.tolist(), second.tolist()) == ([3], [5])


def test_an_import_without_groups_warns(tmp_path):
    shown = with_copies()
    np.savez(tmp_path / "images.npz", images=shown.pixels)
    np.save(tmp_path / "r.npy", np.random.default_rng(0).random((3, len(shown))))
    groups = "\n".join(["group", *(str(i if i < 30 else {30: 4, 31: 9}[i]) for i in range(32))])
    (tmp_path / "table.csv").write_text(groups)
    files = (tmp_path / "r.npy", tmp_path / "images.npz")
    warned = import_recordings("free", "V1", *files, home=tmp_path)
    assert any("4 of 32 images are near-copies" in w and "--group" in w for w in warned.warnings)
    grouped = import_recordings("grouped", "V1", *files, table=tmp_path / "table.csv", home=tmp_path)
    assert not any("near-copies" in w for w in grouped.warnings)


DISTINCT = ["cowley2023.210325", "cowley2023.190923", "cichy2016.IT", "cichy2016.white.IT"]


@pytest.mark.parametrize("name", DISTINCT)
def test_distinct_stimuli_of_real_sets_are_no_copies(shared, name):
    assert not len(near_copies(catalog.load(name, shared / "data").stimuli)[0])


def test_frames_of_a_real_movie_are(shared, caplog):
    data = catalog.load("henaff2021", shared / "data")
    warn_of_near_copies(data)
    assert not caplog.messages
    warn_of_near_copies(dataclasses.replace(data, groups=None))
    (warning,) = caplog.messages
    assert warning.startswith("195 of 440 images are near-copies")
    first, second = near_copies(data.stimuli)
    assert (data.groups[first] == data.groups[second]).all()
