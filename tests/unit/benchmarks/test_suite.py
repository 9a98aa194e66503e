"""Brain match: means of means, and what is missing is named."""

import numpy as np
import pytest

from wiringup.benchmarks.suite import Suite, brain_match
from wiringup.core.errors import InputError
from wiringup.core.score import Score

SUITE = Suite("test@1", ("a", "b", "c", "d"))


def score(benchmark, area, value, normalisation="(r/c)^2", metric="pls-25", **options):
    return Score(benchmark, area, metric, "layer", value, 1.0, value, normalisation, 0.1, 10, 5, **options)


FULL = [
    score("a", "V1", 0.2),
    score("b", "V1", 0.4),
    score("c", "IT", 0.6),
    score("d", "behavior", 0.9, "r/sqrt(c)", "i2n"),
    score("elsewhere", "V2", 0.0),
]


def test_areas_are_averaged_before_the_mean():
    found = brain_match(FULL, SUITE)
    assert found.areas == pytest.approx({"V1": 0.3, "IT": 0.6, "behavior": 0.9})
    assert found.mean == pytest.approx(0.6)
    assert found.missing == found.unceiled == () and not found.simulated


def test_missing_and_unceiled_benchmarks_are_named():
    found = brain_match([FULL[0], score("c", "IT", 0.5, "none")], SUITE)
    assert found.areas == pytest.approx({"V1": 0.2})
    assert found.missing == ("b", "d") and found.unceiled == ("c",)
    assert np.isnan(brain_match([], SUITE).mean)


def test_a_score_that_is_not_defined_is_missing_and_never_counts_as_0():
    found = brain_match([*FULL[:2], score("c", "IT", np.nan, "none"), FULL[3]], SUITE)
    assert found.missing == ("c",) and found.unceiled == ()
    assert found.areas == pytest.approx({"V1": 0.3, "behavior": 0.9}) and found.mean == pytest.approx(0.6)


def test_simulated_parts_are_told():
    assert brain_match([score("a", "V1", 0.2, simulated=True)], SUITE).simulated


def test_fraction_of_a_reference():
    half = [score(s.benchmark, s.area, s.score / 2, s.normalisation, s.metric) for s in FULL]
    assert brain_match(half, SUITE).fraction_of(brain_match(FULL, SUITE)) == pytest.approx(0.5)
    with pytest.raises(InputError, match=r"same benchmarks: test@1 with V1, IT, behavior \(left out: b\)"):
        brain_match([FULL[0], *FULL[2:]], SUITE).fraction_of(brain_match(FULL, SUITE))
    with pytest.raises(InputError, match="nothing is a fraction of it"):
        brain_match([FULL[0]], SUITE).fraction_of(brain_match([score("a", "V1", 0.0)], SUITE))


def test_refuses_several_layers_and_mixed_normalisations():
    with pytest.raises(InputError, match="Several scores for a"):
        brain_match([FULL[0], FULL[0]], SUITE)
    with pytest.raises(InputError, match=r"different ways \(\(r/c\)\^2, r/c\)"):
        brain_match([FULL[0], score("b", "V1", 0.4, "r/c")], SUITE)
