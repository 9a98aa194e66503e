"""How results are printed: a table for people, JSON for programs."""

import json
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table


def say(message: str) -> None:
    """Print a plain line to stderr, so that stdout holds results alone."""
    print(message, file=sys.stderr, flush=True)


def silent(message: str) -> None:
    """Print nothing."""


@contextmanager
def progress_bar(*, quiet: bool) -> Iterator[Callable[[int, int, str], None]]:
    """Show a bar on stderr while the block runs; yield what to tell before each step: index, number, name.

    Nothing is shown if ``quiet``, or where stderr is no terminal.
    """
    console = Console(stderr=True, highlight=False, markup=False)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        disable=quiet or not console.is_terminal,
    ) as bar:
        task = bar.add_task("", total=None)

        def tell(index: int, number: int, name: str) -> None:
            bar.update(task, completed=index, total=number, description=name)

        yield tell
        for known in bar.tasks:
            bar.update(known.id, completed=known.total)


def as_json(value: Any) -> None:
    """Print JSON to stdout."""
    print(json.dumps(value, indent=2))


def table(header: Sequence[str], body: Sequence[Sequence[str]], title: str = "") -> None:
    """Print a table to stdout; where the output is no terminal, as wide as its content."""
    console = Console(width=None if sys.stdout.isatty() else 220, highlight=False, markup=False)
    grid = Table(box=box.SIMPLE_HEAD, title=title or None, title_justify="left", pad_edge=False)
    for i, name in enumerate(header):
        words = any(row[i][:1].isalpha() for row in body)
        grid.add_column(name, justify="left" if words or i == 0 else "right", no_wrap=not sys.stdout.isatty())
    for row in body:
        grid.add_row(*row)
    console.print(grid)


def number(value: float | None, digits: int = 3) -> str:
    """Return a number for people; None as 'none', what is not defined (NaN) as a dash."""
    if value is None:
        return "none"
    return "–" if math.isnan(value) else f"{value:.{digits}f}"
