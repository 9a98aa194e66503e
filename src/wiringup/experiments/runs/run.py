"""One run from birth to record: born model -> scored -> trained -> scored -> kept."""

import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from wiringup.birth.apply import OWN, BirthSpec
from wiringup.birth.description import of_birth
from wiringup.birth.distill import distill, state_hash
from wiringup.birth.genome import Genome
from wiringup.core.checks import one_of
from wiringup.core.errors import DivergedError, InputError
from wiringup.core.progress import advance, apart
from wiringup.core.sealed import read_sealed, write_sealed
from wiringup.core.spec import from_dict, to_dict, uid
from wiringup.experiments.runs.births import pretrained
from wiringup.experiments.runs.genomes import carried
from wiringup.experiments.runs.inputs import Exam, Images, StudyInputs
from wiringup.experiments.runs.moments import Spent, scored, scorer
from wiringup.experiments.runs.options import NetworkOptions
from wiringup.experiments.runs.sharing import claimed
from wiringup.experiments.runs.spec import RunSpec, of_this_version
from wiringup.experiments.runs.trainings import SPEC, WEIGHTS, Trainings, networks, restored_from
from wiringup.models import any_network
from wiringup.models.architecture import architecture_of
from wiringup.models.device import AUTO, device_name
from wiringup.models.weights import save_weights
from wiringup.results.record import Point, Record, point_from_dict, provenance
from wiringup.results.store import Store
from wiringup.training.checkpoint import FILE as CHECKPOINT
from wiringup.training.checkpoint import MOMENTS
from wiringup.training.distributed import ProcessGroup, place
from wiringup.training.ledger import Account
from wiringup.training.loop import TrainResult, train
from wiringup.training.observers import KeepWeights, Observer, moment_file

GENOME = "genome.json"  # in the folder of the run that it was distilled from
BEFORE = "before"  # folder of a phase without labels, in that of its address

log = logging.getLogger(__name__)


def execute(
    spec: RunSpec, store: Store, device: str | None = None, inputs: StudyInputs | None = None
) -> Record:
    """Give birth, train and score; keep the record and the trained network, and return the record.

    A run that was interrupted continues from its checkpoint; a finished one is read, not computed. So is the
    run that its genome is distilled from.

    Args:
        spec: the run; what it names is loaded and has to be what its hashes say.
        store: where it is kept, under its address.
        device: where networks run; by default as the spec says.
        inputs: what was loaded already.

    Raises:
        InputError: if the data here are other ones than the run was made with, or do not fit.
        MissingDataError: if they are not here.
        BusyError: if another process is at work on the run.
        DivergedError: if the training diverges.
    """
    inputs = inputs or StudyInputs()
    spec = settled(spec, inputs, device)
    here = _on(spec, device)
    folder = store.folder(spec.uid)
    with claimed(store, spec.uid, here.training.device) as group:
        if known := group.broadcast(store.finished(spec.uid, spec)):  # another machine may see it later
            warn_if_not_kept(spec, store)
            return known
        if why := group.broadcast(store.diverged(spec.uid)):
            raise DivergedError(f"{why} To try it again, remove {folder}.")
        group.check_norms(spec.training.norm_shares)  # before anything is made for it
        genome = _genome(spec, store, device, inputs)
        begun = (folder / CHECKPOINT).is_file()
        log.info("%s: %s  [%s]", "On from its checkpoint" if begun else "Now", spec.title, spec.uid)
        if group.leads:
            write_sealed(folder / SPEC, to_dict(on_any_device(spec)))
        try:
            record = _execute(here, store, genome, inputs, group)
        except DivergedError as error:
            if group.leads:
                store.save_diverged(spec.uid, spec, str(error))
            raise
        group.barrier()  # nobody goes on before its files are there
    return record


def execute_alone(
    spec: RunSpec, store: Store, device: str | None = None, inputs: StudyInputs | None = None
) -> Record:
    """Make one run as `execute` does, and show how much of it is done: no study has announced it."""
    inputs = inputs or StudyInputs()
    spec = settled(spec, inputs, device)
    with apart(Trainings(store).work(spec)):
        return execute(spec, store, device, inputs)


def settled(spec: RunSpec, inputs: StudyInputs, device: str | None) -> RunSpec:
    """Return a pinned spec: what is left to the machine is settled for the device that it will run on."""
    if not spec.pinned:
        spec = inputs.pin(spec if device is None else _with_device(spec, device))
    return of_this_version(spec)


def _on(spec: RunSpec, device: str | None) -> RunSpec:
    """Return a spec whose networks run on a device that is here."""
    return _with_device(spec, place(device or spec.training.device))


def warn_if_not_kept(spec: RunSpec, store: Store) -> None:
    """Say so if the weights of a finished run's moments are asked for, but were not kept when it was made."""
    if spec.keep_weights and not (store.folder(spec.uid) / MOMENTS).is_dir():
        log.warning("The weights of its moments were not kept when it was made: %s.", spec.title)


