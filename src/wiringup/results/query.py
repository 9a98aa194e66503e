"""Questions to the table of results: which rows, in which groups, with which intervals.

What a user writes as a condition is one expression of SQL, evaluated by DuckDB on a copy of the table in
memory, from which no file can be reached.
"""

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from wiringup.core.checks import did_you_mean, listed, one_of
from wiringup.core.errors import InputError, MissingDataError
from wiringup.results.kept import engine, opened
from wiringup.results.published import published_here
from wiringup.results.record import plain
from wiringup.results.stats import mean_of_runs
from wiringup.results.table import COLUMNS, OWN

log = logging.getLogger(__name__)

OF_A_SCORE = frozenset((
    "benchmark", "area", "metric", "layer", "raw", "ceiling", "score", "normalisation", "error", "n_stimuli",
    "n_units", "note", "score_error_stimuli", "score_error_units",
))  # fmt: skip
"""Columns in which rows of one run and moment differ."""

WITH_INTERVALS = ("brain_match", "top1", "score", "raw")
_RANGE = {"top1": (0.0, 1.0)}  # no interval leaves it
_ERRORS = {
    n: (f"{of}_error_stimuli", f"{of}_error_units")
    for n, of in (("brain_match", "match"), ("score", "score"))
}
MEASURES = ("brain_match", "top1", "updates", "synaptic_updates", "trained", "flops")
"""What is the same in all rows of a run and moment, and has a mean over runs."""

Names = Mapping[str, Mapping[str, str]]
"""Column -> what users call a value of it in short -> the value."""

_FEW = 20  # numbers that are listed one by one
_LITERAL = r"'(?:[^']|'')*'"
_COMPARED = re.compile(
    rf"\b(?P<column>[a-z_0-9]+)\s*(?:==?|<>|!=|(?:not\s+)?in\s*\()\s*(?P<values>{_LITERAL}(?:\s*,\s*{_LITERAL})*)",
    re.IGNORECASE,
)
_SOURCE = re.compile(r"\bsource\b", re.IGNORECASE)
_MISSING = re.compile(r'Referenced column "([^"]*)"')


@dataclass(frozen=True)
class Query:
    """What is asked of a table of results.

    Attributes:
        where: a condition on its columns, in SQL; "" for all rows. What is no run of one's own (single
            scores, published points that have been fetched) is left out unless it names ``source``.
        group: columns; each combination of their values is one row of means over runs.
        columns: which are returned, if there is no ``group``; all by default.
        names: short names of values.
    """

    where: str = ""
    group: Sequence[str] = ()
    columns: Sequence[str] = ()
    names: Names = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in (*self.group, *self.columns):
            one_of(name, COLUMNS, "column")
        if self.group and self.columns:
            raise InputError("Groups have columns of their own; give either columns or groups.")


def ask(root: Path, query: Query) -> list[dict[str, Any]]:
    """Return the rows of a folder's table that a query asks for, columns in the order of the table.

    Args:
        root: a folder of runs.
        query: the question.

    Raises:
        InputError: if the condition is none, or names a column that there is not.
        MissingDataError: if nothing is kept there, no row fits, or DuckDB is not installed.
    """
    if not root.is_dir():
        raise MissingDataError(
            f"There is no folder {root}. Name a folder of runs, or make one: wiringup run."
        )
    with opened(root, published_here() if _names_source(query.where) else ()) as connection:
        _fitting(connection, root, query).create_view("asked")
        return _grouped(connection, query.group) if query.group else _plain(connection, query.columns)


def _names_source(where: str) -> bool:
    """Whether a condition names the column that says whose rows are, and not only a text that says so."""
    return bool(_SOURCE.search(re.sub(_LITERAL, "", where)))


