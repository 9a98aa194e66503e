"""Recipes: each is made at a tiny scale, its table is complete, and every run says what it is."""

from dataclasses import replace

import pytest

from toy_inputs import BASE, ToyInputs
from wiringup.experiments.launching.launch import launch
from wiringup.experiments.recipes.catalog import RECIPES, find_recipe
from wiringup.experiments.recipes.claims import of_study
from wiringup.experiments.recipes.conditions import REFERENCE
from wiringup.experiments.recipes.planning import Expected
from wiringup.experiments.recipes.scale import SCALES
from wiringup.experiments.runs import births
from wiringup.figures import sweep
from wiringup.models.architecture import ModelSpec
from wiringup.results.claims import find
from wiringup.results.comparison import compare
from wiringup.results.store import Store
from wiringup.results.table import rows
from wiringup.training import loop
from wiringup.training.label_free import LabelFreeSpec
from wiringup.training.schedule import epochs

MODEL = ModelSpec("cornet_s", width=1 / 16, size=64)
TINY = replace(
    SCALES["tiny"], model=MODEL, reference=1, epochs=(1,), fewer=(8,), seeds=(0,), birth_seeds=(0, 1),
    births=("uniform", "layer_normal"),
)  # fmt: skip
TRAINING = replace(BASE.training, size=64)
IMAGES = replace(BASE.images, pool=16)


@pytest.fixture(scope="module")
def shared_inputs(tmp_path_factory):
    return ToyInputs(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return Store(tmp_path_factory.mktemp("runs"))


def test_what_learns_without_labels_alone_is_kept():
    born = replace(BASE, training=replace(TRAINING, duration=epochs(0)))
    assert (
        not born.learns
        and replace(
            born, before=LabelFreeSpec.parse("white:8", replace(TRAINING, augmentation="none"))
        ).learns
    )


def study_of(name, inputs, scale=TINY):
    return find_recipe(name).study(
        name, replace(BASE, images=IMAGES, model=MODEL, training=TRAINING), inputs, scale
    )


@pytest.fixture(autouse=True)
def uncounted(monkeypatch):
    """Operations of a run are counted elsewhere; it takes as long as a tiny run itself."""
    for module in (births, loop):
        monkeypatch.setattr(module, "flops_by_layer", lambda *args: {})


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_made_and_its_table_is_complete(name, shared_inputs, store):
    study = study_of(name, shared_inputs)
    found = launch(study, store, inputs=shared_inputs)
    labels = list(study.about["cells"])
    comparison = compare(rows(found.records), study.reference, found.diverged)
    assert [m.label for m in comparison.moments if m.epoch == 0] == labels and not found.diverged
    assert all(m.match["V4"].mean == m.match["V4"].mean for m in comparison.moments)
    assert study.reference == REFERENCE == labels[0]
    assert study.about["recipe"] == name
    baseline = study.about["baseline"]
    own = baseline if isinstance(baseline, dict) else {}
    assert {*own, *sum(own.values(), ())} <= {*labels} and (own or baseline in ("", *labels))
    examined = of_study({"uid": "x", "spec": study.document()}, found.records)
    assert [one.claim for one in examined.mean] == [*find_recipe(name).claims] and examined.recipe == name
    assert set(examined.each) == {"toy.V4"} and len(examined.each["toy.V4"]) == len(examined.mean)
    for run in study.runs:  # what learns nothing is born again from its spec
        assert (store.folder(run.uid) / "weights.safetensors").is_file() is run.learns
    drawn = sweep.draw(comparison, study.about["cells"])
    told = [tick.get_text().rpartition("  (")[0] for tick in drawn.axes[0].get_yticklabels()]
    assert name == "fewer_updates" or told == labels[::-1]
    assert study.about["panels"] and study.about["claim"].endswith(".")


@pytest.mark.parametrize("scale", ["small", "gpu", "paper"])
@pytest.mark.parametrize("name", RECIPES)
def test_claims_find_their_conditions_at_every_scale(name, scale, tmp_path):
    scale = SCALES[scale]
    inputs = Expected(scale.expected, tmp_path)
    study = find_recipe(name).study(name, scale.base(""), inputs, scale)
    for claim in find_recipe(name).claims:
        labels = [find(which, study.about["cells"]) for which in (claim.one, claim.than) if which]
        known = scale.epochs if isinstance(claim.one.get("epochs"), float) else (claim.one.get("epochs"),)
        assert all(labels) or claim.one["epochs"] not in known, claim
        assert len({*labels}) == len(labels)


@pytest.mark.parametrize("scale", ["gpu", "paper"])
def test_equal_updates_are_spent_at_equal_rates_on_few_images_and_many(scale, tmp_path, caplog):
    scale = SCALES[scale]
    base = scale.base("")
    study = find_recipe("images_or_repetition").study("x", base, Expected(scale.expected, tmp_path), scale)
    assert {run.training.schedule for run in study.runs if run.label != REFERENCE} == {"cosine"}
    assert ("falls by cosine here; step goes by epochs" in caplog.text) is (base.training.schedule == "step")