def on_any_device(spec: RunSpec) -> RunSpec:
    """Return a spec that names no device: as it is kept."""
    return _with_device(spec, AUTO)


def _with_device(spec: RunSpec, device: str) -> RunSpec:
    before = spec.before and replace(spec.before, training=replace(spec.before.training, device=device))
    return replace(spec, training=replace(spec.training, device=device), before=before)


def _execute(
    spec: RunSpec, store: Store, genome: Genome | None, inputs: StudyInputs, group: ProcessGroup
) -> Record:
    started = time.monotonic()
    images = inputs.load(spec.images)
    exam = inputs.exam(spec.exam, images.held_out, spec.model.size)
    folder = store.folder(spec.uid)
    born = list[tuple[nn.Module, dict[str, Account]]]()
    # the first process alone finds that others are at the phase without labels
    group.gather(lambda: born.append(_newborn(spec, store, genome, images)))
    ((model, accounts),) = born
    if alike := group.broadcast(Trainings(store).alike(spec)):
        return _scored_again(spec, store, alike, model, (images, exam), group, started)
    observers: list[Observer] = [scorer(spec, images, exam)]
    if spec.keep_weights and group.leads:
        observers.append(KeepWeights(folder, images.chosen.classes, spec.model))
    result = train(
        model,
        architecture_of(spec.model),
        images.chosen,
        spec.training,
        observers=observers,
        folder=folder if spec.learns else None,
        moments=spec.moments,
        before=accounts,
        label=spec.title,
    )
    birth = _birth(spec, genome)
    bits = None if birth.recipe == OWN else of_birth(birth, genome).bits
    record = _record(spec, result, result.earlier + time.monotonic() - started, bits)
    if group.leads:
        if spec.learns:
            save_weights(model, folder / WEIGHTS, images.chosen.classes, spec.model)
        store.save(record)
        (folder / CHECKPOINT).unlink(missing_ok=True)  # two thirds of the folder, of no use now
    return record


def _birth(spec: RunSpec, genome: Genome | None) -> BirthSpec:
    return replace(spec.birth, genome=genome.sha256) if genome else spec.birth


def _newborn(
    spec: RunSpec, store: Store, genome: Genome | None, images: Images
) -> tuple[nn.Module, dict[str, Account]]:
    """Return the network of a run before the first label, and what it has cost."""
    birth, shown = _birth(spec, genome), spec.images.calibration_sha256
    calibration = images.calibration if shown else None
    stage = uid("pretrained", [spec.model, birth, shown, spec.before, spec.version])
    folder = store.folder(stage) / BEFORE
    return pretrained(spec.model, birth, genome, calibration, spec.before, folder, spec.title)


def _scored_again(
    spec: RunSpec,
    store: Store,
    alike: Record,
    newborn: nn.Module,
    seen: tuple[Images, Exam],
    group: ProcessGroup,
    started: float,
) -> Record:
    """Score the networks of a run of the same training on what this one asks for, and keep the record."""
    log.info("Trained before, as run %s; it is scored anew: %s", alike.uid, spec.title)
    images, exam = seen
    folder, points = store.folder(spec.uid), list[Point]()
    for before, model in networks(spec, alike, newborn, store):
        model.to(spec.training.device)
        points.append(scored(spec, images, exam, model, Spent.by(before), group))
        if group.leads and spec.keep_weights:
            save_weights(model, folder / moment_file(before.epoch), images.chosen.classes, spec.model)
        if group.leads and before is alike.last:
            save_weights(model, folder / WEIGHTS, images.chosen.classes, spec.model)
    here = provenance(time.monotonic() - started, any_network.provenance(spec.model.architecture))
    first = alike.provenance.get("trained") or {"run": alike.uid, **alike.provenance}
    record = replace(
        alike,
        uid=spec.uid,
        label=spec.label,
        spec=to_dict(spec),
        points=tuple(points),
        provenance=here | _machine(spec) | {"trained": first},
        genome="",
    )
    if group.leads:
        store.save(record)
    return record


def read_spec(path: Path, inputs: StudyInputs | None = None) -> RunSpec:
    """Return the run that a file says, as ``spec.json`` in the folder of every run does.

    Raises:
        MissingDataError: if there is no such file.
        InputError: if it is damaged, or no spec of a run.
    """
    values = read_sealed(
        path, "Restore it from a copy; if you changed it on purpose, remove its field 'seal'."
    )
    return spec_of(values, inputs or StudyInputs(), str(path))


