"""Flip single bits in every kind of file that a later step reads, and count what is still taken for whole.

    python examples/flipped_bits.py

Each kind is made and read with the package's own functions. Nothing may be accepted. Takes two minutes.
Packed images are known by size and time stamp once they were found whole: a flip is written as any program
writes, which changes the stamp; where the stamp is put back, they are read with ``verify``.
"""

import os
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from wiringup.benchmarks.layer_map import LayerMap, Searched, load_layer_map
from wiringup.benchmarks.suites import find_suite, make_suite
from wiringup.birth.apply import BirthSpec
from wiringup.birth.distill import distill
from wiringup.birth.genome import Genome, beside
from wiringup.core.errors import InputError
from wiringup.core.files import sha256_of
from wiringup.core.score import Score
from wiringup.core.sealed import write_sealed
from wiringup.core.seeds import numpy_stream
from wiringup.core.spec import to_dict as plain
from wiringup.core.stimuli import LabelledImages, from_pixels
from wiringup.data.images.cache import ImageCache
from wiringup.data.images.listing import known_samples, read_list, write_list
from wiringup.data.images.pack_file import beside as beside_packed
from wiringup.data.images.pack_file import index_of
from wiringup.data.images.packed import Packed, read_packed
from wiringup.data.images.shard_list import read_samples_kept, write_samples
from wiringup.data.images.shards import Member, Sample
from wiringup.data.measurements import Recording
from wiringup.data.sources.addresses import SourceFile
from wiringup.data.sources.imported import load_set, save_set
from wiringup.experiments.launching.study import RUNS, Listed, Listing
from wiringup.experiments.runs.births import born
from wiringup.experiments.runs.run import SPEC, read_spec
from wiringup.experiments.runs.sharing import FAILED, failure, save_failure
from wiringup.experiments.runs.spec import RunSpec
from wiringup.models.architecture import ARCHITECTURES, ModelSpec
from wiringup.models.cache import ResponseCache
from wiringup.models.weights import read_weights, save_weights
from wiringup.results.brain_match import brain_match, to_dict
from wiringup.results.record import Point, Record, provenance, score_to_dict
from wiringup.results.store import Store
from wiringup.training.label_free import LabelFreeSpec, learn_label_free
from wiringup.training.loop import train
from wiringup.training.schedule import steps
from wiringup.training.spec import TrainSpec

FLIPS = 1000
CORNET = ARCHITECTURES["cornet_s"]
NETWORK = ModelSpec(width=1 / 32, classes=4, size=32)


@dataclass(frozen=True)
class Kind:
    """A kind of file: its name, one of it, and what reads it (and raises `InputError` at damage)."""

    name: str
    path: Path
    read: Callable[[], Any]


def network() -> torch.nn.Module:
    """Return a small newborn network."""
    return born(NETWORK, BirthSpec("kaiming_normal"), None, None)


def images(n: int = 16) -> LabelledImages:
    """Return ``n`` images of noise in four classes."""
    pixels = numpy_stream(0, "flips").integers(0, 256, (n, 32, 32, 3), np.uint8)
    return LabelledImages(from_pixels(pixels), np.arange(n) % 4, tuple("abcd"))


def learn(folder: Path) -> None:
    """Train a newborn network, from the checkpoint in ``folder`` if there is one."""
    train(network(), CORNET, images(), TrainSpec("decoder", steps(2), batch=8, lr=0.01), folder=folder)


def before(folder: Path) -> None:
    """Let a newborn network learn without labels, from the checkpoint in ``folder`` if there is one."""
    how = TrainSpec("all", steps(1), batch=4, lr=0.01, schedule="constant", augmentation="none", size=32)
    learn_label_free(network(), CORNET, LabelFreeSpec("waves", how), folder)


def checkpoints(folder: Path) -> list[Kind]:
    """Return the checkpoints of both phases."""
    learn(folder / "run")
    before(folder / "before")
    return [
        Kind("checkpoint.pt", folder / "run" / "checkpoint.pt", lambda: learn(folder / "run")),
        Kind("before/checkpoint.pt", folder / "before" / "checkpoint.pt", lambda: before(folder / "before")),
    ]


