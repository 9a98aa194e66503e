"""Killed and resumed equals uninterrupted, bit for bit; folders are not shared by accident."""

import errno
import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from watching import accuracy, each_step
from wiringup.core.errors import BusyError, InputError, PreemptedError, WiringupError
from wiringup.core.seeds import numpy_stream
from wiringup.training.callbacks import Interval
from wiringup.training.checkpoint import FILE, held
from wiringup.training.loop import train
from wiringup.training.schedule import epochs, steps
from wiringup.training.spec import TrainSpec

EVERY_STEP = Interval(steps=1)


def look(moment):
    """As the processes that are started here look; see conftest."""
    return {"bias": moment.model.decoder.linear.bias.tolist()}


class Killed(Exception):
    """Stands for whatever ends a process."""


def killed_after(step):
    def tell(state):
        tell.steps += 1
        if tell.steps == step:
            raise Killed

    tell.steps = 0
    return tell


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


@pytest.mark.parametrize(
    ("settings", "kills", "interval"),
    [
        ({}, (3, 4), EVERY_STEP),
        ({}, (5,), Interval(steps=3)),
        ({"plasticity": "critical", "optimiser": "adam", "lr": 0.01}, (1, 2, 6), EVERY_STEP),
        ({"plasticity": "batchnorm", "optimiser": "adagrad"}, (7,), Interval(steps=2)),
        ({"schedule": "plateau", "lr": 2e-4, "duration": epochs(9)}, (11, 10), Interval(steps=4)),
        ({"plasticity": "decoder", "schedule": "one-cycle", "workers": 2}, (4,), Interval()),
    ],
)
def test_killed_and_resumed_equals_uninterrupted(
    newborn, cornet, patterns, tmp_path, settings, kills, interval
):
    data = patterns(22)
    spec = TrainSpec(**{"batch": 8, "duration": epochs(3), **settings})
    watch = {"observers": [accuracy(patterns(20, seed=5))], "moments": [epochs(0.5), steps(2), epochs(2)]}
    whole = newborn()
    expected = train(whole, cornet, data, spec, **watch)
    for kill in kills:
        with pytest.raises(Killed):
            train(
                newborn(),
                cornet,
                data,
                spec,
                **watch,
                folder=tmp_path,
                interval=interval,
                callbacks=each_step(killed_after(kill)),
            )
    model = newborn()
    result = train(model, cornet, data, spec, **watch, folder=tmp_path, interval=interval)
    assert same(model.state_dict(), whole.state_dict())
    assert result == expected
    assert result.ledger.updates == result.epochs * 22


def test_a_finished_training_is_not_computed_again(newborn, cornet, patterns, tmp_path):
    data, spec = patterns(16), TrainSpec(batch=8)
    first = newborn()
    expected = train(first, cornet, data, spec, [accuracy(data)], tmp_path)
    again = newborn()

    def never(*_):
        raise AssertionError("computed again")

    assert train(again, cornet, data, spec, [never], tmp_path, callbacks=each_step(never)) == expected
    assert same(first.state_dict(), again.state_dict())


SCRIPT = textwrap.dedent(
    """
    import signal, sys, time
    sys.path.insert(0, sys.argv[1])
    from pathlib import Path
    sys.path.append(str(Path(sys.argv[1]).parents[1]))
    import conftest
    from watching import each_step
    from wiringup.models.architecture import ARCHITECTURES
    from wiringup.training.callbacks import Interval
    from wiringup.training.loop import train
    from wiringup.training.schedule import epochs
    from wiringup.training.spec import TrainSpec
    import torch

    torch.set_num_threads(1)
    # a shell that runs the tests in the background has its children ignore it
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def tell(state):
        print(state.seen, flush=True)
        time.sleep(float(sys.argv[4]))

    train(conftest.born(), ARCHITECTURES["cornet_s"], conftest.noise_patterns(22),
          TrainSpec(**eval(sys.argv[3])), [conftest.look], Path(sys.argv[2]), [epochs(3)],
          callbacks=each_step(tell), interval=Interval(steps=1))
    """
)
SETTINGS = "dict(batch=8, duration=epochs(8))"


