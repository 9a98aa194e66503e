"""One sweep, or study, made by several processes: every run once, the whole table in the end."""

import logging

import pytest

from toy_inputs import BASE
from wiringup.core.errors import BusyError, DivergedError
from wiringup.experiments.launching.launch import launch
from wiringup.experiments.recipes.main_study import REFERENCE, WC_CRITICAL, Scale, main_study
from wiringup.experiments.recipes.sweep import Axes, sweep
from wiringup.experiments.runs import run as running
from wiringup.experiments.runs import sharing
from wiringup.experiments.runs.run import GENOME
from wiringup.experiments.runs.sharing import CLAIM, claim_of, claimed, waited_for
from wiringup.results.store import Store

AXES = Axes(n_images=(24,), epochs=(1,), plasticity=("critical", "decoder"))
SCALE = Scale(pool=24, epochs=1, few_images=16, few_epochs=1, calibration=16, moments=())


@pytest.fixture(autouse=True)
def messages(caplog):
    caplog.set_level(logging.INFO, "wiringup")
    return caplog


def test_what_another_process_is_at_is_waited_for_and_said_once(tmp_path, monkeypatch, messages):
    pauses, claim = [], claimed(Store(tmp_path), "abc")
    claim.__enter__()

    def let_go_at_last():
        pauses.append(1)
        if len(pauses) == 2:
            claim.__exit__(None, None, None)

    monkeypatch.setattr(sharing, "pause", let_go_at_last)

    def do():
        with claimed(Store(tmp_path), "abc"):
            return "done"

    assert waited_for(do) == "done" and len(pauses) == 2
    assert messages.messages == [f"Another process is at work in {tmp_path / 'abc'}. It is waited for."]


def test_a_run_is_claimed_by_one_at_a_time(tmp_path):
    with claimed(Store(tmp_path), "abc"):
        with pytest.raises(BusyError, match=r"Another process is at work in .*abc\."):
            claimed(Store(tmp_path), "abc").__enter__()
        with claimed(Store(tmp_path), "abd"):
            pass
    with claimed(Store(tmp_path), "abc"):
        pass


def test_a_damaged_claim_is_none(tmp_path):
    store = Store(tmp_path)
    with claimed(store, "abc"):
        path = store.folder("abc") / CLAIM
        whole = path.read_text()
        assert claim_of(store, "abc")[0].deaths == 0
        path.write_text(whole.replace('"deaths": 0', '"deaths": 9'))
        assert claim_of(store, "abc") == (None, False)


def test_a_sweep_goes_on_beside_a_claimed_run_and_ends_with_the_whole_table(
    inputs, tmp_path, monkeypatch, messages
):
    study, store = sweep(BASE, inputs, AXES, (0,)), Store(tmp_path)
    reference = study.runs[0]
    claim = claimed(store, reference.uid)
    claim.__enter__()
    seen = []

    def let_go():
        seen.extend(r.uid for r in store.records())
        claim.__exit__(None, None, None)

    monkeypatch.setattr(sharing, "pause", let_go)
    found = launch(study, store, inputs=inputs)
    assert len(seen) == 2 and reference.uid not in seen
    assert [r.uid for r in found.records] == [run.uid for run in study.runs]
    assert messages.messages[0].startswith("Put off, as another process is at it: kaiming_normal, all")
    assert len(store.study(study.uid)[1]) == 3


def test_a_study_waits_for_the_genome_of_a_reference_that_another_process_trains(
    inputs, tmp_path, monkeypatch
):
    study, store = main_study(BASE, inputs, SCALE, (0,)), Store(tmp_path)
    labels, reference = [run.label for run in study.runs], study.runs[0]
    claim = claimed(store, reference.uid)
    claim.__enter__()
    done = []

    def let_go():
        done.extend(r.label for r in store.records())
        claim.__exit__(None, None, None)

    monkeypatch.setattr(sharing, "pause", let_go)
    records = launch(study, store, inputs=inputs).records
    assert sorted(done) == sorted(label for label in labels if label not in (REFERENCE, WC_CRITICAL))
    assert [r.label for r in records] == labels
    assert (store.folder(reference.uid) / GENOME).is_file()


def test_a_run_that_diverged_is_not_tried_again(inputs, tmp_path, monkeypatch, messages):
    def diverging(run, *args):
        tried.append(run.label)
        if run.training.plasticity == "critical":
            raise DivergedError("the loss is nan.")
        return execute(run, *args)

    execute, tried = running._execute, []
    monkeypatch.setattr(running, "_execute", diverging)
    study, store = sweep(BASE, inputs, AXES, (0,)), Store(tmp_path)
    first = launch(study, store, inputs=inputs)
    assert len(tried) == 3 and [d.why for d in first.diverged] == ["the loss is nan."]
    messages.clear()
    assert launch(study, store, inputs=inputs).diverged == first.diverged
    assert sum("critical" in label for label in tried) == 1
    (run,) = (r for r in study.runs if r.training.plasticity == "critical")
    assert messages.messages[1] == (
        f"the loss is nan. The study goes on without it (to try it again, remove {tmp_path / run.uid})."
    )
