"""Pixels: where the object is, how smooth its edge, and that categories can be learned."""

import importlib
import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from wiringup.core.progress import Progress
from wiringup.data.rendered.backgrounds import background
from wiringup.data.rendered.exemplars import CATEGORIES
from wiringup.data.rendered.render import draw, render
from wiringup.data.rendered.scenes import RenderSpec, draw_latents

module = importlib.import_module("wiringup.data.rendered.render")


def view_of(category="fruit", exemplar=0, **changes):
    latents = {name: values[0] for name, values in draw_latents(RenderSpec(1, level=0)).items()}
    return latents | {"category": CATEGORIES.index(category), "exemplar": exemplar} | changes


def footprint(view, size=64):
    """Where the object covers the background: centre (right, up) in half images, and area in pixels."""
    plain = (background(size, int(view["background"])) * 255 + 0.5).astype(np.uint8)
    covered = (draw(view, size) != plain).any(axis=-1)
    rows, columns = np.nonzero(covered)
    centre = (columns.mean() + 0.5) / size * 2 - 1, 1 - (rows.mean() + 0.5) / size * 2
    return centre, covered.sum()


@pytest.fixture(scope="module")
def scenes():
    return render(RenderSpec(64, level=6, seed=5, split="test"))


def test_pixels_do_not_depend_on_how_many_images_are_asked_for(scenes):
    few = render(RenderSpec(11, level=6, seed=5, split="test"))
    np.testing.assert_array_equal(few.images.stimuli.pixels, scenes.images.stimuli.pixels[:11])
    assert few.images.stimuli.ids == scenes.images.stimuli.ids[:11]


@pytest.mark.parametrize("threads", [0, 3])
def test_pixels_do_not_depend_on_threads(scenes, monkeypatch, threads):
    monkeypatch.setattr(module, "_THREADS", threads)
    few = render(RenderSpec(11, level=6, seed=5, split="test"))
    np.testing.assert_array_equal(few.images.stimuli.pixels, scenes.images.stimuli.pixels[:11])


def test_images_come_labelled_with_their_latents(scenes):
    pixels = scenes.images.stimuli.pixels
    assert pixels.shape == (64, 64, 64, 3) and pixels.dtype == np.uint8
    assert scenes.images.classes == CATEGORIES
    np.testing.assert_array_equal(scenes.images.labels, scenes.latents["category"])
    assert len(set(scenes.images.stimuli.ids)) == len(scenes) == 64


def test_take_keeps_images_and_latents_together(scenes):
    index = np.array([9, 2])
    few = scenes.take(index)
    for i, j in enumerate(index):
        view = {name: values[i] for name, values in few.latents.items()}
        np.testing.assert_array_equal(few.images.stimuli.pixels[i], draw(view, 64))
        assert few.images.stimuli.ids[i] == scenes.images.stimuli.ids[j]


def test_progress_counts_every_image():
    with Progress() as shown:
        render(RenderSpec(3, size=16))
    assert shown.done == shown.planned == {"render": 3}


@pytest.mark.parametrize(("x", "y"), [(0.3, 0.0), (0.0, 0.3), (-0.2, -0.25)])
def test_objects_move_right_and_up(x, y):
    (right, up), area = footprint(view_of())
    (moved_right, moved_up), moved_area = footprint(view_of(x=x, y=y))
    assert moved_right - right == pytest.approx(x, abs=0.02)
    assert moved_up - up == pytest.approx(y, abs=0.02)
    assert moved_area == pytest.approx(area, rel=0.03)


def test_area_grows_with_the_square_of_size():
    _, small = footprint(view_of(size=0.75))
    _, large = footprint(view_of(size=1.5))
    assert large / small == pytest.approx(4, rel=0.08)


def test_objects_may_leave_the_frame_altogether():
    assert draw(view_of(x=0.9, y=-0.9, size=1.6), 64).shape == (64, 64, 3)