def _fitting(connection: Any, root: Path, query: Query) -> Any:
    """Return the relation of rows that fit."""
    every = connection.table("results")
    if not every.limit(1).fetchall():
        raise MissingDataError(
            f"{root} holds no finished runs and no scores. Make some: wiringup run --quick."
        )
    where = _spelled(query.where, query.names)
    found = _filtered(every, where) if where.strip() else every
    if not _names_source(where):
        others = found.filter(f"source <> '{OWN}'").aggregate("source, count(*)", "source").fetchall()
        found = found.filter(f"source = '{OWN}'")
        if others:
            told = ", ".join(f"{number} of source = '{source}'" for source, number in sorted(others))
            log.warning("Rows that fit, but are no runs, are left out unless they are asked for: %s.", told)
    if not found.limit(1).fetchall():
        raise MissingDataError(f"No row fits {query.where!r}. {' '.join(_values_told(every, where))}")
    for told in _values_told(every, where, unknown=True):
        log.warning("The condition names a value that is nowhere: %s", told)
    return found


def _filtered(every: Any, where: str) -> Any:
    try:
        found = every.filter(where)
        found.limit(1).fetchall()
    except engine().Error as error:
        raise InputError(_why(str(error), where)) from error
    return found


def _why(told: str, where: str) -> str:
    columns = f"Columns: {', '.join(COLUMNS)}."
    if missing := _MISSING.search(told):
        name = missing[1]
        quoted = f" A text stands in single quotes: '{name}'." if f'"{name}"' in where else ""
        return f"There is no column {name!r}.{did_you_mean(name, list(COLUMNS))}{quoted} {columns}"
    if "Permission Error" in told:
        return "A condition can read the table of results alone, and no file."
    first = told.splitlines()[0].partition(": ")[2] or told
    return (
        f"{where!r} is no condition on the table ({first}). Write one expression of SQL, as in "
        f"\"birth = 'weight_compression' and epoch >= 1\". {columns}"
    )


def _spelled(where: str, names: Names) -> str:
    """Return a condition with the values' full names."""

    def full(found: re.Match[str]) -> str:
        short = names.get(found["column"].lower(), {})
        values = re.sub(_LITERAL, lambda v: f"'{short.get(v[0][1:-1], v[0][1:-1])}'", found["values"])
        return found[0].replace(found["values"], values)

    return _COMPARED.sub(full, where)


def _values_told(every: Any, where: str, *, unknown: bool = False) -> list[str]:
    """Return which values there are in the columns of text that a condition compares.

    Args:
        every: the table.
        where: the condition.
        unknown: tell of columns alone that are compared with a value that they do not hold.
    """
    compared: dict[str, set[str]] = {}
    for one in _COMPARED.finditer(where):
        texts = {value[1:-1].replace("''", "'") for value in re.findall(_LITERAL, one["values"])}
        compared.setdefault(one["column"].lower(), set()).update(texts)
    told = [] if unknown else _numbers_told(every, where)
    for column in (name for name in compared if COLUMNS.get(name) == "VARCHAR"):
        values = _distinct(every, column)
        if not unknown or not compared[column] <= {*values}:
            told.append(
                f"{column} is one of {listed(list(map(repr, values)))}." if values else f"{column} is empty."
            )
    return told


def _numbers_told(every: Any, where: str) -> list[str]:
    """Return which numbers there are in the columns that a condition names."""
    bare = re.sub(_LITERAL, "", where)
    told = []
    for column in (
        c for c, kind in COLUMNS.items() if kind != "VARCHAR" and re.search(rf"(?i)\b{c}\b", bare)
    ):
        values = [_said(value) for value in _distinct(every, column)]
        between = (
            f"between {values[0]} and {values[-1]}" if len(values) > _FEW else f"one of {', '.join(values)}"
        )
        told.append(f"{column} is {between}." if values else f"{column} is empty.")
    return told


def _distinct(every: Any, column: str) -> list[Any]:
    rows = every.project(f'"{column}"').distinct().order(f'"{column}"').fetchall()
    return [value for (value,) in rows if value is not None]


