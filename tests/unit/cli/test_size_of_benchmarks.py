"""A simulated benchmark that is named is rendered at the size of the network, by whatever command."""

import pytest

import wiringup
from wiringup.benchmarks import catalog
from wiringup.cli.main import main
from wiringup.core.errors import InputError
from wiringup.experiments.runs.inputs import StudyInputs
from wiringup.experiments.runs.spec import ExamSpec

NAMED = ["--benchmark", "simulated.V4", "--size", "48"]


@pytest.fixture
def asked(monkeypatch, tmp_path):
    monkeypatch.setenv("WIRINGUP_DATA", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    sizes: list[int] = []

    def data(name, size):
        sizes.append(size)
        raise InputError("enough")

    monkeypatch.setattr(catalog, "simulated_data", data)
    return sizes


@pytest.mark.parametrize(
    "command",
    [
        ["score", "pixels", *NAMED],
        ["score", "cornet_s", "--suite", "simulated@1", "--size", "48"],
        ["match", "cornet_s", *NAMED],
        ["match", "cornet_s", "--suite", "simulated@1", "--size", "48"],
        ["layers", "cornet_s", *NAMED],
    ],
    ids=" ".join,
)
def test_commands_render_at_the_size_of_the_network(asked, command):
    with pytest.raises(SystemExit):
        main(command)
    assert asked == [48]


def test_the_interface_and_studies_do_so_too(asked):
    with pytest.raises(InputError, match="enough"):
        wiringup.score("pixels", "simulated.V4", size=48)
    with pytest.raises(InputError, match="enough"):
        wiringup.brain_match(wiringup.create_model("cornet_s", width=0.125, size=40), "simulated@1")
    with pytest.raises(InputError, match="enough"):
        StudyInputs().benchmarks(ExamSpec("simulated@1"), 32)
    assert asked == [48, 40, 32]
