"""The ``wiringup`` command: one function for each subcommand, errors without tracebacks."""

import ast
import inspect
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, get_args

import tyro

from wiringup import __version__
from wiringup.core.checks import one_of
from wiringup.core.errors import PreemptedError, WiringupError
from wiringup.core.progress import MessageHandler, Progress

COMMANDS = {
    "run": "run:run",
    "recipes": "recipes:recipes",
    "plan": "recipes:plan",
    "sweep": "sweep:sweep",
    "score": "score:score",
    "layers": "layers:layers",
    "match": "match:match",
    "suites": "suites:suites",
    "birth": "networks:birth",
    "distill": "networks:distill",
    "genome": "genome:genome",
    "train": "train:train",
    "execute": "train:execute",
    "status": "status:status",
    "cancel": "status:cancel",
    "work": "status:work",
    "pack": "pack:pack",
    "plasticity": "plasticity:plasticity",
    "fetch": "data:fetch",
    "import": "data:import_",
    "results": "results:results",
    "stats": "stats:stats",
    "budget": "budget:budget",
    "report": "results:report",
    "figure": "figure:figure",
    "bench": "bench:bench",
    "bridge": "bridge:bridge",
    "cache": "cache:cache",
    "doctor": "doctor:doctor",
}
"""Subcommand -> module of this package and function. Only the one that is asked for is imported."""

DESCRIPTION = """How little supervised learning does a model of the primate ventral stream need?

For example:

  wiringup run --quick
      the paper's argument at a small scale, on simulated data

  wiringup fetch cowley2023
  wiringup score cornet_s --birth kn --seed 0 1 --benchmark cowley2023.210325.V4-pls --size 112
      a newborn CORnet-S against recordings of macaque V4

  wiringup COMMAND --help
      what a command takes, with examples

  wiringup --version
"""

BAD_INPUT = 2
PREEMPTED = 75  # EX_TEMPFAIL of sysexits.h: try again later
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; exit with 2 for bad input, 75 when preempted and 130 when interrupted."""
    asked = list(sys.argv[1:] if arguments is None else arguments)
    if asked == ["--version"]:
        print(f"wiringup {__version__}")
        return
    if asked in ([], ["-h"], ["--help"]):
        print(DESCRIPTION + "\nCommands:\n\n" + "\n".join(f"  {n:11} {summary(n)}" for n in COMMANDS))
        sys.exit(0 if asked else BAD_INPUT)
    try:
        with warnings.catch_warnings(), shown(quiet="--json" in asked or os.environ.get("RANK", "0") != "0"):
            # of large photographs Pillow warns as of an attack; `core.limits` bounds them
            warnings.filterwarnings("ignore", "Image size .* exceeds limit")
            name = one_of(asked[0], COMMANDS, "command")
            config = (tyro.conf.FlagCreatePairsOff,)
            tyro.cli(checked_late(command(name)), prog=f"wiringup {name}", args=asked[1:], config=config)
    except PreemptedError as error:
        print(error, file=sys.stderr)
        sys.exit(PREEMPTED)
    except WiringupError as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(BAD_INPUT)
    except BrokenPipeError:
        sys.exit(1)
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        print(f"Error: {error.strerror or error}{where}", file=sys.stderr)
        sys.exit(BAD_INPUT)
    except KeyboardInterrupt:
        print(
            "\nInterrupted. A study or training continues where it stopped: run the same command again.",
            file=sys.stderr,
        )
        sys.exit(INTERRUPTED)


def command(name: str) -> Callable[..., Any]:
    """Return the function behind a subcommand."""
    module, _, function = COMMANDS[name].partition(":")
    return getattr(import_module(f"wiringup.cli.{module}"), function)  # type: ignore[no-any-return]


def checked_late(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``function`` with arguments whose specs are checked when it is called, not while they are read.

    The errors are then this package's own: of any ValueError tyro makes its own.
    """
    signature = inspect.signature(function, eval_str=True)
    parameters = [_unchecked(parameter) for parameter in signature.parameters.values()]

    def run(**values: Any) -> Any:
        return function(**{name: _checked(value) for name, value in values.items()})

    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    run.__doc__, run.__name__ = inspect.getdoc(function), function.__name__
    return run


class _Unchecked:
    """Beside a spec as base class: its fields without its checks."""

    def __post_init__(self) -> None:
        pass


def _unchecked(parameter: inspect.Parameter) -> inspect.Parameter:
    kind, *marks = get_args(parameter.annotation) or [parameter.annotation]
    if not (isinstance(kind, type) and is_dataclass(kind)):
        return parameter
    bare = type(kind.__name__, (_Unchecked, kind), {"__doc__": kind.__doc__})
    default = parameter.default
    if isinstance(default, kind):
        default = bare(**_values(default, kind))
    return parameter.replace(annotation=Annotated[bare, *marks], default=default)


def _checked(value: Any) -> Any:
    kind: Any = type(value).__mro__[2] if isinstance(value, _Unchecked) else None
    return value if kind is None else kind(**_values(value, kind))


def _values(spec: Any, kind: Any) -> dict[str, Any]:
    return {field.name: getattr(spec, field.name) for field in fields(kind) if field.init}


def summary(name: str) -> str:
    """Return the first line of a subcommand's help, without importing it."""
    module, _, function = COMMANDS[name].partition(":")
    tree = ast.parse(Path(__file__).with_name(f"{module}.py").read_text(encoding="utf-8"))
    (found,) = (node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == function)
    return (ast.get_docstring(found) or "").partition("\n")[0]


@contextmanager
def shown(*, quiet: bool) -> Iterator[None]:
    """Show messages and progress on stderr while the block runs; if ``quiet``, warnings alone."""
    log = logging.getLogger("wiringup")
    handler, before = MessageHandler(sys.stderr), log.level
    log.addHandler(handler)
    log.setLevel(logging.WARNING if quiet else logging.INFO)
    try:
        with Progress(None if quiet else sys.stderr):
            yield
    finally:
        log.removeHandler(handler)
        log.setLevel(before)
