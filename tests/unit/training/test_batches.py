"""Seeded epochs, resumable batches and nested subsets."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

from wiringup.core.errors import InputError
from wiringup.models.preprocessing import Preprocessing
from wiringup.training.batches import Plan, nested_subset
from wiringup.training.loader import ImageLoader, InputFormat
from wiringup.training.loop import train
from wiringup.training.schedule import epochs, images, steps
from wiringup.training.spec import TrainSpec


def plan_of(n, **spec):
    return Plan.of(n, TrainSpec(**{"batch": 8, **spec}))


def test_an_epoch_shows_every_image_once_in_another_order():
    plan = plan_of(43, duration=epochs(3))
    shown = [[step for step in plan.steps() if step.epoch == epoch] for epoch in range(3)]
    orders = [np.concatenate([step.rows for step in epoch]) for epoch in shown]
    for epoch, order in zip(shown, orders, strict=True):
        assert [len(step.rows) for step in epoch] == [8, 8, 8, 8, 8, 3]
        assert [step.ends_epoch for step in epoch] == [False] * 5 + [True]
        assert sorted(order) == list(range(43))
    assert len({tuple(order) for order in orders}) == 3
    assert tuple(orders[0]) != tuple(plan_of(43, seed=1).order(0))


@pytest.mark.parametrize("duration", [epochs(2.5), images(100), steps(13), images(5), epochs(0)])
@pytest.mark.parametrize("n", [40, 41, 43])
def test_the_plan_can_be_entered_at_any_step(n, duration):
    plan = plan_of(n, duration=duration)
    whole = [(s.epoch, s.index, tuple(s.rows)) for s in plan.steps()]
    assert sum(len(rows) for *_, rows in whole) == plan.total == duration.in_images(n, 8)
    if duration.unit == "steps":
        assert len(whole) == duration.value
    for start in range(len(whole) + 1):
        assert [(s.epoch, s.index, tuple(s.rows)) for s in plan.steps(start)] == whole[start:]


def test_one_left_over_image_joins_the_batch_before():
    assert [len(s.rows) for s in plan_of(41).steps()] == [8, 8, 8, 8, 9]


def test_runs_that_end_on_one_image_are_refused():
    with pytest.raises(InputError, match="41 images of 40 images end on a batch of one"):
        plan_of(40, duration=images(41))
    with pytest.raises(InputError, match="number of training images is 1"):
        plan_of(1)


@pytest.mark.parametrize("augmentation", ["crop+flip", "none"])
def test_workers_change_nothing(patterns, augmentation):
    data = patterns(30, size=40)
    spec = {"batch": 8, "duration": epochs(2), "size": 32, "augmentation": augmentation}
    alone, ahead = TrainSpec(**spec), TrainSpec(**spec, workers=3)
    pairs = list(zip(ImageLoader(data, alone).batches(), ImageLoader(data, ahead).batches(), strict=True))
    assert len(pairs) == 8
    for a, b in pairs:
        assert torch.equal(a.inputs[0], b.inputs[0]) and torch.equal(a.labels, b.labels)
        assert a.inputs[0].shape[1:] == (3, 32, 32)
        assert a.inputs[0].is_contiguous(memory_format=torch.channels_last)
        assert np.array_equal(a.labels, data.labels[a.step.rows])


def test_every_batch_of_every_epoch_is_augmented_afresh(patterns):
    # one image sixteen times, so that only the augmentation can tell the batches apart
    data, spec = patterns(1), TrainSpec(batch=8, duration=epochs(2))
    data = data.take(np.zeros(16, dtype=np.intp))
    shown = [b.inputs[0] for b in ImageLoader(data, spec).batches()]
    assert len(shown) == 4
    assert not any(torch.equal(a, b) for a, b in itertools.combinations(shown, 2))


def test_a_failing_worker_is_heard(patterns):
    spec = TrainSpec(batch=8, workers=2)
    loader = ImageLoader(patterns(16), spec)
    loader.plan = Plan(images=99, batch=8, total=99, seed=0)
    with pytest.raises(IndexError):
        list(loader.batches())


def test_images_that_are_not_square_need_a_size(patterns):
    data = patterns(4)
    wide = type(data)(
        type(data.stimuli)(data.stimuli.pixels[:, :20], data.stimuli.ids), data.labels, data.classes
    )
    with pytest.raises(InputError, match="20 x 32 px; give the size"):
        ImageLoader(wide, TrainSpec())
    assert ImageLoader(wide, TrainSpec(size=64)).size == 64


def test_subsets_are_nested_balanced_and_seeded():
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(7), 30))
    chosen = {n: nested_subset(labels, n, seed=3) for n in (0, 5, 7, 24, 100, 210)}
    sizes = sorted(chosen)
    for small, large in itertools.pairwise(sizes):
        assert set(chosen[small]) < set(chosen[large])
    for n, rows in chosen.items():
        assert len(set(rows)) == n and (np.diff(rows) > 0).all()
        counts = np.bincount(labels[rows], minlength=7)
        assert counts.max() - counts.min() <= 1
    assert not np.array_equal(chosen[24], nested_subset(labels, 24, seed=4))


def test_subsets_of_thousands_of_unequal_classes_are_nested_and_balanced():
    random = np.random.default_rng(0)
    sizes = random.integers(5, 40, 4000)
    labels = random.permutation(np.repeat(np.arange(4000), sizes))
    inside = np.zeros(len(labels), dtype=bool)
    for n in (100, 1000, 10_000, 50_000, len(labels)):
        rows = nested_subset(labels, n, seed=3)
        chosen = np.zeros(len(labels), dtype=bool)
        chosen[rows] = True
        assert chosen.sum() == n and (inside <= chosen).all()
        counts = np.bincount(labels[rows], minlength=4000)
        # a class is behind the fullest by more than one image only if it has no more
        assert (counts >= np.minimum(counts.max() - 1, sizes)).all()
        inside = chosen


def test_a_subset_smaller_than_the_classes_does_not_prefer_the_first():
    first = {int(nested_subset(np.arange(4), 1, seed)[0]) for seed in range(40)}
    assert first == {0, 1, 2, 3}


def test_a_class_that_runs_out_gives_way_to_the_others():
    labels = np.array([0] * 3 + [2] * 20 + [5] * 20)
    assert np.bincount(labels[nested_subset(labels, 23, seed=0)]).tolist() == [3, 0, 10, 0, 0, 10]


def test_every_image_is_as_likely_as_its_classmates():
    labels = np.repeat(np.arange(2), 10)
    hits = np.bincount(np.concatenate([nested_subset(labels, 4, seed) for seed in range(1000)]))
    # 1000 draws of 2 in 10: 200 each, deviation 12.6
    assert (abs(hits - 200) < 60).all()


def test_subsets_larger_than_the_set_are_refused():
    with pytest.raises(InputError, match="5 images was asked for, but there are 4"):
        nested_subset(np.zeros(4, dtype=np.int64), 5, 0)


@pytest.mark.parametrize("augmentation", ["none", "crop+flip"])
def test_images_enter_as_their_network_was_trained(patterns, augmentation):
    spec = TrainSpec(batch=8, size=24, augmentation=augmentation)
    how = Preprocessing(mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.4))
    (raw, _), (published, _), (ours, _) = (
        [batch.inputs[0] for batch in ImageLoader(patterns(16), spec, form=form).batches()]
        for form in (InputFormat(Preprocessing((0.0,) * 3, (1.0,) * 3)), InputFormat(), InputFormat(how))
    )
    for shown, one in ((ours, how), (published, Preprocessing())):
        mean, std = (torch.tensor(values).view(3, 1, 1) for values in (one.mean, one.std))
        torch.testing.assert_close(shown, (raw - mean) / std, rtol=1e-5, atol=1e-5)


def test_a_training_preprocesses_as_its_architecture_says(newborn, cornet, patterns, tmp_path):
    spec = TrainSpec("decoder", batch=8)
    other = replace(cornet, preprocessing=Preprocessing(mean=(0.5,) * 3, std=(0.25,) * 3))
    losses = [train(newborn(), areas, patterns(8), spec).losses for areas in (cornet, other)]
    assert losses[0] != losses[1]
    train(newborn(), cornet, patterns(8), spec, folder=tmp_path)
    with pytest.raises(InputError, match="belongs to another training"):
        train(newborn(), other, patterns(8), spec, folder=tmp_path)
