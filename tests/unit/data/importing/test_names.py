"""Names that data of one's own may have: none under which a built-in benchmark would be taken instead."""

import pytest

from wiringup.benchmarks.catalog import DATA_SETS, benchmark_names, other_metrics
from wiringup.benchmarks.metrics.i2n import SIGNATURES
from wiringup.core.areas import AREAS
from wiringup.core.errors import InputError
from wiringup.data.importing.behavior import import_trials
from wiringup.data.importing.recordings import import_rdm, import_recordings
from wiringup.data.importing.storing import check_name
from wiringup.data.sources.addresses import SOURCES
from wiringup.data.sources.catalog import PUBLISHED


def beginnings(name):
    """Return a name and what stands before each of its dots: NAME of NAME.AREA-pls, or of NAME.i2n."""
    return {name, *(name[:i] for i, sign in enumerate(name) if sign == ".")}


def built_in(home):
    fetched = [*SOURCES, *(f"{name}.{part}" for name, source in SOURCES.items() for part in source.parts)]
    names = [*fetched, *PUBLISHED, *benchmark_names(home), *other_metrics(DATA_SETS)]
    return sorted(set().union(*map(beginnings, names)))


def test_no_built_in_name_is_free(tmp_path):
    names = built_in(tmp_path)
    assert {"simulated", "cichy2016.white", "MajajHong2015public", "majajhong2015.public"} <= set(names)
    free = []
    for name in (*names, "SIMULATED", "simulated.mine"):
        try:
            check_name(name)
            free.append(name)
        except InputError:
            pass
    assert free == []


@pytest.mark.parametrize("name", ["simulated-2", "mine.simulated", "simulated2", "cichy2016-mine", "public"])
def test_names_that_only_look_alike_are_free(name):
    check_name(name)


def test_no_set_is_called_like_a_benchmark_of_another(tmp_path):
    sets = {f"mine.{area}-pls": "mine" for area in AREAS}
    metrics = [*sets, *other_metrics(sets), *(f"mine.{m}" for m in SIGNATURES), "mine.error-consistency"]
    assert len(metrics) > 20
    for there, brought in [("mine", metrics), *((metric, ["mine"]) for metric in metrics)]:
        (tmp_path / there / "imported" / there).mkdir(parents=True)
        (tmp_path / there / "imported" / there / "meta.json").touch()
        for name in brought:
            with pytest.raises(InputError, match="a benchmark of 'mine' is called"):
                check_name(name, tmp_path / there)
        for name in (there, "mine.session-1", "mine2.V4-pls", "other"):
            check_name(name, tmp_path / there)


@pytest.mark.parametrize(
    "bring",
    [
        lambda name, home: import_recordings(name, "V4", home / "r.npy", home / "images", home=home),
        lambda name, home: import_rdm(name, "V4", [home / "r.npy"], home / "images", home=home),
        lambda name, home: import_trials(name, home / "images", [home / "t.csv"], home=home),
    ],
)
def test_every_import_refuses_them_and_says_what_to_do(tmp_path, bring):
    with pytest.raises(InputError) as caught:
        bring("simulated", tmp_path)
    assert str(caught.value) == (
        "'simulated' cannot name data of your own: 'simulated' and all that begins with 'simulated.' are "
        "built-in data sets and benchmarks. Choose another name, such as 'my-simulated'."
    )
