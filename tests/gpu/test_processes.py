"""Several processes share one card, or have one each."""

from dataclasses import replace

import pytest
import torch

from made_images import class_folders, noise, write_folder
from toy_inputs import BASE
from wiringup.experiments.launching.launch import launch
from wiringup.experiments.launching.options import LaunchOptions
from wiringup.experiments.recipes.sweep import Axes, sweep
from wiringup.experiments.runs.inputs import StudyInputs
from wiringup.experiments.runs.spec import ExamSpec, ImagesSpec
from wiringup.results.store import Store

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA card; none is here")


def test_two_processes_make_a_study_on_the_cards_that_are_here(tmp_path):
    images = write_folder(tmp_path / "images", class_folders(noise(30)))
    training = replace(BASE.training, device="auto")
    base = replace(
        BASE, images=ImagesSpec(str(images), side=32), exam=ExamSpec("chosen@1"), training=training
    )
    inputs, store = StudyInputs(tmp_path / "data"), Store(tmp_path / "runs")
    study = sweep(base, inputs, Axes(n_images=(16,), epochs=(1,)), (0, 1, 2))
    found = launch(study, store, inputs=inputs, how=LaunchOptions("processes:2"))
    assert len(found.records) == 3
    for i in range(2):
        told = (store.folder(study.uid) / "processes" / f"{i}.log").read_text()
        assert "device cuda:0, threads" in told  # each sees one card, as its first
