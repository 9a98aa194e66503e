"""What a brain match says of the size of what was scored."""

import numpy as np

from wiringup.birth.apply import BirthSpec
from wiringup.birth.distill import distill
from wiringup.core.stimuli import from_pixels
from wiringup.experiments.runs.births import born
from wiringup.experiments.scoring.candidates import candidates
from wiringup.experiments.scoring.spec import ScoreSpec
from wiringup.models.architecture import ModelSpec, build
from wiringup.models.storage import Storage
from wiringup.models.weights import save_weights

TINY = {"size": 64, "width": 1 / 8, "classes": 5}
NETWORK = "cornet_s, width 0.125, 64 px"


def test_births_rules_networks_and_references(tmp_path):
    def described(spec):
        shown = from_pixels(np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3)).astype(np.uint8))
        return next(candidates(spec, shown, tmp_path, Storage())).described

    model = born(ModelSpec("cornet_s", 1 / 8, 5, 64), BirthSpec(), None, None)
    genome = distill(model.state_dict(), recipe="layer_normal")
    genome.save(tmp_path / "g.json")
    save_weights(model, tmp_path / "w.safetensors")
    parameters = sum(p.numel() for p in model.parameters())

    rule = described(ScoreSpec("cornet_s", birth="kn", **TINY))
    assert rule == {
        "kind": "born", "name": "kaiming_normal", "network": NETWORK, "batchnorm": "calibrated",
        "parameters": 0, "precision": 16, "bits": 0,
    }  # fmt: skip
    found = described(ScoreSpec("cornet_s", birth=str(tmp_path / "g.json"), batchnorm="noise-plain", **TINY))
    assert (found["name"], found["batchnorm"]) == ("layer_normal (g.json)", "noise-plain")
    assert found["bits"] == 16 * (genome.n_parameters - 4)  # its norms are all alike
    trained = described(ScoreSpec("cornet_s", weights=(tmp_path / "w.safetensors",), size=64))
    assert (trained["kind"], trained["name"], trained["network"]) == ("trained", "w.safetensors", NETWORK)
    assert (trained["bits"], trained["precision"]) == (32 * parameters, 32)
    pixels = described(ScoreSpec("pixels", size=32))
    assert (pixels["kind"], pixels["network"], pixels["bits"]) == ("reference", "pixels at 32 px", None)
    np.save(tmp_path / "r.npy", np.ones((4, 2)))
    assert described(ScoreSpec(str(tmp_path / "r.npy")))["network"] == str(tmp_path / "r.npy")
    own = described(ScoreSpec("foreign_networks:small", size=64))
    small = build(ModelSpec("foreign_networks:small", classes=5, size=64))
    assert (own["kind"], own["name"]) == ("trained", "own")
    assert own["bits"] == 32 * sum(p.numel() for p in small.parameters())
