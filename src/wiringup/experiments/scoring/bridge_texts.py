"""The files of a Brain-Score submission, with blanks (see `scoring.bridge`)."""

from collections.abc import Mapping
from string import Template

WEIGHTS = "weights.safetensors"

HEADER = Template("# $module of wiringup $version (BSD-3-Clause)\n")

_INIT = Template('''\
"""$identifier: $architecture, written by wiringup $version."""

from brainscore_vision import model_registry
from brainscore_vision.model_helpers.brain_transformation import ModelCommitment

from .model import get_layers, get_model

model_registry['$identifier'] = lambda: ModelCommitment(
    identifier='$identifier',
    activations_model=get_model(),
    layers=get_layers(),
    behavioral_readout_layer=$behavior,
    region_layer_map=$regions,
    visual_degrees=8,
)
''')

_MODEL = Template('''\
"""The network of $identifier and its read-out, written by wiringup $version."""

import functools
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn

from .$module import $build

IDENTIFIER = '$identifier'
WEIGHTS = Path(__file__).with_name('weights.safetensors')
SIZE = $size
READOUTS = $readouts
"""Area -> the module that is read out, and at which of its calls (time steps)."""


class Kept(nn.Module):
    """Passes a copy on: the network may change its own in place."""

    def forward(self, x):
        return x.clone()


class ReadOut(nn.Module):
    """A network with one module for each area, which sees the area's response at its time step.

    PytorchWrapper keeps the last call of a module; a recurrent area has one call in every time step.
    """

    def __init__(self, network):
        super().__init__()
        for area in READOUTS:
            self.add_module(area, Kept())
        self.network = network  # last: its end is where PytorchWrapper looks for the logits
        self.calls = {}
        for name in dict.fromkeys(name for name, _ in READOUTS.values()):
            network.get_submodule(name).register_forward_hook(functools.partial(self.heard, name))

    def heard(self, name, _module, _inputs, output):
        step = self.calls.get(name, 0)
        self.calls[name] = step + 1
        for area, wanted in READOUTS.items():
            if wanted == (name, step):
                self.get_submodule(area)(output)

    def forward(self, x):
        self.calls.clear()
        return self.network(x)


def get_network():
    """Return the network with its weights, in evaluation mode, for normalised images (n, 3, SIZE, SIZE)."""
    network = $build($width, $classes)
    network.load_state_dict(load_file(WEIGHTS))
    return ReadOut(network).eval().to(memory_format=torch.channels_last)


def get_model():
    """Return the network as Brain-Score reads activations."""
    from brainscore_vision.model_helpers.activations.pytorch import PytorchWrapper, load_preprocess_images

    preprocessing = functools.partial(load_preprocess_images, image_size=SIZE)
    wrapper = PytorchWrapper(identifier=IDENTIFIER, model=get_network(), preprocessing=preprocessing)
    wrapper.image_size = SIZE
    return wrapper


def get_layers():
    """Return the names of the layers that may be read out."""
    return list(READOUTS)
''')

_TEST = Template("""\
import brainscore_vision


def test_has_identifier():
    model = brainscore_vision.load_model('$identifier')
    assert model.identifier == '$identifier'
""")

_REQUIREMENTS = Template("torch\nsafetensors\n")

_SETUP = Template("""\
from setuptools import find_packages, setup

setup(
    name='$identifier',
    version='$version',
    packages=find_packages(),
    install_requires=['torch', 'safetensors'],
)
""")

_README = Template("""\
# $identifier

A Brain-Score submission (brainscore_vision 2, plugin layout) written by wiringup $version: $architecture,
$parameters parameters, input $size x $size px. It needs torch, safetensors and brainscore_vision alone.

| area | module | time step (from 0) |
|---|---|---|
$table

The identifier ends with a hash of weights and read-outs, because Brain-Score keeps responses under the
identifier alone. Images are resized and normalised by Brain-Score's own load_preprocess_images; it rounds
to whole grey values after resizing, which wiringup does not, so scores may differ in the fourth decimal.
Benchmarks that use the logits (ImageNet, labels) assume 1,000 ImageNet classes; this network has $classes.

In an environment with brainscore_vision, in the folder above `models`:

```bash
plugins=$$(python -c "import brainscore_vision as b; print(*b.__path__)")/models
cp -r models/$identifier "$$plugins/"
export BS_INSTALL_DEPENDENCIES=no
python -m pytest "$$plugins/$identifier/test.py"
python - <<END
from brainscore_vision import score
print(score(model_identifier='$identifier', benchmark_identifier='MajajHong2015public.IT-pls'))
END
```

To submit it: `zip -r $identifier.zip models/$identifier` and upload the zip on the Brain-Score website, or
open a pull request with the folder. The weights take $megabytes MB; where that is too much, put the file on
a public server and let `get_network` in model.py download it.
""")

FILES: Mapping[str, Template] = {
    "__init__.py": _INIT,
    "model.py": _MODEL,
    "test.py": _TEST,
    "requirements.txt": _REQUIREMENTS,
    "setup.py": _SETUP,
    "README.md": _README,
}
"""File name -> its text."""
