"""Time with its unit; learning rates against PyTorch's own schedulers."""

import logging

import pytest
import torch
from torch.optim import SGD, lr_scheduler

from wiringup.core.errors import InputError
from wiringup.training.schedule import (
    Duration,
    between,
    converged,
    epochs,
    images,
    learning_rate,
    parse_moments,
    steps,
    steps_per_epoch,
)


def test_units_are_not_confused():
    assert epochs(6) != images(6) != steps(6)
    assert epochs(6) == epochs(6.0) == Duration.parse("6 epochs")
    assert Duration.parse(" 0.1 epochs") == epochs(0.1)
    assert Duration.parse(str(epochs(1))) == Duration.parse("1 epoch") == epochs(1)
    # supervised updates are images as seen
    assert Duration.parse("300 updates") == images(300)
    assert parse_moments("0.5 1 epoch 1 update") == (epochs(0.5), epochs(1), images(1))
    assert (str(epochs(0.5)), str(images(1_281_167))) == ("0.5 epochs", "1281167 images")
    assert (str(epochs(1)), str(images(1)), str(steps(3))) == ("1 epoch", "1 image", "3 steps")


@pytest.mark.parametrize(
    ("duration", "expected"),
    [
        (epochs(2), 2000),
        (epochs(0.1), 100),
        (images(37), 37),
        (steps(3), 192),
        (steps(18), 1128),
        (steps(16), 1000),
    ],
)
def test_any_duration_in_images(duration, expected):
    # 1000 images in batches of 64: 15 full ones and one of 40
    assert duration.in_images(1000, 64) == expected


def test_equally_long_trainings_say_so_alike():
    whole, part = epochs(2), images(2500)
    assert whole.settled(1000, 64) == images(2000).settled(1000, 64) == steps(32).settled(1000, 64) == whole
    assert part.settled(1000, 64) == epochs(2.5).settled(1000, 64) == part
    assert steps(33).settled(1000, 64) == images(2064) and images(0).settled(1000, 64) == epochs(0)


@pytest.mark.parametrize(
    ("dataset", "expected"), [(0, 0), (1, 1), (64, 1), (65, 1), (66, 2), (129, 2), (130, 3)]
)
def test_one_left_over_image_joins_the_batch_before(dataset, expected):
    assert steps_per_epoch(dataset, 64) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("6 epoks", "Unknown unit of time 'epoks'. Did you mean 'epochs'"),
        ("6", "Unknown unit of time ''"),
        ("six epochs", "'six epochs' is no duration"),
        ("2.5 images", "whole number; got 2.5"),
        ("inf epochs", "whole number; got inf"),
        ("-1 steps", "a duration in steps is -1.0"),
    ],
)
def test_bad_durations_are_refused(text, message):
    with pytest.raises(InputError, match=message):
        Duration.parse(text)


def peer_rates(make, n, losses=None):
    optimiser = SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    scheduler = make(optimiser)
    rates = []
    for i in range(n):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        scheduler.step(*([losses[i]] if losses else []))
    return rates


def test_step_is_the_peers():
    peer = peer_rates(lambda o: lr_scheduler.StepLR(o, 20, 0.1), 65)
    assert [learning_rate("step", 0.1, e, 0) for e in range(65)] == pytest.approx(peer, rel=1e-12)


def test_plateau_is_the_peers_and_stops_below_its_floor():
    generator = torch.Generator().manual_seed(3)
    noise = torch.rand(60, generator=generator)
    losses = [max(0.5, 3 - 0.2 * i) + 0.02 * float(noise[i]) for i in range(60)]
    peer = peer_rates(lambda o: lr_scheduler.ReduceLROnPlateau(o, factor=0.1, patience=3), 60, losses)
    ours = [learning_rate("plateau", 0.1, e, 0, losses[:e]) for e in range(60)]
    big = [r for r in peer if r > 1e-7]  # the peer leaves rates of 1e-8 alone
    assert ours[: len(big)] == pytest.approx(big, rel=1e-12)
    stop = next(e for e, rate in enumerate(ours) if converged("plateau", rate))
    assert ours[stop - 1] == pytest.approx(1e-4)
    assert not converged("step", 1e-9)


def test_cosine_and_one_cycle_are_the_peers_over_the_budget():
    n = 40
    at = [i / n for i in range(n)]
    peer = peer_rates(lambda o: lr_scheduler.CosineAnnealingLR(o, n), n)
    assert [learning_rate("cosine", 0.1, 0, a) for a in at] == pytest.approx(peer, abs=1e-9)
    # the peer counts n + 1 points, and its warm-up ends at pct_start * (n + 1) - 1
    share = (0.3 * n + 1) / (n + 1)
    peer = peer_rates(
        lambda o: lr_scheduler.OneCycleLR(o, 0.1, total_steps=n + 1, pct_start=share, cycle_momentum=False), n
    )
    assert [learning_rate("one-cycle", 0.1, 0, a) for a in at] == pytest.approx(peer, abs=1e-9)
    assert learning_rate("constant", 0.1, 0, at[-1]) == 0.1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.1 0.5 1 2", (epochs(0.1), epochs(0.5), epochs(1), epochs(2))),
        ("500 5000 images 1", (images(500), epochs(1), images(5000))),
        ("published", tuple(epochs(n / 10) for n in range(1, 11)) + tuple(epochs(n) for n in (2, 3, 5))),
        ("1 steps published", (steps(1), *(epochs(n / 10) for n in range(1, 11)), *map(epochs, (2, 3, 5)))),
        ("0.5", (epochs(0.5),)),
        ("0 6 epochs 6000 images", ()),  # birth and end, at which a network is always scored
        ("", ()),
    ],
)
def test_moments_are_read_from_text(text, expected):
    assert between(parse_moments(text), epochs(6), 1000, 64) == expected


def test_moments_beyond_the_end_are_left_out_with_a_message(caplog):
    caplog.set_level(logging.INFO, "wiringup")
    assert between(parse_moments("published"), epochs(0.25), 1000, 64) == (epochs(0.1), epochs(0.2))
    assert caplog.messages[0].startswith(
        "Not scored, as the training ends after 0.25 epochs: 0.3 epochs, 0.4"
    )
    assert caplog.messages[0].endswith("10 epochs, 20 epochs.")


@pytest.mark.parametrize("text", ["soon", "images images", "1.5 images", "-1"])
def test_moments_that_say_nothing_are_refused(text):
    with pytest.raises(InputError):
        parse_moments(text)
