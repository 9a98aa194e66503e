import pytest
import torch
from torch import nn

from wiringup.core.errors import InputError
from wiringup.models.forward import Readout, count_calls, forward, probe


class Recurrent(nn.Module):
    """Three steps of one convolution, whose answer is then changed in place, and a decoder."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.spare = nn.Identity()
        self.decoder = nn.Linear(3 * 64, 2)
        generator = torch.Generator().manual_seed(0)
        for parameter in self.parameters():
            parameter.data.copy_(torch.randn(parameter.shape, generator=generator))

    def forward(self, x):
        for _ in range(3):
            x = self.relu(self.conv(x))
        return self.decoder(x.flatten(1))


X = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(1))


def read(module, *wanted):
    found = {}
    calls = forward(module, X, wanted, lambda readout, value: found.update({readout: value.clone()}))
    return found, calls


def test_every_wanted_call_is_handed_over_before_it_is_changed_in_place():
    net = Recurrent()
    found, calls = read(net, Readout("conv", 0), Readout("conv", 2), Readout("decoder"))
    with torch.no_grad():
        first = net.conv(X)
        third = net.conv(net.conv(first.relu()).relu())
        torch.testing.assert_close(found[Readout("conv", 0)], first)
        torch.testing.assert_close(found[Readout("conv", 2)], third)
        torch.testing.assert_close(found[Readout("decoder")], net.decoder(third.relu().flatten(1)))
    assert (first < 0).any()
    assert calls == {"conv": 3, "decoder": 1}


def test_the_pass_stops_at_the_last_answer_and_leaves_no_hooks():
    net = Recurrent()
    later = []
    net.decoder.register_forward_hook(lambda *_: later.append("decoder"))
    found, calls = read(net, Readout("conv", 0), Readout("conv", 1))
    whole, _ = read(net, Readout("conv", 0), Readout("conv", 1), Readout("conv", 9))
    assert calls == {"conv": 2}
    assert later == ["decoder"]  # by the second pass only: its third read-out never answered
    assert whole.keys() == found.keys()
    assert all(torch.equal(whole[key], found[key]) for key in found)
    assert not net.conv._forward_hooks
    assert net(X).shape == (4, 2)


def test_calls_are_counted_over_a_whole_pass():
    assert count_calls(Recurrent(), X, ["conv", "spare"]) == {"conv": 3}


def test_one_image_tells_the_features_and_the_largest_output():
    found = probe(Recurrent(), X[:1], [Readout("conv", 1), Readout("spare"), Readout("decoder")])
    assert found.features == {Readout("conv", 1): 3 * 64, Readout("decoder"): 2}
    assert found.largest == 3 * 64 * 4
    assert found.calls == {"conv": 3, "decoder": 1}


class Odd(nn.Module):
    def __init__(self, answer):
        super().__init__()
        self.part = Answer(answer)

    def forward(self, x):
        self.part(x)
        return x


class Answer(nn.Module):
    def __init__(self, answer):
        super().__init__()
        self.answer = answer

    def forward(self, x):
        return self.answer(x)


@pytest.mark.parametrize(
    ("answer", "told"),
    [(lambda x: (x, x), "a tuple"), (lambda x: x[0], r"\(3, 8, 8\)"), (lambda x: x.sum(), r"\(\)")],
)
def test_what_is_not_one_tensor_for_each_image_is_refused(answer, told):
    with pytest.raises(InputError, match=f"part answers 4 images with {told}"):
        read(Odd(answer), Readout("part"))
