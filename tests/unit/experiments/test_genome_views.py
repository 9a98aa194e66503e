"""What is shown of a genome is what it holds, and what is drawn is what is born."""

import numpy as np
import pytest

from wiringup.birth.apply import BirthSpec
from wiringup.birth.clusters import ClusterLayer
from wiringup.birth.distill import distill
from wiringup.birth.gabor_layers import GaborLayer
from wiringup.birth.genome import Genome
from wiringup.birth.genome_layers import BatchNormLayer, LinearLayer
from wiringup.birth.recipes import RECIPES
from wiringup.core.errors import InputError
from wiringup.experiments.runs.births import born
from wiringup.experiments.runs.genome_views import content, differences, drawing, recipes, shapes_of
from wiringup.experiments.runs.genomes import find_genome, open_genome
from wiringup.models.architecture import ModelSpec

TINY = ModelSpec("cornet_s", 1 / 8, 5, 64)
FEW = ("V1.conv1", "V2.conv1", "V2.norm1_0", "decoder.linear")


@pytest.fixture(scope="module")
def trained():
    return born(TINY, BirthSpec("kn", 3), None, None).state_dict()


@pytest.fixture(scope="module")
def genome(trained):
    return distill(trained, source={"paper": "p"})


def test_content_names_and_counts_everything(genome):
    shown = content(genome, 8)
    assert (shown["recipe"], shown["architecture"]) == ("weight_compression", "cornet_s")
    assert shown["source"]["paper"] == "p" and len(shown["source"]["state_sha256"]) == 64
    assert shown["parameters"] == genome.n_parameters
    assert shown["bits at 16 per parameter"] == 16 * genome.n_parameters
    assert (shown["precision"], shown["bits"]) == (8, 8 * genome.n_parameters)
    row = next(r for r in shown["layers"] if r["layer"] == "V1.conv1")
    assert (row["kind"], row["parameters"], row["bits"]) == ("gabor", 8 * 3 * 8, 8 * 8 * 3 * 8)
    assert "Gabors" in row["summary"]


def test_what_is_drawn_is_what_is_born(genome, trained):
    shown = drawing(genome, 5, trained, FEW)
    network = born(TINY, BirthSpec("wc", 5, genome.sha256), genome, None)
    assert np.array_equal(shown.first.born, network.V1.conv1.weight.detach().numpy())
    (layer,) = shown.layers
    assert np.array_equal(layer.born, network.V2.conv1.weight.detach().numpy()[:64, :64])
    assert np.array_equal(layer.trained, trained["V2.conv1.weight"].numpy()[:64, :64])
    assert np.array_equal(shown.first.trained, trained["V1.conv1.weight"].numpy())
    assert np.array_equal(layer.centers, genome.layers["V2.conv1"].centers)
    assert list(shown.norms.names) == ["V2.norm1_0"]
    norm = genome.layers["V2.norm1_0"]
    assert shown.norms.weight.tolist() == [[norm.weight_mean, norm.weight_std]]
    assert shown.first.drawn["frequency"].max() <= shown.first.fitted["frequency"].max() + 1e-9


def test_angles_of_fits_are_drawn_in_one_half_turn(genome, trained):
    layer = genome.layers["V1.conv1"]
    turned = layer.fits + 2 * np.pi * (np.arange(9) == 1)
    shown = drawing(Genome({"V1.conv1": GaborLayer(7, turned)}), 0, trained)
    assert shown.first.fitted["theta"] == pytest.approx(layer.fits[..., 1].ravel(), abs=1e-6)


def test_without_weights_the_shapes_are_those_of_the_architecture(genome):
    assert shapes_of(genome)["V1.conv2"] == (64, 64, 3, 3)
    assert drawing(genome, layers=("V1.conv2",)).layers[0].born.shape == (64, 64, 3, 3)
    with pytest.raises(InputError, match=r"V1.conv2 is not known: the architecture mine has no such layer"):
        drawing(Genome(genome.layers, "mine"), layers=("V1.conv2",))


def test_layers_that_cannot_be_drawn(genome, trained):
    with pytest.raises(InputError, match=r"layer of the genome 'V2.conv11'. Did you mean 'V2.conv1'"):
        drawing(genome, layers=("V2.conv11",))
    with pytest.raises(InputError, match=r"nothing to draw of decoder\.linear"):
        drawing(genome, layers=("decoder.linear",))
    with pytest.raises(InputError, match=r"V1\.conv2 is not known: the weights have no such layer"):
        drawing(genome, 0, {"other.weight": trained["V1.conv2.weight"]}, ("V1.conv2",))


def test_differences_layer_by_layer(genome):
    layers = dict(genome.layers)
    old = layers["V2.conv1"]
    layers["V2.conv1"] = ClusterLayer(1, old.count_mean, old.count_std, old.noise_std, old.centers * 3 + 1)
    layers["V2.norm1_0"] = BatchNormLayer(3.0, 0.0, 0.0, 0.0)
    layers["V1.norm1"] = LinearLayer()
    del layers["IT.skip"]
    found = {d.layer: d for d in differences(genome, Genome(layers))}
    assert found["V1.conv1"].same and not found["V1.conv1"].distances
    moved = found["V2.conv1"]
    assert moved.distances["channels"] > 10 * moved.chance["channels"] > 0
    assert found["V2.norm1_0"].distances == {"weight": 2.0, "bias": 0.0}
    assert found["V1.norm1"].note == "batchnorm and linear describe layers of different kinds."
    assert found["IT.skip"].kinds == ("clusters", "") and found["IT.skip"].n_parameters == (8, 0)
    assert sum(d.same for d in found.values()) == len(genome.layers) - 4


def test_opening_a_file_or_the_published_parameters(genome, tmp_path, shared):
    genome.save(tmp_path / "g.json")
    assert open_genome(str(tmp_path / "g.json"), tmp_path).sha256 == genome.sha256
    (tmp_path / "weight-compression").symlink_to(shared / "reference" / "training_reductions" / "pretrained")
    assert open_genome("wc", tmp_path).recipe == "weight_compression"
    assert open_genome("gabor_bank", tmp_path).recipe == "gabor_bank"


def test_names_that_open_nothing(tmp_path):
    with pytest.raises(InputError, match="kaiming_normal is a rule"):
        open_genome("kn", tmp_path)
    with pytest.raises(InputError, match=r"neither a genome file .* Did you mean 'weight_compression'"):
        open_genome("weigth_compression", tmp_path)
    with pytest.raises(InputError, match="draws from a genome of its own"):
        open_genome("kernel_normal", tmp_path)


def test_every_recipe_is_listed_with_what_to_type(tmp_path, shared):
    (tmp_path / "weight-compression").symlink_to(shared / "reference" / "training_reductions" / "pretrained")
    found = {r["recipe"]: r for r in recipes()}
    assert list(found) == list(RECIPES)
    assert (found["kaiming_normal"]["aliases"], found["kaiming_normal"]["birth"]) == (["kn"], "kn")
    assert found["kernel_normal"]["birth"] == "FILE" and found["kernel_normal"]["parameters"] is None
    for name, row in found.items():
        assert row["source"] and row["description"]
        if row["birth"] != "FILE":
            recipe, drawn = find_genome(row["birth"], tmp_path, TINY)
            assert (recipe, drawn is not None) == (name, row["needs_genome"])
