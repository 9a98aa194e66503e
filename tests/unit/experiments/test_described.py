"""What a brain match says of the size of what was scored."""

from wiringup.birth.apply import BirthSpec
from wiringup.birth.distill import distill
from wiringup.experiments.births import born
from wiringup.experiments.described import described
from wiringup.experiments.scoring import ScoreRequest
from wiringup.models.architecture import ModelSpec
from wiringup.models.weights import save_weights

TINY = {"size": 64, "width": 1 / 8, "classes": 5}
NETWORK = "cornet_s, width 0.125, 64 px"


def test_births_rules_networks_and_references(tmp_path):
    model = born(ModelSpec("cornet_s", 1 / 8, 5, 64), BirthSpec(), None, None)
    genome = distill(model.state_dict(), recipe="layer_normal")
    genome.save(tmp_path / "g.json")
    save_weights(model, tmp_path / "w.safetensors")
    parameters = sum(p.numel() for p in model.parameters())

    rule = described(ScoreRequest("cornet_s", "kn", **TINY), tmp_path)
    assert rule == {
        "kind": "born", "name": "kaiming_normal", "network": NETWORK, "batchnorm": "calibrated",
        "figures": 0, "parameters": 0, "precision": 16, "bits": 0,
    }  # fmt: skip
    own = ScoreRequest("cornet_s", str(tmp_path / "g.json"), batchnorm="noise-plain", **TINY)
    found = described(own, tmp_path)
    assert (found["name"], found["batchnorm"]) == ("layer_normal (g.json)", "noise-plain")
    assert found["bits"] == 16 * (genome.n_parameters - 4)  # its norms are all alike
    trained = described(ScoreRequest("cornet_s", weights=tmp_path / "w.safetensors", size=64), tmp_path)
    assert (trained["kind"], trained["name"], trained["network"]) == ("trained", "w.safetensors", NETWORK)
    assert (trained["bits"], trained["precision"]) == (32 * parameters, 32)
    pixels = described(ScoreRequest("pixels", size=32), tmp_path)
    assert (pixels["kind"], pixels["network"], pixels["bits"]) == ("reference", "pixels at 32 px", None)
    assert described(ScoreRequest("r.npz"), tmp_path)["network"] == "r.npz"
