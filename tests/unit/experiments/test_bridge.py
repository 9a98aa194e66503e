import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from wiringup.birth.apply import BirthSpec
from wiringup.cli.main import main
from wiringup.core.errors import InputError, MissingDataError
from wiringup.core.stimuli import from_pixels
from wiringup.experiments.runs.births import born
from wiringup.experiments.scoring import bridge
from wiringup.experiments.scoring.bridge import self_contained, write_package
from wiringup.models.architecture import ARCHITECTURES, ModelSpec
from wiringup.models.preprocessing import Preprocessing, preprocess
from wiringup.models.readout import subject
from wiringup.models.weights import save_weights

SPEC = ModelSpec("cornet_s", 1 / 16, 5, 32)
CALIBRATION = from_pixels(np.random.default_rng(0).integers(0, 256, (48, 32, 32, 3), dtype=np.uint8))
STIMULI = CALIBRATION.take(np.arange(3))

FAKE = {
    "__init__.py": "model_registry = {}\n",
    "model_helpers/__init__.py": "",
    "models/__init__.py": "",
    "model_helpers/activations/__init__.py": "",
    "model_helpers/activations/pytorch.py": """
import torch

def load_preprocess_images(paths, image_size):
    raise NotImplementedError

class PytorchWrapper:
    def __init__(self, model, preprocessing, identifier=None):
        self.model, self.preprocessing, self.identifier = model, preprocessing, identifier

    def look(self, x, layers):
        found, hooks = {}, []
        for name in layers:
            module = self.model
            for part in name.split("."):
                module = module._modules[part]
            keep = lambda _m, _i, output, name=name: found.update({name: output.detach()})
            hooks.append(module.register_forward_hook(keep))
        with torch.no_grad():
            found["logits"] = self.model(x)
        for hook in hooks:
            hook.remove()
        return found
""",
    "model_helpers/brain_transformation/__init__.py": """
class ModelCommitment:
    def __init__(self, **given):
        self.given = given
""",
}

SCRIPT = """
import json, sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "wiringup":
            raise ImportError("the package has to do without wiringup")
sys.meta_path.insert(0, Refuse())
sys.path.insert(0, sys.argv[1])
import importlib, numpy as np, torch
import brainscore_vision
importlib.import_module("brainscore_vision.models." + sys.argv[2])
(identifier, make), = brainscore_vision.model_registry.items()
given = make().given
wrapper = given.pop("activations_model")
x = torch.from_numpy(np.load(sys.argv[3]))
for _ in range(2):  # the second look counts its time steps from 0 as well
    found = wrapper.look(x, given["layers"])
np.savez(sys.argv[4], **{k: v.flatten(1).numpy() for k, v in found.items()})
last = wrapper.model
while last._modules:
    last = last._modules[next(reversed(last._modules))]
print(json.dumps(given | {"key": identifier, "wrapper": wrapper.identifier, "size": wrapper.image_size,
                          "logits": last is wrapper.model.network.decoder.output,
                          "preprocessing": wrapper.preprocessing.keywords}))
"""


def newborn():
    """A network whose BatchNorm statistics come from enough images: on few, they blow rounding up."""
    return born(SPEC, BirthSpec("kaiming_normal", 3, batchnorm="calibrated"), None, CALIBRATION)


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "w.safetensors"
    save_weights(newborn(), path)
    return path


