"""Choices within a budget: predicted inside of what is known, refused outside, never mixed."""

import numpy as np
import pytest

from made_records import score
from wiringup.core.errors import InputError, MissingDataError
from wiringup.results.budget import birth_told, rank
from wiringup.results.comparison import compare
from wiringup.results.record import score_to_dict

RNG = np.random.default_rng(0)


def row(images, epochs, match, birth="kaiming_normal", plasticity="all", **changes):
    trained = 100 if plasticity == "all" else 1
    run = f"{birth}-{plasticity}-{images}-{epochs}-{changes.pop('seed', 0)}-{changes.get('suite')}"
    facts = {
        "source": "own", "suite": "lab@1", "run": run, "label": f"{birth} + {plasticity}", "width": 1.0,
        "size": 64, "architecture": "cornet_s", "birth": birth, "plasticity": plasticity, "norms": "batch",
        "n_images": images, "epoch": epochs, "updates": images * epochs, "trained": trained,
        "synaptic_updates": images * epochs * trained, "brain_match": match, "final": True,
        "simulated": False,
    }  # fmt: skip
    return facts | changes


def law(images, epochs):
    """The true brain match: 0.1 a decade of images, 0.05 a decade of epochs."""
    return 0.1 * np.log10(images) + 0.05 * np.log10(epochs)


def grid(**changes):
    return [
        row(i, e, law(i, e) + 0.002 * RNG.standard_normal(), **changes)
        for i in (100, 1000, 10_000)
        for e in (1, 3, 10)
    ]


WHOLE = law(10_000, 10)


def test_the_best_choice_within_a_budget_is_predicted_with_its_error():
    (found,) = rank(grid(), 1e6, "cornet_s").choices  # 10,000 labelled images: once each is best
    assert (found.images, found.epochs) == pytest.approx((10_000, 1), rel=0.3)
    assert found.percent == pytest.approx(100 * law(10_000, 1) / WHOLE, abs=2)
    assert (
        found.low < 100 * law(found.images, found.epochs) / WHOLE < found.high and found.high - found.low < 10
    )
    assert found.points == 9 and found.error < 3 and found.covered > 0.7
    assert found.synaptic_updates <= 1e6


def test_nothing_is_said_beyond_the_points():
    cheap = rank(grid(), 1e9, "cornet_s").choices[0]  # more than was ever spent
    assert (cheap.images, cheap.epochs) == pytest.approx((10_000, 10))
    dear = rank(grid(), 100, "cornet_s")
    assert not dear.choices
    assert dear.refused == {
        "kaiming_normal + all, norms batch (own, lab@1)": "its cheapest point spends 1e+04 synaptic updates; "
        "less would be extrapolated"
    }
    corner = [one for one in grid() if (one["n_images"], one["epoch"]) != (10_000, 1)]
    found = rank(corner, 1.05e6, "cornet_s").choices[0]  # 10,000 images once lie outside of the hull now
    assert np.log10(found.images) < 3.75


def test_few_points_are_choices_themselves():
    few = [row(1000, 1, 0.2, plasticity="critical", seed=s) for s in (0, 1)]
    birth = row(100, 0, 0.1, birth="weight_compression", plasticity="critical", updates=0, synaptic_updates=0)
    found = {c.condition["birth"]: c for c in rank([*grid(), *few, birth], 1e3, "cornet_s").choices}
    one = found["kaiming_normal"]
    assert (one.images, one.epochs, one.points) == (1000, 1, 2) and np.isnan(one.error)
    assert one.percent == pytest.approx(100 * 0.2 / grid()[-1]["brain_match"], rel=0.02)
    born = found["weight_compression"]
    assert (born.images, born.epochs, born.synaptic_updates) == (0, 0, 0) and np.isnan(born.low)
    assert (born.condition["plasticity"], born.condition["norms"]) == (None, None)


