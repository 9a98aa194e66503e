"""``wiringup layers``: which layer is which area, chosen on one half of the images, scored on the other."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from tyro.conf import OmitArgPrefixes, arg

from wiringup.benchmarks.catalog import load_benchmark
from wiringup.benchmarks.layer_map import LayerMap
from wiringup.cli.arguments import Benchmarks, Json
from wiringup.cli.score import print_scores
from wiringup.cli.show import as_json, number, table
from wiringup.core.home import data_home
from wiringup.data.images.reading import read_stimuli
from wiringup.experiments.scoring.layer_search import SearchSpec, search_parts
from wiringup.experiments.scoring.layer_search import search as search_layers
from wiringup.experiments.scoring.scores import score as score_rows
from wiringup.experiments.scoring.spec import ScoreSpec

log = logging.getLogger(__name__)

THE_SEARCH = "search"


def layers(
    spec: Annotated[ScoreSpec, OmitArgPrefixes, arg(name="")],
    benchmark: Benchmarks,
    search: Annotated[
        tuple[str, ...],
        arg(
            metavar="NAME [NAME ...]",
            help="Choose on these benchmarks, with other images of the same areas, and not on a half.",
        ),
    ] = (),
    pca: Annotated[
        str | None,
        arg(
            metavar="IMAGES",
            help="Reduce each layer to 1,000 principal components of its responses to these images (folder, "
            'zip or npz; Brain-Score takes 1,000 of ImageNet), or to the images of the search ("search").',
        ),
    ] = None,
    split: Annotated[int, arg(metavar="N", help="Seed of the division of the images into halves.")] = 0,
    out: Annotated[Path, arg(metavar="FILE", help="Where to write the layer map.")] = Path("layers.json"),
    json: Json = False,
) -> None:
    """Choose the layer of each area on one half of the images, and report its score on the other.

    Every layer and time step is scored exactly on the images of the search; --layer names fewer candidates.
    The map that is written names these images by their hashes: no score is later made on them with
    --layers-from.

    For example:
      wiringup layers cornet_s --benchmark cowley2023.210325.V4-pls --size 112 --out layers.json

      wiringup layers cornet_s --weights cornet_s_epoch43.pth.tar --benchmark cowley2023.210325.V4-pls
          --search cowley2023.190923.V4-pls --layer V1 V2 V4 IT
    """
    home = data_home()
    images = None if pca in (None, THE_SEARCH) else read_stimuli(Path(str(pca)), spec.size)
    wanted = SearchSpec(spec, pca is not None, images, split)
    benchmarks, others = (
        [load_benchmark(name, home, spec.size) for name in names] for names in (benchmark, search)
    )
    found = search_layers(wanted, search_parts(benchmarks, others, split), home)
    found.save(out)
    reported = replace(spec, layers=(), layer_map=found, unseen=True)
    rows = score_rows(reported, benchmarks, home)
    if json:
        as_json({"file": str(out), "sha256": found.sha256, **_summary(found), "report": rows})
        return
    _print_search(found)
    print_scores(rows)
    log.info("Layer map %s: %s (for --layers-from).", found.sha256[:12], out)


def _summary(found: LayerMap) -> dict[str, object]:
    searched = [
        {"benchmark": s.benchmark, "area": s.area, "images": len(s.images), "scores": s.scores}
        for s in found.searched
    ]
    return {"areas": found.areas, "rule": found.rule, "searched": searched}


def _print_search(found: LayerMap) -> None:
    for one in found.searched:
        best = sorted(one.scores.items(), key=lambda item: -(item[1]["score"] or 0.0))
        body = [
            ["*" if found.areas[one.area] == name else "", name, number(s["raw"]), number(s["error"]),
             number(s["ceiling"]), number(s["score"])]
            for name, s in best
        ]  # fmt: skip
        title = f"{one.area}: {one.benchmark}, {len(one.images)} images"
        table(["", "layer", "raw", "± error", "ceiling", "score"], body, title=title)
    log.info("Layers were compared by %s.", found.rule)
    log.info("The best score of a search is too good by selection; below, on images it did not see:")
