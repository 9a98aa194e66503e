from dataclasses import replace
from pathlib import Path

import pytest

from toy_inputs import BASE, ToyInputs
from wiringup.birth.genome import Genome
from wiringup.core.errors import InputError
from wiringup.core.progress import Progress
from wiringup.experiments.launching.launch import launch
from wiringup.experiments.recipes.main_study import EQUAL_SYNAPTIC, REFERENCE, WC_CRITICAL, Scale, main_study
from wiringup.experiments.runs import inputs as loading
from wiringup.results.record import to_dict
from wiringup.results.store import Store

SCALE = Scale(pool=48, epochs=2, few_images=24, few_epochs=2, calibration=16, moments=(1,))
CONDITIONS = (
    REFERENCE, WC_CRITICAL, "KN + critical", "KN + decoder", "KN, all, equal updates", EQUAL_SYNAPTIC,
)  # fmt: skip


def content(record):
    values = to_dict(record)
    del values["provenance"]
    return values


@pytest.fixture
def study(inputs):
    return main_study(BASE, inputs, SCALE, (0,))


@pytest.fixture
def made(study, inputs, tmp_path):
    return {r.label: r for r in launch(study, Store(tmp_path), inputs=inputs).records}


def test_every_condition_is_counted_exactly(made):
    assert tuple(made) == CONDITIONS
    critical, reference = made[WC_CRITICAL], made[REFERENCE]
    assert [p.epoch for p in reference.points] == [0, 1, 2]
    assert reference.last.updates == 48 * 2
    assert reference.last.synaptic_updates == 48 * 2 * reference.synapses["all"]
    assert critical.last.updates == 24 * 2
    assert critical.last.synaptic_updates == 24 * 2 * critical.synapses["trained"]
    control = made[EQUAL_SYNAPTIC].last
    one_image = reference.synapses["all"]  # the control can only be equal up to whole images
    assert abs(control.synaptic_updates - critical.last.synaptic_updates) <= 2 * one_image
    assert len(made[EQUAL_SYNAPTIC].points) == 2
    assert all(p.missing == ("absent.IT",) for p in reference.points)


def test_birth_is_scored_by_the_same_code_and_shared_by_conditions(made):
    births = {label: r.points[0].match["mean"] for label, r in made.items()}
    assert len({births[label] for label in CONDITIONS if label != WC_CRITICAL}) == 1
    assert births[WC_CRITICAL] != births[REFERENCE]


def test_weight_compression_is_born_from_the_reference_of_its_seed(made, tmp_path):
    genome = Genome.load(tmp_path / made[REFERENCE].uid / "genome.json")
    assert made[WC_CRITICAL].spec["birth"]["genome"] == f"run:{made[REFERENCE].uid}"
    assert genome.source["run"] == made[REFERENCE].uid
    assert Store(tmp_path).record(made[REFERENCE].uid).genome == genome.sha256


def test_a_finished_study_is_not_computed_twice(study, made, inputs, tmp_path, monkeypatch):
    monkeypatch.setattr(loading, "evaluate", None)
    with Progress() as shown:
        again = launch(study, Store(tmp_path), inputs=inputs).records
    assert [content(r) for r in again] == [content(Store(tmp_path).record(r.uid)) for r in made.values()]
    assert not shown.planned
    document, records = Store(tmp_path).study(study.uid)
    assert document["spec"]["reference"] == REFERENCE
    assert [r.label for r in records] == list(CONDITIONS)


def test_an_interrupted_study_continues_to_the_same_result(study, made, inputs, tmp_path):
    broken = Store(tmp_path / "broken")
    for stop_after in (5, 14, 9):
        with pytest.raises(KeyboardInterrupt), Interrupting(left=stop_after):
            launch(study, broken, inputs=inputs)
    found = launch(study, broken, inputs=inputs).records
    assert [content(r) | {"genome": ""} for r in found] == [
        content(r) | {"genome": ""} for r in made.values()
    ]


class Interrupting(Progress):
    def __init__(self, left):
        super().__init__()
        self.left = left

    def advance(self, kind, amount, message=""):
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        super().advance(kind, amount, message)


def test_the_address_of_a_study_follows_images_exam_and_spec(study, inputs):
    other = replace(BASE, exam=replace(BASE.exam, normalisation="r/c"))
    studies = [
        study,
        main_study(replace(BASE, training=replace(BASE.training, lr=0.05)), inputs, SCALE, (0,)),
        main_study(BASE, inputs, replace(SCALE, few_images=22), (0,)),
        main_study(other, inputs, SCALE, (0,)),
    ]
    assert len({s.uid for s in studies}) == 4
    assert main_study(BASE, ToyInputs(inputs.home), SCALE, (0,)).uid == study.uid


def test_more_few_images_than_there_are_is_refused():
    with pytest.raises(InputError, match="20 images cannot be chosen from 10"):
        Scale(pool=10, few_images=20)


def test_an_exchanged_genome_is_noticed(study, made, inputs, tmp_path):
    store, path = Store(tmp_path), Path(tmp_path / made[REFERENCE].uid / "genome.json")
    genome, refused = Genome.load(path), pytest.raises(InputError, match="than was distilled from this run")
    critical = tmp_path / made[WC_CRITICAL].uid / "record.json"
    critical.unlink()
    other = replace(genome.layers["V2.norm_skip"], weight_mean=2.0)
    replace(genome, layers={**genome.layers, "V2.norm_skip": other}).save(path)
    with refused:
        launch(study, store, inputs=inputs)
    # its record from before records named genomes: the weights that it was distilled from still tell it apart
    replace(genome, source={**genome.source, "state_sha256": "0" * 64}).save(path)
    store.save(replace(store.record(path.parent.name), genome=""))
    with refused:
        launch(study, store, inputs=inputs)
    genome.save(path)
    launch(study, store, inputs=inputs)
    assert store.record(path.parent.name).genome == genome.sha256
