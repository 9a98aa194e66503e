"""Jobs on a cluster, without one: options, what a job does at signals, and how a study stands."""

import json
import os
import re
import shutil
import signal

import pytest

from toy_inputs import BASE
from wiringup.cli.main import main
from wiringup.core.errors import InputError, MissingDataError, PreemptedError
from wiringup.experiments.launching import slurm, work
from wiringup.experiments.launching.launch import launch
from wiringup.experiments.launching.options import LaunchOptions
from wiringup.experiments.launching.slurm import Participant, queued
from wiringup.experiments.launching.status import cancel, status
from wiringup.experiments.launching.study import Listing
from wiringup.experiments.recipes.sweep import Axes, sweep
from wiringup.experiments.runs.sharing import CLAIM, claimed, save_failure
from wiringup.results.store import Store

AXES = Axes(n_images=(24,), epochs=(1,), plasticity=("critical", "decoder"))


@pytest.fixture
def study(inputs):
    return sweep(BASE, inputs, AXES, (0,))


@pytest.fixture
def answers(study, tmp_path, monkeypatch):
    """A SLURM that knows the study, answers what stands in the list, and notes what it was asked."""
    told, asked = [""], []
    monkeypatch.setattr(slurm, "_answer", lambda command: asked.append(command) or told[0])
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    (tmp_path / study.uid / slurm.FOLDER).mkdir(parents=True)
    return told, asked


@pytest.mark.parametrize(
    ("time", "minutes"),
    [("90", 90), ("4:00:00", 240), ("30:30", 30), ("1-12", 2160), ("1-00:30:00", 1470), ("2-1:30", 2970)],
)
def test_time_is_read_as_slurm_reads_it(time, minutes):
    assert LaunchOptions("slurm", time=time).minutes == minutes


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"launch": "here", "partition": "gpu"}, "--partition is of jobs on a cluster"),
        ({"launch": "processes:2", "slurm": ("qos=long",)}, "--slurm is of jobs"),
        ({"time": "soon"}, "--time is in minutes"),
        ({"time": "1"}, "minutes of a job"),
        ({"gpus": 2}, "Ask for more jobs"),
        ({"cpus": 0}, "cores of a job"),
        ({"slurm": ("mem=4G",)}, "flag of its own here: --memory"),
        ({"slurm": ("--cpus-per-task=2",)}, "flag of its own here: --cpus"),
        ({"slurm": ("signal=USR1",)}, "set by wiringup"),
        ({"slurm": ("=4",)}, "KEY=VALUE"),
        ({"slurm": ("qos=a", "qos=b")}, "every key once"),
    ],
)
def test_options_that_cannot_be_or_would_be_ignored_are_refused(options, told):
    with pytest.raises(InputError, match=told):
        LaunchOptions(**({"launch": "slurm"} | options))


def test_options_reach_the_script_of_a_job(tmp_path, monkeypatch):
    submitit = pytest.importorskip("submitit", reason="jobs need submitit: pip install 'wiringup[slurm]'")
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    how = LaunchOptions(
        "slurm:3", partition="gpu", time="90", gpus=1, cpus=4, memory="16G", account="lab",
        slurm=("qos=long", "exclusive"),
    )  # fmt: skip
    executor = submitit.SlurmExecutor(tmp_path)
    executor.update_parameters(**slurm._parameters(how, "wiringup-abc"))
    script = executor._make_submission_file_text("work", "id").splitlines()
    for line in ("partition=gpu", "time=90", "gpus-per-node=1", "cpus-per-task=4", "mem=16G", "account=lab",
                 "qos=long", "exclusive", "requeue", "signal=USR2@120", "job-name=wiringup-abc"):  # fmt: skip
        assert f"#SBATCH --{line}" in script
    assert any(line.startswith("export OMP_NUM_THREADS=${SLURM_CPUS_PER_TASK") for line in script)
    assert "--cpus-per-task=4" in next(line for line in script if line.startswith("srun"))


