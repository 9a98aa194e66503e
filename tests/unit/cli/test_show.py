"""Tables on terminals of any width: no digit is lost."""

import re

import pytest

from wiringup.cli import show

HEADER = ["condition", "epoch", "updates", "mean %", "V1 %", "V4 %", "match"]
BODY = [
    ["KN, all (reference)", "birth", "0", "35.4 ± 3.3", "35.1 ± 3.2", "36.4 ± 3.5", "0.049 ± 0.006"],
    ["KN, all (reference)", "10", "20 k", "100.0 ± 7.4", "101.0 ± 7.3", "102.0 ± 7.2", "0.149 ± 0.016"],
    ["KN, all, equal updates", "4", "4 k", "57.6 ± 9.0", "57.5 ± 8.9", "57.4 ± 8.8", "0.079 ± 0.026"],
]


@pytest.fixture
def printed(monkeypatch, capsys):
    """Print a table as on a terminal of some width; return its lines."""

    def at(width, *table, **more):
        monkeypatch.setattr("sys.stdout.isatty", lambda: True)
        monkeypatch.setenv("COLUMNS", str(width))
        monkeypatch.setenv("TERM", "xterm")
        show.table(*table, **more)
        return re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).splitlines()

    return at


@pytest.mark.parametrize("width", [24, 40, 60, 80, 100])
def test_every_number_is_whole_and_every_line_fits(printed, width):
    lines = printed(width, HEADER, BODY)
    assert all(len(line) <= width for line in lines)
    told = "\n".join(lines)
    for row in BODY:
        for cell in row[2:]:
            assert re.search(rf"(?<![\d.]){re.escape(cell)}(?![\d.])", told), cell
    assert "…" not in told


@pytest.mark.parametrize("width", [60, 80, 100, 120, 160])
def test_long_words_take_no_room_from_numbers(printed, width):
    header = ["claim", "verdict", "measured [95 % interval]", "syn. updates, % of ref.", "seeds", "published"]
    claims = [f"WC (distilled) + critical + batchnorm, all images, {n} epochs, reaches 80 %" for n in "19"]
    why = ["cannot be told, at the edge", "does not"]
    body = [
        [c, w, "155.6 % [67.0, 239.7]", "0.0549", "3", "79 % after 6"]
        for c, w in zip(claims, why, strict=True)
    ]
    lines = printed(width, header, body)
    told = " ".join(" ".join(lines).split())
    assert all(len(line) <= width for line in lines)
    assert told.count("155.6 % [67.0, 239.7]") == told.count("0.0549") == 2
    assert re.search(r"\bseeds\b", told) and "published" in told and told.count("79 %") == 2


def test_blocks_repeat_what_names_the_rows(printed):
    heads = [line.split() for line in printed(60, HEADER, BODY) if "%" in line or "epoch" in line]
    assert len(heads) > 1 and all(head[:2] == ["condition", "epoch"] for head in heads)
    assert " ".join(word for head in heads for word in head[2:]) == "updates mean % V1 % V4 % match"


def test_rows_are_numbered_where_their_names_take_too_much_room(printed):
    lines = printed(30, HEADER, BODY)
    assert {line.split()[0] for line in lines if "%" in line or "epoch" in line} == {"row"}


def test_words_that_all_rows_share_are_said_once(printed):
    header = ["model", "birth", "seed", "benchmark", "layer", "raw"]
    body = [["cornet_s", "kaiming_normal", s, "cowley2023.V4-pls", "V2", "0.450"] for s in ("0", "1")]
    lines = printed(60, header, body)
    told = " ".join(" ".join(lines).split())
    shared = "model cornet_s, birth kaiming_normal, benchmark cowley2023.V4-pls, layer V2."
    assert told.endswith(f"In every row: {shared}")
    assert told.count("cornet_s") == 1 and told.count("0.450") == 2
    assert "In every row" not in " ".join(printed(200, header, body))
    assert " ".join(printed(20, ["a", "b"], [["same words", "other words"]] * 2)).count("same") == 2


def test_words_are_wrapped_and_what_is_longer_than_a_line_is_folded(printed):
    lines = printed(40, ["genome", ""], [["hash", "0123456789" * 6], ["told", "a few words " * 6]])
    assert all(len(line) <= 40 for line in lines)
    assert re.sub(r"\D", "", "".join(lines)).startswith("0123456789" * 6)


def test_a_pipe_gets_every_row_in_one_line(capsys):
    wide = [HEADER * 5, [[cell + "0" * 20 for cell in row] * 5 for row in BODY]]
    show.table(*wide)
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.count("±") == 20 for line in lines) == 3


def test_no_zero_is_negative():
    assert [show.number(v) for v in (-0.0001, -0.0, 0.0004, -0.0006)] == ["0.000", "0.000", "0.000", "-0.001"]
