"""Brain-Score's public benchmarks end to end: fetched from a local server, loaded by name, scored."""

import dataclasses
import hashlib
import logging

import numpy as np
import pytest

import made_brainio as made
from file_server import serving
from wiringup.benchmarks.benchmark import evaluate
from wiringup.benchmarks.catalog import DATA_SETS, list_benchmarks, load_benchmark
from wiringup.benchmarks.metrics import i2n, reliability
from wiringup.benchmarks.predictivity import Predictivity
from wiringup.benchmarks.suites import BRAIN_SCORE_PUBLIC, SUITES
from wiringup.core.errors import InputError, WiringupError
from wiringup.core.stimuli import Stimuli
from wiringup.data.measurements import Recording
from wiringup.data.sources import download as downloading
from wiringup.data.sources.addresses import SOURCES
from wiringup.data.sources.fetch import fetch
from wiringup.models.readout import PixelSubject
from wiringup.results.brain_match import match_of_run

STORAGE = "https://brainscore-storage.s3.amazonaws.com/brainio-brainscore"
WRITERS = {
    "majajhong2015": made.write_majajhong,
    "freemanziemba2013": made.write_freemanziemba,
    "rajalingham2018": made.write_rajalingham,
}


@pytest.fixture
def cloud(tmp_path, monkeypatch):
    """Small data sets behind the addresses of the registry: each https host is a folder of a local server."""
    worlds, files = {}, {}
    monkeypatch.setattr(downloading.time, "sleep", lambda seconds: None)
    with serving(files) as server:
        for name, write in WRITERS.items():
            worlds[name] = write(tmp_path / "upstream" / name)
            moved = []
            for file in SOURCES[name].files:
                content = (tmp_path / "upstream" / name / file.name).read_bytes()
                first, *mirrors = (url.replace("https:/", server.address) for url in file.addresses)
                files[first.removeprefix(server.address)] = content
                digest = hashlib.sha1(content).hexdigest()
                moved.append(dataclasses.replace(file, url=first, mirrors=tuple(mirrors), digest=digest))
            monkeypatch.setitem(SOURCES, name, dataclasses.replace(SOURCES[name], files=tuple(moved)))
        server.worlds = worlds
        yield server


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


def moved(cloud, url, address):
    """Let the server give under another address what it gave under ``url``."""
    cloud.files[address.replace("https:/", "")] = cloud.files.pop(url.replace("https:/", ""))


def test_fetching_shows_what_it_is_and_asks_for_the_version(cloud, home, caplog):
    caplog.set_level(logging.INFO, "wiringup")
    paths = fetch("majajhong2015.public", home)
    told = "\n".join(caplog.messages)
    for fact in (
        "Macaque V4 and IT",
        "Brain-Score's public storage",
        "licence:  none stated by the source",
        "unknown in 3 files",
        "Journal of Neuroscience 35:13402",
    ):
        assert fact in told
    assert [p.name for p in paths] == [f.name for f in SOURCES["majajhong2015"].files]
    assert cloud.asked[1].endswith("/brainio-brainscore/stimulus_hvm-public.csv?versionId=null")


@pytest.mark.parametrize("name", ["MajajHong2015public.V4-pls", "MajajHong2015public.IT-pls"])
def test_recordings_of_objects(cloud, home, name):
    fetch("majajhong2015", home)
    benchmark = load_benchmark(name, home)
    world, order = cloud.worlds["majajhong2015"], cloud.worlds["majajhong2015"].order
    stimuli = Stimuli(world.pixels[order], tuple(world.ids[order]))
    trials = world.expected(benchmark.area)
    direct = Predictivity(Recording("same", benchmark.area, trials, stimuli, labels=world.labels[order]))
    score, same = evaluate(PixelSubject(made.PX), [benchmark, direct])
    assert (score.benchmark, score.area, score.n_stimuli) == (name, name.split(".")[1][:2], 40)
    assert (score.raw, score.ceiling, score.error) == (same.raw, same.ceiling, same.error)
    assert score.raw > 0.9  # responses are linear in what the images are made of
    assert "stratified by label" in score.note and not score.simulated


@pytest.mark.parametrize("name", ["FreemanZiemba2013public.V1-pls", "FreemanZiemba2013public.V2-pls"])
def test_recordings_of_textures(cloud, home, name):
    fetch("freemanziemba2013.public", home)
    (score,) = evaluate(PixelSubject(2 * made.PX), [load_benchmark(name, home)])
    trials = cloud.worlds["freemanziemba2013"].expected(score.area)
    assert score.ceiling == pytest.approx(reliability.ceiling(trials).value, abs=1e-6)
    assert score.raw > 0.9
    assert score.n_units == 2 and "stratified by label" in score.note


