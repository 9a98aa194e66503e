import contextlib
import logging
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from wiringup.core.errors import InputError
from wiringup.core.memory import GB
from wiringup.core.stimuli import from_pixels
from wiringup.models.cache import ResponseCache, default_cache
from wiringup.models.code import code_of
from wiringup.models.readout import NetworkSubject
from wiringup.models.storage import Storage

RANDOM = np.random.default_rng(0)
STIMULI = from_pixels(RANDOM.integers(0, 256, (6, 16, 16, 3), dtype=np.uint8))


def network(seed: int = 0, activation: type[nn.Module] = nn.ReLU) -> nn.Module:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), activation(), nn.Conv2d(4, 2, 3))
    generator = torch.Generator().manual_seed(seed)
    for parameter in net.parameters():
        parameter.data.copy_(torch.randn(parameter.shape, generator=generator))
    return net


def cached(folder, net=None, size=16, limit=1.0) -> NetworkSubject:
    storage = Storage(1, cache=ResponseCache(folder, limit))
    return NetworkSubject("same name", net or network(), {"V1": "0", "V4": "2"}, size, storage=storage)


def files(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def test_a_hit_gives_identical_values_without_a_forward_pass(tmp_path, monkeypatch):
    plain = NetworkSubject("x", network(), {"V1": "0", "V4": "2"}, 16).responses(STIMULI, ["V1", "V4"])
    first = cached(tmp_path).responses(STIMULI, ["V1", "V4"])
    monkeypatch.setattr("wiringup.models.readout.forward", lambda *_: pytest.fail("a forward pass"))
    again = cached(tmp_path).responses(STIMULI, ["V4", "V1@0", "0"])
    for layer, same in (("V4", "V4"), ("V1@0", "V1"), ("0", "V1")):
        assert torch.equal(again[layer], plain[same]) and torch.equal(first[same], plain[same])
        assert again[layer].dtype == torch.float32
    assert len(files(tmp_path)) == 2


def test_only_what_is_missing_is_computed(tmp_path):
    cached(tmp_path).responses(STIMULI, ["V1"])
    read = cached(tmp_path)
    both = read.responses(STIMULI, ["V1", "V4"])
    assert both["V1"].shape == (6, 4 * 14 * 14) and both["V4"].shape == (6, 2 * 12 * 12)
    assert len(files(tmp_path)) == 2


def test_changes_of_a_response_never_reach_the_file(tmp_path):
    for _ in range(2):  # as it is made, and as it is found
        value = cached(tmp_path).responses(STIMULI, ["V1"])["V1"]
        untouched = value.clone()
        value += 1
        assert torch.equal(cached(tmp_path).responses(STIMULI, ["V1"])["V1"], untouched)


@pytest.mark.parametrize(
    "other",
    [
        {"net": network(1)},
        {"net": network(0, nn.Tanh)},
        {"size": 20},
        {"layer": "1"},
        {"stimuli": from_pixels(STIMULI.pixels[::-1])},
    ],
    ids=["weights", "code", "size", "layer", "images"],
)
def test_what_decides_a_response_decides_its_entry_whatever_it_is_called(tmp_path, other):
    layer, stimuli = other.pop("layer", "0"), other.pop("stimuli", STIMULI)
    cached(tmp_path).responses(STIMULI, ["0"])
    second = cached(tmp_path, **other).responses(stimuli, [layer])[layer]
    assert len(files(tmp_path)) == 2
    uncached = cached(tmp_path / "new", **other).responses(stimuli, [layer])[layer]
    assert torch.equal(second, uncached)


class Gain(nn.Module):
    def __init__(self, act=torch.relu, gain=1.0, shift=None, hook=False):
        super().__init__()
        if hook:
            self.register_forward_hook(lambda _module, _inputs, answer: answer + 1)
        self.act, self.gain, self.shift = act, gain, shift if shift is not None else torch.zeros(1)

    def forward(self, x):
        return self.act(x) * self.gain + self.shift


@pytest.mark.parametrize(
    "other",
    [
        {"act": torch.tanh},
        {"act": lambda x: x.abs()},
        {"gain": 3.0},
        {"shift": torch.ones(1)},
        {"hook": True},
    ],
    ids=["builtin", "function", "number", "tensor", "hook"],
)
def test_plain_attributes_decide_an_entry_too(tmp_path, other):
    first, second = (nn.Sequential(network()[0], Gain(**how)) for how in ({}, other))
    second[0].load_state_dict(first[0].state_dict())
    cached(tmp_path, first).responses(STIMULI, ["1"])
    found = cached(tmp_path, second).responses(STIMULI, ["1"])["1"]
    assert torch.equal(found, cached(tmp_path / "new", second).responses(STIMULI, ["1"])["1"])
    same = nn.Sequential(network()[0], Gain(**other))
    assert code_of(same) == code_of(second.train())


def test_what_is_kept_is_opened_before_another_process_can_remove_it(tmp_path, monkeypatch):
    real = ResponseCache.locked

    @contextlib.contextmanager
    def cleared(cache):
        with real(cache):
            yield
        for path in tmp_path.glob("*.npy"):
            path.unlink()

    monkeypatch.setattr(ResponseCache, "locked", cleared)
    found = cached(tmp_path).responses(STIMULI, ["0"])["0"]
    monkeypatch.undo()
    assert torch.equal(found, cached(tmp_path / "new").responses(STIMULI, ["0"])["0"])


class Steps(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x):
        return self.conv(self.conv(x))


def test_time_steps_are_entries_of_their_own(tmp_path):
    read = cached(tmp_path, Steps())
    one, two = read.responses(STIMULI, ["conv@0"]), read.responses(STIMULI, ["conv@1"])
    assert not torch.equal(one["conv@0"], two["conv@1"])
    assert len(files(tmp_path)) == 2


@pytest.mark.parametrize("damage", [lambda b: b[:-5], lambda b: b[:300] + b"\x01" + b[301:], lambda b: b""])
def test_a_damaged_entry_is_computed_again_with_a_note(tmp_path, damage, caplog):
    good = cached(tmp_path).responses(STIMULI, ["V1"])["V1"].clone()
    (path,) = tmp_path.glob("*.npy")
    path.write_bytes(damage(path.read_bytes()))
    assert torch.equal(cached(tmp_path).responses(STIMULI, ["V1"])["V1"], good)
    told = caplog.messages
    assert len(told) == 1 and "damaged" in told[0] and str(path) in told[0]
    assert torch.equal(cached(tmp_path).responses(STIMULI, ["V1"])["V1"], good)
    assert len(caplog.messages) == 1


def test_an_entry_that_cannot_be_read_is_computed_again_with_a_note(tmp_path, caplog):
    good = cached(tmp_path).responses(STIMULI, ["V1"])["V1"].clone()
    (path,) = tmp_path.glob("*.npy")
    path.unlink()
    path.mkdir()  # as unreadable for root as for anybody
    assert torch.equal(cached(tmp_path).responses(STIMULI, ["V1"])["V1"], good)
    assert "cannot be read" in caplog.messages[0] and str(path) in caplog.messages[0]


def fill(cache: ResponseCache, key: str, value: float) -> torch.Tensor:
    with cache.filling(10, {"x": 100}, {"x": key}) as stores:
        stores["x"][:] = value
    return stores["x"]


def test_what_was_used_longest_ago_goes_first_and_stays_readable_where_it_is_open(tmp_path):
    cache = ResponseCache(tmp_path, limit=2 * 4200 / GB)
    for i, key in enumerate("ab"):
        fill(cache, key, i)
    older = cache.find("b")
    assert cache.find("a")[0, 0] == 0
    fill(cache, "c", 2)
    assert [entry.path.name[0] for entry in cache.entries()] == ["a", "c"]
    assert cache.find("b") is None
    assert (older == 1).all()


def test_more_than_the_limit_is_not_kept_with_a_note(tmp_path, caplog):
    caplog.set_level(logging.INFO, "wiringup")
    read = cached(tmp_path / "cache", limit=1e-6)
    assert read.responses(STIMULI, ["V1"])["V1"].shape == (6, 784)
    assert "not kept" in caplog.text and "WIRINGUP_CACHE_GB" in caplog.text
    assert not (tmp_path / "cache").exists()


def test_nothing_is_kept_of_a_pass_that_fails_and_old_parts_are_removed(tmp_path):
    cache = ResponseCache(tmp_path)
    with pytest.raises(KeyError), cache.filling(10, {"x": 5}, {"x": "key"}) as stores:
        stores["no such layer"] += len(files(tmp_path))
    assert files(tmp_path) == []
    for name, age in (("old.part", 0), ("new.part", None)):
        (tmp_path / name).touch()
        if age is not None:
            os.utime(tmp_path / name, (age, age))
    fill(cache, "key", 1)
    assert "old.part" not in files(tmp_path) and "new.part" in files(tmp_path)
    assert cache.clear() == 4128
    assert files(tmp_path) == ["new.part"]
    assert ResponseCache(tmp_path / "none").clear() == 0


WORKER = """
import sys
from pathlib import Path
from wiringup.models.cache import ResponseCache

def rounds(folder):
    cache = ResponseCache(Path(folder), 2 * 40_200 / 1e9)
    for i in range(10_000):
        key = "abcd"[i * 7 % 11 % 4]
        value = cache.find(key)
        if value is None:
            with cache.filling(100, {"x": 100}, {"x": key}) as stores:
                stores["x"][:] = ord(key)
            value = stores["x"]
        assert (value == ord(key)).all(), key
        yield

if __name__ == "__main__":
    for _, _ in zip(rounds(sys.argv[1]), range(40)):
        pass
"""


def test_processes_share_a_cache_that_is_too_small_for_them(tmp_path, caplog):
    """Each computes, finds and evicts what the other reads; neither ever sees a torn or wrong response."""
    form = [sys.executable, "-c", WORKER, str(tmp_path)]
    other = subprocess.Popen(form, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    scope = {"__name__": "worker"}
    exec(WORKER, scope)
    for _ in scope["rounds"](tmp_path):
        if other.poll() is not None:
            break
    out, error = other.communicate(timeout=60)
    assert other.returncode == 0, error
    assert (out, error, caplog.messages) == ("", "", [])
    assert sum(entry.size for entry in ResponseCache(tmp_path).entries()) <= 2 * 40_200
    assert not [name for name in files(tmp_path) if name.endswith(".part")]


def test_folder_and_limit_come_from_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("WIRINGUP_CACHE", str(tmp_path))
    monkeypatch.setenv("WIRINGUP_CACHE_GB", "0.5")
    cache = default_cache()
    assert (cache.folder, cache.limit) == (tmp_path / "responses", 0.5)
    for wrong in ("lots", "-1", "nan"):
        monkeypatch.setenv("WIRINGUP_CACHE_GB", wrong)
        with pytest.raises(InputError, match=f"WIRINGUP_CACHE_GB is '{wrong}'"):
            default_cache()


def test_the_code_of_a_class_without_a_file_counts_too():
    classes = []
    for operation in ("x + 1", "x + 2"):
        scope = {"nn": nn, "__name__": "typed_in"}
        exec(f"class Typed(nn.Module):\n    def forward(self, x):\n        return {operation}", scope)
        classes.append(scope["Typed"])
    assert code_of(classes[0]()) != code_of(classes[1]())
    assert code_of(classes[0]()) == code_of(classes[0]())
    assert code_of(Steps()) != code_of(nn.Sequential(Steps()))
