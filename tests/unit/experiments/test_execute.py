"""A run is a value: its file makes the same record in another process, and addresses are pinned."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from made_images import class_folders, noise, write_folder
from tests_world import write_toy_benchmark
from toy_inputs import BASE, recording
from wiringup.benchmarks.predictivity import Predictivity
from wiringup.benchmarks.suites import Suite
from wiringup.birth.apply import BirthSpec
from wiringup.birth.distill import distill
from wiringup.cli.main import main
from wiringup.core.errors import DivergedError, InputError
from wiringup.core.spec import from_dict, to_dict
from wiringup.experiments.launching.launch import launch
from wiringup.experiments.launching.study import Study
from wiringup.experiments.recipes.grid import PLASTICITY, grid, with_controls
from wiringup.experiments.recipes.main_study import Scale, main_study
from wiringup.experiments.runs import run as running
from wiringup.experiments.runs.births import born
from wiringup.experiments.runs.inputs import StudyInputs, plasticity_of
from wiringup.experiments.runs.run import execute, read_spec, settled, spec_of
from wiringup.experiments.runs.spec import ExamSpec, GenomeSource, ImagesSpec, RunSpec, born_from, with_source
from wiringup.experiments.runs.trainings import SPEC
from wiringup.models.architecture import ModelSpec
from wiringup.models.readout import subject
from wiringup.results.record import to_dict as record_to_dict
from wiringup.results.store import Store
from wiringup.training.label_free import LabelFreeSpec
from wiringup.training.schedule import epochs, images
from wiringup.training.spec import TrainSpec

VERSION = "0.1.0"
PINNED = {
    "as it comes": RunSpec(version=VERSION),
    "images": RunSpec(ImagesSpec("elsewhere", 2000, 1000, 1, 64, 64, "a" * 64, "b" * 64), version=VERSION),
    "model": RunSpec(model=ModelSpec("resnet50", 0.5, 10, 64), version=VERSION),
    "genome": RunSpec(
        birth=BirthSpec("weight_compression", 3, "c" * 64), genome=GenomeSource("wc", True), version=VERSION
    ),
    "training": RunSpec(training=TrainSpec("critical", images(500), lr=0.02, norms="held"), version=VERSION),
    "before": RunSpec(before=LabelFreeSpec("pink"), version=VERSION),
    "exam": RunSpec(
        exam=ExamSpec("mine@1", {"mine": "d" * 64, "absent": None}, "e" * 64, "r/c"),
        moments=(epochs(0.5), images(7)),
        version=VERSION,
    ),
}


@pytest.fixture
def run(tmp_path, monkeypatch) -> RunSpec:
    """A run on files of a user, scored on a recording of their own."""
    monkeypatch.setenv("WIRINGUP_DATA", str(tmp_path / "data"))
    write_toy_benchmark(tmp_path / "data")
    folder = write_folder(tmp_path / "images", class_folders(noise(30)))
    exam = ExamSpec("chosen@1", {"toy": ""})
    return StudyInputs().pin(
        replace(
            BASE,
            images=ImagesSpec(str(folder), side=32, calibration=8),
            exam=exam,
            training=replace(BASE.training, plasticity="decoder", duration=epochs(2)),
            moments=(epochs(1),),
            label="mine",
        )
    )


def test_seconds_are_those_of_all_sessions(run, tmp_path, monkeypatch):
    made = running.train
    monkeypatch.setattr(running, "train", lambda *a, **k: replace(made(*a, **k), earlier=1000.0))
    assert 1000 < execute(run, Store(tmp_path / "runs")).provenance["seconds"] < 1600


def content(record):
    values = record_to_dict(record)
    del values["provenance"]
    return json.loads(json.dumps(values))


ADDRESSES = {
    "as it comes": "c4c79a198e35",
    "images": "65a999d90e66",
    "model": "8cb745943e1f",
    "genome": "ded09f0bba6d",
    "training": "5199b471e2c8",
    "before": "4c2f7bd03be0",
    "exam": "48bad12a955e",
}


@pytest.mark.parametrize("name", PINNED)
def test_addresses_are_pinned_so_that_runs_stay_found(name):
    assert PINNED[name].uid == ADDRESSES[name]


def test_where_things_lie_and_how_they_are_called_is_no_part_of_an_address():
    run = PINNED["images"]
    there = replace(run.images, source="there")
    training = replace(run.training, device="cuda", workers=3)
    moved = replace(run, images=there, training=training, label="x", keep_weights=True)
    assert moved.uid == run.uid
    assert replace(run, images=replace(run.images, sha256="f" * 64)).uid != run.uid


@pytest.mark.parametrize("name", PINNED)
def test_a_run_comes_back_from_its_json(name):
    images = replace(PINNED[name].images, sha256="0" * 64)
    run = born_from(RunSpec(), replace(PINNED[name], images=images))
    assert from_dict(RunSpec, json.loads(json.dumps(to_dict(run)))) == run


def test_a_records_own_spec_makes_the_same_record_in_another_process(run, tmp_path):
    here = execute(run, Store(tmp_path / "here"))
    assert [p.epoch for p in here.points] == [0, 1, 2]
    assert [s.benchmark for s in here.last.scores] == ["toy"]
    spec = tmp_path / "here" / run.uid / SPEC
    command = [sys.executable, "-m", "wiringup", "execute", str(spec), "--json", "--device", "cpu"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    there = json.loads(done.stdout)
    del there["provenance"]
    assert there == content(here)
    assert (tmp_path / "runs" / run.uid / SPEC).read_bytes() == spec.read_bytes()


def test_images_may_lie_elsewhere_and_have_to_be_the_same(run, tmp_path):
    Path(run.images.source).rename(tmp_path / "moved")
    moved = with_source(run, str(tmp_path / "moved"))
    assert moved.uid == run.uid
    assert execute(moved, Store(tmp_path)).label == "mine"
    other = write_folder(tmp_path / "other", class_folders(noise(30, seed=5)))
    with pytest.raises(InputError, match=r"The images at .*other: here is .*, but the run was made with"):
        StudyInputs().load(replace(run.images, source=str(other)))


def test_a_run_that_an_earlier_version_pinned_to_its_pixels_is_still_known(run):
    inputs = StudyInputs()
    images = inputs.load(run.images)
    before = replace(run.images, sha256=images.chosen.pixels_sha256)
    assert before.sha256 != run.images.sha256
    assert inputs.load(before).chosen.sha256 == run.images.sha256
    exam = replace(run.exam, held_out=images.held_out.pixels_sha256)
    assert inputs.exam(exam, images.held_out, 32).held_out is images.held_out


def with_val(run: RunSpec, folder: Path, seed: int = 9) -> RunSpec:
    """Return an unpinned run with the validation set that is written to ``folder``."""
    val = write_folder(folder, class_folders(noise(12, seed=seed)))
    images = ImagesSpec(run.images.source, side=32, calibration=8, val=str(val))
    return replace(run, images=images, exam=replace(run.exam, held_out=""))


def test_a_validation_set_decides_the_address_by_its_hash_alone(run, tmp_path):
    inputs = StudyInputs()
    one, other = (inputs.pin(with_val(run, tmp_path / str(seed), seed)) for seed in (9, 8))
    assert (run.images.pool, one.images.pool) == (24, 30)
    assert len({run.uid, one.uid, other.uid}) == 3 and one.images.sha256 == other.images.sha256
    assert replace(one, images=replace(one.images, val="there")).uid == one.uid
    assert inputs.pin(one) == one
    assert run.images.val == ""


def test_a_validation_set_may_lie_elsewhere_and_has_to_be_the_same(run, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = execute(with_val(run, tmp_path / "val"), Store("here"))
    protocol = "validation set of 12 images, kept as 32 px squares, squashed to 32 px"
    assert {p.top1_protocol for p in made.points} == {protocol}
    (tmp_path / "val").rename("moved")
    spec = str(tmp_path / "here" / made.uid / SPEC)
    main(["execute", spec, "--val", "moved", "--json"])
    assert json.loads(capsys.readouterr().out)["points"] == content(made)["points"]
    write_folder(tmp_path / "other", class_folders(noise(12, seed=8)))
    with pytest.raises(SystemExit):
        main(["execute", spec, "--val", "other", "--out", "anew"])
    assert "The images for top-1, held out or of --val: here is" in capsys.readouterr().err


def test_whole_photographs_are_learned_from_and_the_protocol_says_so(run, tmp_path):
    photographs = [noise(1, 20 + 3 * (i % 12), 40 - i, seed=i)[0] for i in range(24)]
    write_folder(tmp_path / "train", class_folders(photographs[:12]))
    write_folder(tmp_path / "val", class_folders(photographs[12:]))
    images = ImagesSpec(
        str(tmp_path / "train"), side=24, calibration=4, val=str(tmp_path / "val"), keep="jpeg"
    )
    base = replace(run, images=images, exam=replace(run.exam, held_out="", top1="resize-crop"))
    inputs = StudyInputs()
    pinned = inputs.pin(base)
    others = [
        replace(base, images=replace(images, keep="squares")),
        replace(base, images=replace(images, keep="jpeg:80")),
        replace(base, exam=replace(base.exam, top1="own")),
    ]
    assert len({pinned.uid, *(inputs.pin(other).uid for other in others)}) == 4
    assert inputs.pin(replace(base, images=replace(images, keep="jpeg:90"))).uid == pinned.uid
    record = execute(base, Store(tmp_path / "runs"), inputs=inputs)
    kept = "kept whole (short side at most 24 px, JPEG of quality 90)"
    protocol = f"validation set of 12 images, {kept}, resize 36 + centre crop 32"
    assert {point.top1_protocol for point in record.points} == {protocol}


def test_rendered_objects_are_kept_as_the_squares_that_they_are():
    with pytest.raises(InputError, match=r"Rendered objects are squares; leave out --keep jpeg:90"):
        ImagesSpec(keep="jpeg")


@pytest.mark.parametrize("spec", [{"keep": "png"}, {"top1": "crop"}])
def test_other_ways_to_keep_and_show_images_are_refused(spec):
    with pytest.raises(InputError, match=r"allowed are squares, raw|own, resize-crop|resize-crop"):
        ImagesSpec(**spec) if "keep" in spec else ExamSpec(**spec)


def test_images_that_are_learned_from_are_no_validation_set(run):
    with pytest.raises(InputError, match=r"The validation set .* is what is learned from"):
        StudyInputs().load(replace(run.images, sha256="", val=run.images.source))


def test_a_recording_that_changed_is_noticed(run, tmp_path):
    other = replace(run, exam=replace(run.exam, benchmarks={"toy": "0" * 64}))
    with pytest.raises(InputError, match="The data behind toy: here is"):
        execute(other, Store(tmp_path))


def test_a_spec_that_is_damaged_or_no_run_is_refused(run, tmp_path):
    execute(run, Store(tmp_path))
    path = tmp_path / run.uid / SPEC
    assert read_spec(path) == replace(run, training=replace(run.training, device="auto"))
    text = path.read_text()
    path.write_text(text.replace('"lr": 0.02', '"lr": 0.03'))
    with pytest.raises(InputError, match="does not match the hash that it carries"):
        read_spec(path)
    path.write_text('{"images": {"sid": 32}}')
    with pytest.raises(InputError, match=r"Unknown field of .*images 'sid'. Did you mean 'side'"):
        read_spec(path)


def test_a_spec_written_by_hand_is_pinned_before_it_is_made(run, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    asked = {
        "images": {"source": run.images.source, "side": 32, "calibration": 8},
        "model": {"width": 0.125, "size": 32},
        "training": {"plasticity": "decoder", "duration": {"value": 2, "unit": "epochs"}, "batch": 8,
                     "lr": 0.02, "schedule": "cosine", "size": 32},
        "exam": {"suite": "chosen@1", "benchmarks": {"toy": ""}},
        "moments": [{"value": 1, "unit": "epochs"}],
    }  # fmt: skip
    Path("spec.json").write_text(json.dumps(asked))
    main(["execute", "spec.json", "--json"])
    assert json.loads(capsys.readouterr().out)["uid"] == run.uid


def test_what_is_left_to_the_machine_is_settled_for_the_device_that_is_used(run, monkeypatch):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    inputs, elsewhere = StudyInputs(), "meta"  # a device that no machine trains on
    left = replace(run, training=replace(run.training, precision="auto", device=elsewhere))
    assert settled(left, inputs, "cpu").training.precision == "bf16"
    with pytest.raises(InputError, match="There is no device 'meta' here"):
        settled(left, inputs, None)
    named = replace(run, images=replace(run.images, sha256=""))
    named = replace(named, training=replace(run.training, device=elsewhere))
    assert settled(named, inputs, "cpu").uid == run.uid, "the device that a spec names need not be here"


def test_a_genome_distilled_from_a_run_is_made_again_with_that_run(inputs, tmp_path):
    scale = Scale(pool=24, epochs=1, few_images=16, few_epochs=1, calibration=16, moments=())
    study = main_study(BASE, inputs, scale, (0,))
    wc = next(run for run in study.runs if run.label == "WC + critical")
    record = execute(wc, Store(tmp_path), inputs=inputs)
    parent = Store(tmp_path).record(wc.genome.distilled_from.uid)
    assert parent.genome and parent.label == study.reference and record.seed == 0


def test_kept_weights_are_those_of_their_moment(run, tmp_path):
    kept = replace(run, keep_weights=True)
    execute(kept, Store(tmp_path))
    folder = tmp_path / run.uid
    half, end = (load_file(folder / "moments" / f"epoch-{n}.safetensors") for n in (1, 2))
    last = load_file(folder / "weights.safetensors")
    assert all(torch.equal(end[name], last[name]) for name in last)
    assert any(not torch.equal(half[name], last[name]) for name in last)
    shorter = replace(run, training=replace(run.training, duration=epochs(1), schedule="constant"))
    assert shorter.uid != run.uid


def test_seeds_of_birth_and_training_are_set_apart(run, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    form = ["train", "cornet_s", "--images", run.images.source, "--size", "32", "--width", "0.125",
            "--batch", "8", "--plasticity", "decoder", "--epochs", "1", "--json"]  # fmt: skip
    found = {}
    for seeds in (("0", "0"), ("0", "1"), ("1", "0")):
        main([*form, "--birth-seed", seeds[0], "--seed", seeds[1]])
        found[seeds] = json.loads(capsys.readouterr().out)
    births = {seeds: record["points"][0]["top1"] for seeds, record in found.items()}
    losses = {seeds: record["losses"] for seeds, record in found.items()}
    assert births["0", "0"] == births["0", "1"]
    assert len({tuple(one) for one in losses.values()}) == 3
    assert found["1", "0"]["seed"] == 1


def test_other_read_outs_of_one_birth_have_scores_of_their_own(inputs):
    inputs.benchmarks = lambda spec, size: (Suite("t@1", ("toy.V4",)), (Predictivity(recording()),))
    found = []
    for areas in ((), ("V4=V1.output",)):
        run = inputs.pin(replace(BASE, model=replace(BASE.model, areas=areas)))
        exam = inputs.exam(run.exam, inputs.load(run.images).held_out, 32)
        subject_ = subject(born(run.model, BirthSpec()), run.model)
        found.append(exam.evaluate(subject_)[0][0].raw)
    assert found[0] != found[1]


def test_one_run_under_two_labels_stays_two_conditions(inputs, tmp_path):
    run = inputs.pin(replace(BASE, label="a"))
    study = Study((run, replace(run, label="b")), "a")
    assert [r.label for r in launch(study, Store(tmp_path), inputs=inputs).records] == ["a", "b"]
    assert [r.label for r in Store(tmp_path).study(study.uid)[1]] == ["a", "b"]


def test_a_folder_called_rendered_is_a_folder(run, tmp_path, monkeypatch):
    Path(run.images.source).rename(tmp_path / "rendered")
    monkeypatch.chdir(tmp_path)
    assert StudyInputs().load(replace(run.images, source="rendered")).chosen.classes == ("a", "b")


def test_controls_count_the_synapses_of_the_classes_that_there_are(inputs):
    names = [r.training.plasticity for r in grid(BASE, {PLASTICITY: ["critical"]}, controls=inputs)]
    learned = plasticity_of("critical", inputs.network(BASE)).count()
    assert names == ["critical", f"random:{learned}"]
    assert learned != plasticity_of("critical", BASE.model).count()


def test_controls_learn_when_what_they_control_does():
    count = plasticity_of("critical", BASE.model).count()
    for window in ("@0..1epochs", "@0.5..2epochs", "@8..images"):
        control = f"random:{count}{window}"
        assert with_controls(["critical" + window], BASE.model) == ["critical" + window, control]
        (when,) = {group.windows for group in plasticity_of(control, BASE.model).groups}
        assert str(when[0]) == window
    for name in ("critical@0..1epochs + V1", "V1@0..1epochs + V1@2..3epochs", "(V1 + random:9)@0..1epochs"):
        with pytest.raises(InputError, match=r"has no control.*give all of it one window"):
            with_controls([name], BASE.model)


def test_what_decides_nothing_is_no_part_of_an_address(inputs):
    plain = replace(BASE, birth=BirthSpec(batchnorm="default"))
    runs = [replace(plain, images=replace(BASE.images, calibration=n, seed=n)) for n in (0, 16)]
    assert len({inputs.pin(run).uid for run in runs}) == 1
    sizes = [replace(BASE, training=replace(BASE.training, size=size)) for size in (None, 32, 48)]
    assert {inputs.pin(run).training.size for run in sizes} == {32}
    number = inputs.pin(BASE).images.number
    long = [
        replace(BASE, training=replace(BASE.training, duration=d)) for d in (epochs(2), images(2 * number))
    ]
    assert inputs.pin(long[0]).uid == inputs.pin(long[1]).uid


def test_a_spec_of_another_version_is_made_anew_with_a_word(run, tmp_path, caplog):
    record = execute(replace(run, version="9.9"), Store(tmp_path))
    assert record.uid == run.uid and "made by wiringup 9.9" in caplog.text


def test_genomes_of_several_recipes_are_distilled_from_one_run(inputs, tmp_path):
    parent = inputs.pin(BASE)
    for recipe in ("weight_compression", "kernel_normal"):
        child = born_from(inputs.pin(replace(BASE, training=replace(BASE.training, lr=0.01))), parent, recipe)
        execute(child, Store(tmp_path), inputs=inputs)
    names = {path.name for path in (tmp_path / parent.uid).glob("genome*")}
    assert names == {"genome.json", "genome-kernel_normal.json"}
    with pytest.raises(InputError, match="Pin the run"):
        born_from(BASE, BASE)


def test_a_spec_by_hand_may_name_a_birth_and_says_what_it_cannot_be(run, tmp_path):
    teacher = born(BASE.model, BirthSpec("kaiming_normal", 1))
    distill(teacher.state_dict(), recipe="layer_normal").save(tmp_path / "g.json")
    brief = {"model": {"width": 0.125, "size": 32}, "birth": {"recipe": str(tmp_path / "g.json"), "seed": 3}}
    found = spec_of(brief, StudyInputs())
    assert (found.birth.recipe, found.birth.seed, found.birth.batchnorm) == ("layer_normal", 3, "calibrated")
    assert found.genome.name == str(tmp_path / "g.json") and len(found.birth.genome) == 64
    with pytest.raises(InputError, match=r"Unknown field of the spec, birth 'sed'. Did you mean 'seed'"):
        spec_of(brief | {"birth": {"sed": 1}}, StudyInputs())


def test_a_training_that_diverged_is_not_tried_again(run, tmp_path, monkeypatch):
    def diverging(*_):
        tried.append(1)
        raise DivergedError("the loss is nan.")

    tried = []
    monkeypatch.setattr(running, "_execute", diverging)
    for message in ("^the loss is nan.$", "the loss is nan. To try it again, remove"):
        with pytest.raises(DivergedError, match=message):
            execute(run, Store(tmp_path))
    assert len(tried) == 1


def test_weights_that_were_not_kept_are_told(run, tmp_path, caplog):
    execute(run, Store(tmp_path))
    execute(replace(run, keep_weights=True), Store(tmp_path))
    assert "The weights of its moments were not kept" in caplog.text


def test_shares_that_no_process_normalises_are_refused_before_anything_is_made(inputs, tmp_path, monkeypatch):
    monkeypatch.setattr(running, "_genome", lambda *_: pytest.fail("something is made"))
    shared = inputs.pin(replace(BASE, training=replace(BASE.training, norm_shares=2)))
    with pytest.raises(InputError, match="this training has 1 process"):
        execute(shared, Store(tmp_path), inputs=inputs)
