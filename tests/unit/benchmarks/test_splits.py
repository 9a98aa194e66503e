"""The peer's splits, and folds that keep near-copies together."""

import numpy as np
import pytest
from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit

from wiringup.benchmarks.metrics.splits import grouped_folds, make_folds
from wiringup.core.errors import InputError

LABELS = np.repeat([f"object{i}" for i in range(8)], 25)


def test_stratified_splits_are_the_peer_s():
    made = make_folds(200, labels=LABELS)
    peer = StratifiedShuffleSplit(n_splits=10, train_size=0.9, random_state=1).split(np.zeros(200), LABELS)
    assert "stratified" in made.kind
    for fold, (train, test) in zip(made.folds, peer, strict=True):
        np.testing.assert_array_equal(fold.train, train)
        np.testing.assert_array_equal(fold.test, test)
        assert len(test) == 20 and not set(train) & set(test)


def test_without_labels_the_splits_are_plain():
    made = make_folds(200)
    peer = ShuffleSplit(n_splits=10, train_size=0.9, random_state=1).split(np.zeros(200))
    for fold, (train, test) in zip(made.folds, peer, strict=True):
        np.testing.assert_array_equal(fold.train, train)
        np.testing.assert_array_equal(fold.test, test)


@pytest.mark.parametrize("labels", [np.arange(200).astype(str), np.r_[LABELS[:199], ["alone"]]])
def test_labels_too_rare_to_stratify_are_not_used(labels):
    made = make_folds(200, labels=labels)
    assert make_folds(200).kind == "10 random splits"
    assert made.kind.startswith("10 random splits; labels are not balanced: there are too many of them, or")
    np.testing.assert_array_equal(made.folds[0].test, make_folds(200).folds[0].test)


def test_groups_stay_together_and_every_image_is_tested_once():
    random = np.random.default_rng(0)
    groups = np.repeat([f"movie{i:02d}" for i in range(40)], random.integers(3, 20, 40))
    made = make_folds(len(groups), labels=np.array(["a"] * len(groups)), groups=groups)
    assert len(made) == 10
    assert made.kind == "10 folds that keep 40 groups together; labels are not balanced: groups come first"
    for fold in made.folds:
        assert not set(groups[fold.train]) & set(groups[fold.test])
        assert len(fold.train) + len(fold.test) == len(groups)
    tested = np.concatenate([fold.test for fold in made.folds])
    np.testing.assert_array_equal(np.sort(tested), np.arange(len(groups)))
    sizes = [len(fold.test) for fold in made.folds]
    assert max(sizes) - min(sizes) <= 3


def test_few_groups_make_few_folds():
    assert len(grouped_folds(np.repeat(["a", "b", "c"], 10))) == 3


def test_refuses_what_cannot_be_split():
    with pytest.raises(InputError, match="one group"):
        grouped_folds(np.repeat(["a"], 10))


@pytest.mark.parametrize("labels", [None, ["a", "b"]])
def test_no_split_tests_on_fewer_than_three_images(labels):
    names = None if labels is None else np.resize(labels, 21)
    assert {len(fold.test) for fold in make_folds(21, names).folds} == {3}
    with pytest.raises(InputError, match=r"at least 21 images .* fewer than 3 to test on, .* got 20\. Use a"):
        make_folds(20, None if names is None else names[:20])
