"""Description length: what counts and what does not."""

import numpy as np
import pytest
from torch import nn

from wiringup.birth.apply import BirthSpec
from wiringup.birth.clusters import ClusterLayer
from wiringup.birth.description import Description, of_birth, of_trained
from wiringup.birth.genome import Genome
from wiringup.birth.genome_layers import BatchNormLayer
from wiringup.core.errors import InputError

CLUSTERS = ClusterLayer(1, np.array([2.0, 2.0]), np.ones(2), np.zeros(2), np.ones((2, 1, 1)))
GENOME = Genome({"a": CLUSTERS, "b": CLUSTERS, "n": BatchNormLayer(1.0, 0.1, 0.0, 0.1)})


def test_rules_have_no_parameters_and_the_seed_counts_for_nothing():
    for seed in (0, 7):
        assert of_birth(BirthSpec("kn", seed)) == Description(0, 16)
        assert of_birth(BirthSpec("constant", seed)).bits == 0


def test_a_genome_counts_what_layers_share_once():
    spec = BirthSpec("wc", 0, GENOME.sha256)
    assert of_birth(spec, GENOME).n_parameters == 2 * 4 + 4
    assert of_birth(spec, GENOME).bits == 16 * 12
    assert of_birth(spec, GENOME, 8).bits == 8 * 12


def test_fitted_batchnorm_counts_only_where_it_is_drawn():
    assert of_birth(BirthSpec("wc", 0, GENOME.sha256, "noise-plain"), GENOME).n_parameters == 8


def test_a_trained_network_is_all_its_parameters():
    model = nn.Sequential(nn.Conv2d(3, 4, 2), nn.BatchNorm2d(4))
    assert of_trained(model) == Description(3 * 4 * 4 + 4 + 8, 32)


def test_precision_is_a_bit_at_least():
    with pytest.raises(InputError, match="precision in bits is 0"):
        of_birth(BirthSpec(), None, 0)
