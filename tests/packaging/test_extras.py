"""What a user installs is what the modules import: dependencies by reading sources, extras by trying them.

The second half builds the wheel and installs it, with torch, into a fresh environment for each extra, which
needs a package index and minutes: set WIRINGUP_TEST_WHEEL=1 to run it.
"""

import ast
import functools
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = {name: needs for name, needs in PROJECT["optional-dependencies"].items() if name != "dev"}
OF_EXTRA = {
    "netcdf": {"data/formats/hdf5.py"},
    "results": {"results/kept.py"},
    "slurm": {"experiments/launching/slurm.py"},
}
"""Extra -> the modules behind it, which import what only it brings."""

SHORT = os.environ.get("WIRINGUP_TEST_WHEEL") != "1"
full = pytest.mark.skipif(SHORT, reason="builds and installs the wheel: set WIRINGUP_TEST_WHEEL=1")


def named(requirements):
    return {re.match(r"[\w.-]+", text)[0].lower().replace("_", "-") for text in requirements}


@functools.cache
def imported():
    """Return {distribution: {modules of ours that import it}}."""
    distributions = packages_distributions()
    found = {}
    source = ROOT / "src" / "wiringup"
    for path in source.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
            for top in {name.split(".")[0] for name in names} - {"wiringup", *sys.stdlib_module_names}:
                (name,) = {d.lower().replace("_", "-") for d in distributions[top]}
                found.setdefault(name, set()).add(path.relative_to(source).as_posix())
    return found


def test_everything_that_is_imported_is_a_dependency_and_the_other_way_round():
    needs = imported()
    always = named(PROJECT["dependencies"])
    assert always <= needs.keys(), "listed, but never imported"
    for name, modules in needs.items():
        if name not in always:
            bringing = [extra for extra, listed in EXTRAS.items() if name in named(listed)]
            assert bringing, f"{name} is imported by {modules}, but neither listed nor in an extra"
            assert any(modules <= OF_EXTRA[extra] for extra in bringing), (name, modules)


@pytest.mark.parametrize("extra", EXTRAS)
def test_an_extra_brings_what_its_modules_import_and_nothing_else(extra):
    assert {n for n, modules in imported().items() if modules & OF_EXTRA[extra]} - named(
        PROJECT["dependencies"]
    ) == named(EXTRAS[extra])


PROMISED = {
    "": """
import numpy as np
from pathlib import Path
from wiringup.core.errors import InputError
from wiringup.data.recordings.responses import read_responses

Path("x.nc").write_bytes(b"\\x89HDF\\r\\n\\x1a\\n")
try:
    read_responses(Path("x.nc"))
except InputError as error:
    assert "pip install 'wiringup[netcdf]'" in str(error), error
else:
    raise AssertionError("netCDF was read without the extra")
""",
    "netcdf": """
from pathlib import Path
import h5py
import numpy as np
import xarray
from wiringup.data.recordings.responses import read_responses

values = np.arange(24, dtype=np.float32).reshape(2, 4, 3)
axes = ("neuroid", "presentation", "repetition")
xarray.Dataset({"responses": (axes, values)}).to_netcdf("x.nc", engine="h5netcdf")
assert (read_responses(Path("x.nc")).values == values).all()
with h5py.File("x.mat", "w", userblock_size=512) as file:
    file["responses"] = values
assert read_responses(Path("x.mat")).values.size == 24
""",
    "results": """
import duckdb
from wiringup.figures.results import Results

Results([{"label": "a", "score": 0.5}, {"label": "b", "score": None}]).to_parquet("x.parquet")
assert duckdb.sql("SELECT * FROM 'x.parquet'").fetchall() == [("a", 0.5), ("b", None)]
""",
    "slurm": """
import pickle

import submitit
from wiringup.experiments.launching.slurm import Participant

work = Participant("runs", "0123456789ab", "cpu", "data")
assert isinstance(work.checkpoint(0), submitit.helpers.DelayedSubmission)
assert pickle.loads(pickle.dumps(work)) == work
""",
}


def run(*command, cwd=None):
    # what this environment holds must not be found: neither by a path, nor by settings of Python
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    told = list(map(str, command))
    done = subprocess.run(told, cwd=cwd, env=clean, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Build the wheel of this tree."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "wheel", "--no-deps", "--quiet", "--wheel-dir", folder, ROOT)
    (built,) = folder.glob("*.whl")
    return built


@full
@pytest.mark.parametrize("extra", ["", *EXTRAS])
def test_the_wheel_does_what_it_promises_with_one_extra_alone(extra, wheel, tmp_path):
    run(sys.executable, "-m", "venv", tmp_path / "venv")
    python = tmp_path / "venv" / "bin" / "python"
    constraints = ROOT / "constraints.txt"
    torch = re.search(r"^torch==.*$", constraints.read_text(), re.M)[0]
    run(python, "-m", "pip", "install", "--quiet", torch)
    run(python, "-m", "pip", "install", "--quiet", "-c", constraints, f"{wheel}[{extra}]" if extra else wheel)
    assert run(python, "-m", "wiringup", "--version", cwd=tmp_path).startswith("wiringup ")
    run(python, "-m", "wiringup", "doctor", "--json", cwd=tmp_path)
    run(python, "-c", PROMISED[extra], cwd=tmp_path)
    run(python, "-m", "pip", "check")
