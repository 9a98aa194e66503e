"""``wiringup plasticity`` and what ``wiringup train`` takes: tables, JSON, and kind errors."""

import json

import numpy as np
import pytest
from PIL import Image

from wiringup.cli.main import main


def told(capsys, *arguments):
    main([*arguments, "--json"])
    return json.loads(capsys.readouterr().out)


def test_the_named_sets_of_the_published_network(capsys):
    sets = {row["name"]: row for row in told(capsys, "plasticity", "cornet_s")}
    assert sets["all"]["trained"] == 53_416_616
    assert sets["critical"]["trained"] == 1_376_256 + 513_000
    assert sets["critical:V4"]["meaning"] == "down-projections up to V4, all after it"
    main(["plasticity", "cornet_s"])
    shown = capsys.readouterr()
    assert "1,889,256" in shown.out and "3.54%" in shown.out and "downstream:IT" in shown.out


def test_sets_that_hold_nothing_are_not_listed(capsys):
    sets = {row["name"]: row["trained"] for row in told(capsys, "plasticity", "foreign_networks:bare")}
    assert sets["all"] == 3 * 4 * 9 + 4 * 1000 and sets["decoder"] == sets["batchnorm"] == 4 * 1000
    assert "kind:convolution" in sets and not {"kind:batchnorm", "kind:bias"} & set(sets)
    main(["plasticity", "foreign_networks:bare"])
    assert "kind:batchnorm" not in capsys.readouterr().out


def test_the_table_of_one_set(capsys):
    name = "lowrank:2:layer:V2.conv2 + random:(V1 & kind:convolution) from V1 + sign:decoder@1..epochs"
    facts = told(capsys, "plasticity", "cornet_s", "--plasticity", name, "--width", "0.25", "--classes", "10")
    rows = {row["parameter"]: row for row in facts["synapses"]}
    assert facts["trained"] == sum(row["trained"] for row in rows.values())
    assert facts["areas"]["V2"][0] == rows["V2.conv2.weight"]["trained"] == 2 * (128 + 128 * 9)
    assert facts["areas"]["V1"][0] == 3 * 16 * 49 + 16 * 16 * 9
    main(["plasticity", "cornet_s", "--plasticity", name, "--width", "0.25", "--classes", "10"])
    shown = capsys.readouterr()
    lines = {line.split()[0]: line for line in shown.out.splitlines() if line.strip()}
    assert "lowrank:2" in lines["V2.conv2"] and "in part" in lines["V1.conv1"]
    assert "sign@1..epochs" in lines["decoder.linear"] and " no " in lines["IT.conv1"]
    assert "GFLOP forward" in shown.err


def test_what_cannot_be_read_is_told(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["plasticity", "cornet_s", "--plasticity", "critical +"])
    assert stopped.value.code == 2
    assert "found the end, expected a set of synapses" in capsys.readouterr().err


def test_train_takes_an_expression_and_a_duration(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for label in ("a", "b"):
        (tmp_path / "images" / label).mkdir(parents=True)
        for i in range(10):
            pixels = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "images" / label / f"{i}.png")
    form = ["train", "cornet_s", "--images", "images", "--size", "32", "--width", "0.125", "--batch", "8"]
    with pytest.raises(SystemExit):
        main([*form, "--plasticity", "random:critcal"])
    captured = capsys.readouterr()
    assert "Did you mean 'critical'" in captured.err and "Reading" not in captured.err
    found = told(capsys, *form, "--plasticity", "decoder + random:100 from V1", "--duration", "24 updates",
                 "--optimiser", "adamw", "--betas", "0.8", "0.9")  # fmt: skip
    assert found["spec"]["training"]["betas"] == [0.8, 0.9]
    point, ledger = found["points"][-1], found["ledger"]
    assert (point["updates"], point["images"]) == (24, 16) == (ledger["updates"], ledger["distinct images"])
    assert point["synaptic_updates"] == 24 * (100 + 64 * 2 + 2)
    assert ledger["synaptic updates by area"]["V1"] == 2400
    assert point["flops"] == ledger["flops forward"] + ledger["flops backward"] > 0
    assert ledger["label-free"]["BatchNorm calibration"]["updates"] == 16
