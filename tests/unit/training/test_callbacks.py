"""What looks at the loop: progress that is told, and a stop that loses nothing."""

import os
import signal

import pytest
import torch

from watching import each_step
from wiringup.core.errors import InputError, PreemptedError
from wiringup.core.progress import Progress
from wiringup.training.callbacks import Interval
from wiringup.training.checkpoint import FILE
from wiringup.training.loop import train
from wiringup.training.schedule import epochs
from wiringup.training.spec import TrainSpec

SPEC = TrainSpec("decoder", epochs(1.5), batch=8, lr=0.01)


class Heard(Progress):
    """A progress that keeps what it is told."""

    def __init__(self):
        super().__init__()
        self.work = []

    def advance(self, kind, amount, message=""):
        self.work.append((kind, amount, message))


def test_every_step_is_reported_and_what_a_checkpoint_holds_is_no_work_any_more(
    newborn, cornet, patterns, tmp_path
):
    def kill(state):
        if state.seen == 22:
            raise KeyboardInterrupt

    data, every = patterns(22), Interval(steps=1)
    with pytest.raises(KeyboardInterrupt), Heard() as heard:
        train(newborn(), cornet, data, SPEC, folder=tmp_path, interval=every, callbacks=each_step(kill))
    assert [(kind, amount) for kind, amount, _ in heard.work] == [("train:decoder", 8)] * 2
    with Heard() as heard:
        result = train(newborn(), cornet, data, SPEC, folder=tmp_path, label="KN, seed 0")
    loss = result.losses[-1]
    assert heard.planned == {"train:decoder": -16}
    assert heard.work[-1] == ("train:decoder", 3, f"KN, seed 0: 33 of 33 images, loss {loss:.2f}")
    assert sum(amount for _, amount, _ in heard.work) == 33 - 16


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
def test_sigterm_in_the_last_step_stops_when_all_is_saved(newborn, cornet, patterns, tmp_path):
    def terminate(state):
        if state.seen == 33:
            os.kill(os.getpid(), signal.SIGTERM)

    data, looked = patterns(22), []
    look = [lambda moment: looked.append(moment.images)]
    with pytest.raises(PreemptedError, match=r"after step 5: the last good checkpoint is .* of step 5"):
        train(newborn(), cornet, data, SPEC, look, tmp_path, callbacks=each_step(terminate))
    assert looked == [0, 33]
    again = train(newborn(), cornet, data, SPEC, look, tmp_path)
    assert again.losses == train(newborn(), cornet, data, SPEC).losses
    assert looked == [0, 33]


def test_seconds_of_earlier_sessions_count(newborn, cornet, patterns, tmp_path):
    first = train(newborn(), cornet, patterns(22), SPEC, folder=tmp_path)
    content = torch.load(tmp_path / FILE, weights_only=True)
    assert first.earlier == 0
    assert 0 < content["state"]["seconds"] < 600
    content["state"]["seconds"] = 1000.0
    torch.save(content, tmp_path / FILE)
    assert train(newborn(), cornet, patterns(22), SPEC, folder=tmp_path).earlier == 1000
    del content["state"]["seconds"]  # as earlier versions wrote it
    torch.save(content, tmp_path / FILE)
    assert train(newborn(), cornet, patterns(22), SPEC, folder=tmp_path).earlier == 0


def test_a_checkpoint_of_another_version_is_refused(newborn, cornet, patterns, tmp_path):
    train(newborn(), cornet, patterns(22), SPEC, folder=tmp_path)
    content = torch.load(tmp_path / FILE, weights_only=True)
    content["state"]["figures"] = content["state"].pop("parameters")
    torch.save(content, tmp_path / FILE)
    with pytest.raises(InputError, match=r"another version of wiringup.* Delete it to begin"):
        train(newborn(), cornet, patterns(22), SPEC, folder=tmp_path)
