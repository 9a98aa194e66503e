"""Scores on a CUDA card are those of the CPU."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from wiringup.bench.card_scoring import SHAPES, Shape, difference, made, newborn
from wiringup.benchmarks.benchmark import evaluate
from wiringup.benchmarks.catalog import NEURAL_METRICS, load_benchmark, make_benchmark
from wiringup.benchmarks.reduced import Reduced
from wiringup.core.errors import MissingDataError
from wiringup.models import storage
from wiringup.models.preprocessing import Preprocessing, preprocess
from wiringup.models.readout import PixelSubject

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA card; none is here")

CARD = torch.device("cuda", 0)
LAYERS = ("V1", "V2@1", "IT")
TOLERANCE = 1e-4
SMALL = Shape("made.V4-pls", "V4", 120, 48, 30, 4)


@pytest.fixture(scope="module")
def network():
    return newborn(torch.device("cpu"), 0.25, 64, made(SMALL).stimuli)


def on_the_card(network, **options):
    return replace(network, device="cuda", **options)


def both(network, benchmarks, layers=LAYERS):
    there = evaluate(on_the_card(network), benchmarks, layers, device=CARD)
    return there, evaluate(network, benchmarks, layers)


@pytest.mark.parametrize("metric", NEURAL_METRICS)
def test_every_metric_is_that_of_the_cpu(network, metric):
    benchmark = make_benchmark(made(SMALL).data, "made", metric)
    assert difference(*both(network, [benchmark])) < TOLERANCE


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_scores_on_recordings_are_those_of_the_cpu(network, shape):
    try:
        benchmark = load_benchmark(shape.name)
    except MissingDataError as error:
        pytest.skip(f"needs recordings that are not here: {error}")
    assert difference(*both(network, [benchmark])) < TOLERANCE


@pytest.mark.parametrize("name", ["simulated.V1", "simulated.IT", "simulated.behavior"])
def test_scores_on_the_simulated_stream_are_those_of_the_cpu(network, name):
    benchmark = load_benchmark(name, size=64)
    assert difference(*both(network, [benchmark], layers=None)) < TOLERANCE


@pytest.mark.parametrize("how", [Preprocessing(), Preprocessing(interpolation="bicubic", crop=0.875)])
@pytest.mark.parametrize("side", [48, 100])
def test_a_card_prepares_images_as_the_cpu_does(how, side):
    pixels = np.random.default_rng(0).integers(0, 256, (3, side, side, 3), np.uint8)
    there, here = (preprocess(pixels, 64, how, device) for device in (CARD, torch.device("cpu")))
    torch.testing.assert_close(there.cpu(), here, atol=2e-5, rtol=0)
    assert there.device == CARD


def test_the_network_is_strict_float32_unless_bf16_is_asked_for(network):
    stimuli = made(SMALL).stimuli
    here = network.responses(stimuli, ["IT"])["IT"]
    scale = here.abs().max()
    strict, reduced = (
        on_the_card(network, precision=p).responses(stimuli, ["IT"])["IT"].cpu() for p in ("float32", "bf16")
    )
    assert (strict - here).abs().max() < 1e-4 * scale
    assert 5e-4 * scale < (reduced - here).abs().max() < 0.2 * scale


def test_a_network_on_the_card_is_looked_at_where_it_is(network):
    living = newborn(CARD, 0.25, 64, made(SMALL).stimuli)
    assert living.awake() is living.module
    assert living.responses(made(SMALL).stimuli, ["V1"])["V1"].device == CARD


@pytest.mark.parametrize("free", [0, 2_000_000], ids=["nothing", "no responses"])
def test_what_does_not_fit_on_the_card_is_scored_all_the_same(network, monkeypatch, free):
    monkeypatch.setattr(storage, "CARD_BLOCK", 1)
    monkeypatch.setattr(storage, "CARD_WORK", 0)
    benchmark = made(SMALL)
    expected = evaluate(network, [benchmark], LAYERS)
    monkeypatch.setattr(storage, "free_on", lambda card: free)
    assert on_the_card(network).responses(benchmark.stimuli, ["V1"])["V1"].device.type == "cpu"
    found = evaluate(on_the_card(network), [benchmark], LAYERS, device=CARD)
    assert difference(found, expected) < TOLERANCE


def test_responses_in_the_hosts_memory_are_scored_on_the_card():
    benchmarks = [made(SMALL), make_benchmark(made(SMALL).data, "rsa", "rsa")]
    pixels = PixelSubject(64)
    assert difference(evaluate(pixels, benchmarks, device=CARD), evaluate(pixels, benchmarks)) < 1e-7


def test_principal_components_are_those_of_the_cpu(network):
    benchmark, other = made(SMALL), made(replace(SMALL, images=50)).stimuli
    here, there = Reduced(network, other, 20), Reduced(on_the_card(network), other, 20, CARD)
    scores = [evaluate(s, [benchmark], ["V2", "IT"]) for s in (there, here)]
    assert difference(*scores) < TOLERANCE
