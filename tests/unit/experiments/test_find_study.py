"""A study is named by its address, the beginning of it, its folder or its recipe; never by a guess."""

import pytest

from made_records import make_record
from wiringup.core.errors import InputError, MissingDataError
from wiringup.experiments.launching.status import status
from wiringup.experiments.launching.study import Listing, find_study
from wiringup.results.store import Store


@pytest.fixture
def runs(tmp_path):
    """Two studies of one recipe and one of another; the last was begun."""
    store = Store(tmp_path / "runs")
    store.save(make_record("ref", 0, 0.1, 0.5))
    for uid, recipe in (("abcd11111111", "critical"), ("abce22222222", "critical")):
        store.save_study(uid, {"reference": "ref", "recipe": recipe}, ["ref-0"])
    Listing("0123456789ab", {"reference": "ref", "recipe": "combination"}, ()).save(store)
    return tmp_path / "runs"


@pytest.mark.parametrize("name", ["abcd11111111", "abcd", "runs/abcd11111111"])
def test_by_address_beginning_and_folder(runs, name, monkeypatch):
    monkeypatch.chdir(runs.parent)
    assert find_study(runs, name) == (runs / "abcd11111111").absolute()


def test_by_recipe_also_before_it_is_finished(runs):
    assert find_study(runs, "combination").name == "0123456789ab"


def test_a_name_of_several_is_refused_and_so_is_one_of_none(runs):
    with pytest.raises(InputError, match=r"any of 2 studies .* abcd11111111, abce22222222"):
        find_study(runs, "critical")
    (runs / "abcd11111111" / "study.json").write_text("{")
    assert find_study(runs, "critical").name == "abce22222222", "what cannot be read has no recipe"
    with pytest.raises(MissingDataError, match=r"no study 'combinatoin'.*Did you mean 'combination'"):
        find_study(runs, "combinatoin")
    for name in ("abc", ""):  # too short to stand for an address
        with pytest.raises(MissingDataError, match=r"0123456789ab \(combination\)"):
            find_study(runs, name)


def test_how_a_study_of_an_earlier_version_stands(runs):
    with pytest.raises(MissingDataError, match="All runs of study abcd11111111 are done"):
        status(Store(runs), "abcd11111111")
