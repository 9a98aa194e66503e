"""Networks of other packages: their names, areas, weights, births and plasticity."""

import numpy as np
import pytest
import torch

from wiringup.birth.apply import BirthSpec, give_birth
from wiringup.core.errors import InputError
from wiringup.core.spec import content_hash, from_dict, to_dict
from wiringup.core.stimuli import from_pixels
from wiringup.models.any_network import classes_of, code_hash, is_foreign, parse_areas
from wiringup.models.architecture import ModelSpec, architecture_of, build, outline, own_network
from wiringup.models.preprocessing import Preprocessing
from wiringup.models.readout import subject
from wiringup.models.trained import read_trained
from wiringup.models.weights import save_weights
from wiringup.training.named_sets import names
from wiringup.training.plasticity import resolve

SMALL = "foreign_networks:small"
AREAS = ("V1=stem", "V4=middle", "behavior=pool")
SPEC = ModelSpec(SMALL, classes=5, size=32, areas=AREAS)
IMAGES = from_pixels(np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3)).astype(np.uint8))


def test_names_by_their_form():
    for name in (SMALL, "a.b.c:D.make", "timm:vit_tiny_patch16_224.augreg_in21k", "torchvision:resnet18"):
        assert is_foreign(name)
    for name in ("resnet50", "a:", ":b", "C:\\weights", "timm:", "a b:c", "one:two:three"):
        assert not is_foreign(name)


def test_a_spec_of_a_registered_network_says_nothing_of_what_only_others_have():
    assert set(to_dict(ModelSpec())) == {"architecture", "width", "classes", "size"}
    spec = ModelSpec(SMALL, areas=("V4=late", "V1=stem"), preprocessing=Preprocessing(crop=0.875), code="c")
    assert spec.areas == ("V1=stem", "V4=late")
    assert from_dict(ModelSpec, to_dict(spec)) == spec


def test_another_number_of_classes_makes_a_new_decoder_drawn_by_the_seed():
    own = own_network(SPEC)
    spec = ModelSpec(SMALL, classes=40, size=32)
    first, again, other = (own_network(spec, seed) for seed in (0, 0, 1))
    assert first.fc.weight.shape == (40, 8) and torch.equal(first.fc.weight, again.fc.weight)
    assert not torch.equal(first.fc.weight, other.fc.weight)
    assert first.fc.weight.abs().max() <= 8**-0.5
    assert torch.equal(first.late.conv.weight, own.late.conv.weight)
    newborn = build(spec)
    give_birth(newborn, BirthSpec(seed=1))
    assert torch.equal(newborn.fc.weight, other.fc.weight) and torch.equal(newborn.fc.bias, other.fc.bias)


def test_it_is_read_out_where_its_areas_say_with_the_weights_that_its_factory_returns():
    network = own_network(SPEC)
    again = own_network(SPEC).state_dict()
    assert all(torch.equal(value, again[name]) for name, value in network.state_dict().items())
    read = subject(network, SPEC)
    found = read.responses(IMAGES, ["V1", "V4", "behavior", "late.norm"])
    assert [value.shape[1] for value in found.values()] == [4 * 16 * 16, 6 * 8 * 8, 8, 8 * 4 * 4]
    assert all(value.std() > 0 for value in found.values())
    with pytest.raises(InputError, match="no layer for IT"):
        read.layer_for("IT")


def test_registered_networks_can_be_read_out_elsewhere_too():
    spec = ModelSpec("resnet50", areas=("V4=layer2",))
    assert architecture_of(spec).readouts["V4"] == "layer2"
    assert architecture_of(spec).readouts["IT"] == "layer4"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("foreign_network:small", "There is no Python module 'foreign_network'"),
        ("foreign_networks:smal", "foreign_networks has no 'smal'"),
        ("foreign_networks:NUMBER", "is a int; it has to be a function"),
        ("foreign_networks:needs_argument", "cannot be called without arguments"),
        ("foreign_networks:no_network", "returned a int; it has to return a torch.nn.Module"),
    ],
)
def test_what_is_no_factory_is_refused(name, message):
    with pytest.raises(InputError, match=message):
        architecture_of(ModelSpec(name))


@pytest.mark.parametrize(
    ("areas", "message"),
    [
        (("V4",), "as AREA=LAYER, as in V4=layer3"),
        (("V4=",), "as AREA=LAYER"),
        (("V4=a", "V4=b"), "given once for each area"),
        (("V5=a",), "Unknown area 'V5'"),
    ],
)
def test_areas_are_given_once_each(areas, message):
    with pytest.raises(InputError, match=message):
        parse_areas(areas)


def test_a_layer_or_width_that_is_not_there_is_refused():
    with pytest.raises(InputError, match=r"no layer 'midle'. Did you mean 'middle'"):
        architecture_of(ModelSpec(SMALL, areas=("V4=midle",)))
    with pytest.raises(InputError, match="has one width"):
        ModelSpec(SMALL, width=0.5)
    with pytest.raises(InputError, match=r"Unknown architecture 'cornets'.*package.module:factory"):
        ModelSpec("cornets")


def test_layers_of_registered_networks_are_checked_too():
    with pytest.raises(InputError, match=r"cornet_s has no layer 'V4.conv33'. Did you mean 'V4.conv3'"):
        architecture_of(ModelSpec(width=0.25, areas=("V4=V4.conv33@1",)))


