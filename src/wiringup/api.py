"""The Python interface: a network, its birth, its training and its scores, in a function each.

Everything here is put together from the rooms below, which say more; the names are those of the package
itself, as in ``wiringup.create_model``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from inspect import signature
from pathlib import Path
from typing import Any

from torch import nn

from wiringup.benchmarks.benchmark import Benchmark, evaluate
from wiringup.benchmarks.catalog import load_benchmark
from wiringup.benchmarks.suites import load_suite
from wiringup.birth.apply import OWN, BirthSpec
from wiringup.birth.apply import give_birth as give_birth_in_place
from wiringup.birth.batchnorm import uses_images
from wiringup.birth.distill import distill as distill_state
from wiringup.birth.genome import Genome
from wiringup.core.checks import one_of
from wiringup.core.errors import InputError
from wiringup.core.progress import watched
from wiringup.core.score import DEFAULT_NORMALISATION
from wiringup.data.images.reading import read_stimuli
from wiringup.experiments.recipes.single import single
from wiringup.experiments.runs.genomes import find_genome
from wiringup.experiments.runs.inputs import StudyInputs
from wiringup.experiments.runs.network import UNBORN, Network, from_weights
from wiringup.experiments.runs.options import ExamOptions, NetworkOptions, as_trained, base_run, shown
from wiringup.experiments.runs.run import execute_alone, read_spec, restored, settled, spec_of
from wiringup.experiments.runs.spec import RunSpec
from wiringup.experiments.scoring.candidates import Candidate
from wiringup.experiments.scoring.scores import row
from wiringup.experiments.scoring.subjects import subject_of, told_of_module
from wiringup.figures.results import BrainMatchResult, Results
from wiringup.models import any_network
from wiringup.models.architecture import ModelSpec, build
from wiringup.models.device import check_device
from wiringup.models.preprocessing import preprocess
from wiringup.models.readout import Subject
from wiringup.results import brain_match as matching
from wiringup.results.record import Record
from wiringup.results.store import Store
from wiringup.training.schedule import Duration
from wiringup.training.schedule import epochs as passes
from wiringup.training.spec import TrainingOptions, TrainSpec


class TrainedResults(Results):
    """The results of one run.

    Attributes:
        model: its trained network.
        record: all that was kept of it.
        folder: where that lies, with its specification and its weights.
    """

    model: Network
    record: Record
    folder: Path

    @property
    def ledger(self) -> Mapping[str, Any]:
        """What it cost: supervised updates and synaptic updates, by layer, area and kind."""
        return self.record.ledger


def create_model(
    name: str = "cornet_s",
    *,
    width: float = 1.0,
    classes: int | None = None,
    size: int | None = None,
    areas: Mapping[str, str] | None = None,
    weights: Path | str | None = None,
    **preprocessing: Any,
) -> Network:
    """Return a network: an architecture before birth, or another package's network with its own weights.

    An ``nn.Module`` that was made already is scored as `NetworkSubject`, which says how it sees.

    Args:
        name: "cornet_s", "resnet50", "mobilenet_v1" or "alexnet"; or "package.module:factory", "timm:NAME" or
            "torchvision:NAME".
        width: factor on the number of channels.
        classes: of its decoder; by default 1000, or as many as its weights have.
        size: side of its input in px; by default 224, or that with which its weights were trained.
        areas: area -> layer, where an area is not read out as the architecture says.
        weights: a checkpoint to read instead; it decides width and classes, and, if it says so, size,
            preprocessing and areas that are not given here.
        preprocessing: mean, std, interpolation and crop, where they are not its own.

    Raises:
        InputError: if there is no such network, or the weights do not fit.
        MissingDataError: if a library or file is not here.
    """
    if isinstance(name, nn.Module):
        raise InputError(told_of_module(name))
    if areas is not None and not isinstance(areas, Mapping):
        raise InputError(f"areas is {areas!r}; give a dictionary, as in {{'V4': 'layer3'}}.")
    foreign = any_network.is_foreign(name)
    own = any_network.classes_of(name) if foreign else None
    if own is not None and weights is None and classes not in (None, own):
        raise InputError(f"{name} has {own} classes of its own, not {classes}; leave out classes.")
    known = [f.name for f in fields(NetworkOptions) if f.name not in ("model", "width", "size", "areas")]
    for given in preprocessing:
        one_of(given, known, "argument")
    read_out = tuple(f"{area}={layer}" for area, layer in (areas or {}).items())
    said = {"size": size, "areas": read_out, **preprocessing}
    options = NetworkOptions(name, width, **as_trained([] if weights is None else [Path(weights)], said))
    spec = options.network(own or (ModelSpec.classes if classes is None else classes))
    if weights is not None:
        return from_weights(Path(weights), replace(spec, width=1.0), width, classes)
    if foreign:
        return Network(spec, any_network.own_network(name, spec.classes), BirthSpec(OWN))
    return Network(spec, build(spec))


def give_birth(
    model: Network,
    birth: str | Path | Genome = "kaiming_normal",
    seed: int = 0,
    *,
    batchnorm: str | None = None,
    calibrate: Path | str | None = None,
) -> Network:
    """Give birth to a network, in place, and return it.

    Args:
        model: the network.
        birth: a recipe ("kn", "wc"), a genome file or a genome.
        seed: of the birth.
        batchnorm: one of `birth.batchnorm.POLICIES`; "default" if there is nothing to calibrate on.
        calibrate: unlabelled images to set BatchNorm statistics on.

    Raises:
        InputError: for an unknown recipe, a genome that does not fit, or images that are not used.
        MissingDataError: if a genome or images are not here.
    """
    _check_network(model)
    recipe, genome = find_genome(birth, StudyInputs().home, model.spec)
    policy = batchnorm or ("default" if calibrate is None else "calibrated")
    spec = BirthSpec(recipe, seed, genome.sha256 if genome else "", policy)
    if calibrate is not None and not uses_images(policy):
        raise InputError(f"BatchNorm {policy!r} uses no images; leave out calibrate.")
    shown = None
    if calibrate is not None:
        pixels = read_stimuli(Path(calibrate), model.spec.size).pixels
        shown = preprocess(pixels, model.spec.size, model.spec.preprocessing)
    give_birth_in_place(model.module, spec, genome, shown, model.spec.size)
    model.become(spec, "" if isinstance(birth, Genome) else str(birth))
    return model


def distill(model: Network | Path | str, recipe: str = "weight_compression", seed: int = 0) -> Genome:
    """Condense a trained network, or a checkpoint of a CORnet-S, to distributions; see `birth.distill`.

    Checkpoints of other networks: ``distill(create_model(NAME, weights=FILE))``.

    Raises:
        InputError: for an unknown recipe, or weights that do not fit.
    """
    if not isinstance(model, Network):
        model = create_model(weights=model)
    if model.origin == UNBORN and not model.changed:
        raise InputError("This network was never born: its weights are 0, and there is nothing to distil.")
    source, architecture = {"network": repr(model)}, model.spec.architecture
    with watched():
        return distill_state(
            model.module.state_dict(), seed, source, recipe=recipe, architecture=architecture
        )


def train(
    model: Network | str,
    images: Path | str,
    *,
    plasticity: str = "critical",
    epochs: float | None = None,
    duration: str | None = None,
    limit: int | None = None,
    val: Path | str | None = None,
    image_size: int | None = None,
    keep: str = "squares",
    top1: str = "own",
    birth: str | Path = "",
    seed: int = 0,
    batchnorm: str | None = None,
    suite: str | None = None,
    benchmarks: Sequence[str] = (),
    moments: str | float | Sequence[float] = "",
    normalisation: str = DEFAULT_NORMALISATION,
    keep_weights: bool = False,
    runs: Path | str = "runs",
    **options: Any,
) -> TrainedResults:
    """Train few synapses on few labelled images, count every update, and score birth, moments and end.

    The network is born anew as it was born before, with as many classes as the images have; ``model`` itself
    is not changed. The trained network is ``model`` of what is returned, its files lie in ``runs``, and what
    is there already is not computed again.

    Args:
        model: a network that was born, or the name of one.
        images: labelled images, see `data.images.source.ALLOWED`.
        plasticity: which synapses learn.
        epochs: passes over the images; 6 if there is no ``duration``.
        duration: instead of epochs: "10000 images", "300 steps".
        limit: learn from this many images only.
        val: a validation set of the same classes, for top-1; by default some of ``images`` are held out.
        image_size: side in px at which images are kept; by default that of the network's input.
        keep: what is kept of an image: "squares", or all of it: "raw" or "jpeg:90".
        top1: how images for top-1 are shown: "own" (the network's preprocessing) or "resize-crop".
        birth: a recipe or a genome file; by default as ``model`` was born, or "kn".
        seed: of the training, and of a birth that ``model`` does not bring.
        batchnorm: BatchNorm at birth; by default as ``model`` was born, or "calibrated" on images to learn
            from, without their labels.
        suite: benchmarks to score on, by the name of a suite.
        benchmarks: or by their own names.
        moments: when to score between birth and end: [0.5, 1, 2] epochs, "5000 images", or "published".
        normalisation: of scores, by the ceiling.
        keep_weights: whether the weights of each moment are kept.
        runs: the folder of runs.
        options: fields of `training.spec.TrainingOptions`, as lr, batch or device.

    Raises:
        InputError: for anything that cannot be used.
        MissingDataError: if images, a genome or a benchmark are not here.
    """
    network = create_model(model) if isinstance(model, str) else model
    _check_network(network)
    known = network.origin if isinstance(network.origin, BirthSpec) and not birth else None  # born already
    if not (birth or known or isinstance(model, str)):
        raise InputError(f"{network!r} has no birth to start from; name one, as in birth='kn'.")
    if known and network.changed:
        raise InputError(
            f"{network!r}: a training begins with a birth, not with such weights; name one: birth='kn'."
        )
    if known and known.genome and not network.born_from:
        raise InputError(
            f"{network!r} was born from a genome in memory alone: nobody could make the run again. "
            "Save it (genome.save('g.json')), and name the file: birth='g.json'."
        )
    if duration and epochs is not None:
        raise InputError("duration is given instead of epochs; leave one out.")
    known_options = [*signature(train).parameters, *(f.name for f in fields(TrainingOptions))]
    for given in options:
        one_of(given, [name for name in known_options if name != "options"], "option of a training")
    _check_one_of(suite, benchmarks)
    size = network.spec.size
    how = TrainSpec.of(
        TrainingOptions(**options),
        plasticity=plasticity,
        duration=Duration.parse(duration) if duration else passes(6 if epochs is None else epochs),
        size=size,
        seed=seed,
    )
    when = (moments,) if isinstance(moments, str) else tuple(map(str, _listed(moments)))
    named = tuple(_listed(benchmarks))
    exam = ExamOptions("none", suite or None, named, normalisation, when, keep_weights, top1)
    seen = shown(images, val, size if image_size is None else image_size, limit, keep)
    usual = known.batchnorm if known else "calibrated"
    born = BirthSpec(seed=known.seed if known else seed, batchnorm=batchnorm or usual)
    base = replace(base_run(network.spec, seen, exam, how), birth=born)
    inputs = StudyInputs()
    with watched():
        own = known.recipe if known and known.recipe == OWN else network.born_from
        run = single(base, inputs, str(birth or own or "kaiming_normal"))
        return _executed(run, Store(Path(runs)), inputs)


def execute(
    spec: RunSpec | Mapping[str, Any] | Path | str, runs: Path | str = "runs", device: str | None = None
) -> TrainedResults:
    """Make a run from its specification, or from the ``spec.json`` that the folder of every run holds.

    Raises:
        InputError: if the data here are other ones than the run was made with, or it is no run.
        MissingDataError: if they are not here.
    """
    inputs = StudyInputs()
    if isinstance(spec, Path | str):
        spec = read_spec(Path(spec), inputs)
    elif not isinstance(spec, RunSpec):
        spec = spec_of(spec, inputs)
    with watched():
        return _executed(spec, Store(Path(runs)), inputs, device)


def _executed(run: RunSpec, store: Store, inputs: StudyInputs, device: str | None = None) -> TrainedResults:
    run = settled(run, inputs, device)
    record = execute_alone(run, store, device, inputs)
    found = TrainedResults([record], record.label)
    network, made = restored(run, store, inputs), "trained" if run.learns else "newborn"
    found.model = Network(run.model, network, f"{made}, run {record.uid}")
    found.record, found.folder = record, store.folder(record.uid)
    return found


def score(
    model: Network | Subject | str,
    benchmarks: Benchmark | str | Sequence[Benchmark | str],
    layers: Sequence[str] = (),
    *,
    size: int | None = None,
    normalisation: str = DEFAULT_NORMALISATION,
    device: str = "cpu",
) -> Results:
    """Score a network, or anything that answers to images, on recordings and behaviour.

    Args:
        model: a network; any `models.readout.Subject`; or "pixels", "v1_energy" or "hmax".
        benchmarks: benchmarks, or their names.
        layers: what to read out; by default the layer of each benchmark's area.
        size: side in px at which reference models see, and simulated benchmarks are rendered; by default
            224, or that of the network.
        normalisation: by the ceiling.
        device: where a network runs and responses are scored.

    Raises:
        InputError: for an unknown name or layer.
        MissingDataError: if a benchmark is not here.
    """
    own = model.spec.size if isinstance(model, Network) else None
    if own is not None and size not in (None, own):
        raise InputError(f"{model!r} sees {own} px, not {size}; make one of that size, or leave out size.")
    side = own or size or ModelSpec.size
    loaded = [load_benchmark(b, size=side) if isinstance(b, str) else b for b in _listed(benchmarks)]
    seen, facts = subject_of(model, side, device)
    with watched():
        scores = evaluate(seen, loaded, _listed(layers) or None, normalisation, device=check_device(device))
    candidate = Candidate(seen, facts, {})
    return Results([row(candidate, s) for s in scores])


def brain_match(
    model: Network | Subject | str | Sequence[Network],
    suite: str | None = None,
    *,
    benchmarks: Sequence[str] = (),
    reference: Network | Subject | str | Sequence[Network] | None = None,
    size: int = 224,
    normalisation: str = DEFAULT_NORMALISATION,
    device: str = "cpu",
) -> BrainMatchResult:
    """Return the brain match on a suite: the mean over areas of ceiled scores, with errors.

    Args:
        model: as `score` takes it; several networks are seeds of one condition.
        suite: name of the benchmarks that count, by default "real@1"; those that are not here are named as
            missing.
        benchmarks: their names instead of a suite; all have to be here.
        reference: what a fraction is taken of.
        size: as in `score`.
        normalisation: as in `score`.
        device: as in `score`.

    Raises:
        InputError: for an unknown name.
        MissingDataError: if no benchmark is here.
    """
    _check_one_of(suite, benchmarks)
    if not (seeds := _listed(model)):
        raise InputError("There is no model to match; give at least one.")
    side = seeds[0].spec.size if isinstance(seeds[0], Network) else size
    named = None if benchmarks else suite or "real@1"
    asked, found, missing = load_suite(named, _listed(benchmarks) if benchmarks else (), size=side)

    def match(of: Any) -> matching.BrainMatch:
        each_seed = _listed(of)
        subjects = [subject_of(one, size, device)[0] for one in each_seed]
        if len({one.identity for one in subjects}) < len(subjects):
            raise InputError("Several networks are seeds of one condition, but two of these are the same.")
        where = check_device(device)
        each = [evaluate(one, found, normalisation=normalisation, device=where) for one in subjects]
        label = each_seed[0].description if isinstance(each_seed[0], Network) else subjects[0].name
        scores = [list(of_benchmark) for of_benchmark in zip(*each, strict=True)]
        return matching.brain_match(label, asked.name, scores, missing)

    with watched():
        return BrainMatchResult(match(model), None if reference is None else match(reference))


def _listed(value: Any) -> list[Any]:
    """Return several things as a list, and one as a list of one."""
    return list(value) if isinstance(value, list | tuple) else [value]


def _check_one_of(suite: str | None, benchmarks: Any) -> None:
    if suite and benchmarks:
        raise InputError("A suite is a list of benchmarks; leave out one of the two.")


def _check_network(model: Any) -> None:
    if not isinstance(model, Network):
        raise InputError(f"{model!r:.60} is no network of wiringup; make one with create_model.")
