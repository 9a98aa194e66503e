"""Births with the running statistics of the network that was distilled."""

import json
from dataclasses import replace

import pytest
import torch
from torch import nn

from wiringup.birth.apply import BirthSpec, describe_birth, give_birth
from wiringup.birth.distill import distill, with_statistics
from wiringup.birth.genome import Genome, beside
from wiringup.birth.published import PUBLISHED_STATISTICS, left_out, read_published
from wiringup.core.errors import InputError
from wiringup.core.seeds import torch_stream
from wiringup.models.architecture import ModelSpec, build
from wiringup.training.norms import statistics_of

SPEC = ModelSpec(width=1 / 16, classes=4, size=32)


@pytest.fixture(scope="module")
def teacher():
    """A thin CORnet-S whose norms have seen something."""
    model = build(SPEC)
    give_birth(model, BirthSpec("kaiming_normal", 3))
    with torch.no_grad():
        model.train()(torch.randn(8, 3, 32, 32, generator=torch_stream(0)))
    return model.eval()


@pytest.fixture(scope="module")
def genome(teacher):
    return distill(teacher.state_dict(), statistics=True)


def born(genome, policy, spec=SPEC, seed=0):
    model = build(spec)
    give_birth(model, BirthSpec("weight_compression", seed, genome.sha256, policy), genome)
    return model


def running(model):
    return {k: v for k, v in model.state_dict().items() if "running" in k}


def test_the_newborn_has_the_statistics_of_the_teacher_and_weights_of_its_own(teacher, genome):
    child = born(genome, "teacher")
    of_teacher = running(teacher)
    assert all(torch.equal(value, of_teacher[key]) for key, value in running(child).items())
    assert not torch.equal(child.V2.conv2.weight, teacher.V2.conv2.weight)
    assert child.V1.norm1.num_batches_tracked == 0
    default = born(genome, "default")
    assert all(torch.equal(v, torch.full_like(v, float("var" in k))) for k, v in running(default).items())
    assert torch.equal(default.V2.conv2.weight, child.V2.conv2.weight)


def test_statistics_count_where_a_birth_has_them(teacher, genome):
    bare = distill(teacher.state_dict())
    expected = sum(statistics_of(teacher).values())
    assert genome.n_statistics == expected > 0
    assert genome.n_parameters == bare.n_parameters + expected
    assert genome.bits(16) == bare.bits(16) + 16 * expected
    told = {
        policy: describe_birth(BirthSpec("wc", 0, genome.sha256, policy), genome)
        for policy in ("teacher", "teacher-plain", "default")
    }
    affine = 4  # weight 1 and bias 0 everywhere: one distribution, which counts once
    assert [t["parameters"] for t in told.values()] == [
        genome.n_parameters,
        genome.n_parameters - affine,
        bare.n_parameters,
    ]
    assert (
        told["teacher"]["batchnorm_statistics"] == "those of the network that the genome was distilled from"
    )


def test_the_file_keeps_every_bit_of_them(genome, tmp_path):
    path = tmp_path / "genome.json"
    genome.save(path)
    again = Genome.load(path)
    assert again.sha256 == genome.sha256 and again.to_dict() == genome.to_dict()
    assert all(
        torch.equal(v, running(born(genome, "teacher"))[k])
        for k, v in running(born(again, "teacher")).items()
    )
    beside(path).unlink()
    with pytest.raises(InputError, match="its values are missing from the weights file beside"):
        Genome.load(path)


def test_a_genome_without_statistics_keeps_its_address(teacher, genome):
    bare = distill(teacher.state_dict())
    assert genome.without_statistics().sha256 == bare.sha256 != genome.sha256
    assert "statistics" not in bare.to_dict()


@pytest.mark.parametrize("entry", [[], {"V1.norm1": 3}, "text"])
def test_entries_that_are_no_statistics_are_refused(genome, entry):
    with pytest.raises(InputError, match="field statistics: expected an object of objects"):
        Genome.from_dict(genome.to_dict() | {"statistics": entry})


def test_without_statistics_the_policy_is_refused_in_words(teacher):
    bare = distill(teacher.state_dict())
    with pytest.raises(
        InputError, match=r"distilled from, and this genome holds none .*\. Keep them.*--statistics"
    ):
        born(bare, "teacher")
    with pytest.raises(InputError, match="the recipe kaiming_normal draws from no genome"):
        give_birth(build(SPEC), BirthSpec("kaiming_normal", batchnorm="teacher"))
    with pytest.raises(InputError, match="has no running statistics"):
        distill({"conv.weight": torch.randn(4, 3, 3, 3)}, recipe="layer_normal", statistics=True)


def test_statistics_that_are_not_finite_are_not_kept(teacher, genome):
    state = {k: v.clone() for k, v in teacher.state_dict().items()}
    state["V2.norm_skip.running_var"][1] = torch.nan
    with pytest.raises(InputError, match=r"running statistics of V2\.norm_skip are not all finite"):
        with_statistics(genome, state)


def test_statistics_of_another_width_are_refused_and_nothing_is_touched(genome):
    wide = ModelSpec(width=1 / 8, classes=4, size=32)
    model = build(wide)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    with pytest.raises(
        InputError, match=r"do not fit 29 of the network's 29 BatchNorms, such as V1.norm1 with 8"
    ):
        give_birth(model, BirthSpec("weight_compression", 0, genome.sha256, "teacher"), genome)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


def test_statistics_of_a_norm_that_the_network_lacks_are_refused(genome):
    more = replace(genome, statistics={**genome.statistics, "V9.norm": genome.statistics["V1.norm1"]})
    with pytest.raises(InputError, match=r"such as V9.norm with no channels \(in the genome 4\)"):
        born(more, "teacher")


def test_the_published_count_is_that_of_the_sampled_layers(shared):
    norms = {name for name, m in build(ModelSpec()).named_modules() if isinstance(m, nn.BatchNorm2d)}
    counted = statistics_of(build(ModelSpec()))
    assert sum(counted.values()) == 43_520
    sampled = {name for name in norms if not name.split(".")[1].startswith("norm3")}
    assert sum(counted[name] for name in sampled) == PUBLISHED_STATISTICS
    published = read_published(shared / "reference" / "training_reductions" / "pretrained")
    parameters = published.n_parameters
    assert f"with them {parameters + 38_912:,} parameters, {16 * (parameters + 38_912):,} bits" in left_out(
        published, 16
    )


def test_published_distributions_and_the_statistics_of_a_checkpoint(shared):
    published = read_published(shared / "reference" / "training_reductions" / "pretrained")
    whole = build(ModelSpec())
    joined = with_statistics(published, whole.state_dict())
    assert joined.layers == published.layers and joined.n_statistics == 43_520
    assert left_out(joined, 16) == ""
    assert joined.source["repository"] == published.source["repository"]
    json.dumps(joined.to_dict())