def spec_of(values: Any, inputs: StudyInputs, where: str = "the spec") -> RunSpec:
    """Return the run that plain JSON values say; where they are brief, they mean what the command line does.

    A network of another package has its own preprocessing unless another is said, a genome that is not named
    by its hash is looked for, and BatchNorm is calibrated.

    Raises:
        InputError: naming the field that is wrong.
        MissingDataError: if a genome or a network is not here.
    """
    if not isinstance(values, Mapping) or values.get("images", {}).get("sha256"):
        return from_dict(RunSpec, values, where)
    birth = values.get("birth") or {}
    run = from_dict(RunSpec, {k: v for k, v in values.items() if k != "birth"}, where)
    model = run.model
    if any_network.is_foreign(model.architecture) and "preprocessing" not in values["model"]:
        model = NetworkOptions(model.architecture, size=model.size, areas=model.areas).network(model.classes)
    if birth.get("genome"):
        return replace(run, model=model, birth=from_dict(BirthSpec, birth, f"{where}, birth"))
    asked: dict[str, Any] = {
        "recipe": OWN if any_network.is_foreign(model.architecture) else "kaiming_normal",
        "seed": 0,
        "genome": "",
        "batchnorm": "calibrated",
    }
    for name in birth:
        one_of(name, asked, f"field of {where}, birth")
    asked |= birth
    named = run.genome.name or asked["recipe"]
    born, genome = inputs.birth(
        named, asked["seed"], asked["batchnorm"], model, keep_gain=run.genome.keep_gain
    )
    return replace(run, model=model, birth=born, genome=genome)


def restored(spec: RunSpec, store: Store, inputs: StudyInputs | None = None) -> nn.Module:
    """Return the network of a finished run, in evaluation mode; one that learned nothing is born again."""
    if not spec.learns:
        inputs = inputs or StudyInputs()
        genome = kept_genome(spec, store) if spec.genome.distilled_from else inputs.genome(spec)
        return _newborn(spec, store, genome, inputs.load(spec.images))[0].eval()
    return restored_from(store.folder(spec.uid) / WEIGHTS, spec)


def _genome(spec: RunSpec, store: Store, device: str | None, inputs: StudyInputs) -> Genome | None:
    parent = spec.genome.distilled_from
    if parent is None:
        return inputs.genome(spec)
    record = execute(parent, store, device, inputs)
    with claimed(store, parent.uid, _on(parent, device).training.device) as group:
        if group.leads:
            _distil(parent, record, store, spec.birth.recipe)
        group.barrier()
        return kept_genome(spec, store)


def kept_genome(spec: RunSpec, store: Store) -> Genome:
    """Return the genome that was distilled from another run, as it fits the network of this one.

    Raises:
        MissingDataError: if that run's genome is not here.
    """
    if spec.genome.distilled_from is None:
        raise InputError(f"{spec.title} is born from no other run.")
    genome = Genome.load(_genome_path(spec.genome.distilled_from, store, spec.birth.recipe))
    return carried(genome, spec.model, keep_gain=spec.genome.keep_gain)


def _genome_path(run: RunSpec, store: Store, recipe: str) -> Path:
    """Return where the genome lies that was distilled from a run: several recipes may be."""
    usual = recipe == "weight_compression"
    return store.folder(run.uid) / (GENOME if usual else f"genome-{recipe}.json")


def _distil(run: RunSpec, record: Record, store: Store, recipe: str) -> None:
    """Distil a trained network, unless that was done before, and check what lies there."""
    path, state = _genome_path(run, store, recipe), restored(run, store).state_dict()
    if not path.is_file():
        about, architecture = {"run": run.uid, "label": run.label}, run.model.architecture
        distill(state, run.birth.seed, about, recipe=recipe, architecture=architecture).save(path)
        record = replace(record, genome="")
        advance("distil", 1, f"distilled {run.title}")
    genome = Genome.load(path)
    known = path.name != GENOME or record.genome in ("", genome.sha256)
    if not known or genome.source.get("state_sha256") != state_hash(state):
        raise InputError(
            f"{path} holds another genome ({genome.sha256:.12}...) than was distilled from this run. Restore "
            "it from a copy, or delete it: it is then distilled again."
        )
    if path.name == GENOME and record.genome != genome.sha256:
        store.save(replace(record, genome=genome.sha256))


def _record(spec: RunSpec, result: TrainResult, seconds: float, bits: int | None) -> Record:
    trained = {area: count for area, (count, _) in result.plasticity.by_area().items()}
    totals = {"trained": result.plasticity.count(), "all": result.plasticity.count(trained=False)}
    return Record(
        uid=spec.uid,
        label=spec.label,
        seed=spec.birth.seed,
        spec=to_dict(spec),
        synapses=totals | trained,
        points=tuple(point_from_dict(o["point"]) for o in result.observations),
        losses=tuple(round(float(loss), 6) for loss in result.epoch_losses),
        provenance=provenance(seconds, any_network.provenance(spec.model.architecture)) | _machine(spec),
        ledger=result.ledger.summary(),
        bits=bits,
    )


def _machine(spec: RunSpec) -> dict[str, Any]:
    return {"threads": torch.get_num_threads(), "device": device_name(spec.training.device)}
