"""The precision ``auto``: bf16 where the processor multiplies in it, float32 elsewhere, and named in runs."""

from dataclasses import replace

import pytest
import torch

from wiringup.core.cautions import cautions
from wiringup.experiments.recipes.scale import SCALES
from wiringup.experiments.runs.inputs import canonical
from wiringup.experiments.runs.spec import ImagesSpec, RunSpec
from wiringup.models.architecture import ModelSpec
from wiringup.models.device import multiplies_in_bf16, settled_precision
from wiringup.training.label_free import LabelFreeSpec
from wiringup.training.loop import train
from wiringup.training.schedule import steps
from wiringup.training.spec import TrainSpec

EMULATED = (
    "This processor is not known to multiply in bf16 (AVX512-BF16). Emulated, it is up to ten times "
    "slower than float32 (--precision float32)."
)


@pytest.fixture(params=[True, False], ids=["multiplies in bf16", "emulates bf16"])
def multiplies(monkeypatch, request):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: request.param)
    return request.param


def test_auto_is_the_faster_precision_and_others_stay(multiplies):
    assert multiplies_in_bf16("cpu") is multiplies
    assert settled_precision("auto", "cpu") == ("bf16" if multiplies else "float32")
    assert [settled_precision(one, "cpu") for one in ("float32", "bf16")] == ["float32", "bf16"]


def test_a_run_names_what_auto_came_to(multiplies):
    how = TrainSpec(precision="auto")
    run = RunSpec(ImagesSpec(sha256="0" * 64), ModelSpec("cornet_s", width=0.125, size=32), training=how)
    first = replace(how, batch=32, size=32, schedule="cosine", augmentation="none")
    run = replace(run, before=LabelFreeSpec.parse("waves:64", first))
    assert not run.pinned
    assert not replace(run, training=TrainSpec()).pinned, "the phase before is left to the machine, too"
    found = canonical(run, run.model, 100)
    assert found.pinned
    named = {found.training.precision, found.before.training.precision}
    assert named == {"bf16" if multiplies else "float32"}


def test_a_training_with_auto_is_one_in_what_it_came_to(newborn, cornet, patterns, multiplies):
    data, spec = patterns(16), TrainSpec("decoder", steps(2), batch=8)
    of = {
        one: train(newborn(width=1 / 8), cornet, data, replace(spec, precision=one)).losses
        for one in ("auto", "bf16", "float32")
    }
    assert of["bf16"] != of["float32"]
    assert of["auto"] == of["bf16" if multiplies else "float32"]


def test_a_processor_that_is_not_known_has_float32(monkeypatch):
    monkeypatch.delattr(torch.cpu, "_is_avx512_bf16_supported")  # as in PyTorch 2.4
    assert settled_precision("auto", "cpu") == "float32"


def test_bf16_that_is_emulated_is_told(newborn, cornet, patterns, multiplies):
    for precision in ("bf16", "auto", "float32"):
        spec = TrainSpec("decoder", steps(1), batch=8, precision=precision)
        with cautions() as told:
            train(newborn(width=1 / 8), cornet, patterns(8), spec)
        slow = precision == "bf16" and not multiplies
        assert [*told] == [EMULATED] * slow


def test_scales_for_a_card_name_their_precision_and_that_for_any_machine_does_not():
    named = {name: scale.training.precision for name, scale in SCALES.items()}
    assert named == {"tiny": "float32", "small": "auto", "gpu": "bf16", "paper": "bf16"}
