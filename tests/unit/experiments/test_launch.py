"""Launching a study: what fails is noted and tried again alone; several processes; who is at what."""

import logging
import os
import signal
import threading
import time
import weakref
from dataclasses import replace

import pytest

from made_images import class_folders, noise, write_folder
from toy_inputs import BASE
from wiringup.core.errors import DivergedError, InputError, MissingDataError, PreemptedError, WiringupError
from wiringup.experiments.launching.launch import launch
from wiringup.experiments.launching.options import LaunchOptions
from wiringup.experiments.launching.processes import surroundings
from wiringup.experiments.launching.study import RUNS, Listing, Study
from wiringup.experiments.launching.work import take_part, work
from wiringup.experiments.recipes.main_study import Scale, main_study
from wiringup.experiments.recipes.sweep import Axes, sweep
from wiringup.experiments.runs import run as running
from wiringup.experiments.runs import sharing
from wiringup.experiments.runs.inputs import StudyInputs
from wiringup.experiments.runs.sharing import CLAIM, DEATHS, LOG, Holder, claim_of, claimed, failure
from wiringup.experiments.runs.spec import ExamSpec, ImagesSpec, born_from
from wiringup.models.device import cards
from wiringup.results.store import Store
from wiringup.training.checkpoint import FILE

AXES = Axes(n_images=(24,), epochs=(1,), plasticity=("critical", "decoder"))


@pytest.fixture
def failing(monkeypatch):
    """Runs that learn what is in the set that it returns fail; it notes what was tried, in ``tried``."""

    def fail(run, *args):
        tried.append(run.training.plasticity)
        if run.training.plasticity in broken:
            raise ZeroDivisionError(f"no {run.training.plasticity}")
        return execute(run, *args)

    execute, broken, tried = running._execute, set[str](), list[str]()
    monkeypatch.setattr(running, "_execute", fail)
    return broken, tried


def test_runs_that_fail_are_listed_with_their_cause_and_tried_again_alone(inputs, tmp_path, failing):
    broken, tried = failing
    broken |= {"critical", "decoder"}
    study, store = sweep(BASE, inputs, AXES, (0,)), Store(tmp_path)
    with pytest.raises(WiringupError, match="2 of 3 runs failed") as error:
        launch(study, store, inputs=inputs)
    assert "ZeroDivisionError: no critical" in str(error.value) and study.uid in str(error.value)
    assert tried == ["all", "critical", "decoder"]
    lost = [run.uid for run in study.runs[1:]]
    assert [failure(store, uid) for uid in lost] == [
        f"ZeroDivisionError: no {name}" for name in ("critical", "decoder")
    ]
    assert "Traceback" in (store.folder(lost[0]) / LOG).read_text()
    broken.clear()
    tried.clear()
    assert len(launch(study, store, inputs=inputs).records) == 3
    assert tried == ["critical", "decoder"] and not any(failure(store, uid) for uid in lost)


def test_what_a_failed_run_held_in_memory_is_let_go(inputs, tmp_path, monkeypatch):
    class Batch:
        pass

    held, alive = [], []

    def fail(run, *_):
        alive.append([one() for one in held if one() is not None])
        batch = Batch()
        held.append(weakref.ref(batch))
        try:
            raise MemoryError
        except MemoryError as error:
            raise RuntimeError("no memory") from error

    monkeypatch.setattr(running, "_execute", fail)
    study = replace(sweep(BASE, inputs, AXES, (0,)), reference="none")
    with pytest.raises(WiringupError, match="3 of 3 runs failed"):
        launch(study, Store(tmp_path), inputs=inputs)
    assert alive == [[], [], []]


def test_a_single_run_that_fails_here_raises_its_own_error(inputs, tmp_path, failing):
    failing[0].add("decoder")
    with pytest.raises(ZeroDivisionError):
        launch(sweep(BASE, inputs, AXES, (0,)), Store(tmp_path), inputs=inputs)


def test_what_is_born_from_a_run_that_failed_is_not_tried(inputs, tmp_path, failing):
    failing[0].add("all")
    scale = Scale(pool=24, epochs=1, few_images=16, few_epochs=1, calibration=16, moments=())
    whole = main_study(BASE, inputs, scale, (0,))
    study = Study(tuple(run for run in whole.runs if run.training.plasticity in ("all", "critical")), "none")
    with pytest.raises(WiringupError, match=r"The run that it is born from, .*, failed: ZeroDivision"):
        launch(study, Store(tmp_path), inputs=inputs)
    assert failing[1].count("critical") == 1  # from Kaiming normal