def weights_and_genomes(folder: Path) -> list[Kind]:
    """Return weights, and a genome with values beside it."""
    weights, genome = folder / "weights.safetensors", folder / "genome.json"
    save_weights(network(), weights)
    distill(network().state_dict(), recipe="shuffled_kernel").save(genome)
    return [
        Kind("weights.safetensors", weights, lambda: read_weights(weights, network().state_dict())),
        Kind("genome.json", genome, lambda: Genome.load(genome)),
        Kind("genome.weights.safetensors", beside(genome), lambda: Genome.load(genome)),
    ]


def results(folder: Path) -> list[Kind]:
    """Return what a folder of runs holds."""
    store = Store(folder, refuse)
    point = Point(1.0, 100, 1000, 0.5, {"V4": 0.1, "mean": 0.1}, (), ())
    spec: dict[str, Any] = {"lr": 0.1, "model": {"architecture": "cornet_s"}}
    store.save(
        Record("run", "WC + critical", 0, spec, {"trained": 10, "all": 90}, (point,), (1.5,), provenance(2))
    )
    store.save_study("study", {"reference": "KN"}, ["run"])
    score = Score("b.V4", "V4", "pls-25", "V4.output", 0.25, 0.8, 0.39, "r/c", 0.01, 100, 50)
    store.save_scores("score", [{"model": "cornet_s", "birth": "kn", "seed": 0, **score_to_dict(score)}])
    store.save_match("match", to_dict(brain_match("KN", "b@1", [[score]], {})))
    store.save_diverged("gone", spec, "the loss is nan at step 3")
    write_sealed(folder / "run" / SPEC, plain(RunSpec()))
    listing = Listing("study", {"reference": "KN"}, (Listed("run", "KN", 0, "KN, seed 0"),))
    listing.save(store)
    save_failure(store, "lost", "the memory was full")
    suite = make_suite("lab@1", ["simulated.V1"], folder)
    return [
        Kind("spec.json", folder / "run" / SPEC, lambda: read_spec(folder / "run" / SPEC)),
        Kind("suite", suite, lambda: find_suite("lab@1", folder)),
        Kind("record.json", folder / "run" / "record.json", lambda: store.record("run")),
        Kind("study.json", folder / "study" / "study.json", lambda: store.study("study")),
        Kind("runs.json", folder / "study" / RUNS, lambda: Listing.load(store, "study")),
        Kind("failed.json", folder / "lost" / FAILED, lambda: failure(store, "lost")),
        Kind("scores.json", folder / "score" / "scores.json", store.scores),
        Kind("match.json", folder / "match" / "match.json", store.matches),
        Kind("diverged.json", folder / "gone" / "diverged.json", lambda: store.diverged("gone")),
    ]


def layer_map(folder: Path) -> list[Kind]:
    """Return a layer map."""
    path = folder / "layers.json"
    scores = {"V4.output": {"raw": 0.1, "error": 0.01, "ceiling": 0.8, "score": 0.1 / 0.8}}
    searched = Searched("b.V4", "V4", ("0123456789abcdef",), scores)
    LayerMap("cornet_s", {"birth": "kn"}, {"V4": "V4.output"}, (searched,), "exact scores").save(path)
    return [Kind("layer map", path, lambda: load_layer_map(path))]


def _packed(store: ImageCache, source: Path, keep: str) -> Path:
    before = {entry.path for entry in store.entries()}
    store.load(source, 32, keep=keep)
    return next(entry.path for entry in store.entries() if entry.path not in before)


