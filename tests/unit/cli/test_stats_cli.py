"""``wiringup stats``: questions to a study, from the command line."""

import json
from dataclasses import replace

import pytest

from made_records import make_record, score
from wiringup.cli.main import main
from wiringup.experiments.launching.study import Listed, Listing
from wiringup.results.store import Store


@pytest.fixture
def study(tmp_path):
    records = [
        make_record(n, s, 0.1, 0.3 + s / 50, e + s / 40)
        for n, e in (("ref", 0.5), ("few", 0.4))
        for s in (0, 1, 2)
    ]
    store = Store(tmp_path)
    for record in records:
        store.save(record)
    store.save_study("abc", {"reference": "ref"}, [r.uid for r in records])
    return str(tmp_path / "abc")


def asked(capsys, *words):
    main(["stats", *words, "--json"])
    return json.loads(capsys.readouterr().out)


def test_questions_are_answered_in_json(study, capsys):
    birth, _, end = asked(capsys, "compare", "ref", "few", "--out", study)
    assert birth["difference"] == 0 and end["updates"] == 200 and end["difference"] == pytest.approx(0.1)
    assert (end["p"], end["seeds"], end["interval over"]) == (0.25, 3, "seeds")
    found = {
        row["condition"]: row
        for row in asked(capsys, "reach", "--to", "90", "--by", "updates", "--out", study)
    }
    assert 100 < found["ref"]["updates"] < 200 and found["few"]["updates"] is None
    points = asked(capsys, "front", "--out", study)
    assert [(p["condition"], p["epoch"]) for p in points] == [("ref", 0), ("ref", 1), ("ref", 2)]


def test_what_is_on_the_front_is_measured_on_benchmarks_that_chose_nothing(study, tmp_path, capsys):
    store = Store(tmp_path)
    for record in store.records():
        points = [
            replace(p, scores=(*p.scores, score("other.V1", 2 * p.match["V4"], area="V1")))
            for p in record.points
        ]
        store.save(replace(record, points=tuple(points)))
    words = ("front", "--confirm", "other.V1", "--out", study)
    last = asked(capsys, *words)[-1]
    assert (last["condition"], last["confirmed"]["other.V1"]["value"]) == ("ref", pytest.approx(100))
    assert asked(capsys, *words, "--benchmark", "b.V4")[-1] == last
    main(["stats", *words])
    shown = capsys.readouterr().out
    assert "chosen on b.V4" in shown and "no part in the choice" in shown and "100.0 [" in shown
    assert asked(capsys, "reach", "--benchmark", "other.V1", "--out", study)
    with pytest.raises(SystemExit):
        main(["stats", *words, "--benchmark", "other.V1"])
    assert "other.V1 cannot both choose and confirm" in capsys.readouterr().err


def test_claims_of_a_recipe_are_told_by_the_mean_and_by_each_benchmark(study, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["stats", "claims", "--out", str(tmp_path)])
    assert "No recipe is finished" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["stats", "claims", "--study", "abc", "--out", str(tmp_path)])
    assert "is of no recipe with claims" in capsys.readouterr().err
    what = {"birth": "weight_compression", "plasticity": "critical", "images": 9, "epochs": 1.0}
    cells = {"ref": what | {"name": "KN", "plasticity": "all"}, "few": what | {"name": "WC"}}
    spec = {"reference": "ref", "recipe": "combination", "cells": cells}
    Store(tmp_path).save_study("abcd", spec, [f"{n}-{s}" for n in ("ref", "few") for s in range(3)])
    (told,) = asked(capsys, "claims", "--out", str(tmp_path))
    assert (told["study"], told["recipe"]) == ("abcd", "combination")
    first, *others = told["claims"]
    assert first["condition"] == "few" and first["measured"]["value"] == pytest.approx(0.425 / 0.525 * 100)
    assert first["verdict"] == "cannot be told" and {o["verdict"] for o in others} == {"not measured"}
    assert first["benchmarks"]["b.V4"]["measured"] == first["measured"]
    main(["stats", "claims", "--study", "combination", "--benchmark", "b.V4", "--out", str(tmp_path)])
    shown = capsys.readouterr()
    assert "? 81.0 % [" in shown.out and "cannot be told" in shown.out and "not measured" in shown.err
    (tmp_path / "few-0" / "record.json").unlink()
    with pytest.raises(SystemExit):
        main(["stats", "claims", "--out", str(tmp_path)])
    assert "Left out: study abcd. Run few-0 of this study is not finished" in capsys.readouterr().err


