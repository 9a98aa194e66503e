"""``wiringup fetch`` and ``wiringup import``: data in."""

import inspect
import logging
from collections.abc import Callable
from inspect import Parameter, Signature
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import Positional, arg, subcommand

from wiringup.cli.arguments import Json
from wiringup.cli.show import as_json
from wiringup.data.behavior.answers import fraction_correct, fractions_of_subjects
from wiringup.data.importing.behavior import import_trials
from wiringup.data.importing.recordings import import_rdm, import_recordings
from wiringup.data.importing.storing import Imported
from wiringup.data.measurements import Choices, Dissimilarities, Judgements, Recording, TwoChoice

log = logging.getLogger(__name__)


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


def _command(
    import_: Callable[..., Imported[Any]], show: Callable[[Imported[Any]], dict[str, Any]]
) -> Callable[..., None]:
    """Return the command that imports and shows: it takes what ``import_`` takes, with the same help."""

    def command(*, json: bool, **given: Any) -> None:
        imported = import_(**given)
        facts = show(imported)
        if json:
            as_json(facts | {"warnings": imported.warnings})

    taken = [p for p in inspect.signature(import_).parameters.values() if p.name != "home"]
    taken.append(Parameter("json", Parameter.KEYWORD_ONLY, default=False, annotation=Json))
    arguments = (inspect.getdoc(import_) or "").partition("Args:")[2].partition("Raises:")[0]
    command.__signature__ = Signature(  # type: ignore[attr-defined]
        [p.replace(kind=Parameter.KEYWORD_ONLY) for p in taken]
    )
    command.__annotations__ = {p.name: p.annotation for p in taken}
    unbroken = arguments.replace("\n        ", " ")
    command.__doc__ = f"{inspect.getdoc(show)}\n\nArgs:{unbroken}"
    return command


def _recordings(imported: Imported[Recording]) -> dict[str, Any]:
    """Import your own recordings; afterwards they are a benchmark by their name.

    For example:
      wiringup import recordings --name mine --area V4 --responses spikes.npy --stimuli images.zip

      wiringup import recordings --name movie --area V1 --responses r.npz --stimuli frames.npz
          --table frames.csv --group movie --missing 255
    """
    recording = imported.data
    name, area = recording.name, recording.area
    units, images, repeats = recording.trials.shape
    facts = {"name": name, "area": area, "units": units, "images": images, "repeats": repeats}
    facts |= {"order": imported.order, "assumed": list(recording.assumed)}
    log.info(f"Imported {name} (recordings): {area}, {units} units x {images} images x {repeats} repeats.")
    ids = recording.stimuli.ids
    log.info(f"Order: {imported.order}. The first image is {ids[0]}, the last {ids[-1]}.")
    if repeats == 1:
        log.info(
            "One value for each image: no noise ceiling can be estimated; scores will be raw correlations."
        )
    log.info(f"Score on it with: wiringup score cornet_s --benchmark {name}")
    return facts


def _trials(imported: Imported[TwoChoice | Judgements | Choices]) -> dict[str, Any]:
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
    data = imported.data
    kinds: dict[type, str] = {TwoChoice: "two-choice", Choices: "counts"}
    n = int(data.counts.sum()) if isinstance(data, Choices) else len(data.image)
    facts = {"name": data.name, "kind": kinds.get(type(data), "judgements"), "trials": n}
    facts |= {"images": len(data.test), "classes": len(data.test.classes)}
    correct, each = fraction_correct(data), fractions_of_subjects(data)
    facts |= {"correct": correct, "correct_of_subjects": each.tolist()}
    task = "between two classes" if isinstance(data, TwoChoice) else "among all classes"
    log.info(
        f"Imported {data.name}: {n:,} choices {task}, {len(data.test)} images, "
        f"{len(data.test.classes)} classes."
    )
    subjects = f" ({each.min():.1%} to {each.max():.1%} over {len(each)} subjects)" if len(each) > 1 else ""
    log.info(f"Correct: {correct:.1%} of the choices{subjects}.")
    layer = "decoder.linear (its own logits)" if data.fit is None else "IT"
    log.info(f"Score on it with: wiringup score cornet_s --benchmark {data.name} --layer {layer}")
    return facts


def _rdm(imported: Imported[Dissimilarities]) -> dict[str, Any]:
    """Import your own dissimilarity matrices (RDMs); afterwards they are a benchmark by their name.

    Matrices are symmetric, 0 on the diagonal and complete. Two or more subjects give a noise ceiling.

    For example:
      wiringup import rdm --name mine --area IT --rdms subjects.npy --stimuli images.zip

      wiringup import rdm --name mine --area IT --rdms s1.mat s2.mat s3.mat --stimuli images --table order.csv
    """
    from wiringup.benchmarks.geometry import Similarity

    data = imported.data
    name, area = data.name, data.area
    benchmark = f"{name}.{area}-rsa"
    ceiling = Similarity(data).ceiling
    facts = {"name": name, "kind": "dissimilarities", "area": area, "subjects": len(data.rdms)}
    facts |= {"images": len(data.stimuli), "benchmark": benchmark, "order": imported.order}
    facts |= {"assumed": list(data.assumed)}
    facts["noise_ceiling"] = None if ceiling is None else [ceiling.value, ceiling.upper]
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
    return facts


def import_(
    what: Annotated[
        Annotated[None, subcommand("recordings", constructor=_command(import_recordings, _recordings))]
        | Annotated[None, subcommand("rdm", constructor=_command(import_rdm, _rdm))]
        | Annotated[None, subcommand("trials", constructor=_command(import_trials, _trials))],
        arg(name=""),
    ],
) -> None:
    """Import your own data; afterwards they are a benchmark by their name.

    For example:
      wiringup import recordings --name mine --area V4 --responses spikes.npy --stimuli images.zip

      wiringup import rdm --name mine --area IT --rdms subjects.npy --stimuli images.zip

      wiringup import trials --name mine --trials trials.csv --stimuli images --fit training_images
    """