def test_a_network_in_another_precision_is_cast_aloud_and_never_in_the_users_hands(caplog):
    spec = ModelSpec("foreign_networks:double", classes=5, size=32, areas=AREAS)
    network = own_network(spec)
    assert "foreign_networks:double holds weights in float64; they are cast to float32" in caplog.text
    assert subject(network, spec).responses(IMAGES, ["V4"])["V4"].dtype == torch.float32
    with pytest.raises(InputError, match=r"holds weights in torch\.float64, and images are float32"):
        subject(network.double(), spec).responses(IMAGES, ["V4"])


@pytest.mark.parametrize("colours", [((123.7, 116.3, 103.5), (1, 1, 1)), ((0.5,) * 3, (58.4, 57.1, 57.4))])
def test_colours_from_0_to_255_are_refused(colours):
    with pytest.raises(InputError, match="divide them by 255"):
        Preprocessing(*colours)


def test_addresses_do_not_depend_on_the_type_of_a_number():
    whole = Preprocessing((0, 0, 0), (1, 1, 1), crop=1)
    fraction = Preprocessing((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), crop=1.0)
    same = [ModelSpec(width=1, preprocessing=whole), ModelSpec(width=1.0, preprocessing=fraction)]
    assert len({content_hash(spec) for spec in same}) == 1


def test_a_module_is_found_in_the_working_directory(tmp_path, monkeypatch):
    (tmp_path / "my_net_in_a_folder.py").write_text("from foreign_networks import small as mine\n")
    monkeypatch.chdir(tmp_path)
    assert architecture_of(ModelSpec("my_net_in_a_folder:mine")).blocks["decoder"] == ("fc",)


def test_parameters_belong_to_the_area_whose_readout_follows_them():
    blocks = architecture_of(SPEC).blocks
    assert list(blocks) == ["V1", "V4", "rest", "decoder"]
    assert blocks["V1"] == ("scale", "stem.conv.weight", "stem.norm.weight", "stem.norm.bias")
    assert blocks["V4"] == ("middle.conv.weight", "middle.norm.weight", "middle.norm.bias")
    assert blocks["rest"] == ("late.conv.weight", "late.norm.weight", "late.norm.bias")


def test_plasticity_of_another_packages_network():
    network, architecture = outline(SPEC), architecture_of(SPEC)
    trained = {
        name: set(resolve(network, architecture, name).trained)
        for name in ("all", "decoder", "layer:late.*", "kind:convolution", "downstream:V4", "rest", "bias")
    }
    assert trained["decoder"] == {"fc.weight", "fc.bias"}
    assert trained["layer:late.*"] == {"late.conv.weight", "late.norm.weight", "late.norm.bias"}
    assert trained["rest"] == trained["layer:late.*"]
    assert trained["downstream:V4"] == set(architecture.blocks["V4"]) | trained["rest"] | trained["decoder"]
    assert trained["all"] == trained["downstream:V4"] | set(architecture.blocks["V1"])
    assert not {"critical", "conv1"} & set(names(architecture))
    for name in ("critical", "critical:V4", "conv1"):
        with pytest.raises(InputError, match="none are for foreign_networks:small"):
            resolve(network, architecture, name)


@pytest.mark.parametrize("name", [SMALL, "foreign_networks:transformer", "foreign_networks:encoder"])
def test_kaiming_normal_gives_birth_to_any_network(name):
    spec = ModelSpec(name, classes=7, size=32)
    network = build(spec)
    assert all((p == 0).all() for k, p in network.named_parameters() if "norm" not in k)
    x = torch.randn(4, 3, 32, 32)
    give_birth(network, BirthSpec(batchnorm="calibrated"), calibration=x)
    answers = network.eval()(x)
    assert answers.isfinite().all() and answers.std() > 0
    if name != "foreign_networks:encoder":
        assert answers.shape == (4, 7)
    shapes = {k: v.shape for k, v in outline(spec).state_dict().items()}
    assert shapes == {k: v.shape for k, v in network.state_dict().items()}


def test_weights_are_read_with_the_number_of_classes_that_they_have(tmp_path):
    network = own_network(ModelSpec(SMALL, classes=9, size=32))
    save_weights(network, tmp_path / "w.safetensors")
    found = read_trained(tmp_path / "w.safetensors", SPEC)
    assert (found.spec.classes, found.spec.areas, classes_of(SMALL)) == (9, AREAS, 5)
    assert torch.equal(found.network().fc.weight, network.fc.weight)


def test_code_and_preprocessing_are_part_of_who_a_network_is(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    file = tmp_path / "changing_net.py"
    file.write_text("from foreign_networks import small\n")
    spec = ModelSpec("changing_net:small", classes=5, size=32, code=code_hash("changing_net:small"))
    network = own_network(spec)
    before = subject(network, spec).identity
    file.write_text("from foreign_networks import small  # another\n")
    with pytest.raises(InputError, match="has changed since"):
        own_network(spec)
    changed = ModelSpec(spec.architecture, classes=5, size=32, code=code_hash("changing_net:small"))
    cropped = ModelSpec(spec.architecture, classes=5, size=32, code=spec.code,
                        preprocessing=Preprocessing(crop=0.875))  # fmt: skip
    assert len({before, subject(network, changed).identity, subject(network, cropped).identity}) == 3


def test_the_identity_of_registered_networks_is_what_it_always_was():
    spec = ModelSpec("cornet_s", 1 / 16, 2, 32)
    network = build(spec)
    give_birth(network, BirthSpec())
    assert subject(network, spec).identity.startswith("4df27ee9190cf15f23d41edf43008e14")
