"""The genome file: round trips, size, hash, and refusals that name layer and field."""

import json

import numpy as np
import pytest

from wiringup.birth.clusters import ClusterLayer
from wiringup.birth.gabor_layers import GaborLayer
from wiringup.birth.genome import Genome
from wiringup.birth.genome_layers import BatchNormLayer, LinearLayer
from wiringup.core.errors import InputError, MissingDataError

CLUSTERS = ClusterLayer(3, np.array([1.5, 2.5]), np.ones(2), np.array([0.1, 1 / 3]), np.ones((2, 3, 3)) / 7)


def example():
    return Genome(
        {
            "V1.conv1": GaborLayer(7, np.full((4, 3, 9), 0.1)),
            "V1.conv2": CLUSTERS,
            "V1.norm1": BatchNormLayer(1.0, 0.25, -0.5, 0.125),
            "decoder.linear": LinearLayer(),
        },
        "cornet_s",
        {"paper": "a", "state_sha256": "b"},
    )


def test_round_trip_keeps_every_digit(tmp_path):
    genome = example()
    path = tmp_path / "deeper" / "genome.json"
    genome.save(path)
    again = Genome.load(path)
    assert again.to_dict() == genome.to_dict()
    assert again.sha256 == genome.sha256
    assert isinstance(again.layers["V1.norm1"], BatchNormLayer)
    assert again.layers["V1.conv2"].centers == pytest.approx(CLUSTERS.centers, abs=0)
    assert path.read_text().count("\n") < 40  # one line for each field


def test_size_in_parameters_and_bits():
    genome = example()
    assert genome.n_parameters == 4 * 3 * 8 + 2 * (3 + 9) + 4
    assert genome.bits() == 16 * genome.n_parameters
    assert genome.bits(32) == 32 * genome.n_parameters
    with pytest.raises(InputError, match="precision in bits is 0"):
        genome.bits(0)


def test_it_is_shown_in_short_and_as_a_frame():
    assert repr(example()) == "Genome(weight_compression of cornet_s, 4 layers)"
    frame = example().to_frame()
    assert list(frame["kind"]) == ["gabor", "clusters", "batchnorm", "linear"]
    assert frame["parameters"].sum() == example().n_parameters


def test_hash_follows_the_content_and_not_the_source():
    genome = example()
    assert Genome(genome.layers, "cornet_s", {"other": 1}).sha256 == genome.sha256
    assert Genome(genome.layers, "alexnet").sha256 != genome.sha256
    other = {**genome.layers, "V1.norm1": BatchNormLayer(1.0, 0.25, -0.5, 0.126)}
    assert Genome(other).sha256 != genome.sha256


def test_published_json_is_schema_1(shared):
    genome = Genome.load(shared / "reference" / "weight_compression_published.json")
    assert genome.architecture == "cornet_s"
    assert len(genome.layers) == 17
    assert genome.layers["V1.conv1"].fits.shape == (64, 3, 9)
    assert len(genome.layers["IT.conv2"].centers) == 4
    assert genome.n_parameters == 64 * 3 * 8 + 13 * 2 * 4 - 2 * 4 + (7 + 5 + 8 + 4) * 12


CASES = {
    "no layers": (lambda d: d.pop("layers"), "a JSON object with 'layers'"),
    "future": (lambda d: d.update(schema=99), "schema 99; this wiringup reads 1 to 4"),
    "source": (lambda d: d.update(source="me"), "field source: expected an object"),
    "kind": (
        lambda d: d["layers"]["V1.conv2"].update(kind="cluster"),
        "layer V1.conv2 'cluster'.*mean 'clusters'",
    ),
    "no object": (lambda d: d["layers"].update({"V1.conv2": 3}), "layer V1.conv2: expected an object"),
    "missing": (
        lambda d: d["layers"]["V1.conv2"].pop("noise_std"),
        "layer V1.conv2, field noise_std: missing",
    ),
    "size": (lambda d: d["layers"]["V1.conv2"].update(kernel_size=0), "kernel_size: expected a whole number"),
    "shape": (
        lambda d: d["layers"]["V1.conv2"].update(kernel_size=5),
        r"layer V1.conv2, field centers: shape \(2, 3, 3\), expected .* with clusters = 2, kernel_size = 5",
    ),
    "dimensions": (
        lambda d: d["layers"]["V1.conv1"].update(fits=[[1.0] * 9]),
        r"layer V1.conv1, field fits: shape \(1, 9\), expected \('filters', 'colours', 9\)",
    ),
    "length": (lambda d: d["layers"]["V1.conv2"].update(count_std=[1]), r"field count_std: shape \(1,\)"),
    "empty": (lambda d: d["layers"]["V1.conv2"].update(count_mean=[]), r"count_mean: shape \(0,\)"),
    "words": (
        lambda d: d["layers"]["V1.norm1"].update(bias_mean="x"),
        "layer V1.norm1, field bias_mean: expected numbers",
    ),
    "ragged": (lambda d: d["layers"]["V1.conv2"].update(count_mean=[[1], 2]), "regular array"),
    "NaN": (lambda d: d["layers"]["V1.norm1"].update(bias_mean=float("nan")), "NaN is no number of JSON"),
    "negative": (
        lambda d: d["layers"]["V1.conv2"].update(noise_std=[-1, 1]),
        "noise_std: a value is negative",
    ),
    "no counts": (lambda d: d["layers"]["V1.conv2"].update(count_mean=[0, 0]), "all counts are 0"),
    "norm": (lambda d: d["layers"]["V1.norm1"].update(weight_std=-1), "weight_std or bias_std is negative"),
    "sigma": (lambda d: d["layers"]["V1.conv1"]["fits"][0][0].__setitem__(2, 0), "a sigma is not positive"),
    "frequency": (
        lambda d: d["layers"]["V1.conv1"]["fits"][0][0].__setitem__(0, -1),
        "a frequency is negative",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_refusals_name_file_layer_and_field(case, tmp_path):
    spoil, message = CASES[case]
    document = example().to_dict()
    spoil(document)
    path = tmp_path / "bad.json"
    path.write_text(json.dumps(document))
    with pytest.raises(InputError, match=f"(?s)bad.json.*{message}"):
        Genome.load(path)


def test_missing_and_broken_files(tmp_path):
    with pytest.raises(MissingDataError, match=r"no file .*none\.json"):
        Genome.load(tmp_path / "none.json")
    (tmp_path / "torn.json").write_text('{"layers": ')
    with pytest.raises(InputError, match=r"torn\.json is not valid JSON"):
        Genome.load(tmp_path / "torn.json")
