"""``wiringup fetch`` and ``wiringup import``: data in."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, arg, subcommand

from wiringup.cli.arguments import Json
from wiringup.cli.show import as_json
from wiringup.core.errors import InputError

if TYPE_CHECKING:
    from wiringup.data.importing.storing import Imported
    from wiringup.data.measurements import Choices, Judgements, TwoChoice

log = logging.getLogger(__name__)

Name = Annotated[str, arg(metavar="NAME", help="The benchmark will have this name.")]
Area = Annotated[str, arg(metavar="AREA", help="V1, V2, V4 or IT.")]
Stimuli = Annotated[
    Path,
    arg(
        metavar="DIR|ZIP|NPZ",
        help="The images. Where no file says which is which, the data stand in the natural order of their "
        "names (2 before 10); see --order.",
    ),
]
Table = Annotated[
    Path | None,
    arg(metavar="CSV", help="One row for each image, in the order of the data: its file (and group, label)."),
]
Filename = Annotated[
    str | None,
    arg(
        metavar="COLUMN",
        help='The column that names the image files. "none", as for every column: none.',
    ),
]
Order = Annotated[
    str | None,
    arg(metavar="natural|plain", help="Order of the data: 2 before 10, or as text is sorted (10, 2)."),
]
Resized = Annotated[
    int | None, arg(metavar="PX", help="Resize the images to this side; needed if they differ in size.")
]


def fetch(
    name: Annotated[Positional[str], arg(metavar="NAME", help="A data set; see wiringup doctor.")],
    from_: Annotated[
        Path | None, arg(name="from", metavar="DIR", help="Copy from below this folder, not the network.")
    ] = None,
    json: Json = False,
) -> None:
    """Show source, licence, size and citation of a public data set, then fetch and verify its files.

    Files go to the data folder: $WIRINGUP_DATA, or the platform's user data folder.

    For example:
      wiringup fetch cowley2023

      wiringup fetch weight-compression --from /media/usb
    """
    from wiringup.data.sources.fetch import fetch as fetch_files

    paths = fetch_files(name, from_dir=from_)
    if json:
        as_json({"name": name, "files": [str(p) for p in paths]})


def recordings(
    name: Name,
    area: Area,
    responses: Annotated[
        Path,
        arg(
            metavar="FILE",
            help=".npy, .npz, MATLAB (.mat) or netCDF: units x images, or units x images x repeats. Several "
            "populations in one .npz are pooled.",
        ),
    ],
    stimuli: Stimuli,
    table: Table = None,
    filename: Filename = None,
    group: Annotated[
        str | None,
        arg(metavar="COLUMN", help="Images of one group (a movie) are never split between folds."),
    ] = None,
    label: Annotated[str | None, arg(metavar="COLUMN", help="Folds are balanced by this column.")] = None,
    order: Order = None,
    axes: Annotated[
        str | None,
        arg(metavar="AXES", help="What the axes of the responses are, as in images,units,repeats."),
    ] = None,
    missing: Annotated[
        float | None, arg(metavar="CODE", help="The value that marks a missing trial.")
    ] = None,
    size: Resized = None,
    json: Json = False,
) -> None:
    """Import your own recordings; afterwards they are a benchmark by their name.

    For example:
      wiringup import recordings --name mine --area V4 --responses spikes.npy --stimuli images.zip

      wiringup import recordings --name movie --area V1 --responses r.npz --stimuli frames.npz
          --table frames.csv --group movie --missing 255
    """
    from wiringup.data.importing.recordings import import_recordings

    imported = import_recordings(
        name, area, responses, stimuli, table=table, group=group, label=label, filename=filename, order=order,
        axes=axes, missing=missing, size=size,
    )  # fmt: skip
    recording = imported.data
    units, images, repeats = recording.trials.shape
    facts = {"name": name, "area": area, "units": units, "images": images, "repeats": repeats}
    facts |= {"order": imported.order, "assumed": list(recording.assumed)}
    if json:
        as_json(facts | {"warnings": imported.warnings})
    log.info(f"Imported {name} (recordings): {area}, {units} units x {images} images x {repeats} repeats.")
    ids = recording.stimuli.ids
    log.info(f"Order: {imported.order}. The first image is {ids[0]}, the last {ids[-1]}.")
    if repeats == 1:
        log.info(
            "One value for each image: no noise ceiling can be estimated; scores will be raw correlations."
        )
    log.info(f"Score on it with: wiringup score cornet_s --benchmark {name}")


def trials(
    name: Name,
    stimuli: Annotated[Path, arg(metavar="DIR|ZIP|NPZ", help="The judged images, called as in the table.")],
    trials: Annotated[
        tuple[Path, ...],
        arg(
            metavar="FILE [FILE ...]|DIR",
            help="Tables with one row for each trial: image, sample_obj, dist_obj, choice; or, without a "
            "distractor, image, category, response, subject. Other usual spellings are understood. Several "
            "(one for each subject), or a folder of them, are joined.",
        ),
    ] = (),
    counts: Annotated[
        Path | None,
        arg(
            metavar="FILE",
            help="Instead of trials: how often each class was chosen for each image. A table with a column "
            "for the image and one for each class; or .npy or .npz, images x classes.",
        ),
    ] = None,
    labels: Annotated[
        Path | None,
        arg(metavar="CSV", help="Image and class of each, if the table of trials has no true class."),
    ] = None,
    classes: Annotated[
        Path | None,
        arg(metavar="FILE", help="Names of the columns of --counts, one a line, where the file has none."),
    ] = None,
    fit: Annotated[
        str | None,
        arg(
            metavar="PATH|same",
            help="Labelled images for the model's decoder: one folder for each class, or whatever wiringup "
            'train takes; or "same" for the judged images themselves (no test of generalisation). Without, '
            "for choices among all classes: the model's own logits.",
        ),
    ] = None,
    size: Resized = None,
    json: Json = False,
) -> None:
    """Import your own behavioural trials or counts; afterwards they are a benchmark by their name.

    With a distractor column the task has two alternatives: NAME.i2n, i1, i2, o1, o2. Without one, but with a
    column of subjects, choices are among all classes: NAME.error-consistency. Counts are scored as NAME.i2n,
    i1, i2, o1, o2.

    For example:
      wiringup import trials --name mine --trials trials.csv --stimuli images --fit training_images

      wiringup import trials --name people --trials answers.csv --stimuli images.zip --fit same --size 224

      wiringup import trials --name contrast --trials raw-data/contrast --stimuli contrast/dnn/session-1

      wiringup import trials --name counted --counts counts.csv --stimuli images --fit training_images
    """
    from wiringup.data.images.class_names import read_class_names
    from wiringup.data.importing.behavior import import_counts, import_trials

    if bool(trials) == (counts is not None):
        raise InputError("Give --trials or --counts: one of them.")
    imported: Imported[TwoChoice | Judgements | Choices]
    if counts is None:
        if classes is not None:
            raise InputError("--classes names the columns of --counts; trials name their classes themselves.")
        imported = import_trials(name, trials, stimuli, labels, fit, size)
    else:
        names = None if classes is None else read_class_names(classes)
        imported = import_counts(name, counts, stimuli, labels, names, fit, size)
    _show_choices(imported, json)


def _show_choices(imported: "Imported[TwoChoice | Judgements | Choices]", json: bool) -> None:
    from wiringup.data.measurements import Choices, TwoChoice

    data = imported.data
    kinds: dict[type, str] = {TwoChoice: "two-choice", Choices: "counts"}
    n = int(data.counts.sum()) if isinstance(data, Choices) else len(data.image)
    facts = {"name": data.name, "kind": kinds.get(type(data), "judgements"), "trials": n}
    facts |= {"images": len(data.test), "classes": len(data.test.classes)}
    if json:
        as_json(facts | {"warnings": imported.warnings})
    task = "between two classes" if isinstance(data, TwoChoice) else "among all classes"
    log.info(f"Imported {data.name}: {n:,} choices {task}, {len(data.test)} images.")
    layer = "decoder.linear (its own logits)" if data.fit is None else "IT"
    log.info(f"Score on it with: wiringup score cornet_s --benchmark {data.name} --layer {layer}")


def rdm(
    name: Annotated[str, arg(metavar="NAME", help="The benchmark will be called NAME.AREA-rsa.")],
    area: Area,
    rdms: Annotated[
        tuple[Path, ...],
        arg(
            metavar="FILE [FILE ...]",
            help=".npy, .npz, MATLAB (.mat) or rsatoolbox's HDF5, of one or more subjects each: subjects x "
            "images x images, images x images x subjects, or condensed (subjects x pairs, upper triangle row "
            "by row).",
        ),
    ],
    stimuli: Stimuli,
    table: Table = None,
    filename: Filename = None,
    order: Order = None,
    size: Resized = None,
    json: Json = False,
) -> None:
    """Import your own dissimilarity matrices (RDMs); afterwards they are a benchmark by their name.

    Matrices are symmetric, 0 on the diagonal and complete. Two or more subjects give a noise ceiling.

    For example:
      wiringup import rdm --name mine --area IT --rdms subjects.npy --stimuli images.zip

      wiringup import rdm --name mine --area IT --rdms s1.mat s2.mat s3.mat --stimuli images --table order.csv
    """
    from wiringup.benchmarks.similarity import Similarity
    from wiringup.data.importing.recordings import import_rdm

    imported = import_rdm(name, area, rdms, stimuli, table, filename, order, size)
    data, benchmark = imported.data, f"{name}.{area}-rsa"
    ceiling = Similarity(data).ceiling
    facts = {"name": name, "kind": "dissimilarities", "area": area, "subjects": len(data.rdms)}
    facts |= {"images": len(data.stimuli), "benchmark": benchmark, "order": imported.order}
    facts |= {"assumed": list(data.assumed)}
    facts["noise_ceiling"] = None if ceiling is None else [ceiling.value, ceiling.upper]
    if json:
        as_json(facts | {"warnings": imported.warnings})
    log.info(
        f"Imported {name} (dissimilarities): {area}, subjects: {len(data.rdms)}, images: {len(data.stimuli)}."
    )
    ids = data.stimuli.ids
    log.info(f"Order: {imported.order}. The first image is {ids[0]}, the last {ids[-1]}.")
    if ceiling is None:
        log.info("One subject: no noise ceiling can be estimated; scores will be raw correlations.")
    else:
        log.info(
            f"Noise ceiling: {ceiling.value:.3f} (another subject) to {ceiling.upper:.3f} (the mean of all)."
        )
    log.info(f"Score on it with: wiringup score cornet_s --benchmark {benchmark}")


def import_(
    what: Annotated[
        Annotated[None, subcommand("recordings", constructor=recordings)]
        | Annotated[None, subcommand("rdm", constructor=rdm)]
        | Annotated[None, subcommand("trials", constructor=trials)],
        arg(name=""),
    ],
) -> None:
    """Import your own data; afterwards they are a benchmark by their name.

    For example:
      wiringup import recordings --name mine --area V4 --responses spikes.npy --stimuli images.zip

      wiringup import rdm --name mine --area IT --rdms subjects.npy --stimuli images.zip

      wiringup import trials --name mine --trials trials.csv --stimuli images --fit training_images
    """
