"""A training that is in the store is not made again: its networks are scored on what another run asks for."""

import io
import re
from dataclasses import replace

import pytest

from toy_inputs import OtherInputs
from wiringup.core.errors import InputError
from wiringup.core.progress import Progress
from wiringup.experiments.runs import run as running
from wiringup.experiments.runs.run import execute, execute_alone, restored
from wiringup.experiments.runs.spec import born_from
from wiringup.experiments.runs.trainings import WEIGHTS, Trainings
from wiringup.models.readout import subject
from wiringup.results.record import to_dict
from wiringup.results.store import RECORD, Store
from wiringup.training.observers import moment_file
from wiringup.training.schedule import epochs


@pytest.fixture
def other(tmp_path) -> OtherInputs:
    return OtherInputs(tmp_path)


@pytest.fixture
def run(base):
    return replace(base, training=replace(base.training, plasticity="critical", duration=epochs(2)))


@pytest.fixture
def no_training(monkeypatch):
    """Fail where anything is trained."""

    def forbid():
        def train(*_args, **_options):
            raise AssertionError("trained again")

        monkeypatch.setattr(running, "train", train)

    return forbid


def content(record):
    values = to_dict(record)
    del values["provenance"]
    return values


def identity(spec, store):
    return subject(restored(spec, store), spec.model).identity


@pytest.mark.parametrize("plasticity", ["critical", "mask:0.3:kind:convolution + decoder"])
def test_another_exam_of_a_known_training_is_that_of_a_training_made_for_it(
    run, inputs, other, no_training, tmp_path, plasticity
):
    run = replace(run, training=replace(run.training, plasticity=plasticity), keep_weights=True)
    alone = Store(tmp_path / "direct")
    direct = execute(other.pin(run), alone, inputs=other)
    store, first = Store(tmp_path / "runs"), inputs.pin(run)
    made = execute(first, store, inputs=inputs)
    no_training()
    again = execute(other.pin(run), store, inputs=other)
    assert content(again) == content(direct) == content(store.record(other.pin(run).uid))
    assert again.last.scores[0].n_units == 3 != made.last.scores[0].n_units
    assert again.provenance["trained"] == {"run": made.uid, **made.provenance}
    assert identity(other.pin(run), store) == identity(first, store)
    kept = [where.folder(again.uid) / moment_file(0) for where in (store, alone)]
    assert kept[0].read_bytes() == kept[1].read_bytes()


def test_the_weights_of_moments_in_between_are_needed(run, inputs, other, no_training, tmp_path):
    run = replace(run, moments=(epochs(1),))
    store = Store(tmp_path)
    execute(inputs.pin(run), store, inputs=inputs)
    assert Trainings(store).alike(other.pin(run)) is None
    kept = Store(tmp_path / "kept")
    execute(inputs.pin(replace(run, keep_weights=True)), kept, inputs=inputs)
    direct = execute(other.pin(run), store, inputs=other)
    no_training()
    again = execute(replace(other.pin(run), keep_weights=True), kept, inputs=other)
    assert content(again)["points"] == content(direct)["points"]
    moments = [sorted((kept.folder(uid) / "moments").iterdir()) for uid in (again.uid, inputs.pin(run).uid)]
    assert [[path.name for path in each] for each in moments] == [
        ["epoch-0.safetensors", "epoch-1.safetensors", "epoch-2.safetensors"]
    ] * 2


def test_so_is_the_run_that_a_genome_is_distilled_from(run, inputs, other, no_training, tmp_path):
    def child(of):
        parent = replace(of.pin(run), label="parent")
        return born_from(of.pin(replace(run, label="child")), parent)

    store = Store(tmp_path)
    made = execute(child(inputs), store, inputs=inputs)
    no_training()
    again = execute(child(other), store, inputs=other)
    assert again.losses == made.losses
    assert identity(child(other), store) == identity(child(inputs), store)


@pytest.mark.parametrize("what", [RECORD, WEIGHTS])
def test_a_training_that_is_not_whole_is_none(run, inputs, other, tmp_path, what):
    store, first = Store(tmp_path), inputs.pin(run)
    execute(first, store, inputs=inputs)
    assert Trainings(store).alike(other.pin(run))
    (store.folder(first.uid) / what).unlink()
    assert Trainings(store).alike(other.pin(run)) is None


def test_another_training_is_none(run, inputs, other, tmp_path):
    store = Store(tmp_path)
    execute(inputs.pin(run), store, inputs=inputs)
    longer = replace(run, training=replace(run.training, duration=epochs(3)))
    assert Trainings(store).alike(other.pin(longer)) is None
    assert Trainings(store).alike(other.pin(replace(run, birth=replace(run.birth, seed=7)))) is None
    assert Trainings(store).alike(inputs.pin(run)) is None  # its own
    assert (
        Trainings(store).alike(other.pin(replace(run, training=replace(run.training, duration=epochs(0)))))
        is None
    )


def test_damaged_weights_are_told(run, inputs, other, tmp_path):
    store, first = Store(tmp_path), inputs.pin(run)
    execute(first, store, inputs=inputs)
    path = store.folder(first.uid) / WEIGHTS
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match=WEIGHTS):
        execute(other.pin(run), store, inputs=other)


def test_files_that_changed_places_are_no_training(run, inputs, other, tmp_path):
    store, first = Store(tmp_path), inputs.pin(run)
    second = inputs.pin(replace(run, birth=replace(run.birth, seed=7)))
    for one in (first, second):
        execute(one, store, inputs=inputs)
    mine, theirs = (store.folder(one.uid) / RECORD for one in (first, second))
    mine.write_bytes(theirs.read_bytes())
    assert Trainings(store).alike(other.pin(run)) is None


def test_the_time_left_counts_no_training_that_was_done(run, inputs, other, tmp_path):
    store = Store(tmp_path)
    execute(inputs.pin(run), store, inputs=inputs)
    assert Trainings(store).work(other.pin(run)) == {"score": 2}
    assert Trainings(Store(tmp_path / "none")).work(other.pin(run))["train:critical"] == 96


def test_one_run_alone_says_how_much_of_it_is_done(run, inputs, tmp_path, monkeypatch):
    out = io.StringIO()
    monkeypatch.setattr(out, "isatty", lambda: True)
    with Progress(out):
        execute_alone(inputs.pin(run), Store(tmp_path), inputs=inputs)
    done = [int(percent) for percent in re.findall(r"(\d+)%", out.getvalue())]
    assert done[0] < 60 and done[-1] == 100
