"""The plain loader and the packed store give the same pixels."""

import numpy as np

from wiringup.bench.images import Case, _batches, rows, written
from wiringup.bench.reference_images import plain_loader
from wiringup.data.image_store import ImageStore


def test_the_loader_reads_what_the_store_holds(tmp_path):
    with written(Case(6, 20, 31, 16)) as paths:
        images = ImageStore(tmp_path).load(paths[0].parents[1], 16)
        order = np.array([3, 0, 5, 1])
        theirs = next(iter(plain_loader([sorted(paths)[i] for i in order], 16, 4, workers=0)))
    (ours,) = _batches(images, order)
    assert ours.shape == (4, 16, 16, 3) and ours.equal(theirs)


def test_the_comparison_agrees_with_itself():
    (row,) = rows(lambda _: None, (Case(5, 18, 18, 18),), workers=0)
    assert row.agreement == 0 and row.ratio is not None and row.target == 10
