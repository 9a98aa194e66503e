import json

import pytest

from tests_world import write_toy_benchmark
from wiringup.benchmarks import suites
from wiringup.benchmarks.suites import Suite
from wiringup.cli.main import main
from wiringup.cli.show import number
from wiringup.results.store import Store

TINY = ["--size", "32", "--width", "0.125"]


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("WIRINGUP_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(suites, "SUITES", {"toy@1": Suite("toy@1", ("toy", "cowley2023.210325.V4-pls"))})
    write_toy_benchmark(tmp_path / "data", 44)
    return tmp_path


def fails(*arguments) -> int:
    with pytest.raises(SystemExit) as stopped:
        main([str(a) for a in arguments])
    return stopped.value.code


def test_search_then_score_with_the_layers_that_were_found(home, capsys):
    main(["layers", "cornet_s", *TINY, "--benchmark", "toy", "--layer", "V1.pool", "V2.output@1", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert found["areas"]["V4"] in ("V1.pool", "V2.output@1")
    assert found["searched"][0]["images"] == 22
    (report,) = found["report"]
    assert (report["n_stimuli"], report["layer"]) == (22, found["areas"]["V4"])
    form = ["score", "cornet_s", *TINY, "--benchmark", "toy", "--layers-from", "layers.json"]
    assert fails(*form) == 2
    assert "chosen on 22 of the 44 images of toy" in capsys.readouterr().err
    main([*form, "--unseen", "--json"])
    assert json.loads(capsys.readouterr().out) == [report]
    main(
        ["match", "cornet_s", *TINY, "--suite", "toy@1", "--layers-from", "layers.json", "--unseen", "--json"]
    )
    match = json.loads(capsys.readouterr().out)
    assert match["suite"] == "toy@1:unseen"
    assert match["layers"] == found["sha256"][:12] == report["layers"]
    assert match["benchmarks"]["toy:unseen"]["score"]["value"] == report["score"]


def test_the_table_of_a_search_marks_the_choice_and_warns_of_it(home, capsys):
    main(["layers", "cornet_s", *TINY, "--benchmark", "toy", "--layer", "V1", "V2", "--pca", "search"])
    shown = capsys.readouterr()
    assert "* " in shown.out
    assert "toy:unseen" in shown.out
    assert "too good by selection" in shown.err
    assert "principal components, fitted on the images of the search" in shown.err


def test_a_brain_match_shows_parts_errors_fraction_and_gaps(home, capsys):
    main(["match", "cornet_s", *TINY, "--suite", "toy@1", "--seed", "0", "1", "--reference", "pixels",
          "--figure", "match.png"])  # fmt: skip
    shown = capsys.readouterr()
    assert "MISSING" in shown.out
    assert "mean over V4" in shown.out
    assert "mean, fraction of reference" in shown.out
    assert "MISSING, not in the mean: cowley2023.210325.V4-pls" in shown.err
    assert "wiringup fetch cowley2023" in shown.err
    assert "2 seeds say little" in shown.err
    assert (home / "match.png").read_bytes().startswith(b"\x89PNG")


def test_a_brain_match_as_json_is_kept(home, capsys):
    form = ["match", "pixels", "--size", "32", "--suite", "toy@1", "--reference", "pixels", "--json"]
    main(form)
    found = json.loads(capsys.readouterr().out)
    assert found["fraction"]["mean"]["value"] == 1
    assert found["reference"] == "pixels at 32 px"
    assert list(found["missing"]) == ["cowley2023.210325.V4-pls"]
    assert set(found["mean"]["errors"]) == {"stimuli", "units"}
    assert Store(home / "runs").matches() == [found]
    main(form)
    assert json.loads(capsys.readouterr().out) == found
    main(["results", "--json"])
    assert json.loads(capsys.readouterr().out) == [{"kind": "match", **found}]
    main(["results"])
    (row,) = (line for line in capsys.readouterr().out.splitlines() if "toy@1" in line)
    shown = [number(found["mean"][name]) for name in ("value", "error")]
    told = "pixels at 32 px (simulated) toy@1 1" if found["simulated"] else "pixels at 32 px toy@1 1"
    assert row.split() == [*told.split(), shown[0], *shown, number(1.0), *["pixels", "at", "32", "px"]]


def test_suites_are_listed(home, capsys):
    main(["suites", "--json"])
    rows = json.loads(capsys.readouterr().out)
    assert [(r["suite"], r["name"], r["here"]) for r in rows] == [
        ("toy@1", "toy", "yes"),
        ("toy@1", "cowley2023.210325.V4-pls", "no"),
    ]
    main(["suites"])
    assert "wiringup fetch cowley2023" in capsys.readouterr().out


def test_a_suite_of_ones_own_is_made_listed_and_scored(home, capsys):
    main(["suites", "make", "mine@1", "--benchmark", "toy.V4-ridge"])
    assert "mine@1.json" in capsys.readouterr().err
    main(["suites", "--json"])
    assert json.loads(capsys.readouterr().out)[-1] == {
        "suite": "mine@1", "name": "toy.V4-ridge", "area": "V4", "here": "yes", "how": "",
    }  # fmt: skip
    main(["match", "pixels", "--size", "32", "--suite", "mine@1", "--json"])
    assert list(json.loads(capsys.readouterr().out)["benchmarks"]) == ["toy.V4-ridge"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["suites", "--benchmark", "toy"], "wiringup suites make NAME"),
        (["suites", "make", "mine", "--benchmark", "toy"], "as in mine@1"),
        (["match", "pixels", "--suite", "toy@2"], "Did you mean 'toy@1'"),
        (["match", "pixels", "--figure", "x.doc"], "has to end in one of .png"),
        (["match", "cornet_s", "--suite", "toy@1", "--reference", "cornets"], "Did you mean 'cornet_s'"),
        (["match", "cornet_s", "--weights", "x", "--seed", "3"], "was born already"),
        (["match", "cornet_s", "--layers-from", "none.json"], "There is no file none.json"),
        (["layers", "pixels", "--benchmark", "toy"], "pixels have no layers"),
        (["score", "cornet_s", "--benchmark", "toy", "--unseen"], "give --layers-from too"),
    ],
)
def test_bad_input_is_answered_in_one_line(home, capsys, arguments, message):
    assert fails(*arguments) == 2
    told = capsys.readouterr().err
    assert message in told
    assert "Traceback" not in told
