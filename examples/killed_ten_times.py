"""Kill a training (-9) at ten random moments, resume it each time, and compare with one that ran through.

    python examples/killed_ten_times.py

Weights, losses, ledger and observations have to be the same to the bit. Takes a minute on a quiet
machine.
"""

import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from wiringup.birth.apply import BirthSpec
from wiringup.core.seeds import numpy_stream
from wiringup.core.stimuli import LabelledImages, from_pixels
from wiringup.experiments.runs.births import born
from wiringup.models.architecture import ARCHITECTURES, ModelSpec
from wiringup.training.callbacks import Callback, Interval
from wiringup.training.loop import TrainResult, train
from wiringup.training.observers import TrainingMoment, top1
from wiringup.training.schedule import epochs
from wiringup.training.spec import TrainSpec

KILLS = 10
SIZE = 32


def images(n: int, seed: int) -> LabelledImages:
    """Return images of four noise patterns, each under fresh noise."""
    patterns = numpy_stream(0, "patterns").normal(size=(4, SIZE, SIZE, 3))
    labels = numpy_stream(seed, "labels").integers(0, 4, n)
    noise = numpy_stream(seed, "noise").normal(size=(n, SIZE, SIZE, 3))
    pixels = (128 + 40 * patterns[labels] + 30 * noise).clip(0, 255).astype("uint8")
    return LabelledImages(from_pixels(pixels), labels, tuple("abcd"))


def accuracy(moment: TrainingMoment) -> dict[str, float]:
    """Observe the accuracy on other images."""
    return {"top1": top1(moment.model, images(40, seed=2), SIZE)}


def learn(folder: Path | None, *callbacks: Callback) -> tuple[TrainResult, dict[str, torch.Tensor]]:
    """Train a newborn network, from the checkpoint in ``folder`` if there is one."""
    torch.set_num_threads(1)
    model = born(ModelSpec(width=1 / 8, classes=4, size=SIZE), BirthSpec("kaiming_normal"), None, None)
    result = train(
        model,
        ARCHITECTURES["cornet_s"],
        images(90, seed=1),
        TrainSpec("critical", epochs(30), batch=16, lr=0.01, schedule="cosine"),
        [accuracy],
        folder,
        moments=[epochs(1), epochs(5), epochs(20)],
        interval=Interval(steps=3),
        callbacks=callbacks,
    )
    return result, model.state_dict()


def kill_at_random(folder: Path) -> str:
    """Start the training in a process of its own and kill it; return the images it had seen."""
    with subprocess.Popen(
        [sys.executable, __file__, str(folder)], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        seen = ""
        for _ in range(random.randint(1, 25)):
            seen = child.stdout.readline().strip() or seen
        time.sleep(random.uniform(0, 0.05))
        child.kill()
    return seen


def main() -> None:
    """Kill ten times, then compare."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for kill in range(1, KILLS + 1):
            print(f"kill {kill:2}: after {kill_at_random(folder)} images", flush=True)
        resumed, weights = learn(folder)
    whole, expected = learn(None)
    same = all(torch.equal(weights[key], value) for key, value in expected.items())
    print(f"{whole.ledger.updates} images, {whole.ledger.synaptic_updates:,} synaptic updates")
    print("weights the same:", same)
    print("losses, ledger and observations the same:", resumed == whole)
    sys.exit(0 if same and resumed == whole else 1)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        learn(Path(sys.argv[1]), lambda state: print(state.seen, flush=True))
    else:
        main()