def test_records_are_read_once(inputs, tmp_path, monkeypatch, caplog):
    study, store = sweep(BASE, inputs, AXES, (0,)), Store(tmp_path)
    launch(study, store, inputs=inputs)
    read, count = Store.record, []
    monkeypatch.setattr(Store, "record", lambda store, uid: count.append(uid) or read(store, uid))
    assert len(launch(study, store, inputs=inputs).records) == 3
    assert len(count) == 3
    kept = replace(study, runs=tuple(replace(run, keep_weights=True) for run in study.runs))
    launch(kept, store, inputs=inputs)
    assert sum("were not kept when it was made" in text for text in caplog.messages) == 3


def test_parents_come_first_and_every_run_once(inputs):
    parent, other = (inputs.pin(replace(BASE, label=label, birth=replace(BASE.birth, seed=i)))
                     for i, label in enumerate("ab"))  # fmt: skip
    child = replace(born_from(other, parent), label="c")
    listing = Study((child, other, replace(other, label="again"), parent), "a").listing()
    assert [one.label for one in listing.in_order()] == ["a", "c", "b"]
    assert [one.label for one in listing.runs] == ["c", "b", "again", "a"]


def test_a_list_of_runs_comes_back_and_what_is_no_study_is_told(inputs, tmp_path):
    store, listing = Store(tmp_path), sweep(BASE, inputs, AXES, (0,)).listing()
    listing.save(store)
    assert Listing.load(store, listing.uid).runs == listing.runs
    with pytest.raises(MissingDataError, match=f"No study 'nowhere'.*Known: {listing.uid}"):
        Listing.load(store, "nowhere")
    path = store.folder(listing.uid) / RUNS
    path.write_text(path.read_text().replace("critical", "uncritical"))
    with pytest.raises(InputError, match="is damaged"):
        Listing.load(store, listing.uid)


def test_sigterm_between_trainings_is_no_failure_and_leaves_no_claim(inputs, tmp_path, monkeypatch):
    monkeypatch.setattr(running, "_execute", lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    study, store = sweep(BASE, inputs, AXES, (0,)), Store(tmp_path)
    with pytest.raises(PreemptedError):
        launch(study, store, inputs=inputs)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    first = study.runs[0].uid
    assert failure(store, first) is None and claim_of(store, first) == (None, False)


def test_who_is_at_a_run_and_a_run_at_which_processes_die_is_given_up(tmp_path):
    store = Store(tmp_path)
    with claimed(store, "abc"):
        claim, alive = claim_of(store, "abc")
        assert (claim.pid, claim.deaths, alive) == (os.getpid(), 0, True)
        left = (store.folder("abc") / CLAIM).read_bytes()
    assert claim_of(store, "abc") == (None, False)
    for deaths in range(1, DEATHS):
        (store.folder("abc") / CLAIM).write_bytes(left)  # as of a process that was killed
        assert claim_of(store, "abc")[1] is False
        with claimed(store, "abc"):
            left = (store.folder("abc") / CLAIM).read_bytes()
            assert claim_of(store, "abc")[0].deaths == deaths
    (store.folder("abc") / CLAIM).write_bytes(left)
    with pytest.raises(WiringupError, match=r"3 processes died at this run .* memory"):
        claimed(store, "abc").__enter__()
    with claimed(store, "abc"):  # who tries it again begins to count again
        assert claim_of(store, "abc")[0].deaths == 0


def test_a_process_that_does_not_stay_leaves_the_last_runs_to_others(inputs, tmp_path, monkeypatch):
    study, store = sweep(BASE, inputs, AXES, (0,)), Store(tmp_path)
    listing, made, pauses = study.listing(), [], []
    monkeypatch.setattr(sharing, "pause", lambda: pauses.append(1))
    first, *rest = [one.run for one in listing.in_order()]

    def make(one):
        with claimed(store, one.run):
            made.append(one.run)
            (store.folder(one.run) / "record.json").touch()

    with claimed(store, first):
        work(listing, store, make, stay=False)
    assert made == rest and pauses


def test_options_say_where(monkeypatch):
    assert (LaunchOptions().kind, LaunchOptions("processes:3").number) == ("here", 3)
    for wrong in ("there", "processes", "processes:0", "processes:x", "here:2", "slurm:0"):
        with pytest.raises(InputError):
            LaunchOptions(wrong)
    monkeypatch.setenv("OMP_NUM_THREADS", "64")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(10), raising=False)
    assert surroundings(0, 3, [])["OMP_NUM_THREADS"] == "3"
    assert surroundings(0, 20, [])["OMP_NUM_THREADS"] == "1"
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    found = surroundings(0, 3, [])
    assert [found[f"{name}_NUM_THREADS"] for name in ("OMP", "MKL", "OPENBLAS")] == ["2"] * 3


