"""One label, several conditions: what differs is told."""

from dataclasses import fields, is_dataclass, replace

from wiringup.core.spec import NEUTRAL as MARK
from wiringup.core.spec import to_dict
from wiringup.experiments.runs.spec import ExamSpec, ImagesSpec, RunSpec, born_from
from wiringup.results.labels import NEUTRAL, condition, told_apart
from wiringup.training.label_free import LabelFreeSpec
from wiringup.training.schedule import parse_moments
from wiringup.training.spec import TrainSpec

RUN = RunSpec(ImagesSpec("train.zip", sha256="a" * 64), label="kn + all")


def labels(record, *runs):
    records = [
        replace(record("kn + all", i, 0.1, uid=str(i)), spec=to_dict(run)) for i, run in enumerate(runs)
    ]
    return [one.label.removeprefix("kn + all") for one in told_apart(records)]


def seeded(run, seed):
    return replace(run, birth=replace(run.birth, seed=seed), training=replace(run.training, seed=seed))


def test_seeds_devices_and_places_are_one_condition(record):
    elsewhere = replace(RUN, images=replace(RUN.images, source="other/train.zip"), keep_weights=True)
    on = replace(RUN, training=replace(RUN.training, device="cuda:1"))
    assert set(labels(record, RUN, seeded(RUN, 1), elsewhere, on)) == {""}
    distilled = [born_from(seeded(RUN, seed), seeded(RUN, seed)) for seed in (0, 1)]
    assert set(labels(record, *distilled)) == {""}
    subsets = [replace(RUN, images=replace(RUN.images, seed=s, sha256=f"{s}" * 64)) for s in (0, 1)]
    assert set(labels(record, *subsets)) == {""}


def test_every_field_that_changes_no_address_tells_no_condition(record):
    def named(spec):
        for one in fields(spec):
            value = getattr(spec, one.name)
            yield from [one.name] if MARK in one.metadata else named(value) if is_dataclass(value) else ()

    assert {*named(replace(RUN, before=LabelFreeSpec()))} == NEUTRAL
    runs = [replace(RUN, training=replace(RUN.training, compile=how)) for how in ("auto", "off")]
    assert {*labels(record, *runs)} == {""}
    assert len({condition(replace(record("a", 0, 0.1), spec=to_dict(run))) for run in runs}) == 1


def test_all_that_differs_is_named(record):
    slow = replace(RUN, training=TrainSpec(lr=0.01))
    assert labels(record, RUN, slow, seeded(slow, 1)) == [", lr 0.1", ", lr 0.01", ", lr 0.01"]
    along = replace(RUN, moments=parse_moments("0.5 1"), exam=ExamSpec("real@1", {"b": "c" * 64}))
    first, second = labels(record, RUN, along)
    assert "suite simulated@1" in first and "moments none" in first
    assert "suite real@1" in second and "moments 0.5 epochs 1 epoch" in second
    assert len(set(labels(record, RUN, replace(RUN, images=ImagesSpec("b.zip", sha256="b" * 64))))) == 2
    taught = [born_from(RUN, one) for one in (RUN, slow)]
    assert labels(record, *taught) == [f", genome distilled_from training lr {lr}" for lr in ("0.1", "0.01")]


def test_validation_sets_are_told_by_their_hash_wherever_they_lie(record):
    def on(val, sha256):
        images, exam = replace(RUN.images, val=val), replace(RUN.exam, held_out=sha256 * 64)
        return replace(RUN, images=images, exam=exam)

    assert set(labels(record, on("val", "c"), on("elsewhere/val", "c"))) == {""}
    assert labels(record, on("val", "c"), on("val", "d")) == [", val cccccccc", ", val dddddddd"]


def test_other_images_or_another_validation_set_are_no_seeds_of_one_condition(record):
    def of(**changes):
        spec = to_dict(replace(RUN, images=replace(RUN.images, **changes)))
        return condition(replace(record("a", 0, 0.1), spec=spec))

    faces = of(source="/faces/train.zip", sha256="b" * 64)
    assert of(source="/here/train.zip") == of(source="/there/train.zip") != faces
    assert of(seed=1, sha256="c" * 64) == of(seed=2, sha256="d" * 64), "every seed chooses others"
    tested = [
        condition(replace(record("a", 0, 0.1), spec=to_dict(replace(run, exam=ExamSpec(held_out=sha * 64)))))
        for run in [replace(RUN, images=replace(RUN.images, val="val"))]
        for sha in "ef"
    ]
    assert len({*tested}) == 2
