"""Processes of one training that work on a study: they enter the same runs, and an error of one ends all."""

import fcntl
import os
import signal
import threading
from contextlib import ExitStack
from dataclasses import replace

import pytest
from filelock import FileLock

from meeting import Meeting
from toy_inputs import BASE
from wiringup.core.errors import BusyError, WiringupError
from wiringup.experiments.launching import launch as launching
from wiringup.experiments.launching import status
from wiringup.experiments.launching import work as working
from wiringup.experiments.launching.launch import launch
from wiringup.experiments.launching.processes import Again, surroundings
from wiringup.experiments.launching.work import work
from wiringup.experiments.recipes.sweep import Axes, sweep
from wiringup.experiments.runs import run as running
from wiringup.experiments.runs import sharing
from wiringup.experiments.runs.sharing import CLAIM, DEATHS, LOCK, Holder, claimed, failure
from wiringup.results.store import Store

AXES = Axes(n_images=(24,), epochs=(1,), plasticity=("critical", "decoder"))


@pytest.fixture
def listing(inputs):
    return sweep(BASE, inputs, AXES, (0,)).listing()


def test_an_error_that_others_may_not_know_of_ends_a_process_of_several(listing, tmp_path, monkeypatch):
    store, tried = Store(tmp_path), []

    def make(one, group):
        tried.append((group.rank, one.run))
        group.barrier()
        if group.rank:
            raise MemoryError("no room")
        return group.gather(lambda: 1)  # its turn is the next run's for the other, if that went on

    meeting = Meeting(2, monkeypatch, patience=1)
    one, other = meeting.run(lambda group: work(listing, store, lambda run: make(run, group), group=group))
    assert isinstance(other, MemoryError) and isinstance(one, threading.BrokenBarrierError)
    first = listing.in_order()[0].run
    assert sorted(tried) == [(0, first), (1, first)] and "no room" in failure(store, first)


def test_what_is_settled_between_two_looks_is_made_by_all_or_none(listing, tmp_path, monkeypatch):
    store, made = Store(tmp_path), []
    looks = {}

    def settled(store, one):
        """To the second process all seems finished; to the first the first run, at its second look."""
        rank = meeting.group().rank
        looks[rank, one.run] = looks.get((rank, one.run), 0) + 1
        return rank == 1 or (one == first and looks[rank, one.run] > 1)

    first, *rest = listing.in_order()
    monkeypatch.setattr(working, "settled", settled)
    meeting = Meeting(2, monkeypatch)
    found = meeting.run(
        lambda group: work(listing, store, lambda one: made.append((group.rank, one.run)), group=group)
    )
    assert [set(one.records) for one in found] == [{one.run for one in rest}] * 2
    assert sorted(made) == sorted((rank, one.run) for rank in (0, 1) for one in rest)


def test_a_study_that_seems_finished_to_one_process_is_made_by_all(inputs, tmp_path, monkeypatch):
    study, store = sweep(BASE, inputs, AXES, (0,)), Store(tmp_path)
    monkeypatch.setattr(launching, "together", lambda device: meeting.group())
    monkeypatch.setattr(launching, "gather", lambda listing, store, made: made)
    monkeypatch.setattr(launching, "execute", lambda run, *_: run.uid)
    for module in (launching, working):
        monkeypatch.setattr(module, "settled", lambda store, one: meeting.group().rank == 1)
    meeting = Meeting(2, monkeypatch, patience=5)
    found = meeting.run(lambda group: launch(study, store, inputs=inputs))
    assert [len(made.records) for made in found] == [3, 3]


def test_a_record_that_one_process_does_not_see_yet_is_read_by_all(inputs, tmp_path, monkeypatch):
    run, store = inputs.pin(BASE), Store(tmp_path)
    record = running.execute(run, store, inputs=inputs)
    finished = Store.finished
    monkeypatch.setattr(Store, "finished", lambda *args: None if meeting.group().rank else finished(*args))
    monkeypatch.setattr(sharing, "join", lambda device: meeting.group())
    monkeypatch.setattr(running, "_execute", lambda *_: "made again")
    meeting = Meeting(2, monkeypatch, patience=5)
    assert meeting.run(lambda group: running.execute(run, store, inputs=inputs)) == [record, record]


def test_others_learn_why_the_first_cannot_claim_a_run(tmp_path, monkeypatch):
    store, meeting = Store(tmp_path), Meeting(2, monkeypatch, patience=5)
    monkeypatch.setattr(sharing, "join", meeting.group)

    def claim(group):
        with claimed(store, "abc"):
            return "in the run"

    with FileLock(store.folder("abc") / LOCK):
        assert [type(error) for error in meeting.run(claim)] == [BusyError, BusyError]
    sharing.write_sealed(store.folder("abc") / CLAIM, vars(Holder("here", 1, "now", deaths=DEATHS - 1)))
    for error in meeting.run(claim):
        assert isinstance(error, WiringupError) and "3 processes died" in str(error)
    assert meeting.run(claim) == ["in the run"] * 2


