"""The Python interface: lazily imported, from a network to a plot."""

import ast
import subprocess
import sys
from pathlib import Path

import matplotlib.figure
import pytest
import torch

import wiringup
from made_images import class_folders, noise, write_folder
from tests_world import write_toy_benchmark
from wiringup.core.errors import InputError
from wiringup.models.weights import save_weights


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("WIRINGUP_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    write_toy_benchmark(tmp_path / "data")
    return tmp_path


@pytest.fixture
def newborn(home):
    return wiringup.give_birth(wiringup.create_model("cornet_s", width=0.125, size=32), "kn", seed=1)


def test_importing_is_quick_and_needs_no_torch():
    code = (
        "import sys, wiringup; wiringup.__version__;"
        "assert not {'torch', 'numpy', 'matplotlib', 'tyro'} & set(sys.modules), set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_name_is_there_and_others_are_not():
    names = {"create_model", "give_birth", "distill", "train", "score", "brain_match", "load_benchmark",
             "execute", "Results", "Genome", "NetworkSubject", "Preprocessing"}  # fmt: skip
    assert names <= set(dir(wiringup)) and all(getattr(wiringup, name) for name in names)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = wiringup.nonsense


def test_a_network_says_what_it_is(newborn):
    assert repr(newborn) == (
        "Network(cornet_s, width 0.125, 32 px, kaiming_normal, seed 1, BatchNorm default)"
    )
    frame = newborn.to_frame()
    assert frame["synapses"].sum() == sum(p.numel() for p in newborn.module.parameters())


def test_a_module_of_ones_own_is_scored_as_the_network_that_it_is(newborn):
    areas = dict(newborn.subject().areas)
    module = wiringup.NetworkSubject("mine", newborn.module, areas, size=32)
    (ours,), (expected,) = (wiringup.score(model, "toy").rows for model in (module, newborn))
    assert (ours["model"], ours["raw"]) == ("mine", expected["raw"])


def test_genomes_are_paths_names_or_objects(newborn, tmp_path):
    genome = wiringup.distill(newborn)
    genome.save(str(tmp_path / "g.json"))
    assert wiringup.Genome.load(str(tmp_path / "g.json")).sha256 == genome.sha256
    born = [
        wiringup.give_birth(wiringup.create_model("cornet_s", width=0.125, size=32), birth, seed=2)
        for birth in (genome, tmp_path / "g.json", str(tmp_path / "g.json"))
    ]
    weights = [network.module.V2.conv1.weight for network in born]
    assert torch.equal(weights[0], weights[1]) and torch.equal(weights[0], weights[2])
    with pytest.raises(InputError, match="genome in memory alone"):
        wiringup.train(born[0], "rendered:8", epochs=0)
    trained = wiringup.train(born[1], "rendered:40", epochs=1, batch=8)
    assert trained.ledger["updates"] > 0 and (trained.folder / "spec.json").is_file()
    assert trained.record.spec["birth"]["genome"] == genome.sha256


def test_a_network_that_was_never_born_has_no_score(home):
    with pytest.raises(InputError, match="never born"):
        wiringup.score(wiringup.create_model("cornet_s", width=0.125, size=32), "toy")


def test_scores_as_frame_and_figure(newborn):
    found = wiringup.score(newborn, ["toy", "simulated.V1"], ["V2", "V4"])
    frame = found.to_frame()
    assert list(frame["layer"]) == ["V2", "V4"] * 2 and set(frame["birth"]) == {"kaiming_normal"}
    assert repr(found).startswith("Results(4 rows")
    assert isinstance(found.plot(), matplotlib.figure.Figure)
    assert wiringup.score("pixels", wiringup.load_benchmark("toy"), size=32).rows[0]["model"] == "pixels"


def test_a_network_whose_weights_were_changed_is_of_no_birth(newborn, home):
    born = wiringup.score(newborn, "toy").rows[0]
    assert (born["birth"], born.get("weights")) == ("kaiming_normal", None)
    newborn.module.V1.conv1.weight.data[0] += 1
    changed = wiringup.score(newborn, "toy").rows[0]
    assert changed.get("birth") is None and changed["weights"].endswith("BatchNorm default, changed since")
    with pytest.raises(InputError, match=r"changed since\): a training begins with a birth"):
        wiringup.train(newborn, "images")
    state = newborn.module.state_dict()
    loaded = wiringup.create_model("cornet_s", width=0.125, size=32)
    loaded.module.load_state_dict(state)
    assert wiringup.score(loaded, "toy").rows[0]["weights"] == "unborn, changed since"
    assert (
        wiringup.give_birth(newborn, "kn", seed=1).description == "kaiming_normal, seed 1, BatchNorm default"
    )


def test_what_weights_decide_is_not_asked_for_beside_them(newborn, home):
    save_weights(newborn.module, home / "w.safetensors", network=newborn.spec)
    for more in ({"classes": 20}, {"width": 0.5}):
        with pytest.raises(
            InputError, match=r"of width 0\.125 with 1000 classes; leave out width and classes"
        ):
            wiringup.create_model("cornet_s", weights=home / "w.safetensors", **more)
    loaded = wiringup.create_model("cornet_s", width=0.125, classes=1000, weights=home / "w.safetensors")
    assert loaded.spec == newborn.spec


def test_a_brain_match_beside_its_reference(newborn):
    found = wiringup.brain_match(newborn, benchmarks=["toy"], reference="pixels", size=32)
    assert list(found.to_frame().columns) == ["value", "error", "low", "high", "fraction"]
    assert list(found.to_frame().index) == ["V4", "mean"]
    assert "on chosen@1: " in repr(found)
    assert isinstance(found.plot(), matplotlib.figure.Figure)


def test_training_gives_results_and_a_network_that_execute_makes_again(newborn, home):
    folder = write_folder(home / "images", class_folders(noise(30)))
    how = {"plasticity": "decoder", "epochs": 2, "batch": 8, "lr": 0.02}
    found = wiringup.train(newborn, folder, benchmarks="toy", moments=[1], **how)
    assert list(found.to_frame()["epoch"]) == [0, 1, 2]
    assert set(found.to_frame()["seed"]) == {1}  # the birth's; that of the training is 0
    assert isinstance(found.plot(), matplotlib.figure.Figure)
    (run,) = set(found.to_frame()["run"])
    assert repr(found.model).endswith(f"trained, run {run})")
    again = wiringup.execute(home / "runs" / run / "spec.json", home / "elsewhere")
    first, second = (one.to_frame().drop(columns=["date", "seconds"]) for one in (found, again))
    assert second.equals(first)
    none = wiringup.train(newborn, folder, benchmarks="toy", **how | {"epochs": 0})
    assert repr(none.model).endswith(f"newborn, run {none.rows[0]['run']})")
    assert wiringup.score(none.model, "toy").rows[0]["raw"] == none.rows[0]["raw"]
    val = write_folder(home / "val", class_folders(noise(12, seed=9)))
    tested = wiringup.train(newborn, folder, val=val, **how | {"epochs": 1})
    assert {row["top1_protocol"][:27] for row in tested.rows} == {"validation set of 12 images"}
    assert tested.rows[0]["n_images"] == 30
    loaded = wiringup.create_model("cornet_s", weights=home / "runs" / run / "weights.safetensors")
    assert loaded.spec == found.model.spec and loaded.spec.size == 32
    genome = wiringup.distill(found.model, "layer_normal")
    assert genome.recipe == "layer_normal"
    with pytest.raises(InputError, match="Unknown option of a training 'learning_rate'"):
        wiringup.train(newborn, folder, learning_rate=1)
    with pytest.raises(InputError, match=r"'benchmark'\. Did you mean 'benchmarks'"):
        wiringup.train(newborn, folder, benchmark="toy")
    with pytest.raises(InputError, match="leave out one of the two"):
        wiringup.train(newborn, folder, suite="simulated@1", benchmarks="toy")


def test_the_example_of_the_readme_runs_and_is_short(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (Path(__file__).parents[2] / "README.md").read_text()
    example = text.split("```python\n")[1].split("```")[0]
    statements = ast.parse(example).body
    assert len(statements) <= 8 and "import wiringup" in example
    small = example.replace("rendered:500", "rendered:60").replace("width=0.25", "width=0.125")
    exec(compile(small, "README.md", "exec"), {})
    assert (tmp_path / "brain_match.png").stat().st_size > 10_000


def test_the_study_of_the_documentation_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (Path(__file__).parents[2] / "docs" / "runs.md").read_text()
    example = text.split("```python\n")[1].split("```")[0]
    small = "model=replace(MODEL, width=0.125, size=32), training=replace(TRAINING, size=32, batch=16)"
    example = example.replace("pool=2000, side=64", "pool=40, side=32, calibration=8")
    found = {}
    exec(compile(example.replace("model=MODEL, training=TRAINING", small), "runs.md", "exec"), found)
    labels = [record.label for record in found["found"].records]
    assert len(labels) == 12 and "all, lr 0.1" in labels
    assert sum(label.startswith("random:") for label in labels) == 4


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda n: wiringup.train(n, "x", lr=-1), "lr is -1"),
        (lambda n: wiringup.train(n, "x", image_size=0), "The size of images in pixels is 0"),
        (lambda n: wiringup.train(n, "x", moments="soon"), "soon"),
        (lambda n: wiringup.train(n, "x", epochs=2, duration="1 epochs"), "instead of epochs; leave one out"),
        (lambda n: wiringup.score(n, "toy", size=64), r"sees 32 px, not 64; .* or leave out size"),
        (lambda n: wiringup.create_model("foreign_networks:small", classes=7), "has 5 classes of its own"),
        (lambda n: wiringup.give_birth("cornet_s"), "make one with create_model"),
        (lambda n: wiringup.give_birth(n, batchnorm="noise", calibrate="x"), "'noise' uses no images"),
        (lambda n: wiringup.train(n.module, "x"), "make one with create_model"),
        (lambda n: wiringup.score(n.module, "toy"), r"Score it as wiringup\.NetworkSubject"),
        (lambda n: wiringup.create_model(n.module), r"Score it as wiringup\.NetworkSubject"),
        (lambda n: wiringup.score([1], "toy"), "does not answer to images"),
        (lambda n: wiringup.score("cornet_s", "toy"), "create_model, give_birth"),
        (lambda n: wiringup.score(n, "tyo"), "Did you mean 'toy'"),
        (lambda n: wiringup.score(n, "toy", "V5"), "no layer 'V5'"),
        (lambda n: wiringup.brain_match([]), "no model"),
        (lambda n: wiringup.brain_match([n, n], benchmarks="toy"), "two of these are the same"),
        (lambda n: wiringup.brain_match(n, "real@1", benchmarks="toy"), "leave out one of the two"),
        (lambda n: wiringup.create_model(areas="V4=V2"), "give a dictionary"),
        (lambda n: wiringup.create_model(men=(0, 0, 0)), "Did you mean 'mean'"),
        (lambda n: wiringup.distill(wiringup.create_model(width=0.125, size=32)), "never born"),
    ],
)
def test_wrong_input_is_answered_in_words(newborn, call, message):
    with pytest.raises(InputError, match=message):
        call(newborn)
