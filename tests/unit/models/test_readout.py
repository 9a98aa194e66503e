import logging

import numpy as np
import pytest
import torch
from torch import nn

from wiringup.core.errors import InputError
from wiringup.core.stimuli import from_pixels
from wiringup.models.architecture import ModelSpec, build
from wiringup.models.cache import ResponseCache
from wiringup.models.device import check_device
from wiringup.models.forward import Readout
from wiringup.models.preprocessing import MEAN, STD, preprocess
from wiringup.models.readout import NetworkSubject, PixelSubject, expanded, subject
from wiringup.models.storage import Storage

SPEC = ModelSpec(width=1 / 16, classes=4, size=32)


def born(seed: int = 0) -> nn.Module:
    model = build(SPEC)
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        parameter.data.copy_(torch.randn(parameter.shape, generator=generator) * 0.2)
    return model


@pytest.fixture
def stimuli():
    return from_pixels(np.random.default_rng(0).integers(0, 256, (7, 40, 40, 3), dtype=np.uint8))


def test_areas_and_time_steps_equal_a_plain_forward_pass(stimuli):
    model = born()
    read = subject(model, SPEC)
    read.batch = 3
    got = read.responses(stimuli, ["V1", "V4@3", "behavior", "IT.conv3@1"])
    with torch.no_grad():
        v1 = model.V1(preprocess(stimuli.pixels, 32))
        v4 = model.V4(model.V2(v1))
    torch.testing.assert_close(got["V1"], v1.flatten(1), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(got["V4@3"], v4.flatten(1), rtol=1e-4, atol=1e-6)
    assert got["behavior"].shape == (7, 32)
    assert got["IT.conv3@1"].shape == (7, 32)


def test_a_network_that_lies_elsewhere_is_copied_and_never_moved(monkeypatch):
    monkeypatch.setattr("wiringup.models.readout.check_device", torch.device)
    model = born()
    before = {name: (t.device.type, t.data_ptr()) for name, t in model.state_dict().items()}
    there = NetworkSubject("elsewhere", model, {}, 32, device="meta").awake()
    assert there is not model and not there.training
    assert {t.device.type for t in there.state_dict().values()} == {"meta"}
    assert {name: (t.device.type, t.data_ptr()) for name, t in model.state_dict().items()} == before
    assert NetworkSubject("here", model, {}, 32).awake() is model


def test_a_device_that_is_not_here_is_refused(stimuli):
    read = subject(born(), SPEC)
    read.device = "cuda:99"
    with pytest.raises(InputError, match=r"no device 'cuda:99' here \(PyTorch .*\)\. There is: cpu"):
        read.responses(stimuli, ["V4"])


def test_cards_are_named_by_their_number(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert check_device("cuda").type == "cuda" and check_device("cuda:0").index == 0
    with pytest.raises(InputError, match=r"There is: cpu, cuda:0"):
        check_device("cuda:1")


def test_time_steps_differ_and_too_late_a_step_is_refused(stimuli):
    read = subject(born(), SPEC)
    got = read.responses(stimuli, ["IT", "IT@1"])
    assert not torch.equal(got["IT"], got["IT@1"])
    with pytest.raises(InputError, match=r"'IT@2': IT.output has 2 time steps \(0 to 1\)"):
        read.responses(stimuli, ["IT@2"])


def test_all_stands_for_every_time_step_and_every_area(stimuli):
    read = subject(born(), SPEC)
    assert read.expand(["V4@all", "V4@1", "IT"]) == ["V4@0", "V4@1", "V4@2", "V4@3", "IT"]
    assert read.expand(["all"]) == ["V1", "V2", "V4", "IT", "behavior"]
    assert read.expand(["all@all"]) == [
        "V1@0", "V2@0", "V2@1", "V4@0", "V4@1", "V4@2", "V4@3", "IT@0", "IT@1", "behavior@0"
    ]  # fmt: skip
    assert read.expand(["V2.conv3@all"]) == ["V2.conv3@0", "V2.conv3@1"]
    got = read.responses(stimuli, ["V2@all", "IT@1"])
    assert list(got) == ["V2@0", "V2@1", "IT@1"]
    for layer, value in got.items():
        assert torch.equal(value, read.responses(stimuli, [layer])[layer])


def test_all_steps_of_a_module_that_is_never_called_or_not_there_are_refused():
    read = subject(born(), SPEC)
    with pytest.raises(InputError, match=r"Did you mean 'V4\.conv3'"):
        read.expand(["V4.conv33@all"])
    module = nn.Sequential(nn.Flatten())
    module[0].spare = nn.Identity()
    idle = NetworkSubject("idle", module, {}, size=8)
    for layer in ("0.spare@all", "0.spare"):
        with pytest.raises(InputError, match=r"0\.spare is never called in a forward pass"):
            idle.responses(from_pixels(np.zeros((1, 8, 8), np.uint8)), [layer])


def test_names_of_one_readout_share_one_tensor_and_early_areas_are_read_alone(stimuli):
    model = born()
    read = subject(model, SPEC)
    whole = read.responses(stimuli, ["V1", "V1@0", "IT"])
    assert whole["V1"] is whole["V1@0"]
    later = []
    model.IT.register_forward_hook(lambda *_: later.append("IT"))
    assert torch.equal(read.responses(stimuli, ["V1"])["V1"], whole["V1"])
    assert later == []


def test_responses_in_files_equal_those_in_memory(stimuli, tmp_path, monkeypatch, caplog):
    caplog.set_level(logging.INFO, "wiringup")
    monkeypatch.setattr("wiringup.models.readout.working_set", lambda *_: 0)
    kept, spilled = (subject(born(), SPEC, storage=Storage(memory, tmp_path)) for memory in (1, 1e-6))
    a, b = (read.responses(stimuli, ["all", "V4@2"]) for read in (kept, spilled))
    assert len(caplog.messages) == 1
    assert all(torch.equal(a[layer], b[layer]) for layer in a)


def test_an_area_can_be_read_out_at_a_time_step(stimuli):
    spec = ModelSpec(width=1 / 16, classes=4, size=32, areas=("V4=V4.output@1",))
    read, plain = subject(born(), spec), subject(born(), SPEC)
    found = read.responses(stimuli, ["V4", "V4@2", "V4@all"])
    expected = plain.responses(stimuli, ["V4@1", "V4@2", "V4@0"])
    assert torch.equal(found["V4"], expected["V4@1"]) and torch.equal(found["V4@2"], expected["V4@2"])
    assert torch.equal(found["V4@0"], expected["V4@0"])


def test_any_module_can_be_read_out(stimuli):
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    read = NetworkSubject("mine", net, {"V1": "1"}, size=16)
    assert read.responses(stimuli, ["V1", "0"])["V1"].shape == (7, 4 * 14 * 14)
    with pytest.raises(InputError, match="mine has no layer for IT; it knows V1"):
        read.layer_for("IT")


def test_an_unknown_layer_is_answered_with_the_closest():
    read = subject(born(), SPEC)
    with pytest.raises(InputError, match=r"no layer 'V4.conv9'\. Did you mean 'V4.conv"):
        read.responses(from_pixels(np.zeros((1, 8, 8), np.uint8)), ["V4.conv9"])
    with pytest.raises(InputError, match="comes the time step"):
        Readout.parse("V4@last", {})


def test_responses_do_not_depend_on_the_batch_or_leave_hooks_behind(stimuli):
    model = born()
    read = subject(model, SPEC)
    one = read.responses(stimuli, ["IT"])["IT"]
    read.batch = 2
    torch.testing.assert_close(one, read.responses(stimuli, ["IT"])["IT"], rtol=1e-4, atol=1e-6)
    assert not any(m._forward_hooks for m in model.modules())


class Unsteady(nn.Module):
    def __init__(self, part: nn.Module) -> None:
        super().__init__()
        self.part, self.end = part, nn.Conv2d(3, 4, 3)

    def forward(self, x):
        return self.end(self.part(x))


class Noise(nn.Module):
    def forward(self, x):
        return nn.functional.dropout(x, 0.5)  # in every mode


UNSTEADY = {
    "drawn here with a fixed seed, one draw of many": Noise(),
    "depends on the others in its batch": nn.BatchNorm2d(3, track_running_stats=False),
}


@pytest.mark.parametrize(("told", "part"), UNSTEADY.items())
def test_a_network_whose_answers_are_not_of_the_image_alone_is_told(stimuli, tmp_path, told, part):
    kept = Storage(cache=ResponseCache(tmp_path, 1.0))
    read = NetworkSubject("mine", Unsteady(part), {"V4": "end"}, 16, storage=kept)
    state = torch.random.get_rng_state()
    assert torch.equal(read.responses(stimuli, ["V4"])["V4"], read.responses(stimuli, ["V4"])["V4"])
    assert told in read.reservation and list(tmp_path.iterdir()) == []
    assert read.responses(stimuli.take(np.arange(1)), ["V4"])["V4"].shape == (1, 4 * 14 * 14)
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_rounding_alone_is_not_told(stimuli, precision):
    class Deep(nn.Sequential):
        """As a user's: not of this package."""

    deep = Deep(*(nn.Sequential(nn.Conv2d(3 if i == 0 else 8, 8, 3, 1, 1), nn.ReLU()) for i in range(30)))
    for read in (
        NetworkSubject("deep", deep, {"V4": "29"}, 16, precision=precision),
        NetworkSubject("cornet", Deep(born()), {"V4": "0.IT"}, 32, precision=precision),
        NetworkSubject("zero", nn.Sequential(nn.Conv2d(3, 4, 3), nn.Threshold(1e9, 0)), {"V4": "1"}, 16),
    ):
        read.responses(stimuli, ["V4"])
        assert read.reservation == ""


def test_identity_follows_the_weights_not_the_name():
    one, two = (subject(born(s), SPEC) for s in (0, 1))
    assert one.identity == subject(born(0), SPEC, "other name").identity
    assert one.identity != two.identity


def test_preprocessing_is_imagenet_normalisation():
    pixels = np.full((1, 8, 8, 3), 255, np.uint8)
    expected = [(1 - m) / s for m, s in zip(MEAN, STD, strict=True)]
    torch.testing.assert_close(preprocess(pixels, 8)[0, :, 0, 0], torch.tensor(expected))


def test_resizing_agrees_with_pillow():
    from PIL import Image

    pixels = np.random.default_rng(1).integers(0, 256, (1, 50, 40, 3), dtype=np.uint8)
    peer = np.asarray(Image.fromarray(pixels[0]).resize((24, 24), Image.Resampling.BILINEAR)).astype(float)
    mean, std = (np.array(v) for v in (MEAN, STD))
    ours = preprocess(pixels, 24)[0].permute(1, 2, 0).numpy() * std + mean
    assert np.abs(ours * 255 - peer).max() < 1.1  # Pillow rounds to whole grey values


def test_pixels_are_a_subject(stimuli):
    pixels = PixelSubject(16)
    values = pixels.responses(stimuli, ["pixels"])["pixels"]
    assert torch.equal(values, preprocess(stimuli.pixels, 16).flatten(1))
    assert pixels.layer_for("IT") == "pixels"
    assert expanded(pixels, ["all"]) == ["all"]
    assert pixels.identity != PixelSubject(32).identity
