"""Plans: what is told before a study starts is what its runs have counted when it is done."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from toy_inputs import BASE, OtherInputs
from wiringup.core.errors import MissingDataError
from wiringup.experiments.launching.launch import launch
from wiringup.experiments.recipes import planning
from wiringup.experiments.recipes.catalog import find_recipe
from wiringup.experiments.recipes.planning import (
    DIVERGED,
    DONE,
    TO_DO,
    TRAINED,
    Expected,
    planned,
    probe,
    probed,
)
from wiringup.experiments.recipes.scale import NEEDED, SCALES, Rate
from wiringup.experiments.runs.run import execute
from wiringup.results.store import Store
from wiringup.training.checkpoint import FILE as CHECKPOINT

RATE = Rate(flops=1e9, scoring=2.0, where="a machine")
SCALE = replace(SCALES["tiny"], reference=2, epochs=(1,), fewer=(24,), seeds=(0,))


def study_of(inputs, name="fewer_updates", scale=SCALE):
    return find_recipe(name).study(name, BASE, inputs, scale)


def test_what_is_planned_is_what_is_counted(inputs, tmp_path):
    study, store = study_of(inputs), Store(tmp_path / "runs")
    before = planned(study, store, lambda _: RATE)
    assert {run.state for run in before.runs} == {TO_DO}
    records = {r.uid: r for r in launch(study, store, inputs=inputs).records}
    for run in before.runs:
        last = records[run.uid].last
        assert (run.updates, run.synaptic_updates, run.flops) == (
            last.updates, last.synaptic_updates, last.flops,
        )  # fmt: skip
        assert (
            run.scorings == len(records[run.uid].points) and run.trained == records[run.uid].synapses["all"]
        )
        assert run.seconds == run.flops / 1e9 + 2 * run.scorings
        disk = sum(f.stat().st_size for f in store.folder(run.uid).iterdir())
        assert 0.5 * disk < run.disk < 2 * disk
        assert not (store.folder(run.uid) / CHECKPOINT).exists()  # what it held is kept elsewhere
    after = planned(study, store, lambda _: RATE)
    assert {run.state for run in after.runs} == {DONE}
    assert before.left("updates") == sum(r.last.updates for r in records.values())
    assert after.left("updates") == after.left("seconds") == 0
    other = planned(study_of(OtherInputs(tmp_path)), store, lambda _: RATE)
    assert {run.state for run in other.runs} == {TRAINED}
    assert other.left("updates") == other.left("synaptic_updates") == 0
    assert other.left("seconds") == 2 * sum(run.scorings for run in other.runs)
    assert before.pixels == 48 * 3 * 32 * 32


def test_a_training_that_diverged_before_is_told(inputs, tmp_path):
    study, store = study_of(inputs), Store(tmp_path)
    store.save_diverged(study.runs[0].uid, study.runs[0], "the loss is nan")
    assert planned(study, store, lambda _: RATE).runs[0].state == DIVERGED


def test_without_images_a_plan_says_what_is_expected(tmp_path):
    scale = SCALES["paper"]
    with pytest.raises(MissingDataError, match="--images PATH"):
        scale.source(tmp_path)
    with pytest.raises(MissingDataError, match="fetch tinyimagenet40 --from DIR"):
        SCALES["gpu"].source(tmp_path)
    base = scale.base(NEEDED)
    inputs = Expected(scale.expected, tmp_path)
    study = find_recipe("small_networks").study("small_networks", base, inputs, scale)
    assert study.runs[3].birth.recipe == "weight_compression"  # of a genome that is not here
    reference, *_ = planned(replace(study, runs=study.runs[:1]), Store(tmp_path), scale.rate_of).runs
    assert reference.updates == 1_281_167 * 43 and reference.trained == 53_416_616
    assert reference.state == TO_DO


@pytest.mark.parametrize(("learns", "kept"), [(True, 2 * (3 + 4) * 8 * 8 * 4), (False, 0)])
def test_what_is_kept_for_gradients_is_counted_without_computing_it(learns, kept):
    network = nn.Sequential(nn.Conv2d(3, 4, 1, bias=False), nn.ReLU()).requires_grad_(learns)
    assert planning._kept_for_gradients(network, batch=2, size=8) == kept


def test_a_probe_measures_this_machine(inputs):
    found = probe(study_of(inputs).runs[0], inputs)
    assert found.flops > 0 and found.scoring > 0 and "measured here" in found.where
    assert f"{torch.get_num_threads()} threads" in found.where


def test_a_network_that_was_measured_has_a_rate_of_its_own(inputs, tmp_path):
    study, store = study_of(inputs), Store(tmp_path)
    (model,) = {run.model for run in study.runs}
    slow = replace(RATE, flops=RATE.flops / 4)
    usual, own = planned(study, store, lambda _: RATE), planned(study, store, {model: slow}.get)
    assert (usual.rates, own.rates) == ({model: RATE}, {model: slow})
    for before, after in zip(usual.runs, own.runs, strict=True):
        told = before.scorings * RATE.scoring
        assert after.seconds - told == pytest.approx(4 * (before.seconds - told))
    assert probed(study, store, inputs).keys() == {model}
    execute(study.runs[0], store, inputs=inputs)
    assert not probed(replace(study, runs=study.runs[:1]), store, inputs), "what is made is not measured"


def test_networks_of_a_scale_have_the_rates_that_were_measured():
    small, own = SCALES["small"], SCALES["small"].model
    narrow = replace(own, width=0.125, classes=7)
    assert small.rate_of(own) == small.rate and small.rate_of(narrow).flops < 0.7 * small.rate.flops
    assert SCALES["gpu"].rate_of(narrow) == SCALES["gpu"].rate, "on a card nobody measured them"
    slower = small.rate_of(own, "float32")
    assert slower.flops == 0.6 * small.rate.flops and "of which float32 had 60%" in slower.where
    assert SCALES["tiny"].rate_of(own, "float32") == SCALES["tiny"].rate, "measured in float32"
