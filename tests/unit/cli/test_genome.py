"""``wiringup genome`` as a newcomer uses it."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tests_world import write_toy_benchmark
from wiringup.benchmarks import suites
from wiringup.benchmarks.suites import Suite
from wiringup.birth.apply import BirthSpec
from wiringup.birth.distill import distill
from wiringup.birth.genome import Genome
from wiringup.birth.genome_layers import RunningStatistics
from wiringup.birth.recipes import RECIPES
from wiringup.cli.main import main
from wiringup.core import sealed
from wiringup.experiments.runs.births import born
from wiringup.models.architecture import ModelSpec
from wiringup.models.weights import save_weights


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A checkpoint, the genome distilled from it by rows, and one with other BatchNorms."""
    folder = tmp_path_factory.mktemp("genomes")
    model = born(ModelSpec("cornet_s", 1 / 8, 5, 64), BirthSpec(), None, None)
    save_weights(model, folder / "w.safetensors")
    for name in ("a.json", "b.json"):
        distill(model.state_dict(), recipe="layer_normal").save(folder / name)
        model.V1.norm1.weight.data.fill_(2)
    return folder


def told(capsys, *arguments):
    main(["genome", *(str(a) for a in arguments), "--json"])
    return json.loads(capsys.readouterr().out)


def refused(capsys, *arguments):
    with pytest.raises(SystemExit) as stopped:
        main(["genome", *(str(a) for a in arguments)])
    assert stopped.value.code == 2
    return capsys.readouterr().err


def test_show(files, capsys):
    shown = told(capsys, "show", files / "a.json", "--precision", 32)
    assert (shown["recipe"], shown["bits"]) == ("layer_normal", 32 * shown["parameters"])
    main(["genome", "show", str(files / "a.json")])
    assert "source: state_sha256" in (out := capsys.readouterr().out)
    assert "V1.conv1" in out and "layer_normal" in out


def test_plot(files, tmp_path, capsys):
    out = tmp_path / "drawn.png"
    shown = told(capsys, "plot", files / "a.json", "--out", out, "--weights", files / "w.safetensors",
                 "--layer", "V1.conv1", "V2.conv2", "V1.norm1")  # fmt: skip
    assert shown == {
        "file": str(out), "layers": ["V1.conv1", "V2.conv2"], "norms": ["V1.norm1"], "trained": True,
    }  # fmt: skip
    assert out.read_bytes().startswith(b"\x89PNG")


def test_diff(files, capsys):
    shown = told(capsys, "diff", files / "a.json", files / "b.json")
    assert not shown["same"]
    (changed,) = [row for row in shown["layers"] if not row["same"]]
    assert (changed["layer"], changed["distances"]) == ("V1.norm1", {"weight": 1.0, "bias": 0.0})
    main(["genome", "diff", str(files / "a.json"), str(files / "a.json")])
    captured = capsys.readouterr()
    assert "47 of 47 layers are the same" in captured.err and "Running statistics" not in captured.err


def test_diff_tells_running_statistics(files, tmp_path, capsys):
    bare, held = Genome.load(files / "a.json"), RunningStatistics(np.zeros(4), np.ones(4))
    paths = [tmp_path / f"{name}.json" for name in ("one", "two")]
    for path, mean in zip(paths, (0.0, 0.5), strict=True):
        moved = replace(held, mean=np.full(4, mean, np.float32))
        replace(bare, statistics={"V1.norm1": moved}).save(path)
    assert told(capsys, "diff", files / "a.json", paths[0])["statistics"] == [0, 8]
    for others, expected in (
        ((files / "a.json", paths[0]), "0 and 8, not the same"),
        ((paths[0], paths[1]), "8 and 8, not the same"),
        ((paths[0], paths[0]), "8 and 8, the same"),
    ):
        main(["genome", "diff", *map(str, others)])
        assert f"Running statistics among the parameters: {expected}." in capsys.readouterr().err


def test_recipes(capsys):
    assert [row["recipe"] for row in told(capsys, "recipes")] == list(RECIPES)
    main(["genome", "recipes"])
    assert "weight_compression" in (shown := capsys.readouterr()).out
    assert "wiringup distill WEIGHTS --recipe" in shown.err


def test_brain_match_against_bits(files, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("WIRINGUP_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(suites, "SUITES", {"toy@1": Suite("toy@1", ("toy",))})
    assert "No brain match on toy@1 is kept here" in refused(capsys, "bits", "--suite", "toy@1")
    write_toy_benchmark(tmp_path / "data")
    form = ["--size", "32", "--suite", "toy@1", "--json"]
    main(["match", "pixels", *form])
    main(["match", "cornet_s", "--width", "0.125", *form, "--birth", str(files / "a.json")])
    capsys.readouterr()
    found = told(capsys, "bits", "--suite", "toy@1", "--figure", tmp_path / "bits.png")
    assert [p["name"] for p in found] == ["pixels", "layer_normal (a.json)"]
    figures = told(capsys, "show", files / "a.json")["parameters"]
    assert [p["bits"] for p in found] == [None, 16 * figures]
    assert (tmp_path / "bits.png").read_bytes().startswith(b"\x89PNG")
    main(["genome", "bits", "--suite", "toy@1"])
    assert "layer_normal (a.json)" in capsys.readouterr().out


def test_what_is_wrong_is_told(files, tmp_path, capsys):
    assert "There is no file" in refused(capsys, "show", tmp_path / "none.json")
    (tmp_path / "bad.json").write_text('{"layers": {"V1.conv2": {"kind": "cluster"}}}')
    assert "Did you mean 'clusters'" in refused(capsys, "show", tmp_path / "bad.json")
    assert "precision in bits is 0" in refused(capsys, "show", files / "a.json", "--precision", 0)
    assert "has to end in one of .png" in refused(capsys, "plot", files / "a.json", "--out", "x.doc")
    assert "kaiming_normal is a rule" in refused(capsys, "diff", files / "a.json", "kn")


def test_an_edited_genome_is_refused_until_it_is_sealed(files, tmp_path, capsys):
    edited = tmp_path / "edited.json"
    Genome.load(files / "a.json").save(edited)
    document = json.loads(edited.read_text())
    document["layers"]["V1.norm1"]["weight_mean"] = 3.5
    edited.write_text(json.dumps(document))
    message = refused(capsys, "show", edited)
    assert "edited.json is damaged, or was changed after it was written" in message
    assert f"wiringup genome seal {edited} --out NEW.json" in message
    facts = told(capsys, "seal", edited, "--out", tmp_path / "mine.json")
    mine = Genome.load(tmp_path / "mine.json")
    assert mine.layers["V1.norm1"].weight_mean == 3.5
    assert mine.source["sealed"] == "by hand"
    assert facts["sha256"] == mine.sha256 != Genome.load(files / "a.json").sha256
    assert told(capsys, "show", tmp_path / "mine.json")["sha256"] == mine.sha256
    document["layers"]["V1.norm1"]["kind"] = "nonsense"
    edited.write_text(json.dumps(document))
    assert "kind of layer V1.norm1" in refused(capsys, "seal", edited, "--out", tmp_path / "no.json")
    assert not (tmp_path / "no.json").exists()


def test_a_genome_written_by_hand_opens_with_one_line(files, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(sealed, "_SAID", set())
    document = Genome.load(files / "a.json").to_dict()
    (tmp_path / "by_hand.json").write_text(json.dumps(document))
    assert Genome.load(tmp_path / "by_hand.json").sha256 == Genome.load(files / "a.json").sha256
    (line,) = caplog.messages
    assert "by_hand.json carries no hash of itself" in line
