"""No layer is reported on images on which it was chosen."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from wiringup.benchmarks.accuracy import TopK
from wiringup.benchmarks.behavior import ChoiceConsistency
from wiringup.benchmarks.geometry import Similarity
from wiringup.benchmarks.halves import first_half, image_hashes, part, scored_images, search_half
from wiringup.benchmarks.layer_map import (
    LayerMap,
    Mapped,
    Searched,
    choose,
    load_layer_map,
    refuse_seen,
    summary,
    unseen,
)
from wiringup.benchmarks.predictivity import Predictivity
from wiringup.core.errors import InputError, MissingDataError
from wiringup.core.stimuli import LabelledImages, from_pixels
from wiringup.data.measurements import Choices, Dissimilarities, Recording
from wiringup.models.readout import PixelSubject

N = 60


def rng(seed=0):
    return np.random.default_rng(seed)


def stimuli(n=N, seed=0):
    return from_pixels(rng(seed).integers(0, 256, (n, 4, 4), np.uint8))


def recording(**changes):
    trials = rng(1).standard_normal((5, N, 3)).astype(np.float32)
    return Predictivity(Recording("toy", "V4", trials, stimuli(), **changes))


def test_halves_are_random_seeded_and_equal():
    half = first_half(61, rng(1))
    assert len(half) == 31 and (np.diff(half) > 0).all()
    assert (half == first_half(61, rng(1))).all()
    assert not np.array_equal(half, first_half(61, rng(2)))
    assert not (half < 31).all()


def test_every_label_is_divided_in_half():
    labels = np.repeat(["a", "b", "c"], [20, 7, 3])
    half = first_half(30, rng(), labels=rng(3).permutation(labels))
    counts = np.unique(rng(3).permutation(labels)[half], return_counts=True)[1]
    assert len(half) == 15
    assert abs(counts - np.array([10, 3.5, 1.5])).max() <= 0.5


def test_groups_stay_together():
    groups = np.repeat([f"movie{i}" for i in range(12)], [9, 3] * 6)
    for seed in range(10):
        half = first_half(72, rng(seed), groups)
        inside = set(groups[half])
        assert not inside & set(np.delete(groups, half))
        assert abs(len(half) - 36) <= 9


def test_a_part_of_each_kind_of_benchmark():
    index = np.array([3, 5, 20, 41])
    half = part(recording(labels=np.repeat(["a", "b"], N // 2)), index, "part")
    assert half.name == "part"
    assert half.data.labels.tolist() == ["a", "a", "a", "b"]
    np.testing.assert_array_equal(half.data.trials, recording().data.trials[:, index])
    assert half.stimuli.sha256 == stimuli().take(index).sha256

    rdms = rng().standard_normal((2, N, N)).astype(np.float32)
    found = part(Similarity(Dissimilarities("v", "IT", rdms, stimuli())), index, "part").data
    assert found.rdms[1, 2, 3] == rdms[1, 20, 41]

    images = LabelledImages(stimuli(), np.arange(N) % 3, tuple("abc"))
    counts = np.arange(3 * N).reshape(N, 3)
    people = ChoiceConsistency(Choices("c", counts, images, images))
    assert part(people, index, "part").data.counts.tolist() == counts[index].tolist()
    assert len(part(people, index, "part").stimuli) == 4 + N
    assert len(scored_images(people)) == N
    top = TopK(images, "top", images)
    assert len(part(top, index, "part").test) == len(scored_images(part(top, index, "part"))) == 4


def test_what_cannot_be_divided_says_what_to_do():
    @dataclasses.dataclass
    class Other:
        name: str = "other"
        stimuli = stimuli()

    with pytest.raises(InputError, match=r"other cannot be divided into halves.*--search NAME"):
        part(Other(), np.arange(3), "part")


def test_benchmarks_on_the_same_images_are_divided_alike():
    v4 = search_half(recording(), 0)
    it = search_half(Predictivity(dataclasses.replace(recording().data, area="IT", name="other")), 0)
    assert v4.name == "toy:search"
    assert v4.stimuli.sha256 == it.stimuli.sha256
    assert v4.stimuli.sha256 != search_half(recording(), 1).stimuli.sha256


def test_an_image_that_is_shown_twice_is_on_one_side():
    pixels = stimuli().pixels.copy()
    pixels[30:] = pixels[:30]
    twice = Predictivity(dataclasses.replace(recording().data, stimuli=from_pixels(pixels)))
    half = search_half(twice, 0)
    counts = np.unique(image_hashes(half.stimuli), return_counts=True)[1]
    assert (counts == 2).all() and len(counts) == 15


def searched(benchmark, **scores):
    scores = scores or {"first": 0.3, "second": 0.5}
    table = {k: {"raw": v, "error": 0.1, "ceiling": 0.8, "score": v / 0.8} for k, v in scores.items()}
    return Searched(benchmark.name, benchmark.area, image_hashes(scored_images(benchmark)), table)


def layer_map(*parts):
    return LayerMap("cornet_s", {"seed": [0]}, choose(parts), tuple(parts), "exactly")


def test_the_best_layer_of_each_area_in_the_mean_over_its_benchmarks():
    one = recording()
    it = Predictivity(dataclasses.replace(one.data, area="IT"))
    parts = [searched(one, a=0.3, b=0.4), searched(one, a=0.5, b=0.3), searched(it, a=0.1, b=0.2)]
    assert choose(parts) == {"V4": "a", "IT": "b"}
    bare = dataclasses.replace(
        parts[0], scores={k: {**v, "ceiling": None, "score": 9.0} for k, v in parts[0].scores.items()}
    )
    assert choose([bare, parts[1]]) == {"V4": "a"}  # raw scores, not the 9 of one benchmark


def test_a_summary_is_the_mean_over_seeds():
    score = recording().score(torch.from_numpy(rng().standard_normal((N, 10))), "layer")
    other = dataclasses.replace(score, raw=score.raw + 1, score=score.score + 2)
    found = summary([score, other])
    assert found["raw"] == pytest.approx(score.raw + 0.5)
    assert found["score"] == pytest.approx(score.score + 1)
    assert found["ceiling"] == score.ceiling
    undefined = summary([dataclasses.replace(score, raw=np.nan, score=np.nan, error=np.nan)])
    assert (undefined["raw"], undefined["score"]) == (None, None)


def test_no_layer_is_chosen_on_a_benchmark_without_a_score():
    assert choose([searched(recording(), a=0.3), searched(recording(), a=0.1)]) == {"V4": "a"}
    still = searched(recording(), a=0.3, b=0.2)
    for row in still.scores.values():
        row.update(raw=None, score=None)
    with pytest.raises(InputError, match="No layer can be chosen on toy: none has a score on it"):
        choose([searched(recording(), a=0.3, b=0.2), still])


def test_images_of_the_search_are_refused_or_left_out():
    whole = recording()
    chosen = layer_map(searched(search_half(whole, 0)))
    with pytest.raises(InputError, match=r"V4 was chosen on 30 of the 60 images of toy.*--unseen"):
        refuse_seen(whole, chosen)
    rest = unseen(whole, chosen)
    assert (rest.name, len(rest.stimuli)) == ("toy:unseen", 30)
    assert not set(image_hashes(rest.stimuli)) & chosen.images_of("V4")
    refuse_seen(rest, chosen)
    with pytest.raises(InputError, match="chosen on all images of toy:search"):
        unseen(search_half(whole, 0), chosen)


def test_another_area_and_other_images_may_be_reported_as_they_are():
    whole = recording()
    chosen = layer_map(searched(search_half(whole, 0)))
    it = Predictivity(dataclasses.replace(whole.data, area="IT"))
    elsewhere = Predictivity(dataclasses.replace(whole.data, stimuli=stimuli(seed=9)))
    for benchmark in (it, elsewhere):
        refuse_seen(benchmark, chosen)
        assert unseen(benchmark, chosen) is benchmark


def test_a_mapped_subject_reads_the_chosen_layer():
    mapped = Mapped(PixelSubject(4), layer_map(searched(recording(), deep=0.4)))
    assert (mapped.layer_for("V4"), mapped.layer_for("IT")) == ("deep", "pixels")
    assert (mapped.name, mapped.identity) == ("pixels", PixelSubject(4).identity)
    assert list(mapped.responses(stimuli(3), ["deep"])) == ["deep"]


def test_a_map_is_kept_whole_or_refused(tmp_path):
    path = tmp_path / "layers.json"
    chosen = layer_map(searched(recording()))
    chosen.save(path)
    found = load_layer_map(path)
    assert found == chosen and found.sha256 == chosen.sha256
    values = json.loads(path.read_text())
    path.write_text(json.dumps({**values, "areas": {"V4": "first"}}))
    with pytest.raises(InputError, match="was changed after it was written"):
        load_layer_map(path)
    for wrong in ({"a": 1}, [1], {"sha256": "x", "searched": [{"images": 3}]}):
        path.write_text(json.dumps(wrong))
        with pytest.raises(InputError, match="is no layer map; make one with: wiringup layers"):
            load_layer_map(path)
    with pytest.raises(MissingDataError, match="There is no file"):
        load_layer_map(tmp_path / "none.json")
