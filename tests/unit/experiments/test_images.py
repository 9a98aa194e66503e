import shutil

import numpy as np
import pytest
from PIL import Image

from made_images import class_folders, encoded, noise, write_folder
from wiringup.core.cautions import cautions
from wiringup.core.errors import InputError
from wiringup.core.seeds import derive
from wiringup.core.stimuli import LabelledImages, from_pixels
from wiringup.data.images.cache import default_cache
from wiringup.experiments.runs.images import (
    HELD_OUT_IMAGES,
    calibration_images,
    from_files,
    relabelled,
    rendered,
    split,
)
from wiringup.experiments.runs.inputs import StudyInputs
from wiringup.experiments.runs.spec import ImagesSpec
from wiringup.training.batches import nested_subset


def images(n: int) -> LabelledImages:
    pixels = np.arange(n, dtype=np.uint32)[:, None, None, None] * np.ones((1, 2, 2, 3), np.uint32)
    return LabelledImages(from_pixels((pixels % 251).astype(np.uint8)), np.arange(n) % 4, tuple("abcd"))


def test_a_balanced_fifth_is_held_out_and_never_learned_from():
    labels = images(100).labels
    learned, held_out = split(labels)
    assert (len(learned), len(held_out)) == (80, 20)
    assert np.bincount(labels[held_out]).tolist() == [5, 5, 5, 5]
    assert sorted([*learned, *held_out]) == list(range(100))
    assert len(split(images(4000).labels)[1]) == HELD_OUT_IMAGES


def test_a_rare_class_gives_a_fifth_at_most_and_is_learned_from():
    labels = np.repeat(np.arange(12), [100] * 9 + [5, 4, 1])
    learned, held_out = split(labels)
    assert np.bincount(labels[held_out], minlength=12).tolist() == [20] * 9 + [1, 1, 0]
    assert np.bincount(labels[learned]).tolist() == [80] * 9 + [4, 3, 1]


