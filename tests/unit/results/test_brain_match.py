"""Brain matches from made scores: known errors, known fractions, nothing missing in silence."""

import json
from dataclasses import replace

import numpy as np
import pytest

from made_records import score
from wiringup.core.errors import InputError
from wiringup.results.brain_match import brain_match, match_of_run, to_dict
from wiringup.results.draws import Drawn, Sample, averaged, drawn

DRAWS = 1000


def rng(seed=0):
    return np.random.default_rng(seed)


def made(benchmark, value, area="V4", sd=(0.03, 0.04, 0.05), noise=0, **changes):
    """A score whose draws spread as told, around its value; the same noise gives the same resamples."""
    shapes = rng(noise).standard_normal((3, DRAWS))
    shapes = (shapes - shapes.mean(1, keepdims=True)) / shapes.std(1, ddof=1, keepdims=True)
    draws = {s: value + d * x for s, d, x in zip(("stimuli", "units", "both"), sd, shapes, strict=True)}
    return score(benchmark, value, **{"area": area, "evidence": lambda _=None: draws, **changes})


def test_errors_by_source_and_their_sum():
    match = brain_match("m", "s@1", [[made("a", 0.4)]], {})
    e = match.mean
    assert e.value == 0.4
    assert e.errors == {"stimuli": pytest.approx(0.03), "units": pytest.approx(0.04)}
    assert e.error == pytest.approx(0.05)  # .03^2 + .04^2: nothing is peculiar to an image in a unit
    assert e.low == pytest.approx(0.4 - 1.96 * 0.05, abs=0.01)
    assert e.high == pytest.approx(0.4 + 1.96 * 0.05, abs=0.01)


def test_what_is_peculiar_to_an_image_in_a_unit_is_counted_once():
    peculiar = 0.02**2
    sd = np.sqrt([0.03**2 + peculiar, 0.04**2 + peculiar, 0.05**2 + 3 * peculiar])
    e = brain_match("m", "s@1", [[made("a", 0.4, sd=sd)]], {}).mean
    assert e.error == pytest.approx(np.sqrt(0.05**2 + peculiar))
    assert e.high - e.low == pytest.approx(2 * 1.96 * e.error, rel=0.05)


def test_the_error_is_that_of_other_images_and_units():
    """Means over (images, units) of other images and units spread as the draws of one of them say."""
    n, m, errors, means = 30, 12, [], []
    for seed in range(150):
        r = rng(seed)
        x = r.standard_normal((n, 1)) + r.standard_normal(m) + 4 * r.standard_normal((n, m))
        rows = r.multinomial(n, np.full(n, 1 / n), size=400) / n
        columns = r.multinomial(m, np.full(m, 1 / m), size=400) / m
        draws = {
            "stimuli": rows @ x.mean(1),
            "units": columns @ x.mean(0),
            "both": ((rows @ x) * columns).sum(1),
        }
        value = float(x.mean())
        errors.append(
            drawn(Sample(np.array([value]), {k: v[None] for k, v in draws.items()}), "m").estimate()
        )
        means.append(value)
    truth = np.sqrt(1 / n + 1 / m + 16 / (n * m))
    assert np.sqrt(np.mean([e.error**2 for e in errors])) == pytest.approx(truth, rel=0.07)
    covered = np.mean([e.low <= 0 <= e.high for e in errors])
    assert abs(covered - 0.95) < 3 * np.sqrt(0.95 * 0.05 / 150)


def test_intervals_over_seeds_and_units_cover_the_truth():
    """Seeds and units drawn anew: 95 % of intervals hold the mean of the population (3 binomial errors)."""
    n_seeds, n, covered = 8, 40, 0
    for simulation in range(200):
        r = rng(simulation)
        of_seed, of_unit = 0.5 * r.standard_normal(n_seeds), r.standard_normal(n)
        values = 2 + of_seed[:, None] + of_unit
        counts = r.multinomial(n, np.full(n, 1 / n), size=500) / n
        draws = values @ counts.T
        sample = Sample(values.mean(1), {"units": draws, "both": draws})
        e = drawn(sample, f"m{simulation}").estimate()
        covered += e.low <= 2 <= e.high
    assert abs(covered / 200 - 0.95) < 3 * np.sqrt(0.95 * 0.05 / 200)


def test_seeds_are_part_of_the_error():
    values = [0.3, 0.4, 0.5, 0.6]
    match = brain_match("m", "s@1", [[made("a", v, sd=(0.01, 0.01, 0.014)) for v in values]], {})
    assert match.seeds == 4
    assert match.mean.value == pytest.approx(0.45)
    assert match.mean.errors["seeds"] == pytest.approx(np.std(values, ddof=1) / 2, rel=0.1)
    assert match.mean.error > match.mean.errors["seeds"]
    one = brain_match("m", "s@1", [[made("a", 0.3)]], {})
    assert "seeds" not in one.mean.errors


