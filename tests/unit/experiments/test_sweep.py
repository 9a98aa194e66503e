"""Sweeps: every combination once, nested images, one reference, nothing computed twice."""

import io
from dataclasses import replace

import pytest
import torch

from wiringup.birth.apply import BirthSpec
from wiringup.birth.distill import distill
from wiringup.core.errors import DivergedError, InputError
from wiringup.experiments import pipeline
from wiringup.experiments.pipeline import born
from wiringup.experiments.progress import Progress
from wiringup.experiments.sweep import Sweep, SweepSpec
from wiringup.results.comparison import compare
from wiringup.results.store import Store
from wiringup.results.table import rows

RANK_ONE = "lowrank:1:kind:convolution"
SPEC = SweepSpec(
    images=(24, 48), epochs=(1, 2), plasticities=("critical",), births=("kn",), seeds=(0,), width=0.125,
    size=32, batch=8, lr=0.02, calibration=16,
)  # fmt: skip


@pytest.fixture
def sweep(world, tmp_path):
    return Sweep(SPEC, world, Store(tmp_path), tmp_path)


def test_every_combination_beside_one_reference(sweep):
    records = sweep.run(Progress({}, None)).records
    cells = sweep.document()["cells"]
    assert list(cells) == [r.label for r in records] and len(cells) == 5
    assert records[0].label == "kaiming_normal, all, 48 images x 2 epochs" == sweep.document()["reference"]
    assert [r.last.updates for r in records] == [96, 24, 48, 48, 96]
    comparison = compare(rows(records), sweep.reference.label)
    found = {m.label: m for m in comparison.moments}
    shown = comparison.shown(found[records[0].label], "mean")
    assert shown == (records[0].last.match["mean"],)  # so small, at chance
    assert len({r.points[0].match["mean"] for r in records}) == 1  # one birth
    assert set(found) == set(cells)
    assert sweep.store.study(sweep.uid)[0]["spec"]["cells"] == cells


def test_norms_on_which_nothing_hangs_are_told(world, tmp_path):
    for plasticities, told in ((("all",), True), (("all", "decoder"), False)):
        out = io.StringIO()
        spec = replace(SPEC, plasticities=plasticities, images=(24,), epochs=(1,), norms="held")
        Sweep(spec, world, Store(tmp_path), tmp_path).run(Progress({}, out))
        assert ("Norms 'held' changes nothing here" in out.getvalue()) is told


def test_a_smaller_budget_learns_from_images_of_the_larger(sweep):
    few, many = ({*sweep.world.budget(n).stimuli.ids} for n in (24, 48))
    assert few < many and len(few) == 24


def test_what_is_known_is_not_computed_again(sweep, monkeypatch):
    first = sweep.run(Progress({}, None)).records
    monkeypatch.setattr(pipeline, "evaluate", None)
    progress = Progress({}, None)
    assert [r.uid for r in sweep.run(progress).records] == [r.uid for r in first]
    assert progress.plan["score"] == 0
    wider = replace(sweep, spec=replace(SPEC, plasticities=("critical", "decoder")))
    assert wider.uid != sweep.uid and {r.uid for r, _ in wider._runs()} > {r.uid for r in first}


def test_controls_are_as_many_synapses_at_random(sweep):
    asked = replace(
        SPEC, plasticities=("all", "critical", "lowrank:1:kind:convolution"), controls=True, images=(24,)
    )
    swept = replace(sweep, spec=replace(asked, epochs=(1,)))
    names = swept.spec.named_plasticities(len(swept.world.pool.classes))
    assert [n.partition(":")[0] for n in names] == ["all", "critical", "random", "lowrank", "random"]
    counts = {r.label.split(", ")[1]: r.synapses["trained"] for r in swept.run(Progress({}, None)).records}
    assert counts[names[1]] == counts[names[2]] and counts[names[3]] == counts[names[4]]


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"images": (5, 5)}, "one of them twice"),
        ({"births": ()}, "number of births"),
        ({"images": (0, 24)}, "number of images is 0"),
        ({"births": ("kn", "nonsense")}, "birth recipe 'nonsense'"),
        ({"plasticities": ("critical", "nonsense")}, "plasticity 'nonsense'"),
        ({"plasticities": ("lowrank:9999:all",)}, "lowrank:9999"),
        ({"model": "nonsense"}, "'nonsense'"),
    ],
)
def test_bad_sweeps_are_refused_before_there_are_images(wrong, match):
    with pytest.raises(InputError, match=match):
        replace(SPEC, **wrong)


