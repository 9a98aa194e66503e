"""The ``wiringup`` command: one function for each subcommand, errors without tracebacks."""

import logging
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import tyro

from wiringup import __version__
from wiringup.cli.bench import bench
from wiringup.cli.bridge import bridge
from wiringup.cli.cache import cache
from wiringup.cli.data import fetch, import_
from wiringup.cli.doctor import doctor
from wiringup.cli.genome import genome
from wiringup.cli.layers import layers
from wiringup.cli.match import match, suites
from wiringup.cli.networks import birth, distill, train
from wiringup.cli.pack import pack
from wiringup.cli.plasticity import plasticity
from wiringup.cli.results import report, results
from wiringup.cli.run import run
from wiringup.cli.score import score
from wiringup.cli.sweep import sweep
from wiringup.core.errors import PreemptedError, WiringupError
from wiringup.core.progress import MessageHandler, Progress

COMMANDS: dict[str, Callable[..., Any]] = {
    "run": run,
    "sweep": sweep,
    "score": score,
    "layers": layers,
    "match": match,
    "suites": suites,
    "birth": birth,
    "distill": distill,
    "genome": genome,
    "train": train,
    "pack": pack,
    "plasticity": plasticity,
    "fetch": fetch,
    "import": import_,
    "results": results,
    "report": report,
    "bench": bench,
    "bridge": bridge,
    "cache": cache,
    "doctor": doctor,
}

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
    asked = sys.argv[1:] if arguments is None else arguments
    if list(asked) == ["--version"]:
        print(f"wiringup {__version__}")
        return
    try:
        with warnings.catch_warnings(), shown(quiet="--json" in asked):
            # of large photographs Pillow warns as of an attack; `core.limits` bounds them
            warnings.filterwarnings("ignore", "Image size .* exceeds limit")
            tyro.extras.subcommand_cli_from_dict(
                COMMANDS,
                prog="wiringup",
                description=DESCRIPTION,
                args=asked,
                config=(tyro.conf.FlagCreatePairsOff,),
            )
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