def test_choices_of_people(cloud, home):
    fetch("rajalingham2018.public", home)
    benchmark = load_benchmark("Rajalingham2018public-i2n", home)
    assert len(benchmark.stimuli) == 30  # shown once, although the decoder is fitted and tested on them
    (score,) = evaluate(PixelSubject(made.PX), [benchmark])
    assert (score.metric, score.normalisation, score.n_units) == ("i2n", "r/sqrt(c)", 3)
    assert "30 of the 30 test images among them: no test of generalisation" in score.note

    world, (image, distractor, choice) = cloud.worlds["rajalingham2018"]
    trials = i2n.Trials(np.argsort(world.order)[image], image % 3, distractor, choice)
    halves = i2n.trial_halves(trials, 30, 3)
    truth = world.order % 3
    people = [i2n.correlate(*(i2n.signature(half, truth) for half in pair)) for pair in halves]
    assert score.ceiling == pytest.approx(np.mean(people), abs=1e-12)
    assert score.ceiling > 0.5


def test_the_five_are_a_suite(cloud, home):
    assert set(BRAIN_SCORE_PUBLIC) <= set(DATA_SETS)
    for name in WRITERS:
        fetch(name, home)
    here = {row["name"]: row["here"] for row in list_benchmarks(home)}
    assert {here[name] for name in BRAIN_SCORE_PUBLIC} == {"yes"}
    benchmarks = [load_benchmark(name, home) for name in BRAIN_SCORE_PUBLIC]
    scores = evaluate(PixelSubject(made.PX), benchmarks)
    match = match_of_run(scores, "brain-score-public@1", SUITES["brain-score-public@1"].benchmarks)
    assert (match.missing, match.left_out) == ({}, ())
    assert list(match.areas) == ["V1", "V2", "V4", "IT", "behavior"]


def test_an_address_without_version_where_versions_are_refused(cloud, home):
    file = "stimulus_hvm-public.csv"
    moved(cloud, f"{STORAGE}/{file}?versionId=null", f"{STORAGE}/{file}")
    fetch("majajhong2015", home)
    assert [url.rpartition("/")[2] for url in cloud.asked[1:3]] == [f"{file}?versionId=null", file]
    load_benchmark("MajajHong2015public.IT-pls", home)


def test_mirrors_where_the_bucket_is_gone(cloud, home):
    name = "assy_movshon_FreemanZiemba2013_public.nc"
    version = "?versionId=W2vx7jdh9utZdVumHHarXa4L1zOrA8Fd"
    moved(cloud, f"{STORAGE}/{name}{version}", f"https://s3.amazonaws.com/brainio.contrib/{name}")
    fetch("freemanziemba2013", home)
    assert cloud.asked[2] == f"/s3.amazonaws.com/brainio.contrib/{name}"
    load_benchmark("FreemanZiemba2013public.V1-pls", home)


def test_a_download_that_broke_off_is_continued(cloud, home):
    cloud.cuts = [1000, 0, 0, 0]
    with pytest.raises(WiringupError, match="What has arrived is kept and continued next time"):
        fetch("majajhong2015", home)
    assert [p.name for p in (home / "majajhong2015").glob("[!.]*")] == [f"{made.MAJAJHONG_FILES[0]}.part"]
    cloud.ranges.clear()
    fetch("majajhong2015", home)
    assert cloud.ranges == ["bytes=1000-", None, None]
    load_benchmark("MajajHong2015public.V4-pls", home)


def test_other_bytes_are_refused_from_wherever_they_come(cloud, home):
    file = SOURCES["majajhong2015"].files[0]
    for address in file.addresses:
        cloud.files[address.removeprefix(cloud.address)] = b"something else"
    with pytest.raises(InputError, match=r"is not the expected file: its sha1 is") as caught:
        fetch("majajhong2015", home)
    assert str(caught.value).count("is not the expected file") == len(file.addresses) == 4
    assert list((home / "majajhong2015").glob("[!.]*")) == []


def test_without_a_network_copies_of_brain_score_itself_will_do(cloud, home, tmp_path):
    """Brain-Score keeps its files as <sha1>/<name>, or under older names."""
    cache = tmp_path / ".brainio"
    for file in SOURCES["majajhong2015"].files:
        older = file.name.replace("stimulus_", "image_dicarlo_")
        (cache / file.digest).mkdir(parents=True)
        (cache / file.digest / older).write_bytes(cloud.files[file.url.removeprefix(cloud.address)])
    fetch("majajhong2015", home, from_dir=cache)
    assert cloud.asked == []
    load_benchmark("MajajHong2015public.IT-pls", home)


def test_private_parts_are_not_offered(home):
    with pytest.raises(InputError, match=r"Unknown part of majajhong2015 'private'.*Allowed: public"):
        fetch("majajhong2015.private", home)
