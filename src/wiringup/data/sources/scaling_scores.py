"""The points of Gokce & Schrimpf (2025): many architectures, trained on more and fewer images."""

from collections import defaultdict
from pathlib import Path

from wiringup.data.formats.tables import Table, read_table
from wiringup.data.sources.published_point import AREAS, SCALING, PublishedPoint, number, scores_of

BENCHMARKS = {
    "V1": "movshon.FreemanZiemba2013public.V1-pls",
    "V2": "movshon.FreemanZiemba2013public.V2-pls",
    "V4": "dicarlo.MajajHong2015public.V4-pls",
    "IT": "dicarlo.MajajHong2015public.IT-pls",
    "behavior": "dicarlo.Rajalingham2018public-i2n",
}
CHECKPOINT = "checkpoint"
"""The variant of points along a training, which were scored apart from those at its end."""

_REGION = {"Behavioral": "behavior"}
_FILES = {"benchmark_scores.csv": ("", "n_epochs"), "benchmark_scores_ckpts.csv": (CHECKPOINT, "epochs")}


def condensed(folder: Path) -> list[PublishedPoint]:
    """Read the points from a table with a row for each."""
    table = read_table(folder / "scaling_scores.csv")
    names = {"images": "n_images", "epoch": "n_epochs", "updates": "images_seen"}
    return [
        _point(table, row, names, CHECKPOINT if source == CHECKPOINT else "", scores_of(table, row))
        for row, source in enumerate(table.columns["source"])
    ]


def original(folder: Path) -> list[PublishedPoint]:
    """Read the points from the study's own tables, which have a row for each score."""
    points = []
    for file, (variant, epochs) in _FILES.items():
        table = read_table(folder / file)
        names = {"images": "n_samples", "epoch": epochs, "updates": "n_samples_seen"}
        scores: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
        first: dict[tuple[str, str], int] = {}
        columns = (table.columns[name] for name in ("model_id", epochs, "region", "score"))
        for row, (model, epoch, region, score) in enumerate(zip(*columns, strict=True)):
            first.setdefault((model, epoch), row)
            if (area := _REGION.get(region, region)) in AREAS and (value := number(score)) is not None:
                scores[model, epoch][area] = value
        points += [_point(table, row, names, variant, scores[key]) for key, row in first.items()]
    return points


def _point(
    table: Table, row: int, names: dict[str, str], variant: str, match: dict[str, float]
) -> PublishedPoint:
    def cell(name: str) -> str:
        return table.columns[name][row]

    images, epoch, updates = (number(cell(names[name])) or 0.0 for name in ("images", "epoch", "updates"))
    untrained = cell("is_random") == "True"
    parameters = number(cell("n_params"))
    return PublishedPoint(
        study=SCALING,
        model=cell("model_id"),
        architecture=cell("arch"),
        birth="default" if untrained or cell("is_pretrained") != "True" else None,
        plasticity=None if untrained else "all",
        variant=variant,
        seed=int(number(cell("seed")) or 0),
        images=int(images),
        epoch=epoch,
        updates=int(updates),
        trained=None if parameters is None or untrained else int(parameters),
        match=match,
    )
