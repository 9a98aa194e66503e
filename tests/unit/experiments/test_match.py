"""A model's brain match on a suite: seeds, references, and benchmarks that are not there."""

from dataclasses import replace

import pytest

from tests_world import write_toy_benchmark
from wiringup.benchmarks import suites
from wiringup.benchmarks.benchmark import evaluate
from wiringup.benchmarks.suites import Suite
from wiringup.birth.apply import BirthSpec
from wiringup.core.errors import InputError, MissingDataError
from wiringup.core.spec import to_dict
from wiringup.experiments.runs.births import born
from wiringup.experiments.runs.inputs import StudyInputs
from wiringup.experiments.runs.spec import ExamSpec
from wiringup.experiments.scoring.match import (
    address,
    exam_of,
    match,
    reference_of,
    title,
)
from wiringup.experiments.scoring.spec import ScoreSpec
from wiringup.models.architecture import ModelSpec
from wiringup.models.preprocessing import Preprocessing
from wiringup.models.readout import PixelSubject
from wiringup.models.weights import save_weights
from wiringup.results.brain_match import match_of_run
from wiringup.results.record import Point, Record
from wiringup.results.store import Store

TINY = {"size": 32, "width": 0.125, "classes": 2}
REQUEST = ScoreSpec("cornet_s", seeds=(0, 1), **TINY)


@pytest.fixture
def home(tmp_path, monkeypatch):
    write_toy_benchmark(tmp_path)
    suite = Suite("toy@1", ("toy", "henaff2021.V1-pls"))
    monkeypatch.setattr(suites, "SUITES", {"toy@1": suite, "empty@1": Suite("empty@1", suite.benchmarks[1:])})
    return tmp_path


def test_what_is_missing_is_named_with_the_way_to_get_it(home):
    exam = exam_of("toy@1", REQUEST, home)
    assert [b.name for b in exam.benchmarks] == ["toy"]
    assert "wiringup fetch henaff2021" in exam.missing["henaff2021.V1-pls"]
    with pytest.raises(
        MissingDataError, match=r"None of the benchmarks henaff2021.V1-pls is here.*wiringup fetch henaff"
    ):
        exam_of("empty@1", REQUEST, home)
    with pytest.raises(InputError, match=r"Unknown suite 'toy@2'. Did you mean 'toy@1'"):
        exam_of("toy@2", REQUEST, home)


def test_a_study_says_at_its_start_what_of_its_suite_is_not_here(home, caplog):
    _, found = StudyInputs(home).benchmarks(ExamSpec("toy@1"), 32)
    assert [b.name for b in found] == ["toy"]
    (told,) = [m for m in caplog.messages if m.startswith("Without henaff2021.V1-pls, which has no part in")]
    assert "wiringup fetch henaff2021" in told


def test_the_mean_is_that_of_the_suite_and_seeds_are_resampled(home):
    exam = exam_of("toy@1", ScoreSpec("pixels", size=32), home)
    found = match(ScoreSpec("pixels", size=32), exam, home).match
    scores = evaluate(PixelSubject(32), exam.benchmarks)
    whole = match_of_run(scores, "toy@1", suites.SUITES["toy@1"].benchmarks)
    assert found.mean == whole.mean
    assert list(found.missing) == list(whole.missing)
    assert {"stimuli", "units"} == set(found.mean.errors)
    assert found.mean.low < found.mean.value < found.mean.high
    seeds = match(REQUEST, exam, home).match
    assert seeds.seeds == 2 and "seeds" in seeds.mean.errors


def test_references_by_name(home, tmp_path):
    wc = replace(REQUEST, birth="wc")
    born = reference_of(["cornet-s"], wc, tmp_path)
    assert (born.birth, born.seeds, born.weights, born.width) == (None, (0, 1), (), 0.125)
    pixels = reference_of(["pixels"], wc, tmp_path)
    assert (pixels.model, pixels.size) == ("pixels", 32)
    for name in ("a.pth", "b.pth"):
        (tmp_path / name).write_bytes(b"weights")
    files = reference_of([str(tmp_path / n) for n in ("a.pth", "b.pth")], wc, tmp_path)
    assert [path.name for path in files.weights] == ["a.pth", "b.pth"]
    noise, foreign = replace(wc, batchnorm="noise"), "foreign_networks:small"
    found = [reference_of([n], noise, tmp_path) for n in ("cornet-s", "pixels", str(tmp_path / "a.pth"))]
    found.append(reference_of([foreign], noise, tmp_path, ["V4=middle"]))
    assert [one.batchnorm for one in found] == ["noise", "calibrated", "calibrated", "calibrated"]
    moment = Point(0, 0, 0, None, {"mean": 0.0}, (), ())
    for uid, size in (("0123abcd", 64), ("1123abcd", 32)):
        spec = {"model": {"architecture": "cornet_s", "size": size}}
        Store(tmp_path).save(Record(uid, "run", 0, spec, {"trained": 0}, (moment,), (), {}))
        (tmp_path / uid / "weights.safetensors").write_bytes(b"weights")
    run = reference_of(["0123abcd"], wc, tmp_path)
    assert (run.size, run.weights) == (64, (tmp_path / "0123abcd" / "weights.safetensors",))
    with pytest.raises(InputError, match="have to be of one network"):
        reference_of(["0123abcd", "1123abcd"], wc, tmp_path)
    with pytest.raises(InputError, match=r"There is no reference '0123abce'. Did you mean '0123abcd'"):
        reference_of(["0123abce"], wc, tmp_path)


