"""Training from whole photographs: RandomResizedCrop of each as it is defined, whoever loads the batch."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import stats

from documented_crops import documented_box
from made_images import encoded, noise, write_folder
from wiringup.core.errors import InputError
from wiringup.core.seeds import numpy_stream, torch_stream
from wiringup.data.images.cache import ImageCache
from wiringup.models.architecture import ARCHITECTURES
from wiringup.models.preprocessing import CENTRE, IMAGENET, Preprocessing, network_input, preprocess
from wiringup.training.augment import crop_and_flip, draw_boxes, draw_crops
from wiringup.training.distributed import ProcessGroup
from wiringup.training.loader import ImageLoader
from wiringup.training.loop import train
from wiringup.training.observers import top1
from wiringup.training.schedule import epochs
from wiringup.training.spec import TrainSpec

SIZE = 24
SHAPES = [(40, 60), (60, 40), (33, 33), (32, 90), (90, 32), (41, 50)] * 3
SPEC = TrainSpec("decoder", epochs(2), batch=5, size=SIZE, lr=0.01)


@pytest.fixture(params=["raw", "jpeg:90"])
def photographs(request, tmp_path):
    contents = {
        f"{'abcd'[i % 4]}/{i:02d}.png": encoded(noise(1, *shape, seed=i)[0]) for i, shape in enumerate(SHAPES)
    }
    store = ImageCache(tmp_path / "store", 1.0)
    return store.load(write_folder(tmp_path / "x", contents), 36, keep=request.param)


def test_one_size_for_all_draws_the_boxes_of_equal_sizes():
    each = torch.full((50,), 40), torch.full((50,), 75)
    same = draw_boxes(50, 40, 75, torch_stream(0))
    assert torch.equal(draw_boxes(50, *each, torch_stream(0)), same)
    assert same.dtype == torch.int64


def test_boxes_of_each_photograph_have_the_documented_distribution():
    shapes = [(60, 200), (64, 64), (150, 50), (8, 200)]
    n = 3000 * len(shapes)
    sides = torch.tensor(shapes).repeat(3000, 1)
    boxes = draw_boxes(n, sides[:, 0], sides[:, 1], torch_stream(0, "boxes")).numpy()
    stream = numpy_stream(1, "documented")
    for i, (height, width) in enumerate(shapes):
        ours = boxes[i :: len(shapes)]
        peer = np.array([documented_box(height, width, stream) for _ in range(3000)])
        top, left, h, w = ours.T
        assert (top >= 0).all() and (left >= 0).all() and (h > 0).all() and (w > 0).all()
        assert (top + h <= height).all() and (left + w <= width).all()
        for a, b in zip(
            [*ours.T, h * w, h / w], [*peer.T, peer[:, 2] * peer[:, 3], peer[:, 2] / peer[:, 3]], strict=True
        ):
            assert stats.ks_2samp(a, b).pvalue > 1e-3


def expected_batch(data, step, size):
    """The batch of a step, image by image, as torchvision makes it of an image file."""
    stream = torch_stream(SPEC.seed, "augment", step.epoch, step.index)
    images = [image.copy() for image in data.stimuli.each(step.rows)]
    heights, widths = (torch.tensor([image.shape[axis] for image in images]) for axis in (0, 1))
    boxes, flips = draw_crops(len(images), heights, widths, stream)
    made = []
    for image, (top, left, h, w), flip in zip(images, boxes.tolist(), flips, strict=True):
        crop = Image.fromarray(image).crop((left, top, left + w, top + h))
        pixels = np.asarray(crop.resize((size, size), Image.Resampling.BILINEAR))
        made.append(pixels[:, ::-1] if flip else pixels)
    return preprocess(np.stack(made), size)


def test_a_batch_is_cut_out_of_whole_photographs(photographs):
    loader = ImageLoader(photographs, SPEC)
    shown = list(loader.batches())
    assert len({tuple(side) for side in photographs.stimuli.sides_of(slice(None)).tolist()}) > 3
    for batch in shown:
        torch.testing.assert_close(
            batch.inputs[0], expected_batch(photographs, batch.step, SIZE), rtol=0, atol=1e-6
        )
        assert batch.inputs[0].is_contiguous(memory_format=torch.channels_last)
        assert torch.equal(batch.labels, torch.from_numpy(photographs.labels[batch.step.rows]))
    assert not torch.equal(shown[0].inputs[0], shown[len(shown) // 2].inputs[0])


@pytest.mark.parametrize("augmentation", ["crop+flip", "none"])
def test_neither_workers_nor_shares_nor_where_one_enters_change_a_batch(photographs, augmentation):
    spec = replace(SPEC, augmentation=augmentation)
    whole = [batch.inputs[0] for batch in ImageLoader(photographs, spec).batches()]
    ahead = [batch.inputs[0] for batch in ImageLoader(photographs, replace(spec, workers=3)).batches()]
    entered = [batch.inputs[0] for batch in ImageLoader(photographs, spec).batches(2)]
    assert all(torch.equal(a, b) for a, b in zip(whole, ahead, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(whole[2:], entered, strict=True))
    loader = ImageLoader(photographs, spec)
    for step, batch in zip(loader.plan.steps(), whole, strict=True):
        shares = [
            loader.load(step, ProcessGroup(rank, 2).share(len(step.rows))).inputs[0] for rank in range(2)
        ]
        assert torch.equal(torch.cat(shares), batch)


def test_without_augmentation_each_is_seen_as_the_network_sees_it(photographs):
    loader = ImageLoader(
        photographs, TrainSpec("decoder", epochs(1), batch=6, size=SIZE, augmentation="none")
    )
    (batch, *_) = loader.batches()
    images = list(photographs.stimuli.each(batch.step.rows))
    expected = torch.cat([preprocess(image[None], SIZE) for image in images])
    assert torch.equal(batch.inputs[0], expected)


@pytest.mark.parametrize("how", [IMAGENET, Preprocessing(crop=CENTRE)])
def test_top1_shows_whole_photographs(photographs, how):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * SIZE * SIZE, 4))
    each = torch.cat([preprocess(image[None], SIZE, how) for image in photographs.stimuli.each(slice(None))])
    assert torch.equal(network_input(photographs.stimuli, slice(None), SIZE, how, threads=3), each)
    right = (model(each).argmax(1) == torch.from_numpy(photographs.labels)).float().mean()
    assert top1(model, photographs, SIZE, batch=7, how=how) == pytest.approx(right.item())


def test_resize_and_centre_crop_are_torchvisions():
    """Resize(256): the short side, the other rounded down; CenterCrop(224): offsets to the nearest."""
    image = noise(1, 300, 451)[0]
    x = preprocess(image[None], 224, Preprocessing(crop=CENTRE))[0]
    resized = np.asarray(
        Image.fromarray(image).resize((384, 256), Image.Resampling.BILINEAR)
    )  # 256 * 451 // 300
    expected = preprocess(resized[None, 16:240, 80:304], 224)[0]
    assert (x - expected).abs().max() < 0.02  # half a level of 255, over a deviation of .22


def test_a_network_learns_from_photographs(photographs, newborn):
    def learn(workers):
        model = newborn()
        found = train(model, ARCHITECTURES["cornet_s"], photographs, replace(SPEC, size=32, workers=workers))
        return found.losses, model.state_dict()

    (losses, weights), (others, same) = learn(0), learn(2)
    assert list(losses) == list(others) and all(map(math.isfinite, losses))
    assert all(torch.equal(weights[name], same[name]) for name in weights)


def test_photographs_need_a_size(photographs):
    with pytest.raises(InputError, match="give the size of the network's input"):
        ImageLoader(photographs, TrainSpec("decoder", epochs(1), batch=6))


def test_what_was_cut_is_only_mirrored():
    pixels = torch.from_numpy(noise(3, 8, 8))
    flips = torch.tensor([True, False, True])
    whole = torch.tensor([[0, 0, 8, 8]]).expand(3, 4)
    assert torch.equal(crop_and_flip(pixels, None, flips, 8), crop_and_flip(pixels, whole, flips, 8))
