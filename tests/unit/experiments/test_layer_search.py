"""The search for layers: every output once, in groups that fit, never reported on its own images."""

import dataclasses
import logging

import numpy as np
import pytest
import torch
from torch import nn

from wiringup.benchmarks.area import NO_RESPONSE
from wiringup.benchmarks.benchmark import evaluate
from wiringup.benchmarks.halves import image_hashes, scored_images
from wiringup.benchmarks.predictivity import Predictivity
from wiringup.benchmarks.reduced import Reduced
from wiringup.core.errors import InputError
from wiringup.core.stimuli import from_pixels
from wiringup.data.measurements import Recording
from wiringup.experiments.scoring.layer_search import (
    SearchSpec,
    distinct,
    fitting,
    layers_of,
    search,
    search_parts,
)
from wiringup.experiments.scoring.scores import score
from wiringup.experiments.scoring.spec import ScoreSpec
from wiringup.models.readout import NetworkSubject

TINY = {"size": 32, "width": 0.125, "classes": 2}


def images(n, seed):
    """Coarse random patterns of 32 pixels."""
    coarse = np.random.default_rng(seed).integers(0, 256, (n, 8, 8, 3))
    return from_pixels(np.kron(coarse, np.ones((1, 4, 4, 1))).astype(np.uint8))


def recording(n):
    shown = images(n, seed=3)
    rng = np.random.default_rng(4)
    signal = shown.pixels.reshape(n, -1)[:, ::700][:, :4] / 60
    trials = signal.T[..., None] + rng.normal(size=(4, n, 4))
    return Recording("toy.V4", "V4", trials.astype(np.float32), shown)


