"""Which genome a birth draws from, and when it is carried to another network."""

import json

import pytest
from torch import nn

from wiringup.birth.apply import BirthSpec
from wiringup.birth.distill import distill
from wiringup.birth.genome import Genome
from wiringup.birth.transfer import LAYER_MAPS, transfer
from wiringup.core.errors import InputError, MissingDataError
from wiringup.experiments.runs.births import born
from wiringup.experiments.runs.genomes import find_genome, open_genome
from wiringup.models.architecture import ModelSpec

CORNET = ModelSpec("cornet_s", 1 / 8, 5, 64)
RESNET = ModelSpec("resnet50", 1 / 8, 5, 64)


@pytest.fixture(scope="module")
def genome_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("genome") / "genome.json"
    distill(born(CORNET, BirthSpec(), None, None).state_dict()).save(path)
    return path


def test_a_genome_of_the_same_architecture_stays_as_it_is(genome_file, tmp_path):
    recipe, genome = find_genome(str(genome_file), tmp_path, CORNET)
    assert recipe == "weight_compression"
    assert genome.sha256 == Genome.load(genome_file).sha256


@pytest.mark.parametrize("name", list(LAYER_MAPS))
def test_a_genome_of_cornet_s_is_carried_by_the_built_in_map(name, genome_file, tmp_path):
    spec = ModelSpec(name, 1 / 8, 5, 64)
    _, genome = find_genome(str(genome_file), tmp_path, spec)
    assert genome.architecture == name
    assert genome.source["donor"] == Genome.load(genome_file).sha256
    model = born(spec, BirthSpec("wc", 0, genome.sha256), genome, None)
    assert all(m.weight.abs().max() > 0 for m in model.modules() if isinstance(m, nn.Conv2d))


@pytest.mark.parametrize("name", ["cornet_s", *LAYER_MAPS])
def test_the_published_parameters_reach_every_architecture(name, shared, tmp_path):
    folder = tmp_path / "weight-compression"
    folder.symlink_to(shared / "reference" / "training_reductions" / "pretrained")
    recipe, genome = find_genome("wc", tmp_path, ModelSpec(name, 1 / 8, 5, 64))
    assert (recipe, genome.architecture) == ("weight_compression", name)


def test_between_others_the_user_draws_the_map(genome_file, tmp_path):
    _, other = find_genome(str(genome_file), tmp_path, RESNET)
    other.save(tmp_path / "resnet.json")
    with pytest.raises(InputError, match=r"no built-in map between them .*--map FILE"):
        find_genome(str(tmp_path / "resnet.json"), tmp_path, CORNET)
    rows = {"V1.conv1": "conv1", "V1.conv2": "layer1.0.conv2"}
    rows |= {f"V?.{c}": "layer1.0.conv1" for c in ("conv_input", "skip")}
    rows |= {"*.conv2": "layer3.0.conv2", "*.conv*": "layer4.0.conv1", "IT.skip": "layer4.0.conv3"}
    (tmp_path / "map.json").write_text(json.dumps(rows))
    _, genome = find_genome(str(tmp_path / "resnet.json"), tmp_path, CORNET, tmp_path / "map.json")
    model = born(CORNET, BirthSpec("wc", 0, genome.sha256), genome, None)
    expected = transfer(other, model, rows, "cornet_s")
    assert genome.sha256 == expected.sha256


def test_the_gain_is_kept_on_request_and_makes_another_genome(genome_file, tmp_path):
    plain, kept = (
        find_genome(str(genome_file), tmp_path, RESNET, keep_gain=keep_gain)[1] for keep_gain in (False, True)
    )
    assert plain.sha256 != kept.sha256
    expected = transfer(
        Genome.load(genome_file), born(RESNET, BirthSpec(), None, None), LAYER_MAPS["resnet50"], "resnet50",
        keep_gain=True,
    )  # fmt: skip
    assert kept.sha256 == expected.sha256


def test_a_map_without_a_genome_is_refused(tmp_path):
    with pytest.raises(InputError, match="kaiming_normal uses no genome, so there is nothing to map"):
        find_genome("kn", tmp_path, RESNET, tmp_path / "map.json")


def test_without_the_published_distributions_no_option_of_another_command_is_named(tmp_path, monkeypatch):
    """Genomes are asked for by --birth, --genome, --weights or a bare name, depending on the command."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    with pytest.raises(
        MissingDataError, match=r"wiringup fetch weight-compression  \(or name a .*FILE"
    ) as told:
        open_genome("wc", tmp_path)
    assert " --" not in str(told.value)
