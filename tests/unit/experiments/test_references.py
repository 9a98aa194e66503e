import logging

import numpy as np
import pytest
import torch

from tests_world import write_toy_benchmark
from wiringup.benchmarks.benchmark import evaluate
from wiringup.benchmarks.catalog import load_benchmark
from wiringup.core.errors import InputError
from wiringup.data.rendered.render import render
from wiringup.data.rendered.scenes import RenderSpec
from wiringup.experiments.scoring import references
from wiringup.experiments.scoring.candidates import candidates
from wiringup.experiments.scoring.references import REFERENCES, Reference
from wiringup.experiments.scoring.scores import score
from wiringup.experiments.scoring.spec import ScoreSpec
from wiringup.models.readout import PixelSubject
from wiringup.models.references.hmax import SMALLEST, hmax
from wiringup.models.storage import Storage


@pytest.fixture
def benchmarks(tmp_path, monkeypatch):
    monkeypatch.setattr(references, "PATCH_IMAGES", 4)
    write_toy_benchmark(tmp_path)
    return [load_benchmark("toy", tmp_path)]


def rows(benchmarks, tmp_path, model: str, **fields):
    return score(ScoreSpec(model, **{"size": SMALLEST, **fields}), benchmarks, tmp_path)


@pytest.mark.parametrize("model", [name for name in REFERENCES if not REFERENCES[name].seeded])
def test_references_without_randomness_have_one_row_and_no_seeds(benchmarks, tmp_path, model):
    with pytest.raises(InputError, match=f"Nothing in {model} is drawn"):
        rows(benchmarks, tmp_path, model, seeds=(0, 1))
    (row,) = rows(benchmarks, tmp_path, model)
    assert (row["model"], row["seed"], row["birth"], row["n_stimuli"]) == (model, None, None, 40)
    (direct,) = evaluate(REFERENCES[model].make(SMALLEST, 0, Storage())[0], benchmarks)
    assert (row["raw"], row["score"], row["layer"]) == (direct.raw, direct.score, direct.layer)


@pytest.mark.parametrize("model", REFERENCES)
def test_references_hold_their_responses_where_they_are_told_to(benchmarks, model):
    storage = Storage(memory=3.0)
    assert REFERENCES[model].make(SMALLEST, 0, storage)[0].storage is storage


def test_hmax_is_made_anew_for_every_seed_and_tells_where_its_patches_come_from(benchmarks, tmp_path):
    request = ScoreSpec("hmax", seeds=(0, 1), size=SMALLEST)
    one, two = candidates(request, benchmarks[0].stimuli, tmp_path, Storage())
    assert (one.facts["seed"], two.facts["seed"]) == (0, 1)
    assert one.facts["patches"] == "4 rendered objects"
    assert one.facts["patch_images"] != two.facts["patch_images"]
    images = render(RenderSpec(4, SMALLEST, 3, seed=1, split="patches")).images.stimuli
    assert two.facts["patch_images"] == images.sha256
    assert one.subject.identity != two.subject.identity == hmax(images, SMALLEST, 1).identity
    look = benchmarks[0].stimuli.take(np.arange(2))
    first, second = (c.subject.responses(look, ["V1", "IT"]) for c in (one, two))
    assert torch.equal(first["V1"], second["V1"])  # C1 has no patches
    assert not torch.equal(first["IT"], second["IT"])


def test_what_is_scored_is_said_with_its_seed_if_one_enters(benchmarks, tmp_path, monkeypatch, caplog):
    caplog.set_level(logging.INFO, "wiringup")
    monkeypatch.setitem(
        REFERENCES, "drawn", Reference(lambda size, *_: (PixelSubject(size), {}), seeded=True)
    )
    for model, seed in (("drawn", 3), ("pixels", 0)):
        rows(benchmarks, tmp_path, model, seeds=(seed,), size=8)
    assert [line for line in caplog.messages if line.startswith("Scoring")] == [
        "Scoring drawn (seed 3) at 8 px on toy (40 images) ...",
        "Scoring pixels at 8 px on toy (40 images) ...",
    ]


@pytest.mark.parametrize("model", REFERENCES)
def test_references_are_neither_born_nor_trained(model):
    with pytest.raises(InputError, match=f"{model} is never born or trained; leave out --birth"):
        ScoreSpec(model, birth="wc")


def test_an_unknown_layer_is_answered_with_those_there_are(benchmarks, tmp_path):
    with pytest.raises(InputError, match=r"v1_energy has no layer 'complx'\. Did you mean 'complex'"):
        rows(benchmarks, tmp_path, "v1_energy", layers=("complx",))
