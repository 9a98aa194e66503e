"""Networks of timm and torchvision, where they are installed beside PyTorch."""

import sys
import warnings
from importlib import import_module
from types import ModuleType
from urllib.error import URLError

import numpy as np
import pytest
import torch
from PIL import Image

from wiringup.birth.apply import BirthSpec, give_birth
from wiringup.core.errors import InputError, MissingDataError
from wiringup.experiments.runs.options import NetworkOptions
from wiringup.models.any_network import classes_of, own_preprocessing, provenance
from wiringup.models.architecture import architecture_of, build, outline, own_network
from wiringup.models.preprocessing import preprocess
from wiringup.training.plasticity import resolve


def imported(name: str, monkeypatch) -> ModuleType:
    # beside PyTorch's CPU build torchvision imports only without its compiled operators, which no
    # classification network needs
    replaced = "torchvision._meta_registrations"
    monkeypatch.setitem(sys.modules, replaced, sys.modules.get(replaced, ModuleType(replaced)))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return import_module(name)
    except Exception as error:
        return pytest.skip(f"{name} cannot be imported beside this PyTorch ({error})")


@pytest.fixture
def timm(monkeypatch):
    imported("torchvision", monkeypatch)
    return imported("timm", monkeypatch)


@pytest.fixture
def torchvision(monkeypatch):
    return imported("torchvision", monkeypatch)


def test_torchvision_tells_its_preprocessing(torchvision):
    how = own_preprocessing("torchvision:resnet18")
    assert (how.interpolation, how.crop) == ("bilinear", 224 / 256)
    pixels = np.random.default_rng(0).integers(0, 256, (1, 300, 400, 3)).astype(np.uint8)
    theirs = torchvision.models.ResNet18_Weights.DEFAULT.transforms()(Image.fromarray(pixels[0]))
    ours = preprocess(pixels, 224, how)[0]
    assert ours.shape == theirs.shape
    # they round to whole grey levels twice: after resizing in one direction, and in the other
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1 / 255 / 0.224)
    assert provenance("torchvision:resnet18") == f"torchvision {torchvision.__version__.partition('+')[0]}"


def test_timm_tells_its_preprocessing(timm):
    given = timm.get_pretrained_cfg("vit_tiny_patch16_224.augreg_in21k_ft_in1k")
    how = own_preprocessing("timm:vit_tiny_patch16_224.augreg_in21k_ft_in1k")
    assert (how.mean, how.std) == ((0.5,) * 3, (0.5,) * 3) == (given.mean, given.std)
    assert (how.interpolation, how.crop) == ("bicubic", 0.9)
    spec = NetworkOptions("timm:resnet18", crop="none", mean=(0.1, 0.2, 0.3)).network(40)
    assert (spec.preprocessing.crop, spec.preprocessing.mean) == (None, (0.1, 0.2, 0.3))
    assert spec.preprocessing.interpolation == "bicubic"


@pytest.mark.parametrize("library", ["timm", "torchvision"])
def test_births_areas_and_plasticity(library, request):
    request.getfixturevalue(library)
    options = NetworkOptions(f"{library}:resnet18", size=64, areas=("V4=layer3", "IT=layer4"))
    spec = options.network(40)
    network, architecture = build(spec), architecture_of(spec)
    give_birth(network, BirthSpec(batchnorm="noise"), size=64)
    assert network(torch.randn(2, 3, 64, 64)).shape == (2, 40)
    assert sum(p.numel() for p in network.parameters()) == 11_176_512 + 513 * 40
    assert architecture.blocks["V4"][0] == "conv1.weight" and architecture.blocks["decoder"] == ("fc",)
    trained = resolve(outline(spec), architecture, "downstream:IT").trained
    assert {name.partition(".")[0] for name in trained} == {"layer4", "fc"}


def test_a_transformer_is_born_and_its_head_is_the_decoder(timm):
    spec = NetworkOptions("timm:vit_tiny_patch16_224", areas=("IT=blocks.11",)).network(7)
    network = build(spec)
    give_birth(network, BirthSpec(batchnorm="default"))
    answers = network.eval()(torch.randn(2, 3, 224, 224))
    assert answers.shape == (2, 7) and answers.isfinite().all() and answers.std() > 0
    assert architecture_of(spec).blocks["decoder"] == ("head",)
    assert classes_of("timm:vit_tiny_patch16_224") == 1000


def test_weights_that_cannot_be_had_say_what_else_there_is(torchvision, monkeypatch):
    def offline(*_arguments, **_options):
        raise URLError("Name or service not known")

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", offline)
    with pytest.raises(MissingDataError, match=r"weights of torchvision:resnet18.*--weights.*--birth kn"):
        own_network(NetworkOptions("torchvision:resnet18").network(1000))


@pytest.mark.parametrize("library", ["timm", "torchvision"])
def test_what_a_library_does_not_have_is_told(library, request):
    request.getfixturevalue(library)
    with pytest.raises(InputError, match=f"{library} makes no network 'resnet181'"):
        architecture_of(NetworkOptions(f"{library}:resnet181", mean=(0, 0, 0), std=(1, 1, 1)).network())


def test_a_network_that_is_no_classifier_needs_its_preprocessing_said(torchvision):
    with pytest.raises(InputError, match=r"does not say how images reach 'fcn_resnet50'.*Say it: --mean"):
        NetworkOptions("torchvision:fcn_resnet50").network()


@pytest.mark.parametrize("library", ["timm", "torchvision"])
def test_a_library_that_is_not_installed_is_named(library, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingDataError, match=f"{library} cannot be imported here.*pip install {library}"):
        own_preprocessing(f"{library}:resnet18")
