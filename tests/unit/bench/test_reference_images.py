"""The plain loader and the packed store give the same pixels."""

import numpy as np

from made_images import encoded, noise, write_folder
from wiringup.bench.images import Case, _batches, plain_loader, rows
from wiringup.data.images.cache import ImageCache


def test_the_loader_reads_what_the_store_holds(tmp_path):
    pixels = noise(6, 20, 31)
    names = [f"{'ab'[i % 2]}/{i}.jpg" for i in range(6)]
    files = {name: encoded(image, "JPEG") for name, image in zip(names, pixels, strict=True)}
    folder = write_folder(tmp_path / "files", files)
    images, order = ImageCache(tmp_path / "store").load(folder, 16), np.array([3, 0, 5, 1])
    chosen = [folder / images.stimuli.ids[row] for row in order]
    theirs = next(iter(plain_loader(chosen, 16, 4, workers=0)))
    (ours,) = _batches(images, order)
    assert ours.shape == (4, 16, 16, 3) and ours.equal(theirs)


def test_the_comparison_agrees_with_itself():
    (row,) = rows([Case(5, 24, 16)], workers=0)
    assert row.agreement == 0 and row.ratio is not None and row.target == 10