def test_roll_turns_the_picture_of_the_object(monkeypatch):
    monkeypatch.setattr(module, "background", lambda size, _: np.zeros((size, size, 3), np.float32))
    lit = {"light_azimuth": 0.0, "light_elevation": 0.0}
    upright = (draw(view_of("car", **lit), 64) > 0).any(axis=-1)
    turned = (draw(view_of("car", roll=90.0, **lit), 64) > 0).any(axis=-1)
    assert (np.rot90(upright) == turned).mean() > 0.98  # counter-clockwise


def test_edges_are_smooth(monkeypatch):
    """At 64 px an image is nearly the block average of the same scene at 512 px."""
    monkeypatch.setattr(module, "background", lambda size, _: np.zeros((size, size, 3), np.float32))
    fine = draw(view_of("chair"), 512).reshape(64, 8, 64, 8, 3).mean(axis=(1, 3))
    smooth = np.sqrt(((draw(view_of("chair"), 64) - fine) ** 2).mean())
    monkeypatch.setattr(module, "_SAMPLES", 1)
    jagged = np.sqrt(((draw(view_of("chair"), 64) - fine) ** 2).mean())
    assert smooth < 0.6 * jagged


def learned(level, images, network):
    train, test = (render(RenderSpec(n, 32, level, 0, s)) for n, s in ((images, "train"), (300, "test")))
    x, u = (s.images.stimuli.pixels.astype(np.float32) / 255 - 0.5 for s in (train, test))
    return network(x, train.images.labels, u) == test.images.labels


def linear_on_pixels(x, y, u):
    from sklearn.linear_model import RidgeClassifier

    model = RidgeClassifier(alpha=300.0).fit(x.reshape(len(x), -1), y)
    return model.predict(u.reshape(len(u), -1))


def convolutional(x, y, u):
    generator = torch.Generator().manual_seed(0)
    layers, channels = [], (3, 16, 32, 32)
    for inputs, outputs in itertools.pairwise(channels):
        layers += [nn.Conv2d(inputs, outputs, 5, 2, 2), nn.BatchNorm2d(outputs), nn.ReLU()]
    net = nn.Sequential(*layers, nn.Flatten(), nn.Linear(32 * 16, 8))
    for p in net.parameters():
        if p.ndim > 1:
            nn.init.kaiming_normal_(p, generator=generator)
    optimiser = torch.optim.SGD(net.parameters(), 0.02, momentum=0.9, weight_decay=1e-3)
    images, labels = torch.from_numpy(x).permute(0, 3, 1, 2), torch.from_numpy(y)
    for _ in range(8):
        for batch in torch.randperm(len(images), generator=generator).split(50):
            optimiser.zero_grad()
            nn.functional.cross_entropy(net(images[batch]), labels[batch]).backward()
            optimiser.step()
    with torch.no_grad():
        return net.eval()(torch.from_numpy(u).permute(0, 3, 1, 2)).argmax(dim=1).numpy()


def test_pixels_suffice_without_variation_and_hardly_with_it():
    assert learned(0, 400, linear_on_pixels).mean() > 0.8
    assert 0.125 < learned(6, 800, linear_on_pixels).mean() < 0.3


def test_a_small_network_learns_what_pixels_do_not_show():
    linear, network = (learned(3, 1000, model).mean() for model in (linear_on_pixels, convolutional))
    assert network > linear + 0.15
    assert network < 0.95


def test_images_are_rendered_once_for_all_processes(tmp_path, monkeypatch):
    monkeypatch.setenv("WIRINGUP_CACHE", str(tmp_path))
    spec = RenderSpec(3, size=16, split="kept")
    first, second = render(spec), render(spec)
    assert len(list((tmp_path / "rendered").glob("*.npy"))) == 1
    assert np.array_equal(first.images.stimuli.pixels, second.images.stimuli.pixels)
    assert first.images.sha256 == second.images.sha256
    monkeypatch.setattr(module, "renderer", lambda: "other code")
    render(spec)
    assert len(list((tmp_path / "rendered").glob("*.npy"))) == 2
    others = [
        replace(spec, **{name: value})
        for name, value in {"images": 4, "size": 17, "level": 3, "seed": 1, "split": "other"}.items()
    ]
    for number, other in enumerate(others, 3):
        render(other)
        assert len(list((tmp_path / "rendered").glob("*.npy"))) == number
