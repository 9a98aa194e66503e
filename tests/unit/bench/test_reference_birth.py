"""The vectorised sampler and the loops of the definition draw from the same distributions."""

import numpy as np
import pytest
import torch
from scipy.stats import chi2_contingency, ks_2samp

from wiringup.bench import birth as bench
from wiringup.bench.birth import reference_birth, reference_clusters
from wiringup.birth.apply import BirthSpec, give_birth
from wiringup.birth.clusters import ClusterLayer
from wiringup.birth.genome import Genome
from wiringup.core.seeds import numpy_stream, torch_stream
from wiringup.models.architecture import ModelSpec, build

APART = ClusterLayer(
    3,
    np.array([6.0, 14.0, 20.0]),
    np.array([5.0, 6.0, 3.0]),
    np.array([0.02, 0.1, 0.05]),
    np.stack([np.full((3, 3), -2.0), np.arange(9).reshape(3, 3) / 4, np.full((3, 3), 7.0)]),
)
SIGNS = ClusterLayer(
    1, np.array([30.0, 34.0]), np.array([4.0, 4.0]), np.zeros(2), np.array([[[-0.5]], [[0.25]]])
)
CHANCE = 1e-3  # of a difference as large between two samples of one distribution; the seeds are fixed


def both(layer, outputs, inputs):
    """Weights (outputs, inputs, k, k) from our sampler and from the loops."""
    shape = (outputs, inputs, layer.kernel_size, layer.kernel_size)
    ours = layer.sample(torch.Size(shape), torch_stream(0)).numpy()
    return ours, reference_clusters(layer, shape, numpy_stream(1))


def members(weight, layer):
    """The nearest cluster of every channel of every kernel, (out, in)."""
    flat = weight.reshape(*weight.shape[:2], 1, -1).astype(float)
    return ((flat - layer.centers.reshape(len(layer.centers), -1)) ** 2).sum(-1).argmin(-1)


def counts(weight, layer):
    """(out, clusters) how many channels of each kernel belong to each cluster."""
    nearest = members(weight, layer)
    return np.stack([(nearest == c).sum(1) for c in range(len(layer.centers))], 1)


def chi_square(a, b):
    """Return p of the same distribution of whole numbers, with values in ten bins of equal share."""
    edges = np.unique(np.quantile(np.concatenate([a, b]), np.linspace(0, 1, 11)))
    table = np.stack([np.histogram(v, edges)[0] for v in (a, b)])
    return chi2_contingency(table[:, table.sum(0) > 0]).pvalue


@pytest.mark.parametrize("inputs", [40, 100])
def test_counts_have_the_same_distribution(inputs):
    ours, loops = (counts(w, APART) for w in both(APART, 900, inputs))
    for a, b in zip(ours.T, loops.T, strict=True):
        assert chi_square(a, b) > CHANCE
        assert ks_2samp(a, b).pvalue > CHANCE
        assert a.mean() == pytest.approx(b.mean(), abs=4 * b.std() * np.sqrt(2 / len(b)))
        assert a.std() == pytest.approx(b.std(), rel=4 / np.sqrt(len(b)))
    assert (ours.sum(1) == inputs).all() and (loops.sum(1) == inputs).all()


def test_counts_vary_together_in_the_same_way():
    ours, loops = (counts(w, APART) for w in both(APART, 1500, 40))
    error = 2 / np.sqrt(1500)  # of a difference of two correlations, at most
    assert np.corrcoef(ours.T) == pytest.approx(np.corrcoef(loops.T), abs=3 * error)


def test_centres_and_noise_have_the_same_distribution():
    ours, loops = both(APART, 400, 40)
    a, b = members(ours, APART), members(loops, APART)
    for cluster, (center, std) in enumerate(zip(APART.centers, APART.noise_std, strict=True)):
        noise = [(w - center)[m == cluster] for w, m in ((ours, a), (loops, b))]
        assert ks_2samp(noise[0].ravel()[:30_000], noise[1].ravel()[:30_000]).pvalue > CHANCE
        for drawn in noise:
            assert drawn.std() == pytest.approx(std, rel=0.02)
            assert np.abs(drawn.mean(0)).max() < 5 * std / np.sqrt(len(drawn))


def test_places_have_the_same_distribution():
    for weight in both(SIGNS, 3000, 64):
        negative = (weight[..., 0, 0] == -0.5).mean(0)
        assert negative == pytest.approx(np.full(64, 30 / 64), abs=5 * 0.5 / np.sqrt(3000))


@pytest.mark.parametrize("name", ["V1.conv2", "V2.conv2", "V2.conv3", "V4.conv1"])
def test_on_published_figures(name, shared):
    layer = Genome.load(shared / "reference" / "weight_compression_published.json").layers[name]
    ours, loops = both(layer, 300, 64)
    for a, b in zip(counts(ours, layer).T, counts(loops, layer).T, strict=True):
        assert chi_square(a, b) > CHANCE
    pixels = [w.reshape(-1, w.shape[2] * w.shape[3]) for w in (ours, loops)]
    for a, b in zip(pixels[0].T, pixels[1].T, strict=True):
        assert ks_2samp(a, b).pvalue > CHANCE


def test_a_birth_in_loops_is_a_birth():
    spec = ModelSpec(width=1 / 8, classes=5, size=32)
    genome = bench.made_genome(build(spec))
    ours, loops = build(spec), build(spec)
    give_birth(ours, BirthSpec("wc", 0, genome.sha256), genome)
    reference_birth(loops, genome)
    assert torch.equal(ours.V1.conv1.weight, loops.V1.conv1.weight)
    assert torch.equal(ours.decoder.linear.weight, loops.decoder.linear.weight)
    drawn, looped = (m.V4.conv2.weight.detach().flatten().numpy() for m in (ours, loops))
    assert not np.array_equal(drawn, looped)
    assert drawn.std() == pytest.approx(looped.std(), rel=0.1)
