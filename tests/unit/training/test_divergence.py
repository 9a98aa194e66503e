"""What stopped being finite, and where it began."""

import pytest
import torch

from watching import each_step
from wiringup.core.errors import WiringupError
from wiringup.training.divergence import bad_gradient, bad_layer, bad_weight
from wiringup.training.loop import train
from wiringup.training.schedule import epochs
from wiringup.training.spec import TrainSpec


@pytest.mark.parametrize("name", ["V1.conv1.weight", "V4.norm2_1.running_var", "decoder.linear.bias"])
def test_the_weight_or_statistic_is_named(newborn, name):
    model = newborn()
    assert bad_weight(model) is None
    model.state_dict()[name][3] = float("nan")
    assert bad_weight(model) == name


def test_what_a_weight_is_made_of_is_named_after_it(newborn, cornet, patterns):
    def poison(state):
        state.updates.parameters[0].data[0] = float("inf")

    spec = TrainSpec("mask:0.5:layer:V4.conv3", epochs(1), batch=8)
    with pytest.raises(WiringupError, match=r"V4.conv3.weight \(mask:0.5\) is not finite at step 2"):
        train(newborn(), cornet, patterns(16), spec, callbacks=each_step(poison))


@pytest.mark.parametrize(
    ("damaged", "first"),
    # a convolution is shared by all time steps: the first to answer is its own
    [("V4.conv2", "V4.conv2"), ("IT.norm1_1", "IT.norm1_1"), ("decoder.linear", "decoder.linear")],
)
def test_the_first_layer_to_overflow_is_named(newborn, damaged, first):
    model, images = newborn(), torch.randn(4, 3, 32, 32)
    assert bad_layer(model, images) is None
    model.get_submodule(damaged).weight.data.fill_(3e38)
    assert bad_layer(model, images) == first


def test_the_last_gradient_that_is_not_finite_is_named(newborn):
    model = newborn()
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    assert bad_gradient(model) is None
    model.V1.conv1.weight.grad[0] = float("nan")
    model.V4.conv3.weight.grad[0] = float("inf")
    assert bad_gradient(model) == "V4.conv3.weight"


def test_a_training_names_step_layer_and_checkpoint(newborn, cornet, patterns, tmp_path):
    model = newborn()
    with torch.no_grad():
        model.IT.norm3_1.weight.fill_(3e38)
    message = r"the loss is nan and the answer of IT.norm3_1 is the first .* at step 0 .*of step 0. Lower"
    with pytest.raises(WiringupError, match=message):
        train(model, cornet, patterns(16), TrainSpec(batch=8), folder=tmp_path)


def test_a_gradient_that_overflows_never_reaches_the_weights(newborn, cornet, patterns):
    model = newborn()
    for name, factor in (("V4.conv1", float("nan")), ("IT.conv2", 1e39)):
        model.get_submodule(name).weight.register_hook(lambda gradient, f=factor: gradient * f)
    before = {k: v.clone() for k, v in model.named_parameters()}
    with pytest.raises(WiringupError, match=r"the gradient of IT.conv2.weight is not finite at step 0"):
        train(model, cornet, patterns(16), TrainSpec("all", epochs(1), batch=8))
    assert all(torch.equal(v, before[k]) for k, v in model.named_parameters())