def test_the_package_runs_without_wiringup_and_answers_as_the_model(tmp_path, weights):
    layers = ("IT=IT@1", "V4=V4.norm1_2")
    package = write_package("cornet_s", weights, tmp_path, "mine", layers, 32)
    for name, content in FAKE.items():
        path = tmp_path / "fake" / "brainscore_vision" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    package.folder.rename(tmp_path / "fake/brainscore_vision/models" / package.identifier)
    x = preprocess(STIMULI.pixels, 32)
    np.save(tmp_path / "x.npy", x.contiguous().numpy())
    given = [tmp_path / "fake", package.identifier, tmp_path / "x.npy", tmp_path / "y.npz"]
    form = [sys.executable, "-c", SCRIPT, *map(str, given)]
    done = subprocess.run(form, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    identifier = package.identifier
    assert json.loads(done.stdout) == {
        "identifier": identifier, "key": identifier, "wrapper": identifier, "size": 32, "visual_degrees": 8,
        "layers": ["V1", "V2", "V4", "IT", "behavior"], "behavioral_readout_layer": "behavior",
        "region_layer_map": {a: a for a in ("V1", "V2", "V4", "IT")}, "logits": True,
        "preprocessing": {"image_size": 32},
    }  # fmt: skip
    read = subject(newborn(), SPEC)
    ours = read.responses(STIMULI, ["V1", "V2", "V4.norm1_2", "IT@1", "behavior", "decoder.output"])
    theirs = np.load(tmp_path / "y.npz")
    names = ("V1", "V2", "V4", "IT", "behavior", "logits")
    for name, value in zip(names, ours.values(), strict=True):
        np.testing.assert_allclose(theirs[name], value, rtol=1e-5, atol=1e-5, err_msg=name)
    assert (ours["V4.norm1_2"] < 0).any()  # what ReLU changes in place afterwards


def test_the_plugin_is_found_by_its_registration_and_has_all_files(tmp_path, weights, capsys):
    out = tmp_path / "out"
    main(["bridge", "cornet_s", "--weights", str(weights), "--out", str(out), "--size", "32", "--json"])
    told = json.loads(capsys.readouterr().out)
    (folder,) = (out / "models").iterdir()
    assert (told["folder"], told["identifier"]) == (str(folder), folder.name)
    assert folder.name.startswith("wiringup_cornet_s_") and folder.name.isidentifier()
    assert told["readouts"]["IT"] == "IT.output@0"
    assert {path.name for path in folder.iterdir()} == {
        "__init__.py", "model.py", "test.py", "setup.py", "requirements.txt", "README.md",
        "weights.safetensors", "models_cornet_s.py", "models_blocks.py",
        "core_errors.py",
    }  # fmt: skip
    assert f"model_registry['{folder.name}'] = " in (folder / "__init__.py").read_text()
    for path in folder.glob("*.py"):
        compile(path.read_text(), path.name, "exec")
    readme = (folder / "README.md").read_text()
    assert "| IT | IT.output | 0 |" in readme and f"cp -r models/{folder.name} " in readme


def test_weights_layers_and_size_decide_the_identifier(tmp_path, weights):
    other = tmp_path / "other.safetensors"
    save_weights(born(SPEC, BirthSpec("kaiming_normal", 4), None, None), other)
    packages = [
        write_package("cornet_s", weights, tmp_path, size=32),
        write_package("cornet_s", other, tmp_path, size=32),
        write_package("cornet_s", weights, tmp_path, size=64),
        write_package("cornet_s", weights, tmp_path, size=32, layers=("V4=V4@1",)),
    ]
    assert len({package.identifier for package in packages}) == 4
    with pytest.raises(InputError, match="is there already"):
        write_package("cornet_s", weights, tmp_path, size=32)


def test_bad_requests_are_refused_and_leave_nothing(tmp_path, weights):
    for name in ("my-model", "1st", "a/../b", "x';import os", "é"):
        with pytest.raises(InputError, match="cannot be an identifier"):
            write_package("cornet_s", weights, tmp_path / "out", name)
    with pytest.raises(InputError, match="Unknown model 'resnet9'"):
        write_package("resnet9", weights, tmp_path / "out")
    for layers, message in (
        (("V4",), "as AREA=LAYER"),
        (("V5=V4",), "Unknown area 'V5'"),
        (("V4=V4.convx",), "Did you mean"),
        (("V4=V4@7",), "has 4 time steps"),
    ):
        with pytest.raises(InputError, match=message):
            write_package("cornet_s", weights, tmp_path / "out", layers=layers, size=32)
    with pytest.raises(MissingDataError, match="There is no checkpoint"):
        write_package("cornet_s", tmp_path / "none.pth", tmp_path / "out")
    state = born(SPEC, BirthSpec(), None, None)
    state.V4.conv1.weight.data[0] = torch.nan
    save_weights(state, tmp_path / "nan.safetensors")
    with pytest.raises(InputError, match=r"NaN or infinite weights, the first in V4\.conv1\.weight"):
        write_package("cornet_s", tmp_path / "nan.safetensors", tmp_path / "out", size=32)
    assert not (tmp_path / "out").exists()


def test_nothing_partial_is_left(tmp_path, weights, monkeypatch):
    def fails(*_):
        raise OSError("no space")

    monkeypatch.setattr(bridge, "save_weights", fails)
    with pytest.raises(OSError, match="no space"):
        write_package("cornet_s", weights, tmp_path / "out", size=32)
    assert list((tmp_path / "out/models").iterdir()) == []


def test_every_architecture_can_be_copied_with_all_it_imports_of_ours():
    for name in ARCHITECTURES:
        found = self_contained(ARCHITECTURES[name].build.__module__)
        assert len(found) >= 2
        assert not any(line.startswith(("from wiringup", "import wiringup")) for code in found.values()
                       for line in code.splitlines())  # fmt: skip
    with pytest.raises(InputError, match="cannot be copied into a package"):
        self_contained("wiringup.models.architecture")


def test_a_network_is_bridged_as_it_was_trained(tmp_path):
    path = tmp_path / "w.safetensors"
    trained = replace(SPEC, areas=("V4=V4.conv2",))
    save_weights(born(trained, BirthSpec(), None, None), path, network=trained)
    made = write_package("cornet_s", path, tmp_path)
    assert "SIZE = 32" in (made.folder / "model.py").read_text() and made.readouts["V4"].module == "V4.conv2"
    (note,) = write_package("cornet_s", path, tmp_path, size=64).notes
    assert note.endswith("was trained with size 32. HERE IT HAS size 64.")
    how = Preprocessing((0.5, 0.5, 0.5))
    save_weights(born(trained, BirthSpec(), None, None), path, network=replace(trained, preprocessing=how))
    with pytest.raises(InputError, match="trained with another preprocessing than ImageNet's"):
        write_package("cornet_s", path, tmp_path)