def start(folder, settings, pause):
    """Train in another process, with so many seconds of rest after every step."""
    here = str(Path(__file__).parent)
    command = [sys.executable, "-c", SCRIPT, here, str(folder), settings, str(pause)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_process_that_is_killed_loses_nothing(newborn, cornet, patterns, tmp_path, how):
    data, spec = patterns(22), TrainSpec(**eval(SETTINGS))
    with start(tmp_path, SETTINGS, pause=0.5) as process:
        for _ in range(4):
            assert process.stdout.readline(), process.stderr.read()
        with pytest.raises(BusyError, match="Another training is running in"):
            train(newborn(), cornet, data, spec, folder=tmp_path)
        time.sleep(0.05)
        process.send_signal(how)
        output, complaint = process.communicate()
    assert process.returncode != 0, output
    assert ("KeyboardInterrupt" in complaint) == (how == signal.SIGINT)
    left = torch.load(tmp_path / FILE, weights_only=True)["state"]["ledger"]["steps"]
    assert 3 <= left < 24
    whole, model = newborn(), newborn()
    expected = train(whole, cornet, data, spec, [look], moments=[epochs(3)])
    assert train(model, cornet, data, spec, [look], tmp_path, [epochs(3)]) == expected
    assert same(model.state_dict(), whole.state_dict())
    assert not list(tmp_path.glob("*.part")) and not list(tmp_path.glob(".*.part"))


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
def test_killed_at_random_moments_the_result_is_the_same(newborn, cornet, patterns, tmp_path):
    settings = "dict(plasticity='critical', batch=8, duration=epochs(20), augmentation='none', lr=0.001)"
    stream = numpy_stream(0, "kills")
    for _ in range(3):
        with start(tmp_path, settings, pause=0) as process:
            for _ in range(1 + stream.integers(12)):
                assert process.stdout.readline(), process.stderr.read()
            time.sleep(stream.uniform(0, 0.03))
            process.kill()
        assert process.returncode == -signal.SIGKILL
    data, spec = patterns(22), TrainSpec(**eval(settings))
    left = torch.load(tmp_path / FILE, weights_only=True)["state"]["ledger"]["steps"]
    assert 0 < left < 60
    # the last of the processes that share the work prepares batches with threads, the others without
    spec = replace(spec, workers=2)
    whole, model = newborn(), newborn()
    expected = train(whole, cornet, data, spec, [look], moments=[epochs(3)])
    assert train(model, cornet, data, spec, [look], tmp_path, [epochs(3)]) == expected
    assert same(model.state_dict(), whole.state_dict())


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
def test_sigterm_ends_the_step_and_writes_it_down(newborn, cornet, patterns, tmp_path):
    data, spec = patterns(22), TrainSpec(batch=8, duration=epochs(8))

    def terminated(state):
        if state.seen == 38:
            os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    message = r"SIGTERM after step 5: the last good checkpoint is .*, of step 5\. Run the same command again"
    with pytest.raises(PreemptedError, match=message):
        train(newborn(), cornet, data, spec, folder=tmp_path, callbacks=each_step(terminated))
    assert signal.getsignal(signal.SIGTERM) is before
    whole, model = newborn(), newborn()
    assert train(model, cornet, data, spec, folder=tmp_path) == train(whole, cornet, data, spec)
    assert same(model.state_dict(), whole.state_dict())


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
def test_a_program_that_handles_sigterm_itself_goes_on_doing_so(newborn, cornet, patterns):
    heard = []
    before = signal.signal(signal.SIGTERM, lambda *_: heard.append(1))

    def terminate(state):
        os.kill(os.getpid(), signal.SIGTERM)

    try:
        spec = TrainSpec(batch=8)
        train(
            newborn(),
            cornet,
            patterns(16),
            spec,
            callbacks=each_step(terminate),
        )
    finally:
        signal.signal(signal.SIGTERM, before)
    assert heard == [1, 1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"spec": {"lr": 0.05}}, r"belongs to another training \(spec.lr: 0.1 there, 0.05 now\)"),
        (
            {"spec": {"seed": 1, "plasticity": "decoder"}},
            "spec.plasticity: 'all' there, 'decoder' now; spec.seed: 0",
        ),
        ({"data": 1}, r"\(images: '[0-9a-f]{64}' there.*an earlier version of wiringup wrote it"),
        ({"birth": 1}, r"\(birth: '[0-9a-f]{64}' there.*another kind of processor"),
    ],
)
def test_the_folder_of_another_training_is_refused(newborn, cornet, patterns, tmp_path, change, message):
    train(newborn(), cornet, patterns(16), TrainSpec(batch=8), folder=tmp_path)
    spec = TrainSpec(batch=8, **change.get("spec", {}))
    with pytest.raises(InputError, match=message):
        train(
            newborn(change.get("birth", 0)),
            cornet,
            patterns(16, seed=change.get("data", 0)),
            spec,
            folder=tmp_path,
        )