def test_claims_are_told_of_a_benchmark_without_a_ceiling_by_raw_scores(tmp_path, capsys):
    store = Store(tmp_path)
    for label, ceiled, raw, trained in (("ref", 0.5, 0.8, 100), ("few", 0.45, 0.6, 10)):
        for seed in range(3):
            made = make_record(label, seed, 0.1, ceiled + seed / 1000, trained=trained)
            more = score("raw.IT", raw, area="IT", ceiling=None, normalisation="none")
            squares = [tuple(replace(s, normalisation="(r/c)^2") for s in p.scores) for p in made.points]
            points = [replace(p, scores=(*own, more)) for p, own in zip(made.points, squares, strict=True)]
            store.save(replace(made, points=tuple(points)))
    what = {"birth": "weight_compression", "plasticity": "critical", "images": 9, "epochs": 1.0}
    cells = {"ref": what | {"name": "KN", "plasticity": "all"}, "few": what | {"name": "WC"}}
    spec = {"reference": "ref", "recipe": "combination", "cells": cells}
    store.save_study("abcd", spec, [f"{n}-{s}" for n in ("ref", "few") for s in range(3)])
    (told,) = asked(capsys, "claims", "--out", str(tmp_path))
    first = told["claims"][0]
    assert first["measured"]["value"] == pytest.approx(100 * 0.451 / 0.501), "no part of the mean"
    assert first["benchmarks"]["raw.IT"]["measured"]["value"] == pytest.approx(100 * 0.75**2)
    assert first["benchmarks"]["raw.IT"]["verdict"] == "does not"
    for chosen in ([], ["--benchmark", "raw.IT"]):
        main(["stats", "claims", *chosen, "--out", str(tmp_path)])
        shown = capsys.readouterr()
        assert "✗ 56.2 % [" in shown.out, "squared, also where it counts alone"
        assert "By raw scores, for lack of a noise ceiling, and no part of the mean: raw.IT." in shown.err


def test_seeds_for_a_difference(study, tmp_path, capsys):
    for seed, end in enumerate((0.45, 0.43, 0.48)):
        Store(tmp_path).save(make_record("own", seed, 0.1, 0.3, end))
    (row,) = asked(
        capsys, "seeds", "ref", "own", "--difference", "0.03", "--out", str(tmp_path), "--reference", "ref"
    )
    assert row["seeds seen"] == 3 and row["at least"] <= row["seeds needed"] <= row["at most"]


def test_questions_are_answered_in_tables(study, capsys):
    for words in (("compare", "ref", "few"), ("reach",), ("front", "--by", "trained")):
        main(["stats", *words, "--out", study])
    shown = capsys.readouterr()
    assert (
        "Brain match of ref less that of few" in shown.out
        and "synaptic_updates until 80 % of ref" in shown.out
    )
    assert "With 3 seeds, p of a permutation cannot be less than 0.25" in shown.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("compare", "ref", "fex"), "No condition is called 'fex'. Did you mean 'few'"),
        (("compare", "ref", "few", "--by", "bits"), "Unknown measure of what was spent 'bits'"),
        (("front", "--by", "bits"), "No birth that was scored says its bits"),
        (("reach", "--reference", "nix"), "No run is labelled 'nix'"),
        (("reach", "--to", "0"), "percentage"),
        (("coverage", "--simulations", "1"), "is 1, but has to be at least 2"),
    ],
)
def test_what_cannot_be_answered_is_said(study, words, told, capsys):
    with pytest.raises(SystemExit):
        main(["stats", *words, *(() if words[0] == "coverage" else ("--out", study))])
    assert told in capsys.readouterr().err


def test_runs_without_a_study_need_a_reference(study, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["stats", "reach", "--out", str(tmp_path)])
    assert "give --reference, one of 'few', 'ref'" in capsys.readouterr().err


