"""Sets of synapses against sets of (parameter, index); random sets are exact in number and uniform."""

import pytest
import torch
from torch import nn

from wiringup.core.errors import InputError
from wiringup.core.seeds import torch_stream
from wiringup.training.synapses import ALL, Network, SynapseSet


@pytest.fixture
def network(tiny, tiny_areas):
    return Network.of(tiny(), tiny_areas)


def some(network, seed):
    """A set of some parameters: some whole, some in part, some not at all."""
    stream, found = torch_stream(seed), {}
    for row in network.rows:
        how = int(torch.randint(3, (1,), generator=stream))
        if how:
            mask = torch.rand(row.shape, generator=stream) < 0.5
            found[row.parameter] = ALL if how == 1 else mask
    return SynapseSet(found)


def elements(network, synapses):
    shapes = {row.parameter: row.shape for row in network.rows}
    return {(k, *i) for k, m in synapses.members.items() for i in m.expand(shapes[k]).nonzero().tolist()}


@pytest.mark.parametrize("seed", range(6))
def test_the_algebra_is_that_of_sets(network, seed):
    a, b = some(network, 2 * seed), some(network, 2 * seed + 1)
    x, y = elements(network, a), elements(network, b)
    for ours, theirs in ((a | b, x | y), (a & b, x & y), (a - b, x - y), (a - a, set())):
        assert elements(network, ours) == theirs
        assert sum(ours.counts(network.rows).values()) == len(theirs)
        assert bool(ours) == bool(theirs)
        masks = [mask for mask in ours.members.values() if mask is not ALL]
        assert all(mask.any() and not mask.all() for mask in masks)


def test_a_random_set_is_exact_in_number_and_within_its_pool(network):
    everything = SynapseSet.whole(row.parameter for row in network.rows)
    pool = some(network, 3)
    assert any(mask is not ALL for mask in pool.members.values())
    inside = elements(network, pool)
    for count in (0, 1, 7, len(inside) - 1, len(inside)):
        drawn = pool.draw(count, network.rows, seed=count)
        assert len(elements(network, drawn)) == count
        assert elements(network, drawn) <= inside
    assert elements(network, pool.draw(9, network.rows, 5)) == elements(
        network, pool.draw(9, network.rows, 5)
    )
    assert elements(network, everything.draw(9, network.rows, 5)) != elements(
        network, everything.draw(9, network.rows, 6)
    )
    with pytest.raises(
        InputError, match=f"{len(inside) + 1} synapses were to be drawn .* from only {len(inside)}"
    ):
        pool.draw(len(inside) + 1, network.rows, 0)


def test_every_synapse_is_drawn_equally_often(network):
    pool = some(network, 3)
    inside, draws = elements(network, pool), 400
    often = dict.fromkeys(inside, 0)
    for seed in range(draws):
        for one in elements(network, pool.draw(20, network.rows, seed)):
            often[one] += 1
    p = 20 / len(inside)
    deviations = [(n - draws * p) / (draws * p * (1 - p)) ** 0.5 for n in often.values()]
    assert max(map(abs, deviations)) < 4.5
    # sampling without replacement: the squared deviations are those of independent draws, but for 1 / n
    assert sum(d * d for d in deviations) / len(inside) == pytest.approx(1, abs=0.35)


def test_a_convolution_is_a_convolution(tiny, tiny_areas):
    model = tiny()
    model.norm1, model.conv2 = nn.GroupNorm(2, 4), nn.MultiheadAttention(6, 2)
    model.norm1.token = nn.Parameter(torch.zeros(1, 1, 6))
    kinds = {row.parameter: row.kind for row in Network.of(model, tiny_areas).rows}
    assert [name for name, kind in kinds.items() if kind == "convolution"] == ["conv1.weight"]
    other = {name for name, kind in kinds.items() if kind == "other"}
    assert other == {"norm1.token", "norm1.weight", "conv2.in_proj_weight"}