def test_device_and_workers_do_not_make_another_training(newborn, cornet, patterns, tmp_path):
    first = train(newborn(), cornet, patterns(16), TrainSpec(batch=8), folder=tmp_path)
    assert train(newborn(), cornet, patterns(16), TrainSpec(batch=8, workers=2), folder=tmp_path) == first


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"torn", "is damaged. Restore it from a copy, or delete it"), (None, "not a checkpoint of a training")],
)
def test_damaged_checkpoints_are_refused(newborn, cornet, patterns, tmp_path, content, message):
    if content:
        (tmp_path / FILE).write_bytes(content)
    else:
        torch.save({"weights": torch.zeros(1)}, tmp_path / FILE)
    with pytest.raises(InputError, match=message):
        train(newborn(), cornet, patterns(16), TrainSpec(batch=8), folder=tmp_path)


def test_a_full_disk_keeps_the_last_checkpoint(newborn, cornet, patterns, tmp_path, monkeypatch):
    data, spec = patterns(32), TrainSpec(batch=8)
    write, written = Path.write_bytes, []

    def fills_up(path, content):
        written.append(path)
        if len(written) == 3:
            write(path, content[:1000])
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", fills_up)
        with pytest.raises(WiringupError, match=r"No space left to write .*checkpoint\.pt"):
            train(newborn(), cornet, data, spec, folder=tmp_path, interval=EVERY_STEP)
    # birth and the first step were written
    assert torch.load(tmp_path / FILE, weights_only=True)["state"]["ledger"]["steps"] == 1
    expected = train(newborn(), cornet, data, spec)
    assert train(newborn(), cornet, data, spec, folder=tmp_path) == expected


def test_seconds_between_checkpoints(newborn, cornet, patterns, tmp_path):
    seen = []

    def look(state):
        seen.append(torch.load(tmp_path / FILE, weights_only=True)["state"]["ledger"]["steps"])

    train(
        newborn(),
        cornet,
        patterns(32),
        TrainSpec(batch=8),
        folder=tmp_path,
        callbacks=each_step(look),
        interval=Interval(0),
    )
    train(newborn(), cornet, patterns(32), TrainSpec(batch=8, seed=1), folder=tmp_path / "b")
    assert seen == [0, 1, 2, 3]


def test_a_folder_is_held_once_and_then_free_again(tmp_path):
    refused = pytest.raises(BusyError, match="use another folder")
    with held(tmp_path / "run"), refused, held(tmp_path / "run"):
        pass
    with held(tmp_path / "run"):
        pass


def test_half_written_files_of_a_killed_process_are_removed(tmp_path):
    part = tmp_path / f".{FILE}.abc.part"
    part.write_bytes(b"half")
    with held(tmp_path):
        assert not part.exists()