@pytest.mark.parametrize(("classes", "each"), [(2, 5), (10, 7), (4, 25), (10, 100), (8, 250), (1000, 20)])
def test_of_balanced_classes_the_same_are_held_out_as_ever(classes, each):
    """Their choice is in the address of every result that was learned from them."""
    labels = np.repeat(np.arange(classes), each)
    n = min(HELD_OUT_IMAGES, len(labels) // 5)
    assert np.array_equal(split(labels)[1], nested_subset(labels, n, derive(0, "held out")))


def test_the_images_that_have_always_been_held_out():
    assert split(np.repeat(np.arange(4), 15))[1].tolist() == [9, 11, 13, 16, 21, 27, 33, 35, 39, 45, 52, 53]


def test_a_class_with_one_image_is_learned_from_and_named(tmp_path, caplog):
    pixels = noise(12)
    contents = class_folders(pixels) | {"rare/0.png": encoded(pixels[0])}
    learned, held_out = from_files(write_folder(tmp_path, contents), 8, None, 0)
    assert np.bincount(learned.labels).tolist() == [5, 5, 1] and held_out.labels.tolist() == [0, 1]
    assert caplog.messages[-1] == "Never held out, as there is one image of each: rare."


def test_held_out_images_that_are_learned_from_too_are_counted(tmp_path):
    pixels = noise(20)
    folder = write_folder(tmp_path / "a", class_folders(pixels))
    write_folder(tmp_path / "a", {f"{'ab'[i % 2]}/again{i}.png": encoded(pixels[i]) for i in range(20)})
    other = write_folder(tmp_path / "b", class_folders(noise(8, seed=1)))
    with cautions() as told:
        alone = StudyInputs().load(ImagesSpec(str(folder), side=8, val=str(other)))
        found = StudyInputs().load(
            ImagesSpec(str(folder), side=8, val=shutil.copytree(folder, tmp_path / "c"))
        )
        own = StudyInputs().load(ImagesSpec(str(folder), side=8))
    assert "learned" not in alone.tested_on
    assert found.tested_on.endswith(" (40 of them learned from too)")
    assert told[0].startswith("40 of the 40 images for top-1 are learned from too")
    ours = {image.tobytes() for image in own.chosen.stimuli.pixels}
    twice = sum(image.tobytes() in ours for image in own.held_out.stimuli.pixels)
    assert twice > 0 and own.tested_on.endswith(f" ({twice} of them learned from too)")


def test_classes_of_one_image_each_are_refused():
    with pytest.raises(InputError, match="No class has two images"):
        split(np.arange(10))


def test_calibration_images_are_balanced_and_come_from_the_images_to_learn_from():
    found = images(40)
    chosen = calibration_images(found, 8)
    assert len(chosen) == 8
    assert set(chosen.ids) <= set(found.stimuli.ids)
    assert len(calibration_images(found, 100)) == 40


def test_too_few_images_say_how_many_there_are(tmp_path):
    for label in "ab":
        (tmp_path / label).mkdir()
        for i in range(5):
            Image.fromarray(np.full((8, 8, 3), i, np.uint8)).save(tmp_path / label / f"{i}.png")
    with pytest.raises(InputError, match="leaves 8 images to learn from beside 2 held-out ones"):
        from_files(tmp_path, 8, 9, 0)


@pytest.mark.parametrize("hold_out", [True, False])
def test_what_is_chosen_does_not_depend_on_what_is_packed(tmp_path, hold_out):
    """One is corrupt, and is not chosen before pack --skip-corrupt nor after."""
    folder = write_folder(tmp_path / "images", class_folders(noise(60)))

    def found(number):
        return [images.stimuli.ids for images in from_files(folder, 8, number, 0, hold_out)]

    chosen = found(2)
    corrupt = next(name for name in found(None)[0] if name not in chosen[0])
    (folder / corrupt).write_bytes(b"no image")
    default_cache().clear()
    assert found(2) == chosen
    default_cache().pack(folder, 8, skip_corrupt=True)
    assert found(2) == chosen
    everything = found(None)
    assert found(len(everything[0])) == everything  # as a run is made again by its specification


def test_of_corrupt_images_others_are_learned_from_and_none_is_held_out(tmp_path):
    folder = write_folder(tmp_path / "images", class_folders(noise(60)))
    learned, held_out = (images.stimuli.ids for images in from_files(folder, 8, 12, 0))
    for name in (learned[0], held_out[0]):
        (folder / name).write_bytes(b"no image")
    default_cache().pack(folder, 8, skip_corrupt=True)
    now = [images.stimuli.ids for images in from_files(folder, 8, 12, 0)]
    assert len(now[0]) == 12 and set(learned[1:]) < set(now[0]) and now[1] == held_out[1:]


def test_beside_a_validation_set_no_training_image_is_held_out(tmp_path, caplog):
    pixels = noise(12)
    path = write_folder(tmp_path, class_folders(pixels) | {"rare/0.png": encoded(pixels[0])})
    learned, held_out = from_files(path, 8, None, 0, hold_out=False)
    assert (len(learned), len(held_out)) == (13, 0)
    assert not any("Never held out" in message for message in caplog.messages)
    with pytest.raises(InputError, match="leaves 13 images to learn from; 14 were asked for"):
        from_files(path, 8, 14, 0, hold_out=False)
    whole, beside = (rendered(16, 16, hold_out) for hold_out in (True, False))
    assert whole[0].sha256 == beside[0].sha256
    assert (len(whole[1]), len(beside[1])) == (HELD_OUT_IMAGES, 0)


def test_classes_of_a_validation_set_are_those_learned_by_name_in_any_order():
    found = relabelled(images(8), ("d", "b", "a", "c"))
    assert found.classes == ("d", "b", "a", "c") and found.stimuli.sha256 == images(8).stimuli.sha256
    assert [found.classes[i] for i in found.labels] == list("abcdabcd")
    assert relabelled(images(8), tuple("abcd")).sha256 == images(8).sha256
    learned, other = ("\u00e9", "b"), ("b", "e\u0301")  # as two systems write the same folder
    shown = LabelledImages(images(4).stimuli, np.arange(4) % 2, other)
    assert relabelled(shown, learned).labels.tolist() == [1, 0, 1, 0]


@pytest.mark.parametrize(
    ("classes", "told"),
    [
        ("abcde", "it lacks e. Both"),
        ("abc", "nobody learns d. Both"),
        ("abcx", "it lacks x; nobody learns d. Both need the same classes"),
        ("abcdefghijklmn", r"it lacks e, f, g, h, i, j, k, l \.\.\.\. Both"),
    ],
)
def test_other_classes_in_a_validation_set_are_refused(classes, told):
    with pytest.raises(InputError, match=f"has 4 classes, the images to learn from {len(classes)}: {told}"):
        relabelled(images(8), tuple(classes))
