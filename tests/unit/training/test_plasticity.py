"""Named sets of synapses: exact counts, the freeze, and kind errors."""

import dataclasses

import pytest
import torch
from torch import nn

from wiringup.core.errors import InputError
from wiringup.models.architecture import ModelSpec, build
from wiringup.training.batches import Plan
from wiringup.training.named_sets import names
from wiringup.training.plasticity import resolve
from wiringup.training.synapses import KINDS
from wiringup.training.updates import Updates

DECODER = 513_000
PLAN = Plan(images=8, batch=4, total=16, seed=0)


@pytest.fixture(scope="module")
def full():
    return build(ModelSpec())


@pytest.mark.parametrize(
    ("name", "convolution", "total"),
    [
        ("all", 52_860_096, 53_416_616),
        ("critical", 1_376_256, 1_376_256 + DECODER),
        # out * 4 out in V2, V4 and IT, as many as the down-projections
        ("conv1", 1_376_256, 1_376_256 + DECODER),
        ("decoder", 0, DECODER),
        ("downstream:decoder", 0, DECODER),
    ],
)
def test_counts_of_the_published_network(full, cornet, name, convolution, total):
    plasticity = resolve(full, cornet, name)
    assert plasticity.count(kinds=["convolution"]) == convolution
    assert plasticity.count() == total == sum(plasticity.trained.values())
    assert plasticity.count(trained=False) == 53_416_616


def test_shares_of_the_published_network(full, cornet):
    critical = resolve(full, cornet, "critical")
    of_convolutions = critical.count(kinds=["convolution"]) / critical.count(
        kinds=["convolution"], trained=False
    )
    assert of_convolutions == pytest.approx(0.026, abs=5e-4)
    assert critical.share == pytest.approx(0.035, abs=5e-4)


def test_downstream_is_an_area_and_all_after_it(full, cornet):
    plasticity = resolve(full, cornet, "downstream:V4")
    learns = {area: n for area, (n, _) in plasticity.by_area().items()}
    whole = {block: sum(p.numel() for p in getattr(full, block).parameters()) for block in cornet.blocks}
    assert learns == {**whole, "V1": 0, "V2": 0}
    assert list(plasticity.by_area()) == ["V1", "V2", "V4", "IT", "decoder"]


def test_batchnorm_is_every_affine_and_the_decoder(full, cornet):
    norms = [m for m in full.modules() if isinstance(m, nn.BatchNorm2d)]
    plasticity = resolve(full, cornet, "batchnorm")
    assert plasticity.count() == sum(2 * norm.num_features for norm in norms) + DECODER
    assert plasticity.count(kinds=["linear", "bias"]) == DECODER


def test_union_is_critical_training_up_to_v4(full, cornet):
    trained = resolve(full, cornet, "critical+downstream:IT").trained
    below = {name for name in trained if not name.startswith(("IT.", "decoder."))}
    assert below == {"V2.conv3.weight", "V4.conv3.weight"}
    assert {"IT.conv1.weight", "IT.norm1_0.bias"} < set(trained)


def test_row_of_the_table(full, cornet):
    row = next(r for r in resolve(full, cornet, "critical").synapses if r.layer == "IT.conv3")
    assert (row.parameter, row.area, row.kind) == ("IT.conv3.weight", "IT", "convolution")
    assert (row.shape, row.count, row.trained) == ((512, 2048, 1, 1), 1_048_576, True)


@pytest.mark.parametrize("name", ["all", "critical", "conv1", "decoder", "batchnorm", "downstream:V4"])
def test_where_norms_run_on_their_statistics_one_trains_if_and_only_if_its_affine_does(newborn, cornet, name):
    model = newborn()
    plasticity = resolve(model, cornet, name)
    updates = Updates(model, plasticity, PLAN, seed=0, norms="running")
    updates.begin(0)
    assert sum(p.numel() for p in updates.parameters) == plasticity.count()
    for layer, module in model.named_modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.training == module.weight.requires_grad == (f"{layer}.weight" in plasticity.trained)
    norms = sum(m.training for m in model.modules() if isinstance(m, nn.BatchNorm2d))
    # V1 has 2 norms, a recurrent area 1 and 3 for each of its 2, 4, 2 time steps
    expected = {"all": 29, "batchnorm": 29, "downstream:V4": 20}
    assert norms == expected.get(name, 0)


def test_names_of_an_architecture(cornet):
    found = list(names(cornet))
    assert found[:5] == ["all", "critical", "critical:V2", "critical:V4", "critical:IT"]
    assert found[5:10] == ["conv1", "pointwise", "batchnorm", "bias", "decoder"]
    areas = ["V1", "V2", "V4", "IT"]
    assert found[10:15] == [f"downstream:{a}" for a in (*areas, "decoder")]
    assert found[15:] == [*(f"kind:{kind}" for kind in KINDS), "layer:PATTERN", *areas]


@pytest.mark.parametrize(
    ("name", "hint"),
    [("critcal", "critical"), ("downstream:V5", "downstream:V"), ("all+decodr", "decoder")],
)
def test_unknown_names_are_refused_kindly(newborn, cornet, name, hint):
    with pytest.raises(InputError, match=rf"Unknown plasticity .*Did you mean '{hint}.*Allowed: .*all"):
        resolve(newborn(), cornet, name)


def test_architecture_whose_layers_are_not_there(newborn, cornet):
    other = dataclasses.replace(cornet, down_projections={"V2": ("V2.conv9",)})
    with pytest.raises(InputError, match=r"down-projection.*'V2.conv9'"):
        resolve(newborn(), other, "critical")
    without = dataclasses.replace(cornet, up_projections={})
    with pytest.raises(InputError, match="none are for cornet_s"):
        resolve(newborn(), without, "conv1")


def test_unknown_kind_of_synapse(newborn, cornet):
    with pytest.raises(InputError, match="kind of synapse 'conv'"):
        resolve(newborn(), cornet, "all").count(kinds=["conv"])


def test_stale_gradients_of_a_frozen_parameter_are_dropped(newborn, cornet):
    model = newborn()
    model.V1.conv1.weight.grad = torch.ones_like(model.V1.conv1.weight)
    Updates(model, resolve(model, cornet, "decoder"), PLAN, seed=0, norms="batch")
    assert model.V1.conv1.weight.grad is None
