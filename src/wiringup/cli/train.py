"""``wiringup train`` and ``wiringup execute``: one run."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, arg

from wiringup.cli.arguments import BatchNorm, GivenBirth, Images, Json, Keep, KeepGain, Runs, Val
from wiringup.cli.options import NO_PHASE, NOTHING, PAPER, Before, Exam, Network, Training
from wiringup.cli.show import as_json, number, table
from wiringup.core.errors import InputError
from wiringup.experiments.runs.options import base_run, shown
from wiringup.training.spec import TrainSpec

if TYPE_CHECKING:
    from wiringup.experiments.runs.inputs import StudyInputs
    from wiringup.experiments.runs.spec import RunSpec
    from wiringup.results.record import Record

EPOCHS = 6

log = logging.getLogger(__name__)


def train(
    network: Network,
    images: Images,
    val: Val = None,
    birth: GivenBirth = None,
    keep_gain: KeepGain = False,
    batchnorm: BatchNorm = "calibrated",
    plasticity: Annotated[
        str,
        arg(
            metavar="SET",
            help="Which synapses learn: all, critical, decoder, downstream:AREA ...; wiringup plasticity "
            "lists them and tells how to join them.",
        ),
    ] = "critical",
    epochs: Annotated[
        float | None,
        arg(
            metavar="N", help="Passes over the images; fractions are fine.", help_behavior_hint="(default: 6)"
        ),
    ] = None,
    duration: Annotated[
        str | None,
        arg(metavar="TIME", help='Instead of --epochs: "10000 images", "300 steps" or "0.5 epochs".'),
    ] = None,
    limit: Annotated[
        int | None,
        arg(help="Learn from this many images only: balanced over classes, fewer among more."),
    ] = None,
    subset_seed: Annotated[
        int | None, arg(help="Seed of the choice that --limit makes.", help_behavior_hint="(default: 0)")
    ] = None,
    image_size: Annotated[
        int | None,
        arg(
            metavar="PX",
            help="Side at which images are kept; random crops are cut out of them. By default --size.",
        ),
    ] = None,
    keep: Keep = "squares",
    exam: Exam = NOTHING,
    seed: Annotated[int, arg(help="Seed of the training, and of the birth.")] = 0,
    birth_seed: Annotated[int | None, arg(metavar="N", help="Seed of the birth alone.")] = None,
    training: Training = PAPER,
    before: Before = NO_PHASE,
    out: Runs = Path("runs"),
    json: Json = False,
) -> None:
    """Train few synapses on few labelled images, count every update, and score birth and end.

    A fifth of the images (at most 400) is held out for top-1, none if --val is given. Images are decoded
    once and kept (wiringup pack, wiringup cache). Interrupted, the same command continues;
    so it does after SIGTERM, by which schedulers take machines back (exit code 75). Several processes share
    every batch if torchrun starts them; they learn what one would.

    For example:
      wiringup train cornet_s --images imagenet100.zip --birth wc --plasticity critical --epochs 6

      wiringup train cornet_s --images train.zip --width 0.25 --size 64 --batch 64 --limit 1000
          --plasticity downstream:IT --benchmark cowley2023.210325.V4-pls

      wiringup train cornet_s --images train.zip --birth wc --before waves:10000 --size 64

      wiringup train cornet_s --images 'imagenet-{0000..1023}.tar' --image-size 288 --limit 50000

      wiringup train cornet_s --images imagenet/train --val imagenet/val.csv --image-size 256 --keep jpeg:90
          --top1 resize-crop

      wiringup train cornet_s --images train.zip --suite real@1 --moments published --keep-weights

      wiringup train cornet_s --images train.zip --duration "5000 images" --schedule one-cycle
          --plasticity "decoder + random:(critical-decoder) from (all-decoder)"

      wiringup train torchvision:resnet18 --area V4=layer3 IT=layer4 --images train.zip
          --plasticity downstream:IT --benchmark cowley2023.210325.V4-pls

      torchrun --standalone --nproc-per-node 4 --no-python wiringup train cornet_s --images train.zip
    """
    from wiringup.experiments.launching.launch import warn_if_idle
    from wiringup.experiments.recipes.single import single
    from wiringup.experiments.runs.inputs import StudyInputs
    from wiringup.training.schedule import Duration
    from wiringup.training.schedule import epochs as passes

    if duration and epochs is not None:
        raise InputError("--duration is given instead of --epochs; leave one out.")
    if limit is None and subset_seed is not None:
        raise InputError("--subset-seed is of the choice that --limit makes; give --limit too.")
    how = TrainSpec.of(
        training,
        plasticity=plasticity,
        duration=Duration.parse(duration) if duration else passes(EPOCHS if epochs is None else epochs),
        seed=seed,
    )
    born = seed if birth_seed is None else birth_seed
    side = network.size if image_size is None else image_size
    seen = replace(shown(images, val, side, limit, keep), seed=subset_seed or 0)
    base, inputs = base_run(network.network(), seen, exam, how), StudyInputs()
    base = replace(
        base,
        birth=replace(base.birth, seed=born, batchnorm=batchnorm),
        before=before.spec(training, network.size, seed),
    )
    run = single(base, inputs, birth or network.usual_birth, keep_gain=keep_gain)
    warn_if_idle(training.norms, [run])
    make(run, inputs, out, training.device, json)


def execute(
    spec: Annotated[Positional[Path], arg(metavar="SPEC", help="spec.json of a run, or one of your own.")],
    images: Annotated[
        str | None, arg(metavar="PATH", help="Where the images lie here, if not where the spec says.")
    ] = None,
    val: Annotated[
        str | None, arg(metavar="PATH", help="Where the validation set lies here, likewise.")
    ] = None,
    device: Annotated[str, arg(help="Where networks run: auto, cpu, cuda or cuda:N.")] = "auto",
    out: Runs = Path("runs"),
    json: Json = False,
) -> None:
    """Make a run from its specification, on any machine that has the data; the record is the same.

    The folder of every run holds its spec.json. What it names (images, genome, benchmarks) has to be here,
    and to be what its hashes say; a genome that was distilled from another run is made again with that run.

    For example:
      wiringup execute runs/0123456789ab/spec.json --out elsewhere
    """
    from wiringup.experiments.runs.inputs import StudyInputs
    from wiringup.experiments.runs.run import read_spec
    from wiringup.experiments.runs.spec import with_source

    inputs = StudyInputs()
    found = read_spec(spec, inputs)
    moved = with_source(found, images, val) if images or val else found
    make(moved, inputs, out, device, json)


def make(run: "RunSpec", inputs: "StudyInputs", out: Path, device: str, json: bool) -> None:
    """Make one run and print its record."""
    from wiringup.experiments.runs.run import execute_alone
    from wiringup.experiments.runs.sharing import waited_for
    from wiringup.experiments.runs.trainings import WEIGHTS
    from wiringup.results.record import to_dict
    from wiringup.results.store import Store
    from wiringup.training.distributed import leads

    # what another process is at, a run or one that it is born from, is waited for
    record = waited_for(lambda: execute_alone(run, Store(out), device, inputs))
    if leads():
        weights = out / record.uid / WEIGHTS if run.learns else None
        as_json(to_dict(record)) if json else _print_record(record, weights)


def _print_record(record: "Record", weights: Path | None) -> None:
    header = ["epoch", "updates", "synaptic updates", "top-1", *(s.benchmark for s in record.last.scores)]
    body = [
        [f"{p.epoch:g}", f"{p.updates:,}", f"{p.synaptic_updates:,}", number(p.top1)]
        + [number(s.score) for s in p.scores]
        for p in record.points
    ]
    table(header, body, title=f"{record.label}, norms {record.norms}, seed {record.seed}  [{record.uid}]")
    if record.last.top1_protocol:
        log.info("Top-1: %s.", record.last.top1_protocol)
    for phase, before_labels in record.ledger.get("label-free", {}).items():
        log.info(
            "Before the first label, %s: %s images or frames, %s label-free synaptic updates.",
            phase, f"{before_labels['updates']:,}", f"{before_labels['synaptic updates']:,}",
        )  # fmt: skip
    areas = record.ledger.get("synaptic updates by area", {})
    spent = ", ".join(f"{area} {number:,}" for area, number in areas.items() if number)
    log.info("Synaptic updates: %s.", spent or "none")
    if weights is None:
        log.info("Nothing was learned, so no weights are kept: wiringup birth writes those of a newborn.")
    else:
        log.info("Weights: %s (for score --weights and distill); record and spec beside it.", weights)
