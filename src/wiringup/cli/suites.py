"""``wiringup suites``: lists of benchmarks by name, and one's own."""

import logging
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from wiringup.cli.arguments import Json
from wiringup.cli.show import as_json, table
from wiringup.core.errors import InputError

log = logging.getLogger(__name__)


def suites(
    action: Annotated[Positional[Literal["list", "make"]], arg(help="List suites, or make one.")] = "list",
    name: Annotated[
        Positional[str], arg(metavar="NAME", help="Of the new suite, with its version, as in mine@1.")
    ] = "",
    benchmark: Annotated[
        tuple[str, ...], arg(metavar="NAME [NAME ...]", help="What the new suite consists of; see doctor.")
    ] = (),
    json: Json = False,
) -> None:
    """List the suites of benchmarks, and which of their benchmarks are here; or make one of your own.

    A new suite is a small file in the data folder. It is never changed: another list is another version.

    For example:
      wiringup suites

      wiringup suites make mine@1 --benchmark mine.V4-pls cichy2016.IT-rsa
    """
    from wiringup.benchmarks.catalog import list_benchmarks
    from wiringup.benchmarks.suites import find_suite, make_suite, suite_names
    from wiringup.core.home import data_home

    home = data_home()
    if action == "make":
        log.info("The suite %s is in %s.", name, make_suite(name, benchmark, home))
    elif name or benchmark:
        raise InputError(
            "Only a suite that is made takes a name and benchmarks: wiringup suites make NAME ..."
        )
    listed = [name] if action == "make" else suite_names(home)
    found = [find_suite(one, home) for one in listed]
    rows = [{"suite": s.name, **known} for s in found for known in list_benchmarks(home, s.benchmarks)]
    if json:
        as_json(rows)
        return
    header = ["suite", "benchmark", "area", "here", "otherwise"]
    table(header, [[r["suite"], r["name"], r["area"], r["here"], r["how"]] for r in rows])