def test_without_slurm_it_is_said(study, inputs, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(MissingDataError, match="no SLURM here"):
        launch(study, Store(tmp_path), inputs=inputs, how=LaunchOptions("slurm"))
    assert status(Store(tmp_path), study.uid).jobs is None


@pytest.mark.parametrize("warning", [signal.SIGUSR2, signal.SIGTERM])
def test_a_job_goes_back_into_the_queue_when_its_time_ends_and_waits_when_it_is_taken(
    tmp_path, monkeypatch, warning
):
    requeued, slept = [], []
    before = signal.signal(signal.SIGUSR2, lambda *_: requeued.append(1)), signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(work, "take_part", lambda *_: os.kill(os.getpid(), warning))
    monkeypatch.setattr(slurm.time, "sleep", slept.append)
    try:
        with pytest.raises(PreemptedError):
            Participant(str(tmp_path), "abc", "cpu", str(tmp_path))(0)
    finally:
        for number, handler in zip((signal.SIGUSR2, signal.SIGTERM), before, strict=True):
            signal.signal(number, handler)
    assert requeued == ([1] if warning == signal.SIGUSR2 else []) and slept == [slurm.TAKEN]


def test_how_a_study_stands(study, inputs, tmp_path, answers, capsys):
    store = Store(tmp_path)
    first, second, third = (run.uid for run in study.runs)
    study.listing().save(store)
    assert status(store, study.uid).counts["waiting"] == 3 and not queued(store, study.uid)
    save_failure(store, second, "OutOfMemoryError: 3 GiB")
    store.save_diverged(third, study.runs[2], "the loss is nan")
    answers[0][0] = "7_0|RUNNING|None\n7_1|PENDING|Resources\n7_2|PENDING|Resources\n"
    with claimed(store, first):
        left = (store.folder(first) / CLAIM).read_bytes()
        main(["status", study.uid, "--out", str(tmp_path)])
        told = capsys.readouterr().out
        main(["status", study.uid, "--out", str(tmp_path), "--json"])
        found = json.loads(capsys.readouterr().out)
    assert "1 running, 1 failed, 1 diverged" in told and "OutOfMemoryError: 3 GiB" in told
    assert f"process {os.getpid()}" in told and "2 jobs: pending (Resources)" in told
    assert [run["state"] for run in found["runs"]] == ["running", "failed", "diverged"]
    assert found["running"] == 1 and found["runs"][0]["since"] and len(found["jobs"]) == 3
    (store.folder(first) / CLAIM).write_bytes(left)
    (store.folder(second) / "record.json").touch()
    one, done, _ = status(store, study.uid).runs
    assert one.state == "waiting" and "its process died" in one.cause
    assert done.state == "done"
    main(["status", "--out", str(tmp_path)])
    assert study.uid in capsys.readouterr().out
    Listing("0123456789ab", {"reference": "ref", "recipe": "combination"}, ()).save(store)
    main(["status", "--out", str(tmp_path), "--json"])
    every = {one["study"]: one["recipe"] for one in json.loads(capsys.readouterr().out)}
    assert every == {study.uid: "", "0123456789ab": "combination"}
    main(["status", "--out", str(tmp_path)])
    assert re.search("0123456789ab +combination", capsys.readouterr().out)
    with pytest.raises(SystemExit):
        main(["status", "nothing", "--out", str(tmp_path)])
    assert "Known: 0123456789ab (combination), " + study.uid in capsys.readouterr().err


def test_what_is_at_work_is_cancelled(study, tmp_path, answers, monkeypatch, capsys):
    store, killed = Store(tmp_path), []
    study.listing().save(store)
    monkeypatch.setattr(os, "kill", lambda pid, number: killed.append((pid, number)))
    with claimed(store, study.runs[0].uid):
        found = cancel(store, study.uid)
        assert (found.jobs, found.processes, found.elsewhere) == (0, (os.getpid(),), ())
        assert killed == [(os.getpid(), signal.SIGTERM)]
        monkeypatch.setattr("socket.gethostname", lambda: "other")
        main(["cancel", study.uid, "--out", str(tmp_path)])
        told = capsys.readouterr()
        assert "0 jobs, 0 processes" in told.out and "At work on another machine" in told.err
    answers[0][0] = "7_0|RUNNING|None\n"
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    with claimed(store, study.runs[0].uid):
        assert cancel(store, study.uid).jobs == 1 and len(killed) == 1
    assert answers[1][-1][0] == "scancel" and slurm.name_of(store, study.uid) in answers[1][-1]
