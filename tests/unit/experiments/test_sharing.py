"""One sweep, or study, made by several processes: every run once, the whole table in the end."""

import subprocess
import sys
import textwrap
from collections import Counter
from pathlib import Path

import pytest

from wiringup.core.errors import BusyError, DivergedError
from wiringup.experiments import sharing, study
from wiringup.experiments.progress import Progress
from wiringup.experiments.sharing import Job, claimed, do_all
from wiringup.experiments.study import CONDITIONS, REFERENCE, WC_CRITICAL, Study, StudySpec
from wiringup.experiments.sweep import Sweep, SweepSpec
from wiringup.results.store import Store

SWEEP = SweepSpec(
    images=(24,), epochs=(1,), plasticities=("critical", "decoder"), seeds=(0,), width=0.125, size=32,
    batch=8, lr=0.02, calibration=16,
)  # fmt: skip
STUDY = StudySpec(
    seeds=(0,), width=0.125, size=32, pool=24, epochs=1, few_images=16, few_epochs=1, batch=8, lr=0.02,
    calibration=16, moments=(),
)  # fmt: skip


class Told(Progress):
    """Keeps what stays on the screen."""

    def __init__(self):
        super().__init__({}, None)
        self.lines = []

    def say(self, message):
        self.lines.append(message)


def test_what_is_busy_is_done_last_and_waited_for_and_the_order_stays(monkeypatch):
    done, pauses, told = [], [], []
    monkeypatch.setattr(sharing, "pause", lambda: pauses.append(1))

    def job(name, busy):
        def do():
            if busy and len(pauses) < busy:
                raise BusyError("held")
            done.append(name)
            return name

        return Job(name, do)

    jobs = [job("a", 2), job("b", 0), job("c", 1), job("d", 0)]
    assert do_all(jobs, told.append) == ["a", "b", "c", "d"]
    assert done == ["b", "d", "c", "a"]
    assert len(pauses) == 2
    assert told == [f"Put off, as another process is at it: {name}" for name in "ac"]


def test_a_run_is_claimed_by_one_at_a_time(tmp_path):
    with claimed(Store(tmp_path), "abc"):
        with pytest.raises(BusyError, match=r"Another process is at work in .*abc\."):
            claimed(Store(tmp_path), "abc").__enter__()
        with claimed(Store(tmp_path), "abd"):
            pass
    with claimed(Store(tmp_path), "abc"):
        pass


def test_a_sweep_goes_on_beside_a_claimed_run_and_ends_with_the_whole_table(world, tmp_path, monkeypatch):
    swept = Sweep(SWEEP, world, Store(tmp_path), tmp_path)
    reference = next(swept._runs())[0]
    claim = claimed(swept.store, reference.uid)
    claim.__enter__()
    seen = []

    def let_go():
        seen.extend(r.uid for r in swept.store.records())
        claim.__exit__(None, None, None)

    monkeypatch.setattr(sharing, "pause", let_go)
    told = Told()
    found = swept.run(told)
    assert len(seen) == 2 and reference.uid not in seen
    assert [r.uid for r in found.records] == [run.uid for run, _ in swept._runs()]
    assert told.lines[0].startswith("Put off, as another process is at it: kaiming_normal, all")
    assert len(swept.store.study(swept.uid)[1]) == 3


def test_a_study_waits_for_the_genome_of_a_reference_that_another_process_trains(
    world, tmp_path, monkeypatch
):
    made = Study(STUDY, world, Store(tmp_path))
    reference = made._make(CONDITIONS[0], 0, None)
    claim = claimed(made.store, reference.uid)
    claim.__enter__()
    done = []

    def let_go():
        done.extend(r.label for r in made.store.records())
        claim.__exit__(None, None, None)

    monkeypatch.setattr(sharing, "pause", let_go)
    records = made.run(Told())
    assert sorted(done) == sorted(c.label for c in CONDITIONS if c.label not in (REFERENCE, WC_CRITICAL))
    assert [r.label for r in records] == [c.label for c in CONDITIONS]
    assert (made.store.folder(reference.uid) / study.GENOME).is_file()


def test_a_run_that_diverged_is_not_tried_again(world, tmp_path, monkeypatch):
    def diverging(run, *args):
        tried.append(run.label)
        if run.spec.training.plasticity == "critical":
            raise DivergedError("the loss is nan.")
        return execute(run, *args)

    from wiringup.experiments import sweep

    execute, tried = sweep.execute, []
    monkeypatch.setattr(sweep, "execute", diverging)
    swept = Sweep(SWEEP, world, Store(tmp_path), tmp_path)
    first = swept.run(Told())
    assert len(tried) == 3 and [d.why for d in first.diverged] == ["the loss is nan."]
    told = Told()
    assert swept.run(told).diverged == first.diverged
    assert sum("critical" in label for label in tried) == 1
    (run,) = (r for r, _ in swept._runs() if r.spec.training.plasticity == "critical")
    assert told.lines[2] == (
        f"the loss is nan. The sweep goes on without it (to try it again, remove {tmp_path / run.uid})."
    )


SCRIPT = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    sys.path.insert(0, sys.argv[1])
    import torch
    import test_sharing as shared
    from conftest import make_world
    from wiringup.cli.run import finish

    torch.set_num_threads(1)
    folder = Path(sys.argv[2])
    swept = shared.Sweep(shared.SWEEP, make_world(), shared.Store(folder), folder)
    class Loud(shared.Progress):
        def advance(self, kind, amount, message=""):
            if kind == "score":
                print("scored", message, flush=True)
    swept.run(Loud({}, None))
    print("table")
    finish(swept.store, swept.uid, False, "sweep")
    """
)


def test_two_processes_make_one_sweep_and_both_print_all_of_it(tmp_path):
    command = [sys.executable, "-c", SCRIPT, str(Path(__file__).parent), str(tmp_path)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    both = [subprocess.Popen(command, **pipes) for _ in range(2)]
    ended = [process.communicate(timeout=300) for process in both]
    assert [p.returncode for p in both] == [0, 0], ended
    work, tables = zip(*(out.split("table\n") for out, _ in ended), strict=True)
    assert tables[0] == tables[1] and tables[0].count("kaiming_normal") == 4
    scored = Counter(line for out in work for line in out.splitlines() if line.startswith("scored"))
    assert sum(scored.values()) == 2 * 3  # birth and end of every run, by one process each
