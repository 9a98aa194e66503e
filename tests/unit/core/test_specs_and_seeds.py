import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Required, TypedDict

import numpy as np
import pytest
import torch

from wiringup.core import spec
from wiringup.core.errors import InputError
from wiringup.core.seeds import derive, numpy_stream, torch_stream
from wiringup.core.spec import diff, from_dict, neutral, omit_default, to_dict, uid


@dataclass(frozen=True)
class Inner:
    rate: float = 0.1


@dataclass(frozen=True)
class Spec:
    name: str = "a"
    inner: Inner = Inner()
    sizes: tuple[int, ...] = (1, 2)
    device: str = neutral("cpu")


def test_uid_is_pinned_so_that_old_run_folders_stay_found():
    assert uid("Spec", Spec()) == "d5762d907ded"


def test_everything_that_decides_the_answer_changes_the_uid():
    specs = [Spec(), Spec(name="b"), Spec(inner=Inner(0.2)), Spec(sizes=(2, 1))]
    assert len({uid("Spec", s) for s in specs}) == 4


def test_what_a_spec_describes_is_part_of_its_address():
    assert uid("inner", Inner()) != uid("other", Inner())


def test_a_neutral_field_stays_out_of_the_uid_but_is_stored():
    assert uid("Spec", Spec()) == uid("Spec", Spec(device="cuda"))
    assert to_dict(Spec(device="cuda"))["device"] == "cuda"


def test_a_spec_refuses_what_has_no_exact_json_form():
    with pytest.raises(TypeError, match="cannot hold a ndarray"):
        to_dict({"x": np.zeros(2)})
    assert to_dict(Path("a/b")) == "a/b"


def test_diff_names_the_field_and_both_values():
    assert diff(Spec(), replace(Spec(), inner=Inner(0.5))) == {"inner.rate": (0.1, 0.5)}


def test_streams_are_independent_of_each_other_and_reproducible():
    assert derive(0, "a") == derive(0, "a")
    assert len({derive(s, n) for s in (0, 1) for n in ("a", "b")}) == 4
    draws = [torch.randn(4000, generator=torch_stream(0, name)) for name in ("a", "b")]
    assert torch.equal(draws[0], torch.randn(4000, generator=torch_stream(0, "a")))
    assert abs(torch.corrcoef(torch.stack(draws))[0, 1]) < 0.05
    assert numpy_stream(3, "x").integers(1 << 40) == numpy_stream(3, "x").integers(1 << 40)


@dataclass(frozen=True)
class Whole:
    inner: Inner
    path: Path = Path("a")
    named: Mapping[str, Inner] | None = None
    pair: tuple[float, str] = (1.0, "x")
    many: tuple[Inner, ...] = ()
    again: "Whole | None" = None
    late: bool = omit_default(False)


def test_a_spec_comes_back_from_its_json():
    spec = Whole(
        Inner(0.3), Path("b/c"), {"k": Inner(1)}, (2.0, "y"), (Inner(), Inner(2.0)), Whole(Inner()), True
    )
    assert from_dict(Whole, json.loads(json.dumps(to_dict(spec)))) == spec
    assert from_dict(Whole, to_dict(Whole(Inner()))) == Whole(Inner())


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ([], "the spec is \\[\\], but has to be an object"),
        ({}, "lacks 'inner'"),
        ({"inner": {"rte": 1}}, "Unknown field of the spec, inner 'rte'. Did you mean 'rate'"),
        ({"inner": {"rate": "1"}}, "inner, rate is '1', but has to be a number"),
        ({"inner": {"rate": True}}, "rate is True"),
        ({"inner": {}, "pair": [1.0]}, "pair is \\[1.0\\]"),
        ({"inner": {}, "many": [{}, 3]}, "many, 1 is 3, but has to be an object"),
        ({"inner": {}, "late": 1}, "late is 1, but has to be true or false"),
        ({"inner": {}, "again": {}}, "again lacks 'inner'"),
    ],
)
def test_json_that_is_no_spec_is_refused_by_field(values, why):
    with pytest.raises(InputError, match=why):
        from_dict(Whole, values)


VALUES = [
    None, True, 1, 1.5, "text", [], [1, 2.5], ["a"], [None], {}, {"a": 1}, {"a": "b"}, {"name": "x"},
    {"name": 1}, {"name": "x", "n": 2, "parts": [{"name": "y"}]}, {"name": "x", "n": 1.5},
    {"name": "x", "parts": [{"name": None}]},
]  # fmt: skip


class _Leaf(TypedDict, total=False):
    name: Required[str]
    n: int | None


class _Part(_Leaf, total=False):
    parts: Sequence[_Leaf]


NUMBERS = (int, float, type(None))
FITTING = {
    str: lambda v: type(v) is str,
    bool: lambda v: type(v) is bool,
    int: lambda v: type(v) is int,
    float: lambda v: type(v) in NUMBERS,
    Path: lambda v: type(v) is str,
    type(None): lambda v: v is None,
    Any: lambda v: True,
    int | None: lambda v: type(v) in (int, type(None)),
    float | str: lambda v: type(v) in (*NUMBERS, str),
    Sequence[float]: lambda v: type(v) is list and all(type(one) in NUMBERS for one in v),
    tuple[str, ...]: lambda v: type(v) is list and all(type(one) is str for one in v),
    Mapping[str, float]: lambda v: type(v) is dict and all(type(one) in NUMBERS for one in v.values()),
    Sequence[_Leaf]: lambda v: type(v) is list and all(map(is_leaf, v)),
    _Part: lambda v: is_leaf(v) and all(map(is_leaf, v.get("parts", []))),
}


def is_leaf(value):
    named = type(value) is dict and type(value.get("name")) is str
    return named and type(value.get("n")) in (int, type(None))


@pytest.mark.parametrize("kind", FITTING)
def test_what_fits_has_nothing_wrong(kind):
    found = [spec._misfit(kind)(value, "it") is None for value in VALUES]
    assert found == [FITTING[kind](value) for value in VALUES]
    assert kind is Any or not all(found)
