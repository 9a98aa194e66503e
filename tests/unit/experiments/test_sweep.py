"""Sweeps: every combination once, nested images, one reference, nothing computed twice."""

from dataclasses import replace

import pytest
import torch

from toy_inputs import BASE
from wiringup.birth.apply import BirthSpec
from wiringup.birth.distill import distill
from wiringup.core.errors import DivergedError, InputError
from wiringup.core.progress import Progress
from wiringup.experiments.launching.launch import launch, warn_if_idle
from wiringup.experiments.recipes.sweep import Axes, sweep
from wiringup.experiments.runs import inputs as loading
from wiringup.experiments.runs import run as running
from wiringup.experiments.runs.births import born
from wiringup.results.comparison import compare
from wiringup.results.store import Store
from wiringup.results.table import rows

AXES = Axes(n_images=(24, 48), epochs=(1, 2), plasticity=("critical",), birth=("kn",))
SMALL = Axes(n_images=(24,), epochs=(1,), plasticity=("critical", "decoder"))


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


def made(axes, inputs, store, seeds=(0,), base=BASE):
    study = sweep(base, inputs, axes, seeds)
    return study, launch(study, store, inputs=inputs)


def test_every_combination_beside_one_reference(inputs, store):
    study, found = made(AXES, inputs, store)
    cells, records = study.about["cells"], found.records
    assert list(cells) == [r.label for r in records] and len(cells) == 5
    assert records[0].label == "kaiming_normal, all, 48 images x 2 epochs" == study.reference
    assert cells[records[1].label] == {
        "birth": "kaiming_normal", "plasticity": "critical", "images": 24, "epochs": 1,
    }  # fmt: skip
    assert [r.last.updates for r in records] == [96, 24, 48, 48, 96]
    comparison = compare(rows(records), study.reference)
    first = [m for m in comparison.moments if m.label == records[0].label][-1]
    assert comparison.shown(first, "mean") == (records[0].last.match["mean"],)  # so small, at chance
    assert len({r.points[0].match["mean"] for r in records}) == 1  # one birth
    assert store.study(study.uid)[0]["spec"]["cells"] == cells


def test_norms_on_which_nothing_hangs_are_told(inputs, caplog):
    held = replace(BASE, training=replace(BASE.training, norms="held"))
    for plasticity, told in ((("all",), True), (("all", "decoder"), False)):
        caplog.clear()
        axes = Axes(n_images=(24,), epochs=(1,), plasticity=plasticity)
        warn_if_idle("held", sweep(held, inputs, axes, (0,)).runs)
        assert ("Norms 'held' changes nothing here" in caplog.text) is told


def test_a_smaller_budget_learns_from_images_of_the_larger(inputs):
    runs = {run.images.number: run for run in sweep(BASE, inputs, AXES, (0,)).runs}
    few, many = ({*inputs.load(runs[n].images).chosen.stimuli.ids} for n in (24, 48))
    assert few < many and len(few) == 24


def test_what_is_known_is_not_computed_again(inputs, store, monkeypatch):
    study, first = made(AXES, inputs, store)
    monkeypatch.setattr(loading, "evaluate", None)
    with Progress() as shown:
        assert [r.uid for r in launch(study, store, inputs=inputs).records] == [r.uid for r in first.records]
    assert not shown.planned
    wider = sweep(BASE, inputs, replace(AXES, plasticity=("critical", "decoder")), (0,))
    assert wider.uid != study.uid and {r.uid for r in wider.runs} > {r.uid for r in first.records}


def test_controls_are_as_many_synapses_at_random(inputs, store):
    axes = Axes((24,), (1,), ("all", "critical", "lowrank:1:kind:convolution"), controls=True)
    _, found = made(axes, inputs, store)
    counts = {r.label.split(", ")[1]: r.synapses["trained"] for r in found.records}
    names = list(counts)
    assert [n.partition(":")[0] for n in names] == ["all", "critical", "random", "lowrank", "random"]
    assert counts[names[1]] == counts[names[2]] and counts[names[3]] == counts[names[4]]


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"n_images": (5, 5)}, "one of them twice"),
        ({"birth": ()}, "number of birth"),
        ({"n_images": (0, 24)}, "number of images is 0"),
        ({"birth": ("kn", "nonsense")}, "birth recipe 'nonsense'"),
        ({"plasticity": ("critical", "nonsense")}, "plasticity 'nonsense'"),
        ({"plasticity": ("lowrank:9999:all",)}, "lowrank:9999"),
    ],
)
def test_bad_sweeps_are_refused_before_there_are_images(inputs, wrong, match, monkeypatch):
    monkeypatch.setattr(type(inputs), "read", None)
    with pytest.raises(InputError, match=match):
        sweep(BASE, inputs, replace(AXES, **wrong))


