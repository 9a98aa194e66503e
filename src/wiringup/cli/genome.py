"""``wiringup genome``: what genomes hold, drawn, compared and sealed, and all birth recipes."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import Positional, arg, subcommand

from wiringup.cli.arguments import Json, Runs, WeightsKey
from wiringup.cli.show import as_json, number, table

if TYPE_CHECKING:
    from wiringup.birth.genome import Genome
    from wiringup.experiments.runs.genome_views import Difference
    from wiringup.results.bits import Document

Name = Annotated[
    Positional[str],
    arg(metavar="GENOME", help="A genome file (.json), or a recipe that has published distributions, as wc."),
]

log = logging.getLogger(__name__)


def _opened(name: str) -> "Genome":
    from wiringup.core.home import data_home
    from wiringup.experiments.runs.genomes import open_genome

    return open_genome(name, data_home())


def show(
    genome: Name,
    precision: Annotated[int, arg(metavar="BITS", help="Bits of each parameter.")] = 16,
    json: Json = False,
) -> None:
    """Show what a genome holds: its source, its layers, and its size in parameters and bits.

    For example:
      wiringup genome show wc

      wiringup genome show genome.json --precision 32 --json
    """
    from wiringup.experiments.runs.genome_views import content

    values = content(_opened(genome), precision)
    if json:
        as_json(values)
        return
    layers, source = values.pop("layers"), values.pop("source")
    facts = {**values, **{f"source: {name}": value for name, value in source.items()}}
    table(["genome", ""], [[name, _told(value)] for name, value in facts.items()])
    header = ["layer", "kind", "parameters", "bits", "summary"]
    table(
        header,
        [[r["layer"], r["kind"], f"{r['parameters']:,}", f"{r['bits']:,}", r["summary"]] for r in layers],
    )


def _told(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{len(value)} entries (see --json)"
    return f"{value:,}" if isinstance(value, int) else str(value)


def plot(
    genome: Name,
    out: Annotated[Path, arg(metavar="FILE", help="The drawing (png, pdf, svg).")] = Path("genome.png"),
    weights: Annotated[
        Path | None, arg(metavar="FILE", help="A checkpoint to draw beside what is born.")
    ] = None,
    weights_key: WeightsKey = None,
    layer: Annotated[tuple[str, ...], arg(metavar="NAME [NAME ...]", help="Draw these layers only.")] = (),
    seed: Annotated[int, arg(help="Seed of the birth whose weights are drawn.")] = 0,
    json: Json = False,
) -> None:
    """Draw a genome as in the paper's Figure 2, and what is born of it.

    Of a first layer: the distributions of the Gabors' parameters and filters in colour; of clusters: centres
    with their shares, and kernels (rows are output kernels, columns input channels); of BatchNorm: moments.

    For example:
      wiringup genome plot wc --out wc.png

      wiringup genome plot genome.json --weights cornet_s_epoch43.pth.tar --layer V1.conv1 V2.conv2
    """
    from wiringup.experiments.runs.genome_views import drawing
    from wiringup.figures.genome import draw
    from wiringup.figures.style import check_format, write
    from wiringup.models.weights import read_weights

    check_format(out)
    distilled = _opened(genome)
    names = [f"{name}.weight" for name in distilled.layers]
    read = None if weights is None else read_weights(weights, names, weights_key)
    for note in () if read is None else read.notes:
        log.warning("%s", note)
    trained = None if read is None else read.state
    shown = drawing(distilled, seed, trained, layer)
    write(draw(shown), out)
    layers = [*([shown.first.name] if shown.first else []), *(k.name for k in shown.layers)]
    if json:
        norms = list(shown.norms.names) if shown.norms else []
        as_json({"file": str(out), "layers": layers, "norms": norms, "trained": trained is not None})
        return
    log.info("Drew %d layers into %s", len(layers), out)


def diff(
    first: Name,
    second: Name,
    seed: Annotated[int, arg(help="Seed of the draws that are compared.")] = 0,
    json: Json = False,
) -> None:
    """Compare two genomes layer by layer: kinds, parameters, and how far apart their distributions are.

    Distances are between draws, in units of the weights: "channels" of single k x k kernels, "kernels" of the
    mean weight of output kernels; in brackets, what two draws of the first genome differ by.

    For example:
      wiringup genome diff wc genome.json

      wiringup genome diff before.json after.json --json
    """
    from wiringup.experiments.runs.genome_views import differences, same_statistics

    one, other = _opened(first), _opened(second)
    found = differences(one, other, seed)
    if json:
        rows = [d.to_dict() for d in found]
        facts = {"genomes": [one.sha256, other.sha256], "same": one.sha256 == other.sha256, "layers": rows}
        as_json(facts | {"statistics": [one.n_statistics, other.n_statistics]})
        return
    body = [
        [d.layer, *(k or "–" for k in d.kinds), *(f"{n:,}" for n in d.n_parameters), _apart(d)] for d in found
    ]
    table(["layer", "kind", "kind", "parameters", "parameters", "distance (chance)"], body)
    equal = sum(d.same for d in found)
    log.info(
        f"{equal} of {len(found)} layers are the same; "
        f"{one.n_parameters:,} and {other.n_parameters:,} parameters."
    )
    if one.statistics or other.statistics:
        held = f"{one.n_statistics:,} and {other.n_statistics:,}"
        alike = "the same" if same_statistics(one, other) else "not the same"
        log.info(f"Running statistics among the parameters: {held}, {alike}.")
    if one.architecture != other.architecture:
        log.info(
            f"The genomes are of {one.architecture} and {other.architecture}: layers are compared by name."
        )


def _apart(d: "Difference") -> str:
    if d.same:
        return "the same"
    if "" in d.kinds:
        return "in one genome only"
    parts = [
        f"{n} {number(v)}" + (f" ({number(d.chance[n])})" if d.chance else "") for n, v in d.distances.items()
    ]
    return ", ".join(parts) or d.note


def seal(
    file: Annotated[Positional[Path], arg(metavar="FILE", help="A genome file that was written or changed.")],
    out: Annotated[Path, arg(metavar="FILE", help="Where to write it as a genome of its own.")],
    json: Json = False,
) -> None:
    """Give a genome that was written or changed by hand a hash of its own.

    Genome files carry a hash of themselves; one that was changed is refused until it is sealed again. Its
    source then says that this was done by hand. Values beside the file cannot be changed in this way.

    For example:
      wiringup genome seal edited.json --out mine.json
    """
    from wiringup.birth.genome import Genome

    edited = Genome.load(file, edited=True)
    genome = replace(edited, source={**edited.source, "sealed": "by hand"})
    genome.save(out)
    facts = {"file": str(out), "recipe": genome.recipe, "layers": len(genome.layers), "sha256": genome.sha256}
    as_json(facts) if json else table(["genome", ""], [[k, str(v)] for k, v in facts.items()])


def recipes(json: Json = False) -> None:
    """List all birth recipes: what they do, where they are from, and what to type.

    For example:
      wiringup genome recipes
    """
    from wiringup.experiments.runs.genome_views import recipes as rows

    found = rows()
    if json:
        as_json(found)
        return
    header = ["recipe", "alias", "--birth", "genome", "what it does", "source"]
    body = [
        [
            r["recipe"], " ".join(r["aliases"]) or "–", r["birth"], "yes" if r["needs_genome"] else "no",
            r["description"], r["source"],
        ]
        for r in found
    ]  # fmt: skip
    table(header, body)
    log.info("FILE is a genome of your own: wiringup distill WEIGHTS --recipe RECIPE --out FILE.json")
    log.info(f"BatchNorm of each is a policy of its own (--batchnorm): {', '.join(found[0]['batchnorm'])}.")


def bits(
    suite: Annotated[str, arg(metavar="NAME", help="Brain matches on which benchmarks.")] = "real@1",
    figure: Annotated[
        Path | None, arg(metavar="FILE", help="Draw brain match against bits (png, pdf, svg).")
    ] = None,
    out: Runs = Path("runs"),
    json: Json = False,
) -> None:
    """Set the brain matches that wiringup match kept against the description length of what was scored.

    Parameters of distributions count 16 bits, those of trained networks 32; a rule such as Kaiming normal
    has none; programs, architectures and seeds are not counted.

    For example:
      wiringup match pixels --size 112
      wiringup match cornet_s --birth kn --seed 0 1 2 --size 112
      wiringup match cornet_s --birth wc --seed 0 1 2 --size 112
      wiringup genome bits --figure bits.png
    """
    from wiringup.birth.published import PUBLISHED_STATISTICS
    from wiringup.figures.description_length import draw
    from wiringup.figures.style import check_format, write
    from wiringup.results.bits import by_size
    from wiringup.results.store import Store

    if figure is not None:
        check_format(figure)
    matches = by_size(Store(out).matches(), suite)
    if json:
        as_json([flat(m) for m in matches])
    else:
        table(*_bits_table(matches), title=f"Brain match on {suite} and description length")
        births = [m["described"] for m in matches]
        if any(of["name"] == "weight_compression" and of["batchnorm"] != "teacher" for of in births):
            log.info(
                f"The published weight compression was born with {PUBLISHED_STATISTICS:,} running statistics "
                "of the trained network besides; they are counted only where BN is teacher."
            )
    if figure is not None:
        write(draw(matches, suite), figure)


def flat(match: "Document") -> dict[str, Any]:
    """Return what was scored, and its brain match, side by side."""
    facts = {name: match[name] for name in ("seeds", "simulated")}
    return {**match["described"], **facts, "match": {**match["areas"], "mean": match["mean"]}}


def _bits_table(matches: Sequence["Document"]) -> tuple[list[str], list[list[str]]]:
    from wiringup.results.bits import parameters

    header = ["what", "network", "BN", "seeds", "parameters", "bits", "brain match", "± error", "simulated"]
    body = [
        [
            of["name"], of["network"], of["batchnorm"] or "–", str(m["seeds"]),
            *("–" if n is None else f"{n:,}" for n in (parameters(of), of["bits"])),
            *(number(m["mean"][key]) for key in ("value", "error")),
            "yes" if m["simulated"] else "no",
        ]
        for m in matches
        for of in [m["described"]]
    ]  # fmt: skip
    return header, body


def genome(
    what: Annotated[
        Annotated[None, subcommand("show", constructor=show)]
        | Annotated[None, subcommand("plot", constructor=plot)]
        | Annotated[None, subcommand("diff", constructor=diff)]
        | Annotated[None, subcommand("seal", constructor=seal)]
        | Annotated[None, subcommand("recipes", constructor=recipes)]
        | Annotated[None, subcommand("bits", constructor=bits)],
        arg(name=""),
    ],
) -> None:
    """Show, draw, compare and seal genomes; list all birth recipes; set brain match against bits.

    For example:
      wiringup genome show wc

      wiringup genome plot wc --out wc.png
    """
