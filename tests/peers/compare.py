"""Print our numbers and times beside those that brainscore-vision 2.4.2 was recorded with.

    python tests/peers/compare.py PEER_FOLDER

The folder holds the recorded answers, their times, and ``inputs.py``, the seeded generators of the inputs.
"""

import argparse
import importlib.util
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from wiringup.benchmarks.metrics import i2n, pca, reliability
from wiringup.benchmarks.metrics.correlation import aggregate
from wiringup.benchmarks.metrics.splits import make_folds
from wiringup.benchmarks.predictivity import Pls, cross_validated_r
from wiringup.cli.show import table


@dataclass(frozen=True)
class Compared:
    """One number of the peer and ours, each with the seconds it took."""

    name: str
    peer: float
    ours: float
    seconds_peer: float
    seconds: float

    def cells(self) -> list[str]:
        """Return the row of the table."""
        return [
            self.name, f"{self.peer:.8f}", f"{self.ours:.8f}", f"{self.ours - self.peer:+.1e}",
            f"{self.seconds_peer:.2f}", f"{self.seconds:.3f}", f"{self.seconds_peer / self.seconds:.0f}",
        ]  # fmt: skip


PLS = (
    ("freeman_pls_pca_1000", "freeman", "private", "pca", 1000),
    ("freemanpub_pls_pca_1000", "freeman", "public", "pca", 1000),
    ("freeman_pls_raw_25088", "freeman", "private", "raw", 25088),
    ("majaj_pls_pca_1000", "majaj", "IT", "pca", 1000),
    ("majaj_pls_raw_25088", "majaj", "IT", "raw", 25088),
)
CEILINGS = (("freeman", "freeman", "private"), ("freemanpub", "freeman", "public"), ("majaj", "majaj", "IT"))
REPEATS = 3


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """Return what ``work`` returns, and its median seconds; the first call is not counted."""
    answer, seconds = work(), []
    for _ in range(REPEATS):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return answer, float(np.median(seconds))


def predictivity(inputs: ModuleType, folder: Path, times: dict[str, Any]) -> Iterator[Compared]:
    """Yield the scores, exact and with the iteration that scikit-learn stops early."""
    for name, data, part, kind, dim in PLS:
        made = getattr(inputs, data)(part)
        labels = made["object_name" if data == "majaj" else "texture_type"]
        targets = torch.from_numpy(made["trials"].mean(1, dtype=np.float64).astype(np.float32))
        features = torch.from_numpy(inputs.features(kind, made["Z"], dim, 77))
        folds = make_folds(len(targets), labels)
        with np.load(folder / f"{name}.npz", allow_pickle=False) as content:
            peer = float(content["score"])
        for told, mapping in (("exact", Pls()), ("as scikit-learn stops", Pls(solver="sklearn"))):
            r, seconds = timed(partial(cross_validated_r, features, targets, folds, mapping))
            yield Compared(f"{name}, {told}", peer, aggregate(r).value, _seconds(times, name), seconds)


def ceilings(inputs: ModuleType, folder: Path, times: dict[str, Any]) -> Iterator[Compared]:
    """Yield the internal consistencies."""
    for name, data, part in CEILINGS:
        trials = np.ascontiguousarray(getattr(inputs, data)(part)["trials"].transpose(2, 0, 1))
        with np.load(folder / f"{name}_ceiling.npz", allow_pickle=False) as content:
            peer = float(content["ceiling"])
        r, seconds = timed(partial(reliability.split_half_reliability, trials))
        name = f"{name}_ceiling"
        yield Compared(name, peer, aggregate(r).value, _seconds(times, name), seconds)


def behaviour(inputs: ModuleType, folder: Path, times: dict[str, Any]) -> Iterator[Compared]:
    """Yield i2n: score and ceiling, from the peer's decoder's probabilities on."""
    name = "i2n_512_341785"
    made = inputs.objectome(n_trials=341785, feat_dim=512)
    with np.load(folder / f"{name}.npz", allow_pickle=False) as content:
        found = dict(content)
    classes = {label: i for i, label in enumerate(found["choices"])}
    images = {label: i for i, label in enumerate(found["test_id"])}
    of_image = dict(zip(made["test_id"], made["test_label"], strict=True))
    truth = np.array([classes[of_image[image]] for image in found["test_id"]])
    index = {"image": images, "sample": classes, "dist": classes, "choice": classes}
    trials = i2n.Trials(*(np.array([at[v] for v in made[f"trial_{key}"]]) for key, at in index.items()))
    model = i2n.two_way(found["proba"].astype(np.float64), truth)

    def ours() -> i2n.Consistency:
        return i2n.consistency(model, i2n.trial_halves(trials, len(images), len(classes)), truth)

    answer, seconds = timed(ours)
    both = times[name]["wall_s_median"]
    spent = both["i2n_score"] + both["i2n_ceiling"]
    for told, peer, value in (
        ("score", found["score"], answer.raw),
        ("ceiling", found["ceiling"], answer.ceiling),
        ("ceiled", found["ceiled"], answer.ceiled),
    ):
        yield Compared(f"{name}, {told} (time of all)", float(peer), value, spent, seconds)


def components(inputs: ModuleType, folder: Path, times: dict[str, Any]) -> Iterator[Compared]:
    """Yield the variance of the first and of the 999th component."""
    name = "pca_25088"
    images = torch.from_numpy(inputs.imagenet_like(25088))
    with np.load(folder / f"{name}.npz", allow_pickle=False) as content:
        peer = content["explained_variance"]
    found, seconds = timed(partial(pca.fit, images))
    for at in (0, 998):
        spent = times[name]["wall_s_median"]["layerpca_fit"]
        ours = float(found.explained_variance[at])
        yield Compared(f"{name}, variance of component {at + 1}", float(peer[at]), ours, spent, seconds)


def _seconds(times: dict[str, Any], name: str) -> float:
    return float(sum(times[name]["wall_s_median"].values()))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="PEER_FOLDER")
    folder = parser.parse_args().folder
    spec = importlib.util.spec_from_file_location("peer_inputs", folder / "inputs.py")
    inputs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(inputs)
    times = json.loads((folder / "timings.json").read_text())
    parts = (predictivity, ceilings, behaviour, components)
    rows = [row.cells() for part in parts for row in part(inputs, folder, times)]
    header = ["", "peer", "ours", "difference", "peer, s", "ours, s", "ratio"]
    table(header, rows, title="brainscore-vision 2.4.2, recorded elsewhere on 2 quiet cores; wiringup here")


if __name__ == "__main__":
    main()