def scored(of, **areas):
    """A moment's rows, one for each area, which is at chance up to 0.04."""
    mean = float(np.mean([*areas.values()]))
    each = [score(f"b.{area}", value, area=area, raw=value, error=0.02) for area, value in areas.items()]
    return [of | score_to_dict(one, units=False) | {"brain_match": mean, "top1": None} for one in each]


def test_percentages_are_those_of_a_study_over_areas_and_seeds_of_the_reference():
    whole = [scored(row(1000, 10, 0, seed=s), V1=0.01, V4=0.4 + s / 5, IT=0.6) for s in (0, 1)]
    few = scored(row(100, 1, 0, plasticity="critical"), V1=0.3, V4=0.2, IT=0.4)
    other = scored(row(100, 1, 0, plasticity="conv1"), V1=0.3, V4=0.2)
    table = [one for of in (*whole, few, other) for one in of]
    found = rank(table, 1e3, "cornet_s")
    (one,) = found.choices
    study = compare(table, "kaiming_normal + all")
    percent = {m.label: m.percent["mean"].mean for m in study.moments}
    assert one.percent == pytest.approx(100 * 0.3 / 0.55)
    assert one.percent == pytest.approx(percent["kaiming_normal + critical"])
    (told,) = found.references.values()
    assert told.endswith("brain match 0.550 over V4, IT (at chance in V1), mean of 2 seeds")
    assert "not scored on the benchmarks" in found.refused["kaiming_normal + conv1, norms batch (own, lab@1)"]


def test_a_birth_that_several_trainings_share_is_one_point():
    births = [
        row(100, 0, 0.1 + s / 50, birth="uniform", plasticity=learns, seed=s, run=f"{learns}{s}")
        | {"seed": s}
        for learns in ("all", "critical", "conv1")
        for s in (0, 1, 2)
    ]
    (one,) = rank([*grid(), *births], 1, "cornet_s").choices
    assert (one.condition["birth"], one.points) == ("uniform", 3)
    assert one.percent == pytest.approx(100 * 0.12 / grid()[-1]["brain_match"], rel=0.02)


def test_sources_suites_and_networks_are_never_mixed():
    published = grid(source="published", suite="paper-scores", norms=None, width=None, size=None)
    other = [one | {"brain_match": 2 * one["brain_match"]} for one in published]
    found = rank([*grid(), *other, *grid(suite="b@1")[:3]], 1e6, "cornet_s")
    assert [(c.condition["source"], c.condition["suite"]) for c in found.choices] == [
        ("own", "lab@1"), ("published", "paper-scores"), ("own", "b@1"),
    ]  # fmt: skip
    assert found.choices[0].percent == pytest.approx(found.choices[1].percent, abs=3)
    assert len(found.references) == 3 and "lab@1" in next(iter(found.references))


def test_only_births_and_ends_of_own_runs_and_no_other_hyper_parameters_count():
    middle = [one | {"final": False, "brain_match": 9.0, "run": "m"} for one in grid()]
    control = row(10_000, 10, 9.0, source="published", suite="paper-scores", run="p:m:0:10000:lr 1.0")
    (found,) = rank([*grid(), *middle, control], 1e9, "cornet_s").choices
    assert found.percent < 105


def test_without_a_reference_or_a_budget_it_is_said():
    with pytest.raises(MissingDataError, match=r"No points of resnet50 can be ranked.*fetch paper-scores"):
        rank(grid(), 1e6, "resnet50")
    with pytest.raises(MissingDataError, match="No points of cornet_s"):
        rank([row(100, 1, 0.2, plasticity="critical")], 1e6, "cornet_s")
    with pytest.raises(InputError, match="budget is 0, but has to be above 0"):
        rank(grid(), 0, "cornet_s")


