"""Outputs of brainscore-vision 2.4.2, recorded on seeded inputs, reproduced."""

import importlib.util

import numpy as np
import pytest
import torch

from wiringup.benchmarks.decoding import class_probabilities
from wiringup.benchmarks.metrics import i2n, reliability
from wiringup.benchmarks.metrics.correlation import aggregate
from wiringup.benchmarks.metrics.splits import make_folds
from wiringup.benchmarks.predictivity import Pls, cross_validated_r


@pytest.fixture(scope="module")
def peer(shared):
    return shared / "peer"


@pytest.fixture(scope="module")
def inputs(peer):
    spec = importlib.util.spec_from_file_location("peer_inputs", peer / "inputs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def recorded(path, ids, own):
    """The peer's (splits, units) in our order of units, and all it recorded."""
    with np.load(path, allow_pickle=False) as content:
        found = dict(content)
    order = {str(name): i for i, name in enumerate(found[ids])}
    return found, [order[str(name)] for name in own]


PREDICTIVITY = [
    ("freeman_pls_pca_1000", "freeman", "private", "pca", 1000),
    ("freemanpub_pls_pca_1000", "freeman", "public", "pca", 1000),
    ("freeman_pls_raw_25088", "freeman", "private", "raw", 25088),
    ("majaj_pls_pca_1000", "majaj", "IT", "pca", 1000),
    ("majaj_pls_raw_25088", "majaj", "IT", "raw", 25088),
]


@pytest.mark.parametrize(("name", "data", "part", "kind", "dim"), PREDICTIVITY)
def test_predictivity(peer, inputs, name, data, part, kind, dim):
    made = getattr(inputs, data)(part)
    labels = made["object_name" if data == "majaj" else "texture_type"]
    targets = torch.from_numpy(made["trials"].mean(1, dtype=np.float64).astype(np.float32))
    features = torch.from_numpy(inputs.features(kind, made["Z"], dim, 77))
    found, order = recorded(peer / f"{name}.npz", "score_neuroid_id", made["neuroid_id"])
    folds = make_folds(len(targets), labels)

    stopped = cross_validated_r(features, targets, folds, mapping=Pls(solver="sklearn"))
    # the features themselves agree to float32 rounding only
    np.testing.assert_allclose(stopped, found["score_raw"][:, order], atol=1e-6)
    np.testing.assert_allclose(aggregate(stopped).value, found["score"], atol=1e-7)
    np.testing.assert_allclose(aggregate(stopped).error, found["score_error"], atol=1e-7)

    exact = cross_validated_r(features, targets, folds)
    np.testing.assert_allclose(exact, found["score_raw"][:, order], atol=0.025)
    np.testing.assert_allclose(aggregate(exact).value, found["score"], atol=1e-3)


@pytest.mark.parametrize(
    ("name", "data", "part"),
    [
        ("freeman", "freeman", "private"),
        ("freemanpub", "freeman", "public"),
        ("majaj", "majaj", "IT"),
    ],
)
def test_ceilings(peer, inputs, name, data, part):
    made = getattr(inputs, data)(part)
    found, order = recorded(peer / f"{name}_ceiling.npz", "neuroid_id", made["neuroid_id"])
    reliable = reliability.split_half_reliability(np.ascontiguousarray(made["trials"].transpose(2, 0, 1)))
    # the peer averages and correlates in float32
    np.testing.assert_allclose(reliable, found["ceiling_raw"][:, order], atol=5e-7)
    np.testing.assert_allclose(aggregate(reliable).value, found["ceiling"], atol=2e-7)
    np.testing.assert_allclose(aggregate(reliable).error, found["ceiling_error"], atol=1e-8)


def test_behaviour(peer, inputs):
    made = inputs.objectome(n_trials=341785, feat_dim=512)
    found, _ = recorded(peer / "i2n_512_341785.npz", "choices", [])
    classes = {name: i for i, name in enumerate(found["choices"])}
    images = {name: i for i, name in enumerate(found["test_id"])}
    label = dict(zip(made["test_id"], made["test_label"], strict=True))
    truth = np.array([classes[label[name]] for name in found["test_id"]])
    index = {"image": images, "sample": classes, "dist": classes, "choice": classes}
    trials = i2n.Trials(*(np.array([where[v] for v in made[f"trial_{key}"]]) for key, where in index.items()))

    halves = i2n.trial_halves(trials, len(images), len(classes))
    model = i2n.two_way(found["proba"].astype(np.float64), truth)
    ours = i2n.consistency(model, halves, truth)
    np.testing.assert_allclose(ours.scores, found["score_raw"], atol=1e-8)
    np.testing.assert_allclose(ours.ceilings, found["ceiling_raw"], atol=1e-12)
    np.testing.assert_allclose(ours.ceiled, found["ceiled"], atol=1e-8)
    np.testing.assert_allclose(ours.halves_error, found["score_error"], atol=1e-8)

    order = [list(made["test_id"]).index(name) for name in found["test_id"]]
    fit_labels = np.array([classes[name] for name in made["fit_label"]])
    fit, test = torch.from_numpy(made["fit_X"]), torch.from_numpy(made["test_X"][order])
    probabilities = class_probabilities(fit, fit_labels, test, len(classes))
    np.testing.assert_allclose(probabilities, found["proba"], atol=1e-4)
