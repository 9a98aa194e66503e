"""Bring in anyone's own behaviour as counts: how often each class was chosen for each image."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wiringup.core.cautions import caution, cautions
from wiringup.core.checks import listed, same_length
from wiringup.core.classes import differing_classes, places_of_classes
from wiringup.core.errors import InputError
from wiringup.core.stimuli import LabelledImages, Stimuli
from wiringup.data.behavior.counts import CountTable, read_counts
from wiringup.data.behavior.judged import (
    SAME,
    Indices,
    indexed,
    judged_images,
    labels_of_images,
)
from wiringup.data.behavior.trials import column_of
from wiringup.data.formats.tables import read_table
from wiringup.data.images.reading import read_stimuli
from wiringup.data.images.source import read_labelled
from wiringup.data.importing.storing import Imported, check_name, stored
from wiringup.data.measurements import Choices

FEWEST_CHOICES = 10


def import_counts(
    name: str,
    counts: Path,
    stimuli: Path,
    labels: Path | None = None,
    classes: Sequence[str] | None = None,
    fit: str | Path | None = None,
    size: int | None = None,
    home: Path | None = None,
) -> Imported[Choices]:
    """Check counts of choices, store them below ``home/imported`` and return them.

    Args:
        name: what the set is to be called: letters, digits, dot, hyphen, underscore.
        counts: see `behavior.counts.read_counts`.
        stimuli: folder, zip or npz of the judged images, called as in ``counts``.
        labels: table with an image column and a column of true classes, if ``counts`` has none. Its rows
            stand for those of an array that does not name its images.
        classes: names of the columns; see `behavior.counts.read_counts`.
        fit: labelled images (`images.source.ALLOWED`) for the model's decoder; or ``"same"``
            for the judged images themselves. None: the model's own logits.
        size: side in pixels to which images are resized; needed if they differ in size.
        home: the data folder; by default `data_home`.

    Raises:
        MissingDataError: if a file is not there.
        InputError: if anything does not fit; nothing is stored then.
        WiringupError: if the disk is full.
    """
    check_name(name)
    others = None if fit in (None, SAME) else Path(str(fit))
    with cautions() as warnings:
        table = _named_rows(read_counts(counts, classes), labels)
        learned = None if others is None else read_labelled(others, size)
        table = _with_choices(table if learned is None else _in_order_of(table, learned.classes))
        judged, image = _one_row_each(table, read_stimuli(stimuli, size))
        rows = np.argsort(image)
        truth = _truth(table, rows, judged, labels)
        truths = indexed(table.path, "true class", truth, table.classes)
        test = LabelledImages(judged, truths, table.classes)
        _warn_of_never_true(test)
    source = f"Imported from {Path(counts).name} and {Path(stimuli).name}."
    data = Choices(name, table.counts[rows], test, test if fit == SAME else learned, source=source)
    files = {"counts": counts, "stimuli": stimuli, "labels": labels, "fit": others}
    return stored(data, home, files, warnings)


def _named_rows(table: CountTable, labels: Path | None) -> CountTable:
    """Return the counts with a name for each row, if need be those of a table of labels."""
    if table.images is not None:
        return table
    names = None if labels is None else column_of(read_table(labels), "image")
    if labels is None or names is None:
        raise InputError(
            f"{table.path} does not say which image each row is about: give a table of the images, in the "
            "order of the rows, with their classes (--labels), or an npz with arrays 'images' and 'labels'."
        )
    same_length(len(names), len(table.counts), str(labels), f"the counts in {table.path}")
    caution(f"The rows of {table.path.name} were taken to be the images of {labels.name}, row by row.")
    return replace(table, images=names)


def _in_order_of(table: CountTable, classes: tuple[str, ...]) -> CountTable:
    """Return the counts with their columns in the order of the classes of the images to fit on."""
    order = places_of_classes(classes, table.classes)
    if order is None:
        raise InputError(
            f"{table.path} and the images to fit on do not have the same classes "
            f"({differing_classes(classes, table.classes, 'the counts', 'the images to fit on')})."
        )
    as_fit = dict(zip((table.classes[i] for i in order), classes, strict=True))
    truth = None if table.truth is None else [as_fit.get(name, name) for name in table.truth]
    return replace(table, counts=table.counts[:, order], classes=classes, truth=truth)


def _with_choices(table: CountTable) -> CountTable:
    """Return the rows in which anything was chosen."""
    total = table.counts.sum(1)
    kept = np.flatnonzero(total)
    if not len(kept):
        raise InputError(f"{table.path} holds zeros alone; nothing is left to import.")
    if len(kept) < len(total):
        caution(f"{len(total) - len(kept)} images were never judged (all counts 0) and were left out.")
    typical = float(np.median(total[kept]))
    if typical < FEWEST_CHOICES:
        caution(
            f"Half of the images have {typical:g} choices or fewer: i2 and i2n will have a low ceiling, "
            "or none."
        )
    images, truth = (None if n is None else [n[i] for i in kept] for n in (table.images, table.truth))
    return replace(table, counts=table.counts[kept], images=images, truth=truth)


def _one_row_each(table: CountTable, stimuli: Stimuli) -> tuple[Stimuli, Indices]:
    judged, image = judged_images(table.images or [], stimuli, table.path, "row of counts")
    repeated = np.flatnonzero(np.bincount(image) > 1)
    if len(repeated):
        raise InputError(
            f"{table.path} counts {judged.ids[repeated[0]]!r} in more than one row; give one for each."
        )
    return judged, image


def _truth(table: CountTable, rows: NDArray[np.intp], judged: Stimuli, labels: Path | None) -> list[str]:
    own = None if table.truth is None else [table.truth[row] for row in rows]
    given = None if labels is None else labels_of_images(labels, judged)
    if own is None and given is None:
        raise InputError(
            f"{table.path} has no column with the true class of each image (such as category): give a table "
            "of the images with their classes (--labels)."
        )
    if own is not None and given is not None:
        for image, a, b in zip(judged.ids, own, given, strict=True):
            if a != b:
                raise InputError(f"The class of {image!r} is {a!r} in {table.path}, but {b!r} in {labels}.")
    return own or given or []


def _warn_of_never_true(test: LabelledImages) -> None:
    never = [name for i, name in enumerate(test.classes) if i not in set(test.labels.tolist())]
    if never:
        caution(f"No image is of the class {listed(never)}: is that a class?")
