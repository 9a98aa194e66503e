"""``wiringup doctor``: what this machine has, and whether it computes what it should."""

import logging
import os
import platform
from importlib.metadata import PackageNotFoundError, version

from wiringup.cli.arguments import Json
from wiringup.cli.show import as_json, table
from wiringup.core.errors import WiringupError

log = logging.getLogger(__name__)

PACKAGES = ("wiringup", "torch", "numpy", "scipy", "scikit-learn", "pillow", "matplotlib", "xarray")


def doctor(json: Json = False) -> None:
    """Show versions, hardware, data sets and benchmarks that are here, and check known numbers.

    For example:
      wiringup doctor
    """
    from wiringup.benchmarks.catalog import list_benchmarks
    from wiringup.core.home import data_home
    from wiringup.data.sources.addresses import SOURCES
    from wiringup.experiments.selfcheck import checks

    machine, found = _machine(), checks()
    benchmarks, sources = list_benchmarks(data_home()), sorted(SOURCES)
    if json:
        as_json({"machine": machine, "checks": found, "benchmarks": benchmarks, "sources": sources})
        return
    table(["machine", ""], [[k, str(v)] for k, v in machine.items()])
    table(
        ["check", "expected", "found", ""],
        [[c["check"], c["expected"], c["found"], c["verdict"]] for c in found],
    )
    table(["benchmark", "here", "otherwise"], [[b["name"], b["here"], b["how"]] for b in benchmarks])
    log.info("Data folder: %s", data_home())
    log.info("Names for wiringup fetch: %s", ", ".join(sources))
    if any(c["verdict"] != "ok" for c in found):
        raise WiringupError("This machine does not compute what it should: see the checks above.")


def _machine() -> dict[str, str]:
    import torch

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    facts = {"python": platform.python_version(), "system": f"{platform.system()} {platform.machine()}"}
    facts |= {"cores": str(os.cpu_count()), "torch threads": str(torch.get_num_threads()), "GPU": gpu}
    return facts | {name: _version(name) for name in PACKAGES}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
