"""wiringup: how little supervised learning does a model of the ventral visual stream need?

Its functions are imported when they are first used (their types stand in ``__init__.pyi``): importing the
package itself loads neither PyTorch nor anything else that takes time.
"""

from importlib import import_module
from importlib.metadata import version
from typing import Any

__version__ = version("wiringup")

_FROM = {
    **dict.fromkeys(
        ("brain_match", "create_model", "distill", "execute", "give_birth", "score", "train"),
        "api",
    ),
    "Genome": "birth.genome",
    "Network": "experiments.runs.network",
    "NetworkSubject": "models.readout",
    "Preprocessing": "models.preprocessing",
    "load_benchmark": "benchmarks.catalog",
    "Results": "figures.results",
}
"""Name -> the module of this package that holds it."""


def __getattr__(name: str) -> Any:
    if name in _FROM:
        return getattr(import_module(f"wiringup.{_FROM[name]}"), name)
    raise AttributeError(f"module 'wiringup' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_FROM])