def test_what_was_trained_otherwise_is_named_and_no_point_of_a_condition():
    how = {"lr": 0.1, "optimiser": "sgd", "batch": 64}
    usual = [one | how for one in grid()]
    fast = [
        one
        | how
        | {
            "lr": 1.0,
            "condition": "fast",
            "run": f"fast {one['run']}",
            "brain_match": 0.5 * one["brain_match"],
        }
        for one in usual[-3:]
    ]
    born = row(100, 0, 0.1, birth="weight_compression", **how | {"lr": 1.0}, updates=0, synaptic_updates=0)
    alone, both = (rank([*table, born], 1e6, "cornet_s") for table in (usual, [*fast, *usual]))
    assert repr(both.choices) == repr(alone.choices) and len(alone.choices) == 2, "a birth is as it was"
    assert both.refused == {
        "kaiming_normal + all, norms batch (own, lab@1), lr 1.0": "the reference was trained otherwise"
    }
    same = [one | how | {"settings": "momentum 0.9"} for one in grid()]
    coarse = [one | {"lr": 0.1, "settings": "momentum 0.9; precision bf16"} for one in fast]
    found = rank([*coarse, *same], 1e6, "cornet_s")
    assert [*found.refused] == ["kaiming_normal + all, norms batch (own, lab@1), precision bf16"]


def test_a_reference_is_at_chance_by_the_rule_of_a_study():
    """By the raw score with its own error it is not; its draws say it is."""
    draws = {
        s: 0.3 + 0.2 * np.random.default_rng(1).standard_normal(500) for s in ("stimuli", "units", "both")
    }
    of = {"raw": 0.3, "error": 0.01, "evidence": lambda _=None: draws}
    table = [one | score_to_dict(score("a.V4", 0.3), units=False) | of for one in grid()]
    assert "V4" not in rank([one | {"evidence": None} for one in table], 1e6, "cornet_s").references
    with pytest.raises(MissingDataError):
        rank(table, 1e6, "cornet_s")


def test_births_of_another_genome_or_batchnorm_are_conditions_of_their_own():
    wc = {"birth": "weight_compression", "plasticity": "critical", "batchnorm": "calibrated"}
    each = [
        row(1000, 3, 0.3, **wc, genome="5" * 64),
        row(1000, 3, 0.2, **wc | {"batchnorm": "default"}, genome="5" * 64),
        row(1000, 3, 0.1, **wc, genome="run:abc", seed=0),
        row(1000, 3, 0.1, **wc, genome="run:def", seed=1),
    ]
    for i, one in enumerate(each):
        one["run"] = str(i)
    found = rank([*grid(), *each], 1e9, "cornet_s").choices[1:]
    assert [(birth_told(c.condition), c.points) for c in found] == [
        ("weight_compression (genome 55555555)", 1),
        ("weight_compression (genome 55555555), BatchNorm default", 1),
        ("weight_compression (distilled)", 2),
    ]


def test_what_ends_within_its_first_epoch_is_placed_by_the_images_that_were_there():
    early = [row(n, n / 200, 0.1 + 0.01 * np.log10(n), updates=n) for n in (5, 20, 50, 100)]
    early += [row(200, e, 0.1 + 0.01 * np.log10(200 * e)) for e in (1, 2, 4)]
    for i, one in enumerate(early):
        one |= {"run": str(i), "synaptic_updates": one["updates"] * 100}
    found = rank(early, 1000, "cornet_s").choices[0]
    assert found.images == pytest.approx(200) and found.images * found.epochs == pytest.approx(10, rel=0.5)
    assert found.synaptic_updates == pytest.approx(found.images * found.epochs * 100)
    assert found.synaptic_updates <= 1000


def test_what_learned_without_labels_or_is_masked_is_no_plain_birth():
    births = [
        row(0, 0, 0.1),
        row(0, 0, 0.2, plasticity="mask:0.5:all"),
        row(0, 0, 0.3, before="waves:320"),
    ]
    for i, one in enumerate(births):
        one["run"] = str(i)
    found = rank([*grid(), *births], 1e9, "cornet_s").choices
    told = {(birth_told(c.condition), c.condition["plasticity"]): c.points for c in found if c.epochs == 0}
    assert told == {
        ("kaiming_normal", None): 1,
        ("kaiming_normal", "mask:0.5:all"): 1,
        ("kaiming_normal after waves:320", None): 1,
    }