def test_the_mean_is_over_areas_and_over_the_benchmarks_of_an_area():
    scores = [[made("a", 0.2)], [made("b", 0.4, noise=1)], [made("c", 0.6, "IT", noise=2)]]
    match = brain_match("m", "s@1", scores, {})
    assert {a: e.value for a, e in match.areas.items()} == pytest.approx({"V4": 0.3, "IT": 0.6})
    assert match.mean.value == pytest.approx(0.45)
    assert match.areas["V4"].errors["stimuli"] == pytest.approx(0.03 / np.sqrt(2), rel=0.1)
    assert match.mean.error == pytest.approx(np.sqrt(0.05**2 / 2 + 0.05**2) / 2, rel=0.1)


def test_what_has_no_ceiling_or_is_missing_is_named_and_not_averaged():
    bare = made("bare", 0.9, "IT", ceiling=None, normalisation="none")
    match = brain_match("m", "s@1", [[made("a", 0.2)], [bare]], {"gone": "Run: wiringup fetch gone"})
    assert match.left_out == ("bare",)
    assert match.mean.value == pytest.approx(0.2)
    assert set(match.areas) == {"V4"}
    values = to_dict(match)
    assert values["missing"] == {"gone": "Run: wiringup fetch gone"}
    assert values["left_out"] == ["bare"]
    nothing = brain_match("m", "s@1", [[bare]], {})
    assert to_dict(nothing)["mean"]["value"] is None
    json.dumps(to_dict(nothing), allow_nan=False)


def test_a_score_without_evidence_has_no_error_but_a_value():
    match = brain_match("m", "s@1", [[score("a", 0.3)]], {})
    assert match.mean.value == 0.3
    assert np.isnan([match.mean.error, match.mean.low]).all()
    assert match.mean.errors == {}


def test_a_fraction_of_itself_is_one_without_error():
    match = brain_match("m", "s@1", [[made("a", 0.3), made("a", 0.5)]], {})
    found = match.fraction_of(match)["mean"]
    assert (found.value, found.error) == (1.0, 0.0)


def test_the_error_of_a_fraction_holds_the_references_own_and_what_they_share():
    def fraction(noise):
        mine = brain_match("mine", "s@1", [[made("a", 0.3, sd=(0.01, 0.02, 0.0224))]], {})
        other = brain_match("other", "s@1", [[made("a", 0.6, sd=(0.02, 0.04, 0.0447), noise=noise)]], {})
        return mine.fraction_of(other)["mean"]

    shared, apart = fraction(0), fraction(5)  # the same resamples: half the score moves half as much
    assert shared.value == apart.value == 0.5
    assert shared.error == pytest.approx(0, abs=1e-3)
    relative = np.sqrt((0.0224 / 0.3) ** 2 + (0.0447 / 0.6) ** 2)
    assert apart.error == pytest.approx(0.5 * relative, rel=0.1)


def test_a_run_is_matched_on_what_its_suite_names():
    scores = [made("a", 0.2), made("b", 0.4), made("c", 0.6, "IT"), made("elsewhere", 0.0, "V2")]
    found = match_of_run(scores, "s@1", ["a", "b", "c", "gone"])
    assert found.values == pytest.approx({"V4": 0.3, "IT": 0.6, "mean": 0.45})
    assert list(found.missing) == ["gone"] and not found.simulated
    assert np.isnan(match_of_run([], "s@1", ["a"]).mean.value)
    assert match_of_run([made("a", 0.2, simulated=True)], "s@1", ["a"]).simulated


def test_several_layers_and_mixed_normalisations_are_refused():
    with pytest.raises(InputError, match="Several scores for a"):
        match_of_run([made("a", 0.2), made("a", 0.3)], "s@1", ["a"])
    other = made("b", 0.4, "V1", normalisation="(r/c)^2")
    with pytest.raises(InputError, match=r"different ways \(\(r/c\)\^2, r/c\)"):
        match_of_run([made("a", 0.2), other], "s@1", ["a", "b"])
    behaviour = made("d", 0.9, "behavior", normalisation="r/sqrt(c)")
    assert match_of_run([made("a", 0.3), behaviour], "s@1", ["a", "d"]).mean.value == pytest.approx(0.6)


def test_seeds_of_the_reference_count():
    mine = brain_match("mine", "s@1", [[made("a", 0.3, sd=(1e-4,) * 3)]], {})
    other = brain_match("other", "s@1", [[made("a", v, sd=(1e-4,) * 3) for v in (0.5, 0.6, 0.7)]], {})
    found = mine.fraction_of(other)["mean"]
    assert found.value == pytest.approx(0.5)
    assert found.errors["seeds"] == pytest.approx(0.5 * (0.1 / np.sqrt(3)) / 0.6, rel=0.1)
    assert found.high - found.value > 2.2 * found.error  # two degrees of freedom


