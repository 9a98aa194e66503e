"""``wiringup birth``, ``distill`` and ``train``: networks in, networks out."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, arg

from wiringup.cli.arguments import (
    BatchNorm,
    Before,
    BeforePlasticity,
    BeforeRate,
    Birth,
    Classes,
    Images,
    Json,
    KeepGain,
    Model,
    Norms,
    Runs,
    Size,
    WeightsKey,
    Width,
    named_classes,
)
from wiringup.cli.show import as_json, number, say, table
from wiringup.core.errors import InputError
from wiringup.core.progress import plan

if TYPE_CHECKING:
    from wiringup.results.record import Record
    from wiringup.training.label_free import LabelFreeSpec

Out = Annotated[Path, arg(metavar="FILE", help="Where to write.")]


def birth(
    model: Model,
    out: Out,
    birth: Birth = "kaiming_normal",
    seed: int = 0,
    calibrate: Annotated[
        Path | None,
        arg(metavar="IMAGES", help="Unlabelled images (folder, zip, npz) to set BatchNorm statistics on."),
    ] = None,
    map: Annotated[
        Path | None,
        arg(
            metavar="FILE",
            help="JSON table, layer of MODEL (or a pattern, as in layer1.*.conv2): layer of the genome. By "
            "default the built-in map, if the genome is of another architecture.",
        ),
    ] = None,
    keep_gain: KeepGain = False,
    batchnorm: BatchNorm | None = None,
    before: Before = None,
    before_plasticity: BeforePlasticity = "all",
    before_lr: BeforeRate = 0.05,
    size: Size = 224,
    width: Width = 1.0,
    classes: Classes = 1000,
    json: Json = False,
) -> None:
    """Give birth to a network and write its weights as safetensors.

    BatchNorm is "calibrated" if there are images to --calibrate on, and "default" otherwise.

    For example:
      wiringup birth cornet_s --birth kn --seed 3 --out newborn.safetensors

      wiringup birth cornet_s --birth genome.json --calibrate images.zip --out newborn.safetensors

      wiringup birth resnet50 --birth wc --batchnorm noise --out newborn.safetensors

      wiringup birth cornet_s --birth wc --before waves:5000 --size 64 --out before_sight.safetensors
    """
    from wiringup.birth.apply import BirthSpec, describe_birth
    from wiringup.birth.batchnorm import calibrates, uses_images
    from wiringup.core.home import data_home
    from wiringup.data.images.reading import read_stimuli
    from wiringup.experiments.genomes import find_genome
    from wiringup.experiments.pipeline import grown
    from wiringup.models.architecture import ModelSpec
    from wiringup.models.weights import save_weights

    count, names = named_classes(classes)
    model_spec = ModelSpec(model, width, count, size)
    recipe, genome = find_genome(birth, data_home(), model_spec, map, keep_gain=keep_gain)
    policy = batchnorm or ("default" if calibrate is None else "calibrated")
    spec = BirthSpec(recipe, seed, genome.sha256 if genome else "", policy)
    if calibrate is not None and not uses_images(policy):
        raise InputError(f"BatchNorm {policy!r} uses no images; leave out --calibrate.")
    images = None if calibrate is None else read_stimuli(calibrate, size)
    phase = _phase(before, before_plasticity, before_lr, 64, size, seed, "cpu")
    plan({"train:label-free": phase.frames if phase else 0})
    network, accounts = grown(model_spec, spec, genome, images, phase, label=before or "")
    save_weights(network, out, names)
    spent = {f"{name}: {what}": n for name, a in accounts.items() for what, n in a.totals().items()}
    facts = describe_birth(spec, genome) | spent | {"file": str(out)}
    if phase is not None and not calibrates(policy):
        facts["batchnorm_statistics"] = f"as {phase.stimuli} left them"
    as_json(facts) if json else table(["birth", ""], [[k, str(v)] for k, v in facts.items()])


def _phase(
    text: str | None,
    plasticity: str,
    lr: float,
    batch: int,
    size: int,
    seed: int,
    device: str,
    norms: str = "batch",
) -> "LabelFreeSpec | None":
    """Return the phase without labels that a command asks for."""
    from wiringup.training.label_free import LabelFreeSpec
    from wiringup.training.spec import TrainSpec

    if text is None:
        return None
    batch += batch % 2  # frames come in pairs
    how = TrainSpec(
        plasticity=plasticity, batch=batch, lr=lr, schedule="cosine", augmentation="none", size=size,
        seed=seed, device=device, norms=norms,
    )  # fmt: skip
    return LabelFreeSpec.parse(text, how)


def distill(
    weights: Annotated[Positional[Path], arg(metavar="WEIGHTS", help="A checkpoint (.pth or safetensors).")],
    out: Out = Path("genome.json"),
    recipe: Annotated[
        str, arg(metavar="RECIPE", help="What to fit; wiringup genome recipes lists all.")
    ] = "weight_compression",
    architecture: Annotated[str, arg(help="The network that the weights belong to.")] = "cornet_s",
    weights_key: WeightsKey = None,
    seed: Annotated[int, arg(help="Seed of clusterings and subsamples.")] = 0,
    statistics: Annotated[
        bool,
        arg(
            help="Also keep the running statistics of BatchNorm, two numbers for every channel, for births "
            "with --batchnorm teacher."
        ),
    ] = False,
    add_to: Annotated[
        str | None,
        arg(
            metavar="GENOME",
            help="Fit nothing: add the statistics of WEIGHTS to this genome (a file, or wc for the "
            "published distributions).",
        ),
    ] = None,
    hidden: Annotated[
        int | None,
        arg(metavar="N", help="Hidden units of every g-network; by default 32, fewer for small layers."),
    ] = None,
    json: Json = False,
) -> None:
    """Condense a trained network to the distributions from which others can be born.

    For example:
      wiringup distill cornet_s_epoch43.pth.tar --out genome.json

      wiringup distill resnet50.pth --architecture resnet50 --out genome.json

      wiringup distill weights.safetensors --recipe kernel_normal --out kernels.json

      wiringup distill weights.safetensors --recipe g_network --hidden 16 --out bottleneck.json

      wiringup distill cornet_s_epoch43.pth.tar --add-to wc --out published_with_statistics.json
    """
    from wiringup.birth.distill import distill as fit
    from wiringup.core.files import sha256_of
    from wiringup.core.home import data_home
    from wiringup.experiments.genomes import taught
    from wiringup.models.architecture import ModelSpec
    from wiringup.models.trained import read_trained

    trained = read_trained(weights, ModelSpec(architecture), weights_key)
    state, spec = trained.state, trained.spec
    source = {"file": weights.name, "file_sha256": sha256_of(weights)}
    if add_to is not None:
        if (recipe, seed, hidden) != ("weight_compression", 0, None):
            raise InputError("With --add-to nothing is fitted; leave out --recipe, --seed and --hidden.")
        genome = taught(add_to, data_home(), trained, source)
    else:
        genome = fit(
            state, seed, source, recipe=recipe, architecture=spec.architecture, hidden=hidden,
            statistics=statistics,
        )  # fmt: skip
    genome.save(out)
    facts = {
        "file": str(out),
        "recipe": genome.recipe,
        "layers": len(genome.layers),
        "weights": sum(v.numel() for k, v in state.items() if k.endswith((".weight", ".bias"))),
        "figures": genome.n_parameters,
        "parameters": genome.n_parameters,
        "bits at 16 per figure": genome.bits(16),
        "running statistics among the figures": genome.n_statistics,
        "sha256": genome.sha256,
    }
    if json:
        as_json(facts | {"weights_notes": list(trained.notes)})
        return
    for note in trained.notes:
        say(f"Note: {note}")
    table(["genome", ""], [[k, str(v)] for k, v in facts.items()])


def train(
    model: Model,
    images: Images,
    birth: Birth = "kaiming_normal",
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
    epochs: Annotated[float, arg(help="Passes over the images; fractions are fine.")] = 6,
    limit: Annotated[
        int | None,
        arg(help="Learn from this many images only: balanced over classes, fewer among more."),
    ] = None,
    subset_seed: Annotated[int, arg(help="Seed of the choice that --limit makes.")] = 0,
    image_size: Annotated[
        int | None,
        arg(
            metavar="PX",
            help="Side at which images are kept; random crops are cut out of it. By default --size.",
        ),
    ] = None,
    duration: Annotated[
        str | None,
        arg(metavar="TIME", help='Instead of --epochs: "10000 images", "300 steps" or "0.5 epochs".'),
    ] = None,
    benchmark: Annotated[tuple[str, ...], arg(metavar="NAME [NAME ...]")] = (),
    seed: int = 0,
    size: Size = 224,
    width: Width = 1.0,
    batch: int = 256,
    lr: float = 0.1,
    schedule: Annotated[str, arg(help="step, plateau, cosine, one-cycle or constant.")] = "step",
    optimiser: Annotated[str, arg(help="sgd, adam, adamw or adagrad.")] = "sgd",
    weight_decay: float = 1e-4,
    before: Before = None,
    before_plasticity: BeforePlasticity = "all",
    before_lr: BeforeRate = 0.05,
    momentum: Annotated[float, arg(help="Of sgd.")] = 0.9,
    nesterov: Annotated[bool, arg(help="Let the momentum of sgd be Nesterov's.")] = False,
    betas: Annotated[tuple[float, float], arg(help="Of adam and adamw.")] = (0.9, 0.999),
    augmentation: Annotated[
        str,
        arg(help="crop+flip; or none: with --norms running, frozen layers are then asked only once."),
    ] = "crop+flip",
    precision: Annotated[str, arg(help="float32, or bf16 where the hardware is made for it.")] = "float32",
    norms: Norms = "batch",
    workers: Annotated[int, arg(help="Threads that prepare batches ahead; changes no result.")] = 0,
    device: str = "cpu",
    out: Runs = Path("runs"),
    json: Json = False,
) -> None:
    """Train few synapses on few labelled images, count every update, and score birth and end.

    A fifth of the images (at most 400) is held out for top-1. Images are decoded once and kept as plain
    pixels (wiringup pack, wiringup cache). Interrupted, the same command continues; so it does after SIGTERM,
    by which schedulers take machines back (exit code 75). Several processes share every batch if torchrun
    starts them; they learn what one would.

    For example:
      wiringup train cornet_s --images imagenet100.zip --birth wc --plasticity critical --epochs 6

      wiringup train cornet_s --images train.zip --width 0.25 --size 64 --batch 64 --limit 1000
          --plasticity downstream:IT --benchmark cowley2023.210325.V4-pls

      wiringup train cornet_s --images train.zip --birth wc --before waves:10000 --size 64

      wiringup train cornet_s --images 'imagenet-{0000..1023}.tar' --image-size 288 --limit 50000

      wiringup train cornet_s --images train.zip --duration "5000 images" --schedule one-cycle
          --plasticity "decoder + random:(critical-decoder) from (all-decoder)"

      torchrun --standalone --nproc-per-node 4 --no-python wiringup train cornet_s --images train.zip
    """
    from wiringup.core.home import data_home
    from wiringup.experiments.pipeline import WEIGHTS
    from wiringup.experiments.single import TrainRequest, train_one
    from wiringup.training import schedule as time
    from wiringup.training.distributed import leads
    from wiringup.training.spec import TrainSpec

    spec = TrainSpec(
        plasticity=plasticity, duration=time.Duration.parse(duration) if duration else time.epochs(epochs),
        batch=batch, optimiser=optimiser, lr=lr, weight_decay=weight_decay, schedule=schedule, size=size,
        seed=seed, device=device, augmentation=augmentation, precision=precision, norms=norms,
        workers=workers, momentum=momentum, nesterov=nesterov, betas=betas,
    )  # fmt: skip
    request = TrainRequest(
        model, birth, images, spec, width, limit, benchmark, keep_gain, batchnorm, subset_seed, image_size,
        _phase(before, before_plasticity, before_lr, batch, size, seed, device, norms),
    )  # fmt: skip
    record = train_one(request, out, data_home(), quiet=json or not leads())
    if not leads():
        return
    if json:
        from wiringup.results.record import to_dict

        as_json(to_dict(record))
    else:
        _print_record(record, out / record.uid / WEIGHTS)


def _print_record(record: "Record", weights: Path) -> None:
    header = ["epoch", "updates", "synaptic updates", "top-1", *(s.benchmark for s in record.last.scores)]
    body = [
        [f"{p.epoch:g}", f"{p.updates:,}", f"{p.synaptic_updates:,}", number(p.top1)]
        + [number(s.score) for s in p.scores]
        for p in record.points
    ]
    table(header, body, title=f"{record.label}, norms {record.norms}, seed {record.seed}  [{record.uid}]")
    for phase, before_labels in record.ledger.get("label-free", {}).items():
        say(
            f"Before the first label, {phase}: {before_labels['updates']:,} images or frames, "
            f"{before_labels['synaptic updates']:,} label-free synaptic updates."
        )
    areas = record.ledger.get("synaptic updates by area", {})
    spent = ", ".join(f"{area} {number:,}" for area, number in areas.items() if number)
    say(f"Synaptic updates: {spent or 'none'}.")
    say(f"Weights: {weights} (for score --weights and distill); record beside it.")