def _said(value: Any) -> str:
    """Return a number or a truth value as a condition would name it."""
    return str(value).lower() if isinstance(value, bool) else repr(value).removesuffix(".0")


def _plain(connection: Any, columns: Sequence[str]) -> list[dict[str, Any]]:
    names = ", ".join(f'"{name}"' for name in columns or COLUMNS)
    if columns and not OF_A_SCORE & {*columns}:  # rows of one moment would be the same
        return _dicts(connection, f"SELECT DISTINCT {names} FROM asked ORDER BY ALL")
    return _dicts(connection, f"SELECT {names} FROM asked ORDER BY run, epoch, benchmark, layer")


def _grouped(connection: Any, group: Sequence[str]) -> list[dict[str, Any]]:
    """Return the means over runs of each group, with intervals; of a run, its last moment in the group."""
    by = ", ".join(f'"{name}"' for name in group)
    last = f"QUALIFY epoch IS NOT DISTINCT FROM max(epoch) OVER (PARTITION BY {by}, run)"
    of_score = "score, raw" if OF_A_SCORE & {*group} else ""
    measures = [*MEASURES, *of_score.split(", ")] if of_score else list(MEASURES)
    means = ", ".join(f"avg({name}) AS {name}" for name in [*measures, *sum(_ERRORS.values(), ())])
    per_run = _dicts(
        connection,
        f"WITH chosen AS (SELECT * FROM asked {'' if 'epoch' in group else last}) "
        f"SELECT {by}, run, any_value(condition) AS condition_, any_value(seed) AS seed_, "
        "bool_or(simulated) AS simulated_, "
        f"{means} FROM chosen GROUP BY {by}, run ORDER BY ALL",
    )
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in per_run:
        groups.setdefault(tuple(row[name] for name in group), []).append(row)
    kept = {key: _births_once(runs) for key, runs in groups.items()}
    if shared := len(per_run) - sum(map(len, kept.values())):
        log.info("A birth that several runs share counts once: %d runs add nothing.", shared)
    return [dict(zip(group, key, strict=True)) | _summary(runs, measures) for key, runs in kept.items()]


def _births_once(runs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the runs of a group; of those that share a birth, by its brain match, one stands for all."""
    found: dict[Any, dict[str, Any]] = {}
    # those of one condition, as far as there are: what differs later is no difference of births
    for run in sorted(runs, key=lambda run: run["condition_"] or ""):
        born = run["updates"] == 0 and run["brain_match"] is not None
        found.setdefault((run["seed_"], run["brain_match"]) if born else run["run"], run)
    return list(found.values())


def _summary(runs: Sequence[Mapping[str, Any]], measures: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {"runs": len(runs), "conditions": len({run["condition_"] for run in runs})}
    for name in measures:
        values = np.array([run[name] for run in runs], np.float64)  # None is NaN
        estimate = mean_of_runs(values[np.isfinite(values)], _in_common(runs, name))
        found[name] = plain(estimate.value)
        if name in WITH_INTERVALS:
            least, most = _RANGE.get(name, (-np.inf, np.inf))
            ends = max(estimate.low, least), min(estimate.high, most)  # NaN stays NaN
            found |= {f"{name}_low": plain(ends[0]), f"{name}_high": plain(ends[1])}
    return found | {"simulated": any(run["simulated_"] for run in runs)}


def _in_common(runs: Sequence[Mapping[str, Any]], name: str) -> dict[str, float]:
    """Return the errors that further seeds would not make smaller: their mean over runs that know them."""
    found = {}
    for column in _ERRORS.get(name, ()):
        known = [run[column] for run in runs if run[column] is not None]
        if known:
            found[column.rpartition("_")[2]] = float(np.mean(known))
    return found


def _dicts(connection: Any, sql: str) -> list[dict[str, Any]]:
    found = connection.execute(sql)
    names = [name for name, *_ in found.description]
    return [dict(zip(names, values, strict=True)) for values in found.fetchall()]