def test_a_training_that_diverges_is_noted_and_the_sweep_goes_on(inputs, store, monkeypatch):
    def diverging(run, *args, **kwargs):
        if run.training.plasticity == diverges:
            raise DivergedError("the loss is nan")
        return execute(run, *args, **kwargs)

    execute, diverges = running._execute, "critical"
    monkeypatch.setattr(running, "_execute", diverging)
    study, found = made(SMALL, inputs, store)
    assert [r.label.split(", ")[1] for r in found.records] == ["all", "decoder"]
    assert [(d.label, d.seed, d.why) for d in found.diverged] == [
        ("kaiming_normal, critical, 24 images x 1 epoch", 0, "the loss is nan")
    ]
    kept, records = store.study(study.uid)
    assert len(records) == 2 and kept["spec"]["diverged"][0]["label"] == found.diverged[0].label
    diverges = "all"
    (store.folder(records[0].uid) / "record.json").unlink()
    with pytest.raises(DivergedError, match="the loss is nan To try it again, remove"):
        launch(study, store, inputs=inputs)


def test_a_network_whose_responses_overflow_is_marked_as_diverged_too(inputs, store, monkeypatch):
    def exploding(subject, *args, **kwargs):
        with torch.no_grad():
            if scored.count(subject.identity) == 0 and len(scored) == 2:  # the end of the second run
                subject.module.V1.conv1.weight.mul_(1e38)
        scored.append(subject.identity)
        return evaluate(subject, *args, **kwargs)

    scored, evaluate = [], loading.evaluate
    monkeypatch.setattr(loading, "evaluate", exploding)
    _, found = made(SMALL, inputs, store)
    assert [r.label.split(", ")[1] for r in found.records] == ["all", "decoder"]
    (lost,) = found.diverged
    assert lost.label.split(", ")[1] == "critical"
    assert lost.why == (
        "Training diverged: after 24 images all weights are finite, but responses to images are not. "
        "Lower the learning rate."
    )


def test_a_control_of_a_set_that_the_seed_draws_is_drawn_as_large(inputs, store):
    axes = Axes((24,), (1,), ("critical & random:5000",), controls=True)
    _, found = made(axes, inputs, store, seeds=(0, 1))
    one, two, *controls = [r.synapses["trained"] for r in found.records if "random" in r.label]
    assert one != two and controls == [one, two]


def test_a_genome_distilled_anew_makes_another_sweep(inputs, tmp_path):
    path = tmp_path / "g.json"
    uids = set()
    for seed in (0, 1):
        teacher = born(BASE.model, BirthSpec("kaiming_normal", seed))
        distill(teacher.state_dict(), recipe="layer_normal").save(path)
        uids.add(sweep(BASE, inputs, replace(AXES, birth=(str(path),))).uid)
    assert len(uids) == 2


def test_a_finished_run_is_found_whatever_the_workers_and_the_processor(inputs, store, monkeypatch):
    run, *_ = sweep(BASE, inputs, AXES, (0,)).runs
    record = running.execute(run, store, inputs=inputs)
    monkeypatch.setattr(running, "train", None)  # on another processor, its birth would be another
    again = replace(run, label="another name", training=replace(run.training, workers=2, device="auto"))
    assert again.uid == run.uid
    assert running.execute(again, store, inputs=inputs).points == record.points
    assert not running.restored(again, store).training


def test_one_run_in_two_studies_goes_by_the_name_of_each(inputs, store):
    study, _ = made(Axes((24,), (1,), ("critical",)), inputs, store)
    renamed = replace(study, runs=tuple(replace(r, label=f"my {r.label}") for r in study.runs))
    renamed = replace(renamed, reference=f"my {study.reference}")
    assert all(r.label.startswith("my ") for r in launch(renamed, store, inputs=inputs).records)
    assert [r.label for r in store.study(renamed.uid)[1]] == [r.label for r in renamed.runs]
    assert [r.label for r in store.study(study.uid)[1]] == [r.label for r in study.runs]