def test_others_learn_that_somebody_is_at_the_phase_without_labels(inputs, tmp_path, monkeypatch):
    def pretrained(*_):
        if meeting.group().rank == 0:
            raise BusyError("another training")
        return None, {}

    monkeypatch.setattr(running, "pretrained", pretrained)
    monkeypatch.setattr(running, "train", lambda *_, **__: pytest.fail("one trains alone"))
    meeting = Meeting(2, monkeypatch, patience=5)
    run, store = inputs.pin(BASE), Store(tmp_path)
    found = meeting.run(lambda group: running._execute(run, store, None, inputs, group))
    assert [type(error) for error in found] == [BusyError, BusyError]


def test_who_only_looks_is_waited_for(tmp_path):
    store, lock = Store(tmp_path), FileLock(tmp_path / "abc" / LOCK, thread_local=False)
    (tmp_path / "abc").mkdir()
    lock.acquire()
    look = threading.Timer(sharing.GLANCE / 4, lock.release)
    look.start()
    with claimed(store, "abc"):
        look.join()


@pytest.mark.parametrize(
    "error",
    [RuntimeError("CUDA error: device-side assert triggered"), pytest.param(None, id="newer PyTorch")],
)
def test_nothing_is_tried_on_a_card_that_is_broken(listing, tmp_path, monkeypatch, error):
    class AcceleratorError(RuntimeError):
        pass

    monkeypatch.setattr(working, "_ACCELERATOR", () if error else AcceleratorError)
    error, tried = error or AcceleratorError("the card is lost"), []

    def make(one):
        tried.append(one.run)
        raise error

    with pytest.raises(type(error), match=str(error)):
        work(listing, Store(tmp_path), make)
    assert len(tried) == 1 and failure(Store(tmp_path), tried[0])


def test_cancel_ends_the_others_if_one_is_gone_or_not_ours(listing, tmp_path, monkeypatch, caplog):
    def kill(pid, number):
        asked.append((pid, number))
        if pid in errors:
            raise errors[pid]

    store, asked, errors = Store(tmp_path), [], {1: ProcessLookupError(), 2: PermissionError()}
    listing.save(store)
    monkeypatch.setattr(os, "kill", kill)
    with ExitStack() as held:
        for i, one in enumerate(listing.in_order(), 1):
            held.enter_context(claimed(store, one.run))
            sign(store, one.run, i)
        assert status.cancel(store, listing.uid).processes == (3,)
    assert asked == [(pid, signal.SIGTERM) for pid in (1, 2, 3)]
    assert caplog.messages == ["Process 2 is another user's, who alone can end it: kill 2"]


def sign(store, run, pid):
    sharing.write_sealed(store.folder(run) / CLAIM, vars(replace(Holder.mine(), pid=pid)))


def test_cancel_tells_nobody_to_end_whose_number_a_dead_process_left(listing, tmp_path, monkeypatch):
    store, asked = Store(tmp_path), []
    listing.save(store)
    monkeypatch.setattr(os, "kill", lambda pid, _: asked.append(pid))
    died, looked_at, taken = (one.run for one in listing.in_order())
    for pid, run in enumerate((died, looked_at, taken), 1):
        sign(store, run, pid)
        (store.folder(run) / LOCK).touch()
    with (store.folder(looked_at) / LOCK).open() as look:
        fcntl.flock(look, fcntl.LOCK_SH)  # as another `wiringup status` does
        with FileLock(store.folder(taken) / LOCK):  # and is about to sign
            late = threading.Timer(sharing.GLANCE / 2, sign, (store, taken, 7))
            late.start()
            assert status.cancel(store, listing.uid).processes == (7,)
            late.join()
    assert asked == [7]


def test_what_a_killed_process_left_half_written_goes_when_the_run_is_claimed(tmp_path):
    store = Store(tmp_path)
    left = [store.folder("abc") / f".{name}.0123.part" for name in ("record.json", "weights.safetensors")]
    others = store.folder("abc") / ".spec.json.0123.part"  # which who launches writes, unclaimed
    for path in (*left, others):
        path.parent.mkdir(exist_ok=True)
        path.touch()
    with claimed(store, "abc"):
        assert [path.exists() for path in (*left, others)] == [False, False, True]


def test_a_process_that_ends_with_an_error_is_started_again_while_it_gets_on(tmp_path, caplog):
    again, said = Again(2, 5), tmp_path / "1.log"
    assert not again.starts(0, 1, 5, said), "it settled nothing: it would end like that again"
    assert again.starts(1, 1, 4, said) and not again.starts(1, 1, 4, said)
    assert all(again.starts(1, -9, 4, said) for _ in range(DEATHS * 5 - 1))
    assert not again.starts(1, -9, 4, said)
    assert caplog.messages[:2] == [
        f"Process 0 ended with an error and is left out; what it said is in {said}.",
        "Process 1 ended with an error; it is started again.",
    ]
    assert "Process 1 died of signal 9 and is left out" in caplog.messages[-1]


def test_processes_share_memory_cores_and_cards(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(10), raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    names = "WIRINGUP_MEMORY", "WIRINGUP_CORES", "WIRINGUP_CARD_SHARE", "OMP_NUM_THREADS"

    def shares(*args):
        found = surroundings(*args)
        return [found.get(name) for name in names]

    assert shares(0, 4, [], 6 * 10**9) == ["1.5", "2", "0.25", "2"]
    assert [shares(i, 5, ["a", "b"])[2] for i in range(3)] == [str(1 / 3), "0.5", str(1 / 3)]
    assert shares(0, 1, ["a", "b"], None) == [None, "10", "1.0", "10"]