class Odd(nn.Module):
    """Answers in every way a module can: in place, twice, with a tuple, for the whole batch at once."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 3, bias=False)
        self.relu = nn.ReLU(inplace=True)
        self.pair = Pair()
        self.total = Total()
        self.body = nn.Sequential(nn.Flatten(), nn.Dropout())

    def forward(self, x):
        x = self.relu(self.conv(x))
        x = self.relu(x - 1)
        x, _ = self.pair(x)
        return self.body(x) + self.total(x)


class Pair(nn.Module):
    def forward(self, x):
        return x, x


class Total(nn.Module):
    def forward(self, x):
        return x.sum((0, 1))[:1].mean()


@pytest.fixture
def odd():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return NetworkSubject("odd", Odd(), {"V4": "body"}, 16)


def test_every_readable_output_is_a_candidate_once(odd):
    stimuli = images(4, seed=0)
    found = layers_of(odd, stimuli)
    assert list(found) == ["conv", "relu", "relu@1", "body.0", "body.1", "body"]
    assert found["conv"].features == found["body"].features == 2 * 14 * 14
    assert distinct(found, ()) == ["conv", "relu", "relu@1"]  # flattened is the same answer
    assert distinct(found, odd.areas.values()) == ["conv", "relu", "body"]
    responses = odd.responses(stimuli, ["conv", "relu", "relu@1"])
    assert not torch.equal(responses["conv"], responses["relu"])


def test_layers_are_grouped_as_they_fit():
    sizes = {"a": 10, "b": 10, "c": 100, "d": 5, "e": 5}
    assert list(fitting(sizes, 3, budget=4 * 3 * 20)) == [["a", "b"], ["c"], ["d", "e"]]
    assert list(fitting(sizes, 3)) == [list(sizes)]
    assert list(fitting({}, 3)) == []


class Constant:
    name = identity = "constant"

    def layer_for(self, area):
        return "none"

    def responses(self, stimuli, layers):
        return {layer: torch.ones(len(stimuli), 3) for layer in layers}


@pytest.fixture
def benchmark():
    return Predictivity(recording(80))


def request(*layers, **changes):
    return SearchSpec(ScoreSpec("cornet_s", layers=layers, **TINY), **changes)


def test_a_choice_is_made_on_one_half_and_reported_on_the_other(benchmark, tmp_path):
    parts = search_parts([benchmark], [], 0)
    found = search(request("V1.pool", "V2.output@1", "IT"), parts, tmp_path)
    (searched,) = found.searched
    assert len(searched.images) == 40 and searched.area == "V4"
    assert set(searched.scores) == {"V1.pool", "V2.output@1", "IT"}
    best = max(searched.scores, key=lambda layer: searched.scores[layer]["score"])
    assert found.areas == {"V4": best}
    assert found.architecture == "cornet_s" and found.model["seed"] == [0]
    reported = ScoreSpec("cornet_s", layer_map=found, unseen=True, **TINY)
    (row,) = score(reported, [benchmark], tmp_path)
    assert (row["layer"], row["layers"]) == (best, found.sha256[:12])
    assert (row["benchmark"], row["n_stimuli"]) == ("toy.V4:unseen", 40)
    with pytest.raises(InputError, match="chosen on 40 of the 80 images"):
        score(dataclasses.replace(reported, unseen=False), [benchmark], tmp_path)


def test_scores_of_the_search_are_exact_and_means_over_seeds(benchmark, tmp_path):
    parts = search_parts([benchmark], [], 0)
    model = dataclasses.replace(request("V1", "V2").model, seeds=(0, 1))
    found = search(SearchSpec(model), parts, tmp_path)
    rows = score(dataclasses.replace(model, layers=("V2",)), parts, tmp_path)
    assert found.model["seed"] == [0, 1]
    assert found.searched[0].scores["V2"]["raw"] == pytest.approx(np.mean([r["raw"] for r in rows]))


def test_all_layers_are_candidates_by_default(benchmark, tmp_path, caplog):
    caplog.set_level(logging.INFO, "wiringup")
    part = search_parts([benchmark], [], 0)
    found = search(request(), part, tmp_path)
    names = set(found.searched[0].scores)
    assert {"V1.output", "V4.output@3", "IT.conv2@1", "decoder.avgpool", "decoder.linear"} <= names
    # V1 7; 3 and 9 a time step in V2, V4, IT; decoder 2; less one, as IT has one place at this size and is
    # its own average
    assert len(names) == 7 + 3 * 3 + 9 * (2 + 4 + 2) + 2 - 1
    assert caplog.messages == ["Scoring 89 of 89 layers on toy.V4:search ..."]


def test_another_recording_of_the_area_can_be_searched(benchmark):
    other = Predictivity(dataclasses.replace(benchmark.data, stimuli=images(80, seed=9), name="other"))
    assert list(search_parts([benchmark], [other], 0)) == [other]
    with pytest.raises(InputError, match="other shows 80 of the images"):
        search_parts([benchmark], [Predictivity(dataclasses.replace(benchmark.data, name="other"))], 0)
    with pytest.raises(InputError, match="No benchmark to search on was recorded in V4"):
        search_parts([benchmark], [Predictivity(dataclasses.replace(other.data, area="IT"))], 0)


def test_components_of_all_images_of_the_search_change_nothing(benchmark, tmp_path):
    parts = search_parts([benchmark], [], 0)
    exact = search(request("V1"), parts, tmp_path)
    reduced = search(request("V1", reduce=True), parts, tmp_path)
    assert reduced.searched[0].scores["V1"]["raw"] == pytest.approx(exact.searched[0].scores["V1"]["raw"])
    assert reduced.rule.endswith("fitted on the images of the search")
    others = request("V1", reduce=True, pca_images=images(12, seed=5))
    given = search(others, parts, tmp_path)
    assert given.rule.endswith("fitted on 12 images")
    assert given.searched[0].scores["V1"]["raw"] != pytest.approx(exact.searched[0].scores["V1"]["raw"])


@pytest.mark.parametrize("reduce", [False, True])
@pytest.mark.parametrize(
    ("names", "layers"),
    [(["all"], ["V1", "V2", "V4", "IT", "behavior"]), (["V2@all", "V1", "V2@1"], ["V2@0", "V2@1", "V1"])],
)
def test_names_of_many_layers_are_searched_one_by_one(benchmark, tmp_path, names, layers, reduce, caplog):
    caplog.set_level(logging.INFO, "wiringup")
    found = search(request(*names, reduce=reduce), search_parts([benchmark], [], 0), tmp_path)
    assert list(found.searched[0].scores) == layers
    assert caplog.messages == [f"Scoring {len(layers)} of {len(layers)} layers on toy.V4:search ..."]


def test_a_reduced_subject_tells_its_layers(odd):
    assert Reduced(odd).expand(["all", "relu@all"]) == ["V4", "relu@0", "relu@1"]
    assert set(Reduced(odd).responses(images(4, seed=0), ["relu@all"])) == {"relu@0", "relu@1"}


@pytest.mark.parametrize("fitted_on", [None, images(12, seed=5)])
def test_a_constant_layer_scores_0_beside_others(benchmark, fitted_on):
    half_dead = Reduced(HalfDead(), fitted_on)
    dead, alive = evaluate(half_dead, [benchmark], ["dead", "alive"])
    assert (dead.raw, dead.score) == (0.0, 0.0) and NO_RESPONSE in dead.note
    assert alive.raw != 0.0 and NO_RESPONSE not in alive.note


class HalfDead(Constant):
    def responses(self, stimuli, layers):
        pixels = torch.from_numpy(stimuli.pixels.reshape(len(stimuli), -1)).float()
        return {layer: pixels if layer == "alive" else torch.ones(len(stimuli), 3) for layer in layers}


def test_what_cannot_be_searched_is_refused(benchmark, tmp_path):
    with pytest.raises(InputError, match="pixels have no layers to choose from"):
        SearchSpec(ScoreSpec("pixels"))
    with pytest.raises(InputError, match="no layer 'V3'"):
        search(request("V3"), search_parts([benchmark], [], 0), tmp_path)
    small = Predictivity(recording(30))
    with pytest.raises(InputError, match=r"needs at least 21 images.*--search NAME"):
        search(request("V1"), search_parts([small], [], 0), tmp_path)


def test_a_map_belongs_to_its_architecture_and_names_layers_alone(benchmark, tmp_path):
    found = search(request("V1"), search_parts([benchmark], [], 0), tmp_path)
    with pytest.raises(InputError, match="chosen for cornet_s, not for pixels"):
        ScoreSpec("pixels", layer_map=found)
    with pytest.raises(InputError, match="leave out --layer"):
        ScoreSpec("cornet_s", layers=("V1",), layer_map=found)
    with pytest.raises(InputError, match="give --layers-from too"):
        ScoreSpec("cornet_s", unseen=True)


def test_the_reported_images_are_those_the_search_did_not_see(benchmark):
    (part,) = search_parts([benchmark], [], 3)
    assert len(set(image_hashes(scored_images(part)))) == 40
    assert evaluate(Constant(), [part])[0].raw == 0.0
