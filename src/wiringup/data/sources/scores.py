"""Published scores of models: the points of other studies, read from the files that `fetch` brings."""

from collections.abc import Callable, Mapping
from pathlib import Path

from wiringup.core.checks import one_of
from wiringup.core.errors import MissingDataError
from wiringup.core.home import data_home
from wiringup.data.sources import paper_scores, scaling_scores
from wiringup.data.sources.addresses import find_source
from wiringup.data.sources.fetch import check_whole, fetch_command
from wiringup.data.sources.published_point import PAPER, SCALING, PublishedPoint


def published_points(study: str, home: Path | None = None) -> list[PublishedPoint]:
    """Return every point of a study.

    Args:
        study: `PAPER` or `SCALING`.
        home: the data folder; by default `data_home`.

    Raises:
        InputError: if there is no such study, or its files are damaged or not understood.
        MissingDataError: if they are not there, with the command that brings them.
    """
    readers: Mapping[str, tuple[Callable[[Path], list[PublishedPoint]], ...]] = {
        PAPER: (paper_scores.condensed, paper_scores.original),
        SCALING: (scaling_scores.condensed, scaling_scores.original),
    }
    condensed, original = readers[one_of(study, readers, "study of published scores")]
    home = data_home(home)
    source, folder = find_source(study), home / study
    check_whole(study, home)
    for files, read in ((source.condensed, condensed), (source.files, original)):
        if all((folder / file.name).is_file() for file in files):
            return read(folder)
    raise MissingDataError(
        f"The published scores {study} are not there: no {' and '.join(f.name for f in source.files)} in "
        f"{folder}. Run: {fetch_command(source)} (or, with a copy of them in a folder, "
        f"wiringup fetch {study} --from DIR)."
    )
