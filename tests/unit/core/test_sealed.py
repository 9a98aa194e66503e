"""Seals: every bit of a file is covered, and a file without a seal is told from a damaged one."""

import hashlib
import json
import re

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from wiringup.core import sealed
from wiringup.core.errors import InputError, MissingDataError
from wiringup.core.sealed import (
    BLANK,
    KEY,
    add_comment,
    expect_seal,
    read_sealed,
    sealed_path,
    verify,
    write_sealed,
)

ADVICE = "Make it again."


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch):
    monkeypatch.setattr(sealed, "_SAID", set())


def as_json(path):
    write_sealed(path, {"name": "é", "values": [0.1, 2]})


def as_safetensors(path):
    with sealed_path(path) as temporary:
        save_file({"w": torch.arange(3.0)}, temporary, metadata={"other": "x", KEY: BLANK})


def as_torch(path):
    with sealed_path(path) as temporary:
        torch.save({"w": torch.arange(3.0)}, temporary)
        add_comment(temporary)


def as_npz(path):
    with sealed_path(path) as temporary:
        with temporary.open("wb") as stream:
            np.savez(stream, w=np.arange(3))
        add_comment(temporary)


FORMS = {"a.json": as_json, "a.safetensors": as_safetensors, "a.pt": as_torch, "a.npz": as_npz}


@pytest.fixture(params=FORMS)
def file(request, tmp_path):
    FORMS[request.param](tmp_path / request.param)
    return tmp_path / request.param


def test_every_single_bit_is_covered(file):
    assert verify(file, ADVICE)
    whole = file.read_bytes()
    every = range(0, 8 * len(whole), 1 if len(whole) < 1000 else 7)  # 7 has no divisor in common with 8
    for bit in every:
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        file.write_bytes(flipped)
        with pytest.raises(InputError, match=r"was changed after it was written.*Make it again\."):
            verify(file, ADVICE)


def test_anyone_can_check_a_seal(file):
    """The rule that the seal itself states, in a few lines without this package."""
    content = file.read_bytes()
    digits = re.search(rb"zeros: ([0-9a-f]{64})", content)[1]
    assert hashlib.sha256(content.replace(digits, b"0" * 64)).hexdigest().encode() == digits


def test_other_programs_read_sealed_files(tmp_path):
    for name, write in FORMS.items():
        write(tmp_path / name)
    assert json.loads((tmp_path / "a.json").read_text())["values"] == [0.1, 2]
    assert load_file(tmp_path / "a.safetensors")["w"].tolist() == [0, 1, 2]
    assert torch.load(tmp_path / "a.pt", weights_only=True)["w"].tolist() == [0, 1, 2]
    assert np.load(tmp_path / "a.npz")["w"].tolist() == [0, 1, 2]


def test_the_seal_is_no_part_of_the_document(tmp_path):
    as_json(tmp_path / "a.json")
    assert read_sealed(tmp_path / "a.json", ADVICE) == {"name": "é", "values": [0.1, 2]}


def test_what_was_checked_is_what_is_read(tmp_path, monkeypatch):
    path, found = tmp_path / "a.json", sealed._found
    write_sealed(path, {"a": 1})

    def replaced_meanwhile(stream):
        path.unlink()
        path.write_text('{"a": 2}')
        return found(stream)

    monkeypatch.setattr(sealed, "_found", replaced_meanwhile)
    assert read_sealed(path, ADVICE) == {"a": 1}


def test_a_seal_may_be_needed_and_a_document_has_a_most(tmp_path):
    as_json(tmp_path / "a.json")
    (tmp_path / "b.json").write_text('{"a": 1}')
    with pytest.raises(
        InputError, match=r"b\.json is damaged: it carries no hash of itself\. Make it again\."
    ):
        read_sealed(tmp_path / "b.json", ADVICE, needed=True)
    with pytest.raises(InputError, match="may have 100"):
        read_sealed(tmp_path / "a.json", ADVICE, most=100)
    assert read_sealed(tmp_path / "a.json", ADVICE, needed=True, most=1000)["name"] == "é"


def test_more_or_less_bytes_are_damage(file):
    whole = file.read_bytes()
    for content in (whole + b" ", whole[:-1], whole[:-20]):
        file.write_bytes(content)
        with pytest.raises(InputError, match="damaged"):
            verify(file, ADVICE)


def test_a_file_without_a_seal_is_read_with_one_line_for_all_of_its_name(tmp_path, caplog):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "old.json").write_text('{"a": 1}')
        assert read_sealed(tmp_path / folder / "old.json", ADVICE) == {"a": 1}
    (line,) = caplog.messages
    assert line.startswith(f"{tmp_path / 'one' / 'old.json'} carries no hash of itself")
    assert line.endswith("This is said once for all files called old.json.")
    (tmp_path / "empty.npz").write_bytes(b"")
    expect_seal(tmp_path / "empty.npz", ADVICE)
    assert len(caplog.messages) == 2


def test_nothing_is_said_of_a_sealed_file_and_of_none(file, tmp_path, caplog):
    expect_seal(file, ADVICE)
    expect_seal(tmp_path / "none.json", ADVICE)
    assert not caplog.messages
    with pytest.raises(MissingDataError, match=r"There is no file .*none\.json"):
        read_sealed(tmp_path / "none.json", ADVICE)


def test_what_has_no_room_for_its_seal_is_not_written(tmp_path):
    with pytest.raises(ValueError, match="without a blank seal"), sealed_path(tmp_path / "a") as temporary:
        temporary.write_text("no seal")
    assert not list(tmp_path.iterdir())


def test_a_seal_behind_a_long_text_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(sealed, "_READ", 100)
    with sealed_path(tmp_path / "a") as temporary:
        temporary.write_text("x" * 5000 + BLANK + "y" * 5000)
    assert verify(tmp_path / "a", ADVICE)
    (tmp_path / "a").write_text((tmp_path / "a").read_text().replace("xy", "xx").replace("yyy", "yyz", 1))
    with pytest.raises(InputError, match="damaged"):
        verify(tmp_path / "a", ADVICE)