def test_processes_take_the_cards_in_turn_and_share_one(monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5, GPU-1")
    found = [surroundings(i, 4, cards())["CUDA_VISIBLE_DEVICES"] for i in range(4)]
    assert found == ["5", "GPU-1", "5", "GPU-1"]
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert cards() == ["0", "1"]
    assert [surroundings(i, 3, ["0"])["CUDA_VISIBLE_DEVICES"] for i in range(3)] == ["0"] * 3


def test_processes_are_not_started_by_each_of_several(inputs, tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("MASTER_ADDR", "localhost")
    with pytest.raises(InputError, match="torchrun shares one training"):
        launch(sweep(BASE, inputs, AXES, (0,)), Store(tmp_path), inputs=inputs,
               how=LaunchOptions("processes:2"))  # fmt: skip


def test_two_processes_make_a_study_though_one_is_killed(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    caplog.set_level(logging.INFO, "wiringup")
    images = write_folder(tmp_path / "images", class_folders(noise(30)))
    base = replace(BASE, images=ImagesSpec(str(images), side=32), exam=ExamSpec("chosen@1"))
    inputs, store = StudyInputs(tmp_path / "data"), Store(tmp_path / "runs")
    study = sweep(base, inputs, replace(AXES, n_images=(16,)), (0,))
    killed = []

    def kill():
        while not killed:
            claims = [claim_of(store, run.uid) for run in study.runs]
            if found := [claim for claim, alive in claims if alive]:
                os.kill(found[0].pid, signal.SIGKILL)
                killed.append(found[0].pid)
            time.sleep(0.05)

    thread = threading.Thread(target=kill)
    thread.start()
    found = launch(study, store, inputs=inputs, how=LaunchOptions("processes:2"))
    thread.join()
    assert [r.uid for r in found.records] == [run.uid for run in study.runs]
    assert any("died of signal 9; it is started again" in text for text in caplog.messages)
    assert len(store.study(study.uid)[1]) == 3
    assert not list(tmp_path.glob(f"runs/*/{CLAIM}"))
    begun = [(store.folder(run.uid) / LOG).read_text().count("Now: ") for run in study.runs]
    assert sorted(begun) in ([1, 1, 1], [1, 1, 2])  # but for the one that was killed, by one process each
    told = (store.folder(study.uid) / "processes" / "0.log").read_text()
    assert f"At work on {study.uid}: device cpu, threads 1." in told
    again = take_part(store.root, study.uid, "cpu", inputs)
    assert again.records == {} and again.errors == {}


def test_a_reference_that_diverges_ends_the_study(inputs, tmp_path, monkeypatch):
    def diverging(run, *args):
        raise DivergedError("the loss is nan.")

    monkeypatch.setattr(running, "_execute", diverging)
    for _ in range(2):
        with pytest.raises(DivergedError, match=r"the loss is nan\. .*To try it again, remove"):
            launch(sweep(BASE, inputs, AXES, (0,)), Store(tmp_path), inputs=inputs)


def test_a_process_that_died_but_got_on_before_is_not_counted(tmp_path):
    store, folder = Store(tmp_path), tmp_path / "abc"
    with claimed(store, "abc"):
        left = (folder / CLAIM).read_bytes()
    for _ in range(2 * DEATHS):
        (folder / CLAIM).write_bytes(left)
        (folder / FILE).touch()
        os.utime(folder / FILE, (time.time() + 60,) * 2)
        with claimed(store, "abc"):
            assert claim_of(store, "abc")[0].deaths == 0


def test_a_claim_is_told_in_words():
    assert str(Holder("node7", 12, "", "4_2")) == "node7, process 12, job 4_2"
