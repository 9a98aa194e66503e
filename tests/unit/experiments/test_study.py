from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from wiringup.birth.genome import Genome
from wiringup.core.errors import InputError
from wiringup.experiments import pipeline
from wiringup.experiments.progress import Progress
from wiringup.experiments.study import CONDITIONS, EQUAL_SYNAPTIC, REFERENCE, WC_CRITICAL, Study, StudySpec
from wiringup.results.record import to_dict
from wiringup.results.store import Store

SPEC = StudySpec(
    seeds=(0,), width=0.125, size=32, pool=48, epochs=2, few_images=24, few_epochs=2, batch=8, lr=0.02,
    calibration=16, moments=(1,),
)  # fmt: skip


def quiet() -> Progress:
    return Progress({}, None)


def content(record):
    values = to_dict(record)
    del values["provenance"]
    return values


@pytest.fixture
def study(world, tmp_path) -> Study:
    return Study(SPEC, world, Store(tmp_path))


def test_every_condition_is_counted_exactly(study):
    records = {r.label: r for r in study.run(quiet())}
    assert list(records) == [c.label for c in CONDITIONS]
    critical, reference = records[WC_CRITICAL], records[REFERENCE]
    assert [p.epoch for p in reference.points] == [0, 1, 2]
    assert reference.last.updates == 48 * 2
    assert reference.last.synaptic_updates == 48 * 2 * reference.synapses["all"]
    assert critical.last.updates == 24 * 2
    assert critical.last.synaptic_updates == 24 * 2 * critical.synapses["trained"]
    control = records[EQUAL_SYNAPTIC].last
    one_image = reference.synapses["all"]  # the control can only be equal up to whole images
    assert abs(control.synaptic_updates - critical.last.synaptic_updates) <= 2 * one_image
    assert all(p.missing == ("absent.IT",) for p in reference.points)


def test_birth_is_scored_by_the_same_code_and_shared_by_conditions(study):
    records = {r.label: r for r in study.run(quiet())}
    births = {label: r.points[0].match["mean"] for label, r in records.items()}
    assert len({births[c.label] for c in CONDITIONS if c.recipe == "kaiming_normal"}) == 1
    assert births[WC_CRITICAL] != births[REFERENCE]


def test_weight_compression_is_born_from_the_reference_of_its_seed(study):
    records = {r.label: r for r in study.run(quiet())}
    genome = Genome.load(study.store.folder(records[REFERENCE].uid) / "genome.json")
    assert records[WC_CRITICAL].spec["birth"]["genome"] == genome.sha256
    assert genome.source["run"] == records[REFERENCE].uid


def test_a_finished_study_is_not_computed_twice(study, monkeypatch):
    first = study.run(quiet())
    monkeypatch.setattr(pipeline, "evaluate", None)
    progress = quiet()
    assert [content(r) for r in study.run(progress)] == [content(r) for r in first]
    assert progress.plan["score"] == 0
    document, records = study.store.study(study.uid)
    assert document["spec"]["reference"] == REFERENCE
    assert len(records) == len(CONDITIONS)


def test_an_interrupted_study_continues_to_the_same_result(world, tmp_path):
    whole = [content(r) for r in Study(SPEC, world, Store(tmp_path / "whole")).run(quiet())]
    broken = Study(SPEC, world, Store(tmp_path / "broken"))
    for stop_after in (5, 14, 9):
        with pytest.raises(KeyboardInterrupt):
            broken.run(Interrupting({}, None, stop_after=stop_after))
    assert [content(r) for r in broken.run(quiet())] == whole


class Interrupting(Progress):
    def __init__(self, plan, out, stop_after):
        super().__init__(plan, out)
        self.left = stop_after

    def advance(self, kind, amount, message=""):
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        super().advance(kind, amount, message)


def test_the_address_of_a_study_follows_images_exam_and_spec(study, world):
    other_images = replace(world, pool=world.pool.take(np.arange(47)))
    other_exam = replace(world, exam=replace(world.exam, normalisation="r/c"))
    studies = [
        study,
        replace(study, spec=replace(SPEC, lr=0.05)),
        replace(study, world=other_images),
        replace(study, world=other_exam),
    ]
    assert len({s.uid for s in studies}) == 4


def test_impossible_studies_are_refused():
    with pytest.raises(InputError, match=r"The seeds \(1, 1\) name one seed twice"):
        StudySpec(seeds=(1, 1))
    with pytest.raises(InputError, match="number of images of the reference"):
        StudySpec(pool=10, few_images=20)


def reference_genome(study) -> Path:
    (path,) = study.store.root.glob("*/genome.json")
    return path


def test_the_record_of_the_reference_names_its_genome(study):
    records = {r.label: r for r in study.run(quiet())}
    genome = Genome.load(reference_genome(study))
    assert records[REFERENCE].genome == genome.sha256
    assert study.store.record(records[REFERENCE].uid).genome == genome.sha256
    assert {r.genome for label, r in records.items() if label != REFERENCE} == {""}


def test_an_exchanged_genome_is_noticed(study):
    study.run(quiet())
    path = reference_genome(study)
    genome, refused = Genome.load(path), pytest.raises(InputError, match="than was distilled from this run")
    other = replace(genome.layers["V2.norm_skip"], weight_mean=2.0)
    replace(genome, layers={**genome.layers, "V2.norm_skip": other}).save(path)
    with refused:
        study.run(quiet())
    # its record from before records named genomes: the weights that it was distilled from still tell it apart
    replace(genome, source={**genome.source, "state_sha256": "0" * 64}).save(path)
    study.store.save(replace(study.store.record(path.parent.name), genome=""))
    with refused:
        study.run(quiet())
    genome.save(path)
    study.run(quiet())
    assert study.store.record(path.parent.name).genome == genome.sha256


def test_a_study_killed_before_its_genome_was_named_continues(study):
    expected = [content(r) for r in study.run(quiet())]
    path = reference_genome(study)
    study.store.save(replace(study.store.record(path.parent.name), genome=""))
    assert [content(r) for r in study.run(quiet())] == expected
