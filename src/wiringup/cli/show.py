"""How results are printed: a table for people, JSON for programs."""

import json
import math
import sys
from collections.abc import Sequence
from typing import Any

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

UNBOUND = 10_000  # columns of an output that is no terminal
GAP = 3  # between two columns
MOST = 24  # width that a single word may ask for


def as_json(value: Any) -> None:
    """Print JSON to stdout."""
    print(json.dumps(value, indent=2))


def cell(value: Any) -> str:
    """Return a cell for people."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return (
            f"{value:.0f}"
            if math.isfinite(value) and value == int(value) and abs(value) < 1e6
            else f"{value:.4g}"
        )
    return str(value)


def table(header: Sequence[str], body: Sequence[Sequence[str]], title: str = "") -> None:
    """Print a table to stdout; nothing of it is ever cut off.

    Where the output is no terminal it is as wide as its content. On a terminal, words are wrapped and numbers
    are not. If it does not fit, words that are the same in every row are said once, below, and columns that
    still do not fit beside each other follow in further blocks, see `_blocks`.
    """
    console = Console(width=None if sys.stdout.isatty() else UNBOUND, highlight=False, markup=False)
    columns: list[Sequence[str]] = list(zip(header, *body, strict=True))
    shared = [] if _fits(columns, console.width) else _shared(columns)
    for part in _blocks([c for c in columns if c not in shared], console.width):
        console.print(_grid(part, console.width, title))
        title = ""
    if shared:
        console.print(f"In every row: {', '.join(f'{name} {cells[0]}'.strip() for name, *cells in shared)}.")


def _grid(columns: Sequence[Sequence[str]], room: int, title: str = "") -> Table:
    grid = Table(box=box.SIMPLE_HEAD, title=title or None, title_justify="left", pad_edge=False)
    for i, ((name, *cells), width) in enumerate(zip(columns, _widths(columns, room), strict=True)):
        words = _is_words(cells)
        left = words or i == 0
        grid.add_column(name, justify="left" if left else "right", width=width, overflow="fold")
    for row in zip(*(column[1:] for column in columns), strict=True):
        grid.add_row(*row)
    return grid


def _widths(columns: Sequence[Sequence[str]], room: int) -> list[int]:
    """Return how wide columns are: as narrow as they may become, and what is left goes to those that want it.

    Rich would shrink all of them alike, and then cut what is too wide off.
    """
    found = [*map(_narrowest, columns)]
    wanted = [max(map(cell_len, column)) - width for column, width in zip(columns, found, strict=True)]
    left = room - (sum(found) + GAP * len(columns) - 1)
    for n, i in enumerate(sorted(range(len(columns)), key=wanted.__getitem__)):
        more = max(0, min(wanted[i], left // (len(columns) - n)))
        found[i] += more
        left -= more
    return found


def _is_words(cells: Sequence[str]) -> bool:
    return any(cell[:1].isalpha() and cell not in ("inf", "nan") for cell in cells)


def _narrowest(column: Sequence[str]) -> int:
    """Return how narrow a column may become: numbers stay whole, words are wrapped, very long ones folded."""
    name, *cells = column
    parts = [
        *name.split(),
        *(part for cell in cells for part in (cell.split() if _is_words(cells) else [cell])),
    ]
    return min(MOST, max((cell_len(part) for part in parts), default=0))


def _shared(columns: Sequence[Sequence[str]]) -> list[Sequence[str]]:
    """Return the columns of words that are the same in all of several rows."""
    same = [c for c in columns if len(c) > 2 and len({*c[1:]}) == 1 and _is_words(c[1:])]
    return same if len(same) < len(columns) else []


def _fits(columns: Sequence[Sequence[str]], width: int) -> bool:
    return sum(map(_narrowest, columns)) + GAP * len(columns) - 1 <= width


def _blocks(columns: Sequence[Sequence[str]], width: int) -> list[list[Sequence[str]]]:
    """Return the columns that stand beside each other, block by block.

    Each block begins with what names the rows: the first columns that tell them apart, if they take no more
    than half the width, or else a number.
    """
    if _fits(columns, width):
        return [list(columns)]
    keys = _naming(columns, width // 2)
    blocks = [list(keys)]
    for column in columns[len(keys) :] if keys[0] is columns[0] else columns:
        if len(blocks[-1]) > len(keys) and not _fits([*blocks[-1], column], width):
            blocks.append(list(keys))
        blocks[-1].append(column)
    return blocks


def _naming(columns: Sequence[Sequence[str]], width: int) -> list[Sequence[str]]:
    """Return the first columns that tell rows apart, if they are narrow enough, or else numbers of rows."""
    rows = len(columns[0]) - 1
    for n in range(1, len(columns)):
        keys = list(columns[:n])
        if sum(map(_narrowest, keys)) + GAP * n > width:
            break
        if len({*zip(*(key[1:] for key in keys), strict=True)}) == rows:
            return keys
    return [["row", *(str(i + 1) for i in range(rows))]]


def number(value: float | None, digits: int = 3) -> str:
    """Return a number for people; None as 'none', what is not defined (NaN) as a dash."""
    if value is None:
        return "none"
    return "–" if math.isnan(value) else f"{value:z.{digits}f}"