def test_a_checkpoint_as_reference_sees_as_it_was_trained(home, tmp_path):
    trained = ModelSpec("cornet_s", 0.125, 2, 32, preprocessing=Preprocessing((0.5,) * 3, (0.25,) * 3))
    save_weights(born(trained, BirthSpec(), None, None), tmp_path / "a.safetensors", network=trained)
    said = replace(REQUEST, mean=(0.4, 0.4, 0.4))
    found = reference_of([str(tmp_path / "a.safetensors")], said, tmp_path)
    assert (found.size, found.mean, found.std) == (32, (0.5,) * 3, (0.25,) * 3)
    save_weights(born(trained, BirthSpec(), None, None), tmp_path / "a.safetensors")
    assert reference_of([str(tmp_path / "a.safetensors")], said, tmp_path).mean == said.mean


def test_a_reference_from_another_package_has_layers_and_preprocessing_of_its_own(home, tmp_path):
    areas = ("V4=middle",)
    own = reference_of(["foreign_networks:small"], REQUEST, tmp_path, areas)
    assert (own.own, own.areas, own.seeds, own.width) == (True, areas, (0,), 1.0)
    exam = exam_of("toy@1", own, home)
    found = match(own, exam, home).match
    assert (found.label, found.seeds) == ("foreign_networks:small (own weights)", 1)
    newborn = replace(own, birth="kn", seeds=(0, 1), crop=0.5)
    assert reference_of([own.model], newborn, tmp_path) == replace(own, crop=0.5)
    assert reference_of(["pixels"], newborn, tmp_path).crop is None
    assert reference_of(["cornet_s"], newborn, tmp_path).areas == ()
    model = to_dict(ModelSpec(own.model, areas=areas, size=32, preprocessing=Preprocessing(crop=0.5)))
    moment = Point(0, 0, 0, None, {"mean": 0.0}, (), ())
    Store(tmp_path).save(Record("0123abcd", "run", 0, {"model": model}, {"trained": 0}, (moment,), (), {}))
    (tmp_path / "0123abcd" / "weights.safetensors").write_bytes(b"weights")
    run = reference_of(["0123abcd"], REQUEST, tmp_path)
    assert (run.model, run.areas, run.crop, run.width) == (own.model, areas, 0.5, 1.0)


def test_conditions_have_names():
    assert title(REQUEST) == "cornet_s (kaiming_normal, seed 0 1)"
    assert title(ScoreSpec("pixels", size=32)) == "pixels at 32 px"
    assert title(ScoreSpec("r.npz")) == "r.npz"
    assert title(replace(REQUEST, seeds=(0,), weights=("a.pth", "b.pth"))) == "cornet_s (a.pth, b.pth)"


def test_benchmarks_by_name_make_an_exam_of_their_own(home):
    exam = exam_of(None, REQUEST, home, ["toy", "toy.V4-ridge"])
    assert (exam.suite, [b.name for b in exam.benchmarks]) == ("chosen@1", ["toy", "toy.V4-ridge"])
    with pytest.raises(MissingDataError, match="wiringup fetch henaff"):
        exam_of(None, REQUEST, home, ["toy", "henaff2021.V1-pls"])
    for names in (["toy", "toy"], ["toy.V4-pls", "toy.V4-ridge", "toy"]):
        with pytest.raises(InputError, match=r"are one benchmark .* which would count twice"):
            exam_of(None, REQUEST, home, names)
    for suite, names in ((None, ()), ("toy@1", ("toy",))):
        with pytest.raises(InputError, match="one of the two, and not both"):
            exam_of(suite, REQUEST, home, names)


def test_the_address_follows_who_is_scored_and_on_what(home):
    exam = exam_of("toy@1", REQUEST, home)
    found = match(REQUEST, exam, home).match
    one = address([REQUEST], exam, [found])
    assert one == address([REQUEST], exam, [found])
    others = [
        address([REQUEST, REQUEST], exam, [found, found]),
        address([replace(REQUEST, seeds=(0,))], exam, [found]),
        address([REQUEST], replace(exam, benchmarks=()), [found]),
        address([REQUEST], replace(exam, missing={}), [found]),
    ]
    assert len({one, *others}) == 5


def test_one_network_is_one_seed_whatever_its_files_are_called(home, tmp_path):
    exam, files = exam_of("toy@1", REQUEST, home), [tmp_path / f"{name}.safetensors" for name in "ab"]
    for file in files:
        save_weights(born(ModelSpec("cornet_s", 0.125, 2, 32), BirthSpec(), None, None), file)
    with pytest.raises(InputError, match=r"a.safetensors and .*b.safetensors hold the same network"):
        match(ScoreSpec("cornet_s", weights=tuple(files), size=32), exam, home)
    with pytest.raises(InputError, match="name each file once"):
        ScoreSpec("cornet_s", weights=(files[0], tmp_path / "." / files[0].name))


def test_another_network_in_a_file_of_the_same_name_has_another_address(home, tmp_path):
    exam, path = exam_of("toy@1", REQUEST, home), tmp_path / "weights.safetensors"
    request = ScoreSpec("cornet_s", weights=(path,), size=32)
    addresses = set()
    for seed in (0, 1):
        spec = ModelSpec("cornet_s", 0.125, 2, 32)
        save_weights(born(spec, BirthSpec("kaiming_normal", seed), None, None), path)
        found = match(request, exam, home).match
        addresses.add(address([request], exam, [found]))
    assert len(addresses) == 2
