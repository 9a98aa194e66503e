"""Networks of other packages on the command line."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from made_images import class_folders, noise, write_folder
from tests_world import write_toy_benchmark
from wiringup.cli.main import main
from wiringup.cli.sweep import SmallNetwork
from wiringup.core.errors import InputError
from wiringup.experiments.runs.run import execute, read_spec
from wiringup.models import any_network
from wiringup.results.store import Store

SMALL = ["foreign_networks:small", "--area", "V4=middle", "IT=late", "--size", "32"]


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("WIRINGUP_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    write_toy_benchmark(tmp_path / "data", 44)


def answered(capsys, *arguments):
    main([*arguments, "--json"])
    return json.loads(capsys.readouterr().out)


def test_it_is_scored_searched_and_matched_and_its_plasticity_shown(capsys):
    (own,) = answered(capsys, "score", *SMALL, "--benchmark", "toy")
    assert (own["weights"], own["areas"]) == ("own", {"V4": "middle", "IT": "late"})
    assert (own["layer"], own["module"]) == ("V4", "middle@0")
    main(["score", *SMALL, "--benchmark", "toy"])
    assert "V4 (middle@0)" in capsys.readouterr().out
    found = answered(capsys, "layers", *SMALL, "--benchmark", "toy", "--layer", "stem", "middle")
    assert found["areas"]["V4"] in ("stem", "middle")
    (seen,) = answered(
        capsys, "score", *SMALL, "--benchmark", "toy", "--layers-from", "layers.json", "--unseen"
    )
    assert seen["layer"] == found["areas"]["V4"]
    form = ["--benchmark", "toy", "--reference", "foreign_networks:small", "--reference-area", "V4=late"]
    match = answered(capsys, "match", "cornet_s", "--size", "32", "--width", "0.125", *form)
    assert match["reference"] == "foreign_networks:small (own weights)"
    assert (match["suite"], match["described"]["name"]) == ("chosen@1", "kaiming_normal")
    sets = {row["name"]: row["trained"] for row in answered(capsys, "plasticity", *SMALL, "--classes", "5")}
    assert sets["decoder"] == 8 * 5 + 5 and "critical" not in sets


def test_it_is_trained_from_its_own_weights_or_born(capsys, tmp_path, monkeypatch):
    write_folder(tmp_path / "images", class_folders(noise(30)))
    form = ["train", *SMALL, "--images", "images", "--plasticity", "downstream:IT", "--epochs", "1"]
    form += ["--batch", "8", "--benchmark", "toy", "--crop", "0.9"]
    own, newborn = (answered(capsys, *form, *more) for more in ([], ["--birth", "kn"]))
    model = own["spec"]["model"]
    assert (model["classes"], model["areas"]) == (2, ["V4=middle", "IT=late"])
    assert model["preprocessing"]["crop"] == 0.9 and len(model["code"]) == 16
    assert (own["spec"]["birth"]["recipe"], newborn["spec"]["birth"]["recipe"]) == ("own", "kaiming_normal")
    assert own["synapses"] == newborn["synapses"]
    assert own["synapses"]["trained"] == 6 * 8 * 9 + 2 * 8 + 8 * 2 + 2
    start = [[s["raw"] for s in run["points"][0]["scores"]] for run in (own, newborn)]
    assert start[0] != start[1]
    assert answered(capsys, *form) == own  # known
    spec = read_spec(Path("runs", own["uid"], "spec.json"))
    assert len(spec.birth.genome) == 64  # a hash of the weights
    with pytest.raises(InputError, match="comes with other weights than this run was made with"):
        execute(replace(spec, birth=replace(spec.birth, genome="0" * 64)), Store(tmp_path / "other"))
    monkeypatch.setattr(any_network, "provenance", lambda name: "timm 1.0.31")
    other = answered(capsys, *form, "--std", "0.5", "0.5", "0.5")
    versions = [run["provenance"]["versions"].get("timm") for run in (own, other)]
    assert versions == [None, "1.0.31"]
    with pytest.raises(SystemExit):
        main([*form, "--batchnorm", "noise"])
    assert "BatchNorm 'noise' is of births, and own weights are kept" in capsys.readouterr().err
    assert other["uid"] != own["uid"] and other["losses"] != own["losses"]
    match = answered(
        capsys, "match", "pixels", "--size", "32", "--benchmark", "toy", "--reference", own["uid"]
    )
    assert own["uid"] in match["reference"]


def test_a_sweep_takes_a_network_that_has_one_width():
    found = [
        SmallNetwork(*form).network().width for form in ((), ("foreign_networks:small",), ("resnet50", 1))
    ]
    assert found == [0.25, 1, 1]
    with pytest.raises(InputError, match="has one width"):
        SmallNetwork("foreign_networks:small", 0.25).network()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--reference-area", "V4=late"], "name it with --reference"),
        (["--reference", "pixels", "--reference-area", "V4=late"], "pixels is read out as it is"),
        (["--reference", "0123abcd", "--reference-area", "V4=late"], "0123abcd is read out as it is"),
        (["--reference", "foreign_networks:small"], "Name them: --reference-area V4=LAYER"),
    ],
)
def test_areas_of_a_reference_are_used_or_refused(capsys, arguments, message):
    with pytest.raises(SystemExit):
        main(["match", "pixels", "--size", "32", "--benchmark", "toy", *arguments])
    assert message in " ".join(capsys.readouterr().err.split())


def test_what_is_of_networks_alone_does_not_reach_a_reference_that_is_none(capsys):
    form = ["--precision", "bf16", "--width", "0.125", "--classes", "7", "--area", "V4=V4.conv3"]
    answered(
        capsys, "match", "cornet_s", "--size", "32", "--benchmark", "toy", *form, "--reference", "pixels"
    )


def test_a_suite_is_scored_by_name_and_what_is_missing_is_said(capsys):
    main(["suites", "make", "mine@1", "--benchmark", "toy", "toy.V4-ridge", "henaff2021.V1-pls"])
    capsys.readouterr()
    main(["score", "pixels", "--size", "32", "--suite", "mine@1", "--json"])
    shown = capsys.readouterr()
    assert [row["benchmark"] for row in json.loads(shown.out)] == ["toy", "toy.V4-ridge"]
    assert "MISSING: henaff2021.V1-pls" in shown.err and "wiringup fetch henaff2021" in shown.err
