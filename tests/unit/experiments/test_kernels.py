"""First filters for the report: newborn ones are born again, trained ones are read."""

from dataclasses import replace

import pytest
import torch

from made_records import make_record
from wiringup.birth.apply import BirthSpec
from wiringup.birth.distill import distill
from wiringup.core.sealed import write_sealed
from wiringup.core.spec import to_dict
from wiringup.experiments.runs.births import born
from wiringup.experiments.runs.kernels import first_filters
from wiringup.experiments.runs.run import read_spec, restored
from wiringup.experiments.runs.spec import ImagesSpec, RunSpec, born_from
from wiringup.experiments.runs.trainings import SPEC, WEIGHTS
from wiringup.models.architecture import ModelSpec
from wiringup.models.weights import save_weights
from wiringup.results.store import Store
from wiringup.training.schedule import epochs
from wiringup.training.spec import TrainSpec

MODEL = ModelSpec("alexnet", width=0.125, size=64, classes=4)


@pytest.fixture
def run(tmp_path):
    """A run of which spec and weights are kept; the trained filters are the newborn ones and 1."""
    spec = RunSpec(ImagesSpec(sha256="0" * 64), MODEL, BirthSpec("kaiming_normal", seed=3), label="KN")
    record, store = make_record("KN", 3, 0.1, uid=spec.uid), Store(tmp_path)
    write_sealed(store.folder(spec.uid) / SPEC, to_dict(spec))
    model = born(MODEL, BirthSpec("kaiming_normal", seed=3, batchnorm="default"))
    first = next(p for p in model.parameters() if p.ndim == 4)
    newborn = first.detach().clone()
    with torch.no_grad():
        first += 1
    save_weights(model, store.folder(spec.uid) / WEIGHTS)
    return record, store, newborn.numpy()


def test_what_learned_nothing_has_one_kind_of_filters(tmp_path):
    spec = RunSpec(ImagesSpec(sha256="0" * 64), MODEL, training=TrainSpec(duration=epochs(0)), label="KN")
    store = Store(tmp_path)
    write_sealed(store.folder(spec.uid) / SPEC, to_dict(spec))
    ((newborn, end),) = first_filters([make_record("KN", 0, 0.1, uid=spec.uid)], store).values()
    assert (newborn == end).all() and newborn.std() > 0


def test_filters_are_those_of_this_birth_and_of_the_end(run):
    record, store, expected = run
    ((label, (newborn, trained)),) = first_filters([record, record], store).items()
    assert label == "KN" and (newborn == expected).all()
    assert trained == pytest.approx(expected + 1, abs=1e-5)


def test_a_network_born_from_another_run_is_born_from_its_genome(run):
    record, store, _ = run
    parent = read_spec(store.folder(record.uid) / SPEC)
    state = restored(parent, store).state_dict()
    genome = distill(state, 0, {}, recipe="layer_normal", architecture="alexnet")
    genome.save(store.folder(parent.uid) / "genome-layer_normal.json")
    child = born_from(parent, parent, "layer_normal")
    write_sealed(store.folder(child.uid) / SPEC, to_dict(child))
    birth = replace(child.birth, genome=genome.sha256, batchnorm="default-plain")
    save_weights(born(MODEL, birth, genome), store.folder(child.uid) / WEIGHTS)
    ((newborn, trained),) = first_filters([replace(record, uid=child.uid)], store).values()
    assert (newborn == trained).all() and abs(newborn.mean() - 1) < 0.1  # as what it was distilled from


def test_what_is_not_here_is_left_out_in_words(run, caplog):
    record, store, _ = run
    (store.folder(record.uid) / WEIGHTS).unlink()
    with caplog.at_level("INFO", "wiringup"):
        assert first_filters([record], store) == {}
    assert "no kernels of KN" in caplog.text
