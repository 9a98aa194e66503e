"""A study on a real SLURM of one node: launched, a job ended in the middle, requeued, finished; cancelled."""

import importlib.util
import os
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from made_images import class_folders, noise, write_folder
from toy_inputs import BASE
from wiringup.core.errors import WiringupError
from wiringup.experiments.launching.launch import launch
from wiringup.experiments.launching.options import LaunchOptions
from wiringup.experiments.launching.slurm import queued
from wiringup.experiments.launching.status import cancel, status
from wiringup.experiments.launching.study import Study
from wiringup.experiments.recipes.main_study import REFERENCE, WC_CRITICAL, Scale, main_study
from wiringup.experiments.runs.inputs import StudyInputs
from wiringup.experiments.runs.sharing import LOG, claim_of
from wiringup.experiments.runs.spec import ExamSpec, ImagesSpec
from wiringup.results.store import Store
from wiringup.training.checkpoint import FILE

SPEC = importlib.util.spec_from_file_location("one_node", Path(__file__).with_name("one_node.py"))
node = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(node)

pytestmark = [
    pytest.mark.skipif(
        os.environ.get("WIRINGUP_TEST_SLURM") != "1",
        reason="starts a SLURM on this machine, for two minutes: set WIRINGUP_TEST_SLURM=1",
    ),
    pytest.mark.skipif(bool(node.missing()), reason=f"no SLURM can be started here: {node.missing()}"),
]
HOW = LaunchOptions("slurm:2", time="30", cpus=1)


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    pytest.importorskip("submitit", reason="jobs need submitit: pip install 'wiringup[slurm]'")
    with node.one_node(tmp_path_factory.mktemp("slurm")) as conf:
        yield conf


@pytest.fixture
def study(slurm, tmp_path, monkeypatch):
    """A study whose reference takes half a minute, and whose other runs take none; where it lies; inputs."""
    root, tests = Path(__file__).resolve().parents[2], Path(__file__).resolve().parents[1]
    monkeypatch.setenv("SLURM_CONF", str(slurm))
    monkeypatch.setenv("PYTHONPATH", f"{root / 'src'}:{tests}")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    images = write_folder(tmp_path / "images", class_folders(noise(30)))
    base = replace(BASE, images=ImagesSpec(str(images), side=32), exam=ExamSpec("chosen@1"))
    inputs = StudyInputs(tmp_path / "data")
    scale = Scale(pool=24, epochs=150, few_images=16, few_epochs=1, calibration=16, moments=())
    whole = main_study(base, inputs, scale, (0,))
    kept = tuple(run for run in whole.runs if run.label in (REFERENCE, WC_CRITICAL, "KN + decoder"))
    return Study(kept, REFERENCE), Store(tmp_path / "runs"), inputs


def until(true, seconds=240):
    for _ in range(2 * seconds):
        if true():
            return
        time.sleep(0.5)
    raise AssertionError(f"not within {seconds} s")


def at_work(store, uid):
    claim, alive = claim_of(store, uid)
    return claim if alive else None


@pytest.mark.parametrize("how", ["requeue", "its time ends"])
def test_a_job_that_is_ended_in_the_middle_comes_again_and_goes_on(study, how):
    study, store, inputs = study
    reference, born = study.runs[0].uid, study.runs[1].uid
    assert launch(study, store, inputs=inputs, how=HOW).waiting == 3
    assert launch(study, store, inputs=inputs, how=HOW).waiting == 3  # no more jobs than before
    assert len(queued(store, study.uid)) == 2
    until(lambda: at_work(store, reference) and (store.folder(reference) / FILE).is_file())
    time.sleep(3)
    job = at_work(store, reference).job
    end = ["scontrol", "requeue", job] if how == "requeue" else ["scancel", "--signal=USR2", job]
    subprocess.run(end, check=True)
    until(lambda: status(store, study.uid).counts["done"] == 3)
    told = (store.folder(reference) / LOG).read_text()
    assert told.index("Stopped by SIGTERM after step") < told.index("On from its checkpoint")
    assert (store.folder(born) / LOG).read_text().count("Finished.") == 1
    until(lambda: not queued(store, study.uid))
    document, records = store.study(study.uid)  # the jobs wrote it down
    assert [r.label for r in records] == [run.label for run in study.runs] and not document["spec"][
        "diverged"
    ]


def test_a_study_is_cancelled_and_launched_again(study):
    study, store, inputs = study
    reference = study.runs[0].uid
    launch(study, store, inputs=inputs, how=HOW)
    until(lambda: at_work(store, reference))
    assert cancel(store, study.uid).jobs == 2
    until(lambda: not queued(store, study.uid))
    assert status(store, study.uid).counts["waiting"] >= 1 and not at_work(store, reference)
    assert len(launch(study, store, inputs=inputs).records) == 3


def test_what_slurm_refuses_is_told(study):
    study, store, inputs = study
    with pytest.raises(WiringupError, match=r"SLURM refuses the jobs: .*partition"):
        launch(study, store, inputs=inputs, how=replace(HOW, partition="nowhere"))
