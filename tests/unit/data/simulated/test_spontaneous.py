"""Movies like retinal waves, and drifting noise: what moves, how fast, with which spectrum."""

import numpy as np
import pytest

from wiringup.core.errors import InputError
from wiringup.core.seeds import numpy_stream
from wiringup.data.simulated import spontaneous
from wiringup.data.simulated.spontaneous import FIELD, FRAME, KINDS, LASTING, SPEED, frame_pairs


def pairs(kind, n=40, size=64, seed=0):
    return frame_pairs(kind, n, size, numpy_stream(seed, kind))


@pytest.mark.parametrize("kind", KINDS)
def test_pairs_are_grey_seeded_and_neither_still_nor_unrelated(kind):
    found = pairs(kind)
    assert found.shape == (2, 40, 64, 64, 3) and found.dtype == np.uint8
    assert (found[..., 0] == found[..., 1]).all() and (found[..., 0] == found[..., 2]).all()
    assert np.array_equal(found, pairs(kind)) and not np.array_equal(found, pairs(kind, seed=1))
    first, second = (found[i, ..., 0].reshape(40, -1).astype(float) for i in (0, 1))
    assert all(a.tobytes() != b.tobytes() for a, b in zip(first, second, strict=True))
    if kind == "waves":
        r = np.corrcoef(first, second)
        own, others = np.diag(r[:40, 40:]), r[:40, 40:][~np.eye(40, dtype=bool)]
        assert np.median(own) > 0.5 and abs(np.median(others)) < 0.2


def test_noise_moves_without_changing():
    for kind in ("pink", "white"):
        found = pairs(kind, n=5)[..., 0].astype(float)
        first, second = np.fft.fft2(found, axes=(2, 3))
        best = np.fft.ifft2(second * first.conj()).real.reshape(5, -1).argmax(1)
        for i, peak in enumerate(best):
            down, right = np.unravel_index(peak, (64, 64))
            assert np.array_equal(np.roll(found[0, i], (down, right), (0, 1)), found[1, i])
            assert all(min(shift, 64 - shift) <= 8 for shift in (down, right))


@pytest.mark.parametrize(("kind", "slope"), [("pink", -2.0), ("white", 0.0)])
def test_noise_has_the_spectrum_of_its_name(kind, slope):
    power = (np.abs(np.fft.fft2(pairs(kind, 60)[0, ..., 0] - 128.0)) ** 2).mean(0)
    radius = np.hypot(*np.meshgrid(np.fft.fftfreq(64), np.fft.fftfreq(64)))
    band = (radius > 0.02) & (radius < 0.4)
    assert np.polyfit(np.log(radius[band]), np.log(power[band]), 1)[0] == pytest.approx(slope, abs=0.1)


def test_waves_are_bands_on_a_dark_ground_that_never_return():
    found = pairs("waves", 200)[..., 0]
    bright = found > 60
    covered = bright.mean((2, 3))
    assert 0.02 < np.median(covered) < 0.4 and found.mean() < 100
    assert (bright[0].any((1, 2))).mean() > 0.95
    # a place falls silent, or goes on with less: only the front adds activity
    fresh = found[1] > found[0].astype(int) + 60
    assert (bright[0] & fresh).mean() < 0.01 * bright[0].mean()
    assert fresh.any((1, 2)).mean() > 0.6


def test_waves_last_and_move_as_published(monkeypatch):
    """Without raggedness, activity falls by 1 / lasting a second, and by 1 / (lasting x speed) a mm."""
    monkeypatch.setattr(spontaneous, "_RAGGED", 0.0)
    monkeypatch.setattr(spontaneous, "_COVERED", (1.0, 1.0))
    monkeypatch.setattr(spontaneous, "_REST", 0.0)
    found = (pairs("waves", 80, 128)[..., 0] - 16.0) / (230 - 16)
    lasted, speeds = [], []
    for first, second in zip(*found, strict=True):
        slope = np.hypot(*np.gradient(first)) * 128 / FIELD
        inside = (first > 0.05) & (first < 0.95) & (second > 0.05)
        if inside.sum() > 200:
            lasted.append(FRAME / np.median((first - second)[inside]))
            speeds.append(1 / (np.median(slope[inside]) * lasted[-1]))
    assert len(lasted) > 30
    for values, (least, most) in ((lasted, LASTING), (speeds, SPEED)):
        assert min(values) > 0.93 * least and max(values) < 1.07 * most
        assert np.ptp(values) > 0.6 * (most - least)


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(InputError, match=r"spontaneous activity 'wave'\. Did you mean 'waves'"):
        pairs("wave")
    with pytest.raises(InputError, match="has to be at least 8"):
        pairs("waves", size=4)