def data(folder: Path) -> list[Kind]:
    """Return an imported set, packed images and a downloaded file."""
    trials = numpy_stream(0, "trials").normal(size=(4, 16, 3)).astype(np.float32)
    made = save_set(Recording("mine", "V4", trials, images().stimuli), folder, {"file": "mine.npy"})
    fetched, shown, kept = folder / "fetched.csv", images(), ImageCache(folder / "packed")
    np.savez(folder / "images.npz", images=shown.stimuli.pixels, labels=shown.labels)
    packed, photographs = (_packed(kept, folder / "images.npz", keep) for keep in ("squares", "jpeg:90"))
    fetched.write_text("object,choice\n" * 100)
    source = SourceFile("fetched.csv", sha256_of(fetched))
    stamp = packed.stat().st_mtime_ns

    def verified() -> Packed:
        os.utime(packed, ns=(stamp, stamp))
        return read_packed(packed, verify=True)

    return [
        Kind("imported set: meta.json", made / "meta.json", lambda: load_set(folder, "mine")),
        Kind("imported set: arrays.npz", made / "arrays.npz", lambda: load_set(folder, "mine")),
        Kind("packed images", packed, lambda: read_packed(packed)),
        Kind("packed images: whole ones", photographs, lambda: read_packed(photographs)),
        Kind("packed images: same time", packed, verified),
        Kind("packed images: index", index_of(packed), lambda: read_packed(packed)),
        Kind("packed images: labels", beside_packed(packed), lambda: read_packed(packed)),
        Kind("downloaded file", fetched, lambda: there(source.is_at(fetched) or None)),
    ]


def kept(folder: Path) -> list[Kind]:
    """Return a kept response, and the list of a large folder with what is known of its samples."""
    cache = ResponseCache(folder)
    with cache.filling(8, {"V4": 16}, {"V4": "key"}) as stores:
        stores["V4"].copy_(torch.arange(128.0).reshape(8, 16))
    (path,) = folder.glob("*.npy")
    names, samples = folder / "list.names", folder / "list.json"
    write_list(names, ["a/1.png", "b/2.png"] * 500, {})
    write_sealed(samples, {"seen": "0" * 64, "samples": "1" * 64})
    shard, lists = Path("x.tar"), folder / "list.samples"
    sample = Sample(shard, "1", Member(512, 100, "1.png"), 7)
    write_samples(lists, [shard], [(1, 2, 3, 4)], [sample], Counter(txt=1))
    return [
        Kind("kept response", path, lambda: there(cache.find("key"))),
        Kind("list of a folder", names, lambda: there(read_list(names, folder))),
        Kind("list of shards", lists, lambda: there(read_samples_kept(lists, [shard], [(1, 2, 3, 4)]))),
        Kind("samples of a folder", samples, lambda: there(known_samples(samples, "0" * 64))),
    ]


def refuse(path: Path, why: str) -> None:
    """Raise `InputError` where a list of files tells of one that cannot be read, and goes on."""
    raise InputError(f"{path}: {why}")


def there(found: Any) -> None:
    """Raise `InputError` where a reader says of a damaged file that there is none."""
    if found is None:
        raise InputError("It is made again.")


def kinds(folder: Path) -> list[Kind]:
    """Make one file of every kind."""
    makers = (checkpoints, weights_and_genomes, results, layer_map, data, kept)
    return [kind for make in makers for kind in make(folder / make.__name__)]


def accepted(kind: Kind, flips: int, seed: int = 0) -> int:
    """Return how many of ``flips`` files with one flipped bit are read as if nothing were wrong."""
    kind.read()  # whole, it is taken
    whole, draw, count = kind.path.read_bytes(), random.Random(seed), 0
    for _ in range(flips):
        place, bit = draw.randrange(len(whole)), draw.randrange(8)
        kind.path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << bit]) + whole[place + 1 :])
        try:
            kind.read()
            count += 1
        except InputError:
            pass
    kind.path.write_bytes(whole)
    return count


def main() -> None:
    """Print the table; exit with 1 if anything was accepted."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        rows = [(kind.name, FLIPS, accepted(kind, FLIPS)) for kind in kinds(Path(name))]
    print(f"{'kind of file':28}{'flips':>8}{'accepted':>10}")
    for name, flips, count in rows:
        print(f"{name:28}{flips:8,}{count:10,}")
    sys.exit(1 if any(count for *_, count in rows) else 0)


if __name__ == "__main__":
    main()
