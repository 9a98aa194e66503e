"""``wiringup birth`` and ``distill``: networks in, networks out."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from wiringup.cli.arguments import (
    Birth,
    Classes,
    GivenBatchNorm,
    Json,
    KeepGain,
    WeightsKey,
    named_classes,
)
from wiringup.cli.options import NO_PHASE, SMALL, Before, Network
from wiringup.cli.show import as_json, table
from wiringup.core.errors import InputError
from wiringup.core.progress import plan

Out = Annotated[Path, arg(metavar="FILE", help="Where to write.")]

log = logging.getLogger(__name__)


def birth(
    network: Network,
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
    batchnorm: GivenBatchNorm = None,
    before: Before = NO_PHASE,
    classes: Classes = 1000,
    device: Annotated[
        str, arg(metavar="DEVICE", help="Where BatchNorm is calibrated and --before is learned.")
    ] = "auto",
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
    from wiringup.experiments.runs.births import pretrained
    from wiringup.experiments.runs.genomes import find_genome
    from wiringup.models.weights import save_weights

    count, names = named_classes(classes)
    model_spec, size = network.network(count), network.size
    recipe, genome = find_genome(birth, data_home(), model_spec, map, keep_gain=keep_gain)
    policy = batchnorm or ("default" if calibrate is None else "calibrated")
    spec = BirthSpec(recipe, seed, genome.sha256 if genome else "", policy)
    if calibrate is not None and not uses_images(policy):
        raise InputError(f"BatchNorm {policy!r} uses no images; leave out --calibrate.")
    images = None if calibrate is None else read_stimuli(calibrate, size)
    phase = before.spec(replace(SMALL, device=device), size, seed)
    plan({"train:label-free": phase.frames if phase else 0})
    model, accounts = pretrained(model_spec, spec, genome, images, phase, device=device)
    save_weights(model, out, names, model_spec)
    spent = {f"{name}: {what}": n for name, a in accounts.items() for what, n in a.totals().items()}
    facts = describe_birth(spec, genome) | spent | {"file": str(out)}
    if phase is not None and not calibrates(policy):
        facts["batchnorm_statistics"] = f"as {phase.stimuli} left them"
    as_json(facts) if json else table(["birth", ""], [[k, str(v)] for k, v in facts.items()])


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
    from wiringup.experiments.runs.genomes import taught
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
        "parameters": genome.n_parameters,
        "bits at 16 per parameter": genome.bits(16),
        "running statistics among the parameters": genome.n_statistics,
        "sha256": genome.sha256,
    }
    if json:
        as_json(facts | {"weights_notes": list(trained.notes)})
        return
    for note in trained.notes:
        log.warning("%s", note)
    table(["genome", ""], [[k, str(v)] for k, v in facts.items()])
