"""``wiringup plasticity``: which synapses learn, as a table."""

import logging
from collections.abc import Sequence
from typing import Annotated, Any

from torch import nn
from tyro.conf import OmitArgPrefixes, arg

from wiringup.cli.arguments import Classes, Json, named_classes
from wiringup.cli.show import as_json, table
from wiringup.experiments.runs.options import NetworkOptions
from wiringup.models.architecture import architecture_of, outline
from wiringup.training.flops import Flops, flops_by_layer
from wiringup.training.named_sets import PATTERN, members, names
from wiringup.training.plasticity import Plasticity, resolve
from wiringup.training.synapses import KINDS, Network, Synapses

log = logging.getLogger(__name__)


def plasticity(
    network: Annotated[NetworkOptions, OmitArgPrefixes, arg(name="")],
    plasticity: Annotated[
        str | None,
        arg(metavar="SET", help="Show every layer of this set, instead of the list of named sets."),
    ] = None,
    seed: Annotated[int, arg(help="Of random subsets; training takes its own seed.")] = 0,
    classes: Classes = 1000,
    json: Json = False,
) -> None:
    """Show which synapses of a network learn, layer by layer, how many they are, and what an image costs.

    Sets are joined with + (union), - (difference) and & (intersection, which binds tighter), and grouped
    with parentheses. Quote them for the shell.

      critical:V4                     critical training up to V4, all after it
      random:SET, random:N            as many synapses drawn from all, by the seed of the training
      random:SET from OTHER           ... drawn from OTHER
      lowrank:RANK:SET                frozen weights plus trained factors of this rank
      mask:FRACTION:SET               frozen weights; which of them act is learned (edge-popup)
      sign:SET                        no weight changes the sign it was born with (Dale)
      SET@START..STOP UNIT            only in this window of epochs, images or steps (as in V1@0..2epochs)

    For example:
      wiringup plasticity cornet_s

      wiringup plasticity cornet_s --plasticity "critical + kind:batchnorm"

      wiringup plasticity resnet50 --plasticity "decoder + random:(critical-decoder) from (all-decoder)"

      wiringup plasticity cornet_s --plasticity "lowrank:4:(downstream:IT & kind:convolution) + decoder"
    """
    spec = network.network(named_classes(classes)[0])
    architecture, model = architecture_of(spec), outline(spec)
    if plasticity is not None:
        found = resolve(model, architecture, plasticity, seed)
        facts = _facts(found, model, spec.size)
        as_json(facts | {"synapses": [_row(row) for row in found.synapses]}) if json else _print(found, facts)
        return
    network_of = Network.of(model, architecture)
    known = {name: says for name, says in names(architecture).items() if not name.endswith(PATTERN)}
    sets = [
        (resolve(model, architecture, name), says)
        for name, says in known.items()
        if members(network_of, *name.split(":"))  # without BatchNorm there is nothing to learn of it
    ]
    if json:
        as_json([{"name": p.name, "trained": p.count(), "share": p.share, "meaning": m} for p, m in sets])
        return
    body = [[p.name, f"{p.count():,}", f"{p.share:.2%}", says] for p, says in sets]
    table(
        ["plasticity", "trained", "of all", "what learns"],
        body,
        title=f"{spec.architecture}, width {spec.width:g}",
    )
    log.info("layer:PATTERN names layers (layer:V2.conv?). For joining sets see wiringup plasticity --help.")


def _facts(found: Plasticity, network: nn.Module, size: int) -> dict[str, Any]:
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name in found.trained)
    cost = sum(flops_by_layer(network, size).values(), Flops())
    kinds = {k: [found.count(kinds=[k]), found.count(kinds=[k], trained=False)] for k in KINDS}
    return {
        "plasticity": found.name,
        "trained": found.count(),
        "all": found.count(trained=False),
        "share": found.share,
        "areas": found.by_area(),
        "kinds": kinds,
        "flops of an image": {"forward": cost.forward, "backward": cost.backward},
    }


def _row(row: Synapses) -> dict[str, Any]:
    return {
        "parameter": row.parameter, "layer": row.layer, "area": row.area, "kind": row.kind,
        "shape": list(row.shape), "trained": row.learns, "count": row.count,
        "share": row.learns / row.count, "how": row.how,
    }  # fmt: skip


def _print(found: Plasticity, facts: dict[str, Any]) -> None:
    layers: dict[str, list[Synapses]] = {}
    for row in found.synapses:
        layers.setdefault(row.layer, []).append(row)
    header = ["layer", "area", "shape", "learns", "trained", "synapses", "share"]
    body = [_layer(layer, rows) for layer, rows in layers.items()]
    body += [["", area, "", "", *_counts(*counts)] for area, counts in facts["areas"].items()]
    body += [["all", "", "", "", *_counts(facts["trained"], facts["all"])]]
    table(header, body, title=found.name)
    cost = facts["flops of an image"]
    weights, of = facts["kinds"]["convolution"]
    log.info(
        f"Of the convolution weights alone {weights:,} of {of:,} ({weights / max(of, 1):.2%}). An image "
        f"costs {cost['forward'] / 1e9:.3g} GFLOP forward and {cost['backward'] / 1e9:.3g} backward."
    )


def _layer(layer: str, rows: Sequence[Synapses]) -> list[str]:
    learns, count = sum(row.learns for row in rows), sum(row.count for row in rows)
    shape = "x".join(map(str, rows[0].shape))
    return [layer, rows[0].area, shape, _how(rows), *_counts(learns, count)]


def _how(rows: Sequence[Synapses]) -> str:
    """Say what of a layer learns: yes, no, in part, only the bias; and how and when, if not always freely."""
    trained = [row for row in rows if row.trained]
    if not trained:
        return "no"
    how = ", ".join(dict.fromkeys(row.how for row in trained if row.how))
    if len(trained) < len(rows):
        return " ".join(filter(None, [", ".join(r.parameter.rpartition(".")[2] for r in trained), how]))
    partly = not how and any(row.learns < row.count for row in trained)
    return how or ("in part" if partly else "yes")


def _counts(trained: int, count: int) -> list[str]:
    return [f"{trained:,}" if trained else "–", f"{count:,}", f"{trained / count:.2%}" if trained else "–"]
