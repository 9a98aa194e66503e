import numpy as np

from wiringup.birth.apply import BirthSpec
from wiringup.core.stimuli import from_pixels
from wiringup.experiments.runs.births import CALIBRATION, pretrained
from wiringup.models.architecture import ModelSpec
from wiringup.training.flops import flops_by_layer


def test_the_operations_of_a_calibration_are_those_of_the_network_itself():
    shown = from_pixels(np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8))
    for width in (0.125, 0.25):  # of one network they are counted once: not those of another
        spec = ModelSpec("cornet_s", width=width, classes=4, size=32)
        model, accounts = pretrained(
            spec, BirthSpec("kaiming_normal", 0, batchnorm="calibrated"), None, shown
        )
        once = sum(flops.forward for flops in flops_by_layer(model, 32).values())
        assert accounts[CALIBRATION].forward == 3 * once