def test_a_budget_is_ranked_from_runs_and_published_points(tmp_path, shared, capsys, monkeypatch):
    monkeypatch.setenv("WIRINGUP_DATA", str(tmp_path / "home"))
    spec = {"model": {"architecture": "cornet_s"}, "birth": {"recipe": "kaiming_normal"}}
    made = make_record("ref", 0, 0.1, 0.5)
    points = tuple(replace(p, images=100) for p in made.points)
    Store(tmp_path / "runs").save(
        replace(made, points=points, spec=spec | {"training": {"plasticity": "all"}})
    )
    ask = ["budget", "--updates", "1e3", "--out", str(tmp_path / "runs")]
    main([*ask, "--json"])
    own, born = json.loads(capsys.readouterr().out)["choices"]
    assert (own["percent"], own["epochs"], own["low"]) == (100, 1, None)
    assert (born["condition"]["plasticity"], born["epochs"], round(born["percent"])) == (None, 0, 20)
    with pytest.raises(SystemExit):
        main([*ask, "--model", "cornet"])
    assert "Unknown architecture of these points 'cornet'. Did you mean 'cornet_s'" in capsys.readouterr().err
    main(["fetch", "paper-scores", "--from", str(shared / "reference")])
    main([*ask[:2], "1e11", *ask[3:]])
    shown = capsys.readouterr()
    assert "published, paper-scores: cornet_s" in shown.out and "brain match 0.425" in " ".join(
        shown.out.split()
    )
    assert "Not ranked: kaiming_normal + conv1 (published, paper-scores): its cheapest" in shown.err


def test_coverage_is_simulated(capsys):
    rows = asked(capsys, "coverage", "--simulations", "2")
    assert {*rows[0]} == {"differing most", "interval", "2 seeds", "3 seeds", "5 seeds", "10 seeds"}


def test_a_study_that_is_not_finished_is_told_so_far_where_that_is_asked_for(tmp_path, capsys):
    store = Store(tmp_path)
    listed = [Listed(f"{n}-{s}", n, s, n) for n in ("ref", "few", "never") for s in range(3)]
    what = {"birth": "weight_compression", "plasticity": "critical", "images": 9, "epochs": 1.0}
    cells = {
        "ref": what | {"name": "KN", "plasticity": "all"},
        "few": what | {"name": "WC"},
        "never": what | {"birth": "kaiming_normal"},
    }
    spec = {"reference": "ref", "recipe": "combination", "cells": cells, "labels": [o.label for o in listed]}
    Listing("abcd", spec, tuple(listed)).save(store)
    of = ["--study", "abcd", "--out", str(tmp_path)]
    with pytest.raises(SystemExit):
        main(["stats", "claims", *of, "--so-far"])
    assert "No run of study abcd is made yet" in capsys.readouterr().err
    for label, last in (("ref", 0.5), ("few", 0.45)):
        for seed in range(3 if label == "ref" else 2):
            store.save(make_record(label, seed, 0.1, last))
    for words in (["claims"], ["compare", "few", "ref"], ["reach"], ["front"]):
        with pytest.raises(SystemExit):
            main(["stats", *words, *of])
        assert "5 of 9 runs are" in (told := capsys.readouterr().err) and "--so-far" in told
        main(["stats", *words, *of, "--so-far", "--json"])
        shown = capsys.readouterr()
        assert "Study abcd is not finished: what follows is of 5 of 9 runs." in shown.err
        assert json.loads(shown.out)
    main(["stats", "claims", *of, "--so-far", "--json"])
    (told,) = json.loads(capsys.readouterr().out)
    first = told["claims"][0]
    assert (told["so_far"], first["condition"], first["seeds"]) == ("5 of 9 runs", "few", 2)
    assert first["measured"]["value"] == pytest.approx(90)
    store.save_diverged("few-2", {}, "few-2: loss is nan.")
    main(["report", "abcd", "--so-far", "--out", str(tmp_path)])
    assert "few, seed 2: few-2: loss is nan." in (tmp_path / "abcd" / "report.html").read_text()
    assert "this is of 5 of 9 runs" in (tmp_path / "abcd" / "report.html").read_text()
    assert not (tmp_path / "abcd" / "study.json").exists(), "the study can be gone on with"
    with pytest.raises(SystemExit):
        main(["stats", "front", "--so-far", "--out", str(tmp_path)])
    assert "--so-far is of one study" in capsys.readouterr().err