def test_a_training_that_diverges_is_noted_and_the_sweep_goes_on(sweep, monkeypatch):
    def diverging(run, *args, **kwargs):
        if run.spec.training.plasticity == diverges:
            raise DivergedError("the loss is nan")
        return execute(run, *args, **kwargs)

    execute = pipeline.execute
    monkeypatch.setattr("wiringup.experiments.sweep.execute", diverging)
    small = replace(SPEC, images=(24,), epochs=(1,), plasticities=("critical", "decoder"))
    asked, diverges = replace(sweep, spec=small), "critical"
    swept = asked.run(Progress({}, None))
    assert [r.label.split(", ")[1] for r in swept.records] == ["all", "decoder"]
    assert [(d.label, d.seed, d.why) for d in swept.diverged] == [
        ("kaiming_normal, critical, 24 images x 1 epochs", 0, "the loss is nan")
    ]
    kept, records = asked.store.study(asked.uid)
    assert len(records) == 2 and kept["spec"]["diverged"][0]["label"] == swept.diverged[0].label
    diverges = "all"
    with pytest.raises(DivergedError):
        asked.run(Progress({}, None))


def test_a_network_whose_responses_overflow_is_marked_as_diverged_too(sweep, monkeypatch):
    def exploding(subject, *args, **kwargs):
        with torch.no_grad():
            if scored.count(subject.identity) == 0 and len(scored) == 2:  # the end of the second run
                subject.module.V1.conv1.weight.mul_(1e38)
        scored.append(subject.identity)
        return evaluate(subject, *args, **kwargs)

    scored, evaluate = [], pipeline.evaluate
    monkeypatch.setattr(pipeline, "evaluate", exploding)
    asked = replace(
        sweep, spec=replace(SPEC, images=(24,), epochs=(1,), plasticities=("critical", "decoder"))
    )
    swept = asked.run(Progress({}, None))
    assert [r.label.split(", ")[1] for r in swept.records] == ["all", "decoder"]
    (lost,) = swept.diverged
    assert lost.label.split(", ")[1] == "critical"
    assert lost.why == (
        "Training diverged: after 24 images all weights are finite, but responses to images are not. "
        "Lower the learning rate."
    )


def test_a_control_of_a_set_that_the_seed_draws_is_drawn_as_large(sweep):
    drawn = replace(SPEC, plasticities=("critical & random:5000",), controls=True, seeds=(0, 1), images=(24,))
    swept = replace(sweep, spec=replace(drawn, epochs=(1,))).run(Progress({}, None))
    counts = [r.synapses["trained"] for r in swept.records if "random" in r.label]
    one, two, *controls = counts
    assert one != two and controls == [one, two]


def test_a_genome_distilled_anew_makes_another_sweep(sweep, tmp_path):
    path = tmp_path / "g.json"
    asked = replace(sweep, spec=replace(SPEC, births=(str(path),)))
    uids = set()
    for seed in (0, 1):
        teacher = born(asked.model, BirthSpec("kaiming_normal", seed), None, None)
        distill(teacher.state_dict(), recipe="layer_normal").save(path)
        uids.add(asked.uid)
    assert len(uids) == 2


def test_a_finished_run_is_found_whatever_the_workers_and_the_processor(sweep, monkeypatch):
    (run, _), *_ = sweep._runs()
    record, model = pipeline.execute(run, sweep.store, lambda *_: None)
    monkeypatch.setattr(pipeline, "train", None)  # on another processor, its birth would be another
    training = replace(run.spec.training, workers=2, device="cuda")
    again = replace(run, spec=replace(run.spec, training=training))
    assert again.uid == run.uid
    found, restored = pipeline.execute(again, sweep.store, lambda *_: None)
    assert found.uid == record.uid and found.points == record.points and not restored.training
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), restored.parameters(), strict=True))