def test_nothing_is_a_fraction_of_chance():
    """The raw score and its own error (here .01) decide, and the errors that resampling finds."""
    mine = brain_match("mine", "s@1", [[made("a", 0.3)], [made("b", 0.2, "IT")]], {})
    chance = brain_match("chance", "s@1", [[made("a", 0.02)], [made("b", 0.4, "IT")]], {})
    found = mine.fraction_of(chance)
    assert np.isnan(found["V4"].value) and found["IT"].value == pytest.approx(0.5)
    assert found["mean"].value == pytest.approx(0.5)  # of IT alone, on both sides
    assert chance.chance == {"V4": ("raw", 0.02, 0.01, ())}
    above = brain_match(
        "above", "s@1", [[made("a", 0.04, score=0.04**2, sd=(1e-6,) * 3)], [made("b", 0.4, "IT")]], {}
    )
    assert above.chance == {} and np.isfinite(mine.fraction_of(above)["V4"].value)
    wide = brain_match("wide", "s@1", [[made("a", 0.04, sd=(0.03,) * 3)], [made("b", 0.4, "IT")]], {})
    (told,) = wide.chance.values()  # resampling finds more than the metric's own error, and says so
    assert told == ("ceiled", 0.04, wide.areas["V4"].error, ("stimuli", "units")) and told.error > 0.02
    assert str(told) == f"ceiled 0.040, error {told.error:.3f} over stimuli, units"
    nowhere = brain_match("nowhere", "s@1", [[made("a", 0.02)], [made("b", -0.1, "IT")]], {})
    assert np.isnan([e.value for e in mine.fraction_of(nowhere).values()]).all()


@pytest.mark.parametrize(("r", "chance"), [(0.05, True), (0.07, False), (-0.2, True)])
def test_a_squared_score_is_at_chance_where_its_root_is(r, chance):
    """Of .07 with an error of .03 the square has .0049 and an error of .0042: not twice as much."""
    for normalisation, power in (("r/c", 1), ("(r/c)^2", 2)):
        of = made("a", r, sd=(0.02, 0.02, 0.03), raw=abs(r), error=0.01, normalisation=normalisation)
        draws = {s: np.sign(d) * np.abs(d) ** power for s, d in of.evidence().items()}
        of = replace(of, score=np.sign(r) * abs(r) ** power, evidence=lambda _=None, found=draws: found)
        assert bool(brain_match("m", "s@1", [[of]], {}).chance) == chance
    assert not chance or next(iter(brain_match("m", "s@1", [[of]], {}).chance.values())).kind == "r/c"


def test_an_area_of_which_the_score_is_not_positive_is_at_chance():
    """Raw scores of two benchmarks may be well above 0 on average while the mean of the ceiled is not."""
    pair = [[made("a", 0.3, score=0.1)], [made("b", -0.05, score=-0.2)]]
    (told,) = brain_match("m", "s@1", pair, {}).chance.values()
    assert str(told).startswith("ceiled -0.050, error ")


def test_areas_behind_which_are_other_benchmarks_have_no_fraction():
    whole = brain_match("a", "s@1", [[made("a", 0.3)], [made("b", 0.2, "IT")]], {})
    part = brain_match("b", "s@1", [[made("a", 0.3)], [made("b", np.nan, "IT", raw=np.nan)]], {})
    found = part.fractions(whole)
    assert found["V4"].value == 1.0 and np.isnan([found["IT"].value, found["mean"].value]).all()


def test_only_like_is_compared_with_like():
    mine = brain_match("mine", "s@1", [[made("a", 0.3)]], {})
    other = brain_match("other", "s@1", [[made("b", 0.3)]], {})
    with pytest.raises(InputError, match=r"mine on a of s@1 against other on b of s@1"):
        mine.fraction_of(other)


def test_means_of_samples_go_draw_by_draw():
    a = Sample(np.array([1.0, 2.0]), {"stimuli": np.array([[1.0, 3.0], [2.0, 4.0]])})
    b = Sample(np.array([3.0, 4.0]), {})
    mean = averaged([a, b])
    assert mean.values.tolist() == [2.0, 3.0]
    assert mean.draws["stimuli"].tolist() == [[2.0, 3.0], [3.0, 4.0]]
    assert isinstance(drawn(mean, "m"), Drawn)


def test_a_score_that_is_not_defined_is_missing_with_the_reason_and_never_counts_as_0():
    still = score("b", np.nan, area="IT", raw=np.nan, error=np.nan, note="no score: nothing varies")
    match = brain_match("m", "s@1", [[made("a", 0.4)], [still]], {"c": "not here"})
    assert match.missing == {"c": "not here", "b": "no score: nothing varies"}
    assert list(match.benchmarks) == ["a"] and match.mean.value == 0.4 and list(match.areas) == ["V4"]
    assert match.seeds == 1 and json.loads(json.dumps(to_dict(match)))["missing"]["b"].startswith("no score")
    nothing = brain_match("m", "s@1", [[still, still]], {})
    assert nothing.seeds == 2 and np.isnan(nothing.mean.value)
