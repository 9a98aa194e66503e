"""How synapses learn: gradients against autograd, and what is promised of the weights."""

import pytest
import torch
from torch import nn

from wiringup.core.seeds import torch_stream
from wiringup.training.loop import train
from wiringup.training.parametrisations import Parametrisation
from wiringup.training.schedule import epochs, steps
from wiringup.training.spec import TrainSpec


@pytest.fixture
def weight():
    # a layout that is not the row-major one, as in training
    values = torch.randn(6, 5, 3, 3, generator=torch_stream(0), dtype=torch.float64)
    return nn.Parameter(values.to(memory_format=torch.channels_last))


def loss_of(weight):
    """Some smooth function whose gradient is another figure for every entry."""
    scale = torch.randn(weight.shape, generator=torch_stream(1), dtype=weight.dtype)
    return (torch.sin(weight) * scale).sum()


def test_low_rank_has_the_gradients_and_the_weight_of_its_factors(weight):
    birth = weight.detach().clone()
    learned = Parametrisation("lowrank", 2).bind(weight, None, torch_stream(2))
    assert torch.equal(weight, birth)
    out, inner = learned.parameters
    with torch.no_grad():
        out.normal_(generator=torch_stream(3))
    learned.write_weights()
    factors = [figure.detach().clone().requires_grad_() for figure in (out, inner)]
    peer = birth + torch.einsum("or,rihw->oihw", factors[0], factors[1].view(2, 5, 3, 3))
    torch.testing.assert_close(weight.detach(), peer.detach(), rtol=1e-14, atol=1e-14)
    loss_of(peer).backward()
    loss_of(weight).backward()
    learned.project_gradients()
    for ours, theirs in zip((out, inner), factors, strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-12, atol=1e-12)


def test_a_mask_has_the_straight_through_gradient_and_the_top_scores(weight):
    birth = weight.detach().clone()
    learned = Parametrisation("mask", 0.3).bind(weight, None, torch_stream(2))
    (scores,) = learned.parameters
    assert scores.abs().max() <= 1 / 45**0.5 and scores.abs().max() > 0.9 / 45**0.5
    acting = weight != 0
    assert int(acting.sum()) == round(0.3 * 270) and torch.equal(weight[acting], birth[acting])
    assert scores.abs()[acting].min() > scores.abs()[~acting].max()
    peer = scores.detach().clone().requires_grad_()
    through = acting + peer.abs() - peer.abs().detach()
    loss_of(birth * through).backward()
    loss_of(weight).backward()
    learned.project_gradients()
    torch.testing.assert_close(scores.grad, peer.grad, rtol=1e-12, atol=1e-12)


def test_a_chosen_part_is_gathered_and_scattered(weight):
    birth, mask = weight.detach().clone(), torch.rand(weight.shape, generator=torch_stream(4)) < 0.3
    learned = Parametrisation().bind(weight, mask, torch_stream(2))
    (figures,) = learned.parameters
    assert torch.equal(figures, birth[mask])
    loss_of(weight).backward()
    learned.project_gradients()
    assert torch.equal(figures.grad, weight.grad[mask])
    with torch.no_grad():
        figures.add_(1)
    learned.write_weights()
    assert torch.equal(weight[mask], birth[mask] + 1) and torch.equal(weight[~mask], birth[~mask])


def learned(tiny, tiny_areas, patterns, name, **settings):
    model, birth = tiny(), dict(tiny().named_parameters())
    spec = TrainSpec(
        name, **{"duration": epochs(6), "batch": 8, "augmentation": "none", "lr": 0.3, **settings}
    )
    train(model, tiny_areas, patterns(32), spec)
    return dict(model.named_parameters()), birth


@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
@pytest.mark.parametrize("name", ["sign:all", "sign:(random:150)"])
def test_signs_never_flip(tiny, tiny_areas, patterns, name, optimiser):
    free, birth = learned(tiny, tiny_areas, patterns, name.replace("sign:", ""), optimiser=optimiser)
    kept, _ = learned(tiny, tiny_areas, patterns, name, optimiser=optimiser)
    assert any((free[k].sign() * birth[k].sign() < 0).any() for k in birth)
    assert all((kept[k].sign() * birth[k].sign() >= 0).all() for k in birth)
    assert any((kept[k] == 0).any() for k in birth)


def test_a_figure_born_at_zero_has_no_sign(tiny, tiny_areas, patterns):
    model = tiny()
    nn.init.zeros_(model.fc.bias)
    spec = TrainSpec("sign:decoder", steps(3), batch=8, augmentation="none")
    train(model, tiny_areas, patterns(32), spec)
    assert (model.fc.bias > 0).any() and (model.fc.bias < 0).any()


def test_low_rank_updates_have_their_rank(tiny, tiny_areas, patterns):
    after, birth = learned(tiny, tiny_areas, patterns, "lowrank:2:(kind:convolution + kind:linear)", lr=0.05)
    for name in ("conv1.weight", "conv2.weight", "fc.weight"):
        update = (after[name] - birth[name]).detach().flatten(1).double()
        singular = torch.linalg.svdvals(update)
        assert singular[1] > 1e-3 > 1e-5 > singular[2]


def test_masks_leave_the_weights_as_born(tiny, tiny_areas, patterns):
    name = "mask:0.5:(kind:convolution + kind:linear)"
    after, birth = learned(tiny, tiny_areas, patterns, name, lr=0.1, optimiser="adam")
    at_birth, _ = learned(tiny, tiny_areas, patterns, name, lr=0)
    changed = 0
    for key in ("conv1.weight", "conv2.weight", "fc.weight"):
        acting = after[key] != 0
        assert int(acting.sum()) == after[key].numel() // 2
        assert torch.equal(after[key][acting], birth[key][acting])
        changed += int((acting != (at_birth[key] != 0)).sum())
    assert changed > 4


@pytest.mark.parametrize(("way", "fraction"), [("lowrank:3", 0.75), ("mask:0.5", 0.97)])
def test_the_loss_falls(tiny, tiny_areas, patterns, way, fraction):
    name = f"{way}:(kind:convolution + kind:linear)"

    def last(lr):
        spec = TrainSpec(
            name,
            epochs(12),
            batch=8,
            optimiser="adam",
            lr=lr,
            augmentation="none",
            schedule="cosine",
            norms="running",
        )
        return train(tiny(), tiny_areas, patterns(32), spec).epoch_losses[-1]

    # 157 synapses whose weights stand still cannot do much
    assert last(0.1) < fraction * last(0)
