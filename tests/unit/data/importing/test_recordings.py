import io
import json
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
import xarray
from PIL import Image

from wiringup.core.errors import InputError, MissingDataError, WiringupError
from wiringup.data.importing.recordings import import_recordings
from wiringup.data.sources import catalog, imported

UNITS, IMAGES, REPEATS = 5, 7, 3


def picture(value):
    stream = io.BytesIO()
    Image.new("RGB", (6, 6), (value, value, value)).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture
def trials():
    """Negative, large and missing values among them."""
    values = np.random.default_rng(0).normal(size=(UNITS, IMAGES, REPEATS)) * 1e5
    values[1, 2, 0] = np.nan
    return values


@pytest.fixture
def lab(tmp_path, trials):
    """A folder with responses in every form, stimuli 0.png ... 6.png of grey value 10 i, and a home."""
    np.save(tmp_path / "r.npy", trials)
    np.savez(tmp_path / "r.npz", responses=trials, other=np.zeros(3))
    array = xarray.DataArray(trials, dims=("neuroid", "image", "repetition"), name="rates")
    array.transpose("repetition", "image", "neuroid").to_netcdf(tmp_path / "r.nc", engine="h5netcdf")
    (tmp_path / "stimuli").mkdir()
    for i in range(IMAGES):
        (tmp_path / "stimuli" / f"{i}.png").write_bytes(picture(10 * i))
    return tmp_path


def bring(lab, responses="r.npy", name="mine", area="V4", **more):
    paths = {key: lab / more.pop(key) for key in ("stimuli", "table") if key in more}
    paths.setdefault("stimuli", lab / "stimuli")
    return import_recordings(name, area, lab / responses, home=lab / "home", **paths, **more)


def table(lab, text):
    (lab / "t.csv").write_text(text)
    return {"table": "t.csv"}


def refused(lab, message, error=InputError, **arguments):
    with pytest.raises(error, match=message):
        bring(lab, **arguments)
    assert not list((lab / "home").glob("imported/*"))


@pytest.mark.parametrize("form", ["r.npy", "r.npz", "r.nc"])
def test_round_trip(lab, trials, form):
    outcome = bring(lab, form)
    assert outcome.warnings == (("r.npz holds more, which was not used: other.",) if form == "r.npz" else ())
    assert outcome.folder == lab / "home" / "imported" / "mine"
    found = catalog.load("mine", lab / "home")
    assert (found.name, found.area) == ("mine", "V4")
    assert found.trials.dtype == np.float32
    assert np.array_equal(found.trials, trials.astype(np.float32), equal_nan=True)
    assert found.stimuli.pixels[:, 0, 0, 0].tolist() == [10 * i for i in range(IMAGES)]
    assert found.stimuli.ids == tuple(f"{i}.png" for i in range(IMAGES))
    assert found.groups is None and found.labels is None
    assert found.sha256 == outcome.data.sha256
    assert found.source == f"Imported from {form} and stimuli."


def test_averages_and_other_forms_of_stimuli(lab, trials):
    np.save(lab / "avg.npy", trials[:, :, 1])
    np.savez(lab / "s.npz", np.arange(IMAGES * 16, dtype=np.uint8).reshape(IMAGES, 4, 4))
    with zipfile.ZipFile(lab / "s.zip", "w") as archive:
        for i in range(IMAGES):
            archive.writestr(f"inner/{i}.png", picture(i))
    first = bring(lab, "avg.npy", "from-npz", stimuli="s.npz").data
    assert first.trials.shape == (UNITS, IMAGES, 1)
    assert first.stimuli.pixels[1, 0, 0].tolist() == [16, 16, 16]
    second = bring(lab, "avg.npy", "from-zip", stimuli="s.zip", size=3).data
    assert second.stimuli.pixels.shape == (IMAGES, 3, 3, 3)
    assert [found.name for found in catalog.known(lab / "home") if found.present] == ["from-npz", "from-zip"]


def test_populations_in_one_file_are_pooled(lab):
    few = np.arange(2 * IMAGES * 2, dtype=np.uint8).reshape(2, IMAGES, 2)
    many = np.full((3, IMAGES, 4), 7, dtype=np.uint8)
    many[0, 0, 3] = 255
    np.savez(lab / "populations.npz", b_many=many, a_few=few)
    trials = bring(lab, "populations.npz", missing=255).data.trials
    assert trials.shape == (5, IMAGES, 4)
    assert np.array_equal(trials[:2, :, :2], few)
    assert np.isnan(trials[:2, :, 2:]).all()
    assert np.isnan(trials[2, 0, 3]) and np.isnan(trials[2:]).sum() == 1


def test_pooled_arrays_are_named_and_those_of_the_same_units_pointed_out(lab, trials):
    random = np.random.default_rng(5)
    raw = trials[:, :, 1:2] + 2e4 * random.normal(size=trials.shape)
    window = raw + 2e4 * random.normal(size=trials.shape)
    other = random.normal(size=trials.shape)
    cases = {
        "normalised": ({"a": raw, "b": (raw - raw.mean()) / raw.std()}, True),
        "windows": ({"a": raw, "b": window}, True),
        "halves": ({"a": raw[:, :, :2], "b": raw[:, :, 2:]}, True),
        "two_units": ({"a": raw[:2], "b": 3 * raw[:2] + 1}, True),
        "others": ({"a": raw, "b": other}, False),
        "unequal": ({"a": raw, "b": raw[:3]}, False),
    }
    for name, (arrays, twins) in cases.items():
        np.savez(lab / f"{name}.npz", **arrays)
        told = bring(lab, f"{name}.npz", name).warnings
        a, b = (array.shape for array in arrays.values())
        assert told[0] == f"2 arrays of {name}.npz were pooled, as other units each: a {a}, b {b}."
        assert any("The units of 'a' and 'b' respond alike, row by row" in t for t in told) == twins, name


def test_missing_code(lab):
    counts = np.arange(UNITS * IMAGES, dtype=np.uint8).reshape(UNITS, IMAGES)
    counts[3, 4] = 255
    np.save(lab / "c.npy", counts)
    found = bring(lab, "c.npy", missing=255).data.trials[:, :, 0]
    assert np.argwhere(np.isnan(found)).tolist() == [[3, 4]]


FILLED_UP = "responses of 0 in all units are no missing repeats"


def filled_up(last=True, units=UNITS, zeros=0.0):
    """Counts of 40 images, in 16 of which one of four repeats is 0 throughout, and 0 elsewhere as often."""
    random = np.random.default_rng(3)
    counts = random.integers(1, 9, (units, 40, 4)) * (random.random((units, 40, 4)) >= zeros)
    counts[:, np.arange(16), 3 if last else random.integers(0, 4, 16)] = 0
    return counts


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        (filled_up(), "0, mostly the last of their images. If .* say --missing 0: as"),
        (filled_up(last=False), r"0\. If .* say --missing 0"),
        (filled_up(units=1), "mostly the last"),
        (filled_up(zeros=0.4), r"mostly the last .* store NaN there \(--missing 0 would take"),
        (filled_up(last=False, zeros=0.4), None),  # sparse responses are silent now and then
        (filled_up(last=False, units=1), None),
        (np.where(np.arange(40)[:, None] < 16, 0, filled_up()), None),  # images that nobody responds to
    ],
)
def test_missing_repeats_that_were_filled_up_with_0_are_pointed_out(lab, counts, told):
    for i in range(40):
        (lab / "stimuli" / f"{i}.png").write_bytes(picture(6 * i))
    np.save(lab / "c.npy", counts)
    found = bring(lab, "c.npy", order="natural", axes="units,images,repeats")
    said = [text for text in found.warnings if "presentations the responses" in text]
    assert len(said) == (told is not None) and all(re.search(told, text) for text in said)
    assert found.data.assumed == ((FILLED_UP,) if told else ())
    if told and "say --missing 0" in told:
        again = bring(lab, "c.npy", "told", order="natural", axes="units,images,repeats", missing=0)
        assert again.data.assumed == () and not any("presentations" in text for text in again.warnings)


def test_repeats_that_are_copies_of_an_average_are_pointed_out(lab, trials):
    copied = np.repeat(trials[:, :, 1:2], REPEATS, 2)
    copied[1, 2, 0] = np.nan
    copied[0, 0, 1] += 1
    np.save(lab / "c.npy", copied)
    found = bring(lab, "c.npy")
    assert found.warnings[0].startswith("All repeats are equal in 29 of 30 pairs of a unit and an image")
    assert found.data.assumed == ("repeats that are all equal are trials",)
    sparse, ones = np.zeros((2, UNITS, IMAGES, REPEATS))
    sparse[:2, ::2, 0] = ones[:] = 1  # one spike in one repeat; units that do not vary
    cases = {"once": copied[:, :, :1], "sparse": sparse, "ones": ones, "saturated": 1 - sparse}
    for name, values in cases.items():
        np.save(lab / f"{name}.npy", values)
        assert bring(lab, f"{name}.npy", name).data.assumed == ()


@pytest.mark.parametrize(
    ("stored", "code", "told"),
    [
        (np.uint8, -1, "between 0 and 34"),
        (np.uint8, 0.5, "between 0 and 34"),
        (np.float32, -99.9, "between 0 and 34"),
        (np.float32, 1e300, "between 0 and 34"),
        (np.float64, np.nan, "between 0 and 34"),
    ],
)
def test_a_code_that_never_occurs_is_refused(lab, stored, code, told):
    np.save(lab / "c.npy", np.arange(UNITS * IMAGES, dtype=stored).reshape(UNITS, IMAGES))
    refused(
        lab, f"The code .* does not occur in the responses, which lie {told}", responses="c.npy", missing=code
    )


def test_a_code_beyond_the_stored_type_is_not_infinity(lab):
    rates = np.zeros((UNITS, IMAGES), np.float32)
    rates[0, 0] = np.inf
    np.save(lab / "c.npy", rates)
    refused(lab, "does not occur in the responses", responses="c.npy", missing=1e300)
    assert np.isnan(bring(lab, "c.npy", missing=np.inf).data.trials[0, 0, 0])
    assert imported.describe(lab / "home", "mine")["provenance"]["missing"] == "inf"
    np.save(lab / "c.npy", np.full((UNITS, IMAGES), np.nan))
    with pytest.raises(
        InputError, match=r"The code 5 for missing trials does not occur in the responses\. Correct"
    ):
        bring(lab, "c.npy", missing=5)


@pytest.mark.parametrize("stored", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("widened", [False, True])
def test_the_code_is_compared_in_the_stored_type(lab, stored, widened):
    rates = np.full((UNITS, IMAGES), 3.5, stored)
    rates[3, 4] = -99.9
    np.save(lab / "c.npy", rates.astype(np.float64) if widened and stored == np.float32 else rates)
    found = bring(lab, "c.npy", missing=-99.9).data.trials[:, :, 0]
    assert np.argwhere(np.isnan(found)).tolist() == [[3, 4]]


def test_groups_and_labels_from_named_or_usual_columns(lab):
    rows = [f"m{i // 2},{'ab'[i % 2]}" for i in range(IMAGES)]
    text = "\n".join(["movie, label", *rows]) + "\n"
    found = bring(lab, group="movie", **table(lab, text)).data
    assert found.groups.tolist() == [f"m{i // 2}" for i in range(IMAGES)]
    assert found.labels.tolist() == list("abababa")
    back = catalog.load("mine", lab / "home")
    assert back.groups.tolist() == found.groups.tolist()
    assert back.labels.tolist() == found.labels.tolist()


@pytest.mark.parametrize(
    ("column", "form"), [("filename", "{}.png"), ("image", "deep/er/{}.png"), ("file", "{}")]
)
def test_table_orders_stimuli_by_file_name(lab, column, form):
    order = [3, 1, 0, 6, 5, 4, 2]
    lines = [f"{form.format(i)},g{i}" for i in order]
    found = bring(lab, **table(lab, "\n".join([f"{column},group", *lines]))).data
    assert found.stimuli.pixels[:, 0, 0, 0].tolist() == [10 * i for i in order]
    assert found.groups.tolist() == [f"g{i}" for i in order]


def test_table_may_leave_out_images(lab):
    (lab / "stimuli" / "extra.png").write_bytes(picture(255))
    lines = [f"{i}.png" for i in range(IMAGES)]
    assert len(bring(lab, **table(lab, "\n".join(["filename", *lines]))).data.stimuli) == IMAGES


def brain_score_file(lab, ids, values, **coordinates):
    coordinates = {k: ("presentation", v) for k, v in {"stimulus_id": ids, **coordinates}.items()}
    array = xarray.DataArray(
        values[:, :, None], dims=("neuroid", "presentation", "time_bin"), coords=coordinates, name="assembly"
    )
    array.transpose("presentation", "neuroid", "time_bin").to_netcdf(lab / "b.nc", engine="h5netcdf")


def test_presentations_are_gathered_by_stimulus(lab):
    """Presentations in random order, one stimulus shown less often than the others."""
    rng = np.random.default_rng(1)
    shown = rng.permutation([i for i in range(IMAGES) for _ in range(3)])[:-1]
    values = rng.normal(size=(UNITS, len(shown)))
    brain_score_file(lab, [f"s{i}" for i in shown], values, repetition=np.zeros(len(shown), int))
    lines = [f"{i}.png,s{i}" for i in range(IMAGES)]
    found = bring(lab, "b.nc", **table(lab, "\n".join(["filename,stimulus_id", *lines]))).data
    assert found.trials.shape == (UNITS, IMAGES, 3)
    for i in range(IMAGES):
        expected = values[:, shown == i].astype(np.float32)
        assert np.array_equal(found.trials[:, i, : expected.shape[1]], expected)
        assert np.isnan(found.trials[:, i, expected.shape[1] :]).all()


def test_responses_with_names_are_put_in_the_order_of_the_stimuli(lab):
    values = np.arange(UNITS * IMAGES, dtype=float).reshape(UNITS, IMAGES)
    brain_score_file(lab, [str(i) for i in reversed(range(IMAGES))], values)
    assert np.array_equal(bring(lab, "b.nc").data.trials[:, :, 0], values[:, ::-1])


def test_responses_with_strange_names_are_taken_by_position_with_a_warning(lab):
    values = np.arange(UNITS * IMAGES, dtype=float).reshape(UNITS, IMAGES)
    brain_score_file(lab, [f"hash{i}" for i in range(IMAGES)], values)
    outcome = bring(lab, "b.nc")
    assert np.array_equal(outcome.data.trials[:, :, 0], values)
    assert "like 'hash0', the stimuli like '0.png': they were matched by position" in outcome.warnings[0]


@pytest.mark.parametrize("ids", [["0", "1", "2", "x3", "x4", "x5", "x6"], [f"x{i // 2}" for i in range(14)]])
def test_names_that_match_only_in_part_are_refused(lab, ids):
    brain_score_file(lab, ids, np.zeros((UNITS, len(ids))))
    refused(lab, "cannot all be matched by name; give a table", responses="b.nc")


def test_units_without_responses_are_dropped_with_a_warning(lab, trials):
    trials[[0, 3]] = np.nan
    trials[:, 5] = np.nan
    np.save(lab / "gaps.npy", trials)
    outcome = bring(lab, "gaps.npy")
    assert outcome.data.trials.shape == (UNITS - 2, IMAGES, REPEATS)
    assert outcome.warnings[0] == "2 units have no response at all and were left out (rows 0, 3)."
    assert outcome.warnings[1].startswith("1 images have no response of any unit")


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((5, 9), r"responses are to 9 images \(shape \(5, 9, 1\).* but there are 7 stimuli\.$"),
        ((7, 5), r"5 images .* 7 stimuli\. This looks like images x units; .* say --axes images,units\.$"),
        ((5, 3, 7), r"This looks like units x repeats x images; .* say --axes units,repeats,images\.$"),
        ((7,), r"has shape \(7,\); responses have to be units x images"),
        ((0, 7), r"has shape \(0, 7\)"),
    ],
)
def test_wrong_shapes(lab, shape, message):
    np.save(lab / "bad.npy", np.zeros(shape))
    refused(lab, message, responses="bad.npy")


@pytest.mark.parametrize(("value", "stored"), [(np.inf, float), (-np.inf, float), (1e39, float)])
def test_infinite_and_unstorable_values(lab, value, stored):
    values = np.zeros((UNITS, IMAGES), stored)
    values[2, 4] = value
    np.save(lab / "bad.npy", values)
    refused(lab, r"1 responses are infinite or beyond .* repeat\) \(2, 4, 0\)", responses="bad.npy")


def test_all_missing_and_no_numbers(lab):
    np.save(lab / "bad.npy", np.full((UNITS, IMAGES), np.nan))
    refused(lab, "Every response is missing", responses="bad.npy")
    np.save(lab / "bad.npy", np.full((UNITS, IMAGES), "x"))
    refused(lab, "responses have to be real numbers", responses="bad.npy")


def test_files_that_cannot_be_read(lab):
    refused(lab, "There is no file of responses", MissingDataError, responses="nothing.npy")
    (lab / "r.txt").write_bytes(b"")
    refused(lab, r"is none of \.npy, \.npz, \.mat \(MATLAB\) and \.nc", responses="r.txt")
    (lab / "bad.nc").write_bytes(b"not netCDF")
    refused(lab, "cannot be read as netCDF-4", responses="bad.nc")
    refused(lab, "no-such.nc", MissingDataError, responses="no-such.nc")
    xarray.Dataset({"r": (("neuroid", "image"), np.ones((2, 3)))}).to_netcdf(lab / "bad.nc", engine="scipy")
    refused(lab, r"bad.nc is netCDF-3, .* nccopy -k nc4 bad.nc bad-4.nc; or in Python", responses="bad.nc")
    np.savez(lab / "bad.npz", a=np.zeros(1), b=np.zeros(1))
    refused(lab, r"holds a \(1,\), b \(1,\); name the one to import 'responses'", responses="bad.npz")
    np.savez(lab / "odd.npz", a=np.zeros((2, IMAGES, 2)), b=np.zeros((2, IMAGES - 1, 2)))
    refused(lab, r"holds a \(2, 7, 2\), b \(2, 6, 2\)", responses="odd.npz")
    np.save(lab / "bad.npy", np.array([{}], dtype=object), allow_pickle=True)
    refused(lab, "it holds pickled objects", responses="bad.npy")
    (lab / "renamed.npy").write_bytes((lab / "r.npz").read_bytes())
    refused(lab, "is an npz, although its name says npy", responses="renamed.npy")
    (lab / "renamed.npz").write_bytes((lab / "r.npy").read_bytes())
    refused(lab, r"holds a single array \(npy\), not an npz", responses="renamed.npz")


@pytest.mark.parametrize(
    ("dimensions", "message"),
    [
        (("neuroid", "place"), r"has dimensions \{'neuroid': 5, 'place': 7\}; expected one for the units"),
        (("unit", "neuron"), "expected one for the units"),
    ],
)
def test_unknown_dimensions(lab, dimensions, message):
    xarray.DataArray(np.zeros((5, 7)), dims=dimensions, name="x").to_netcdf(lab / "d.nc", engine="h5netcdf")
    refused(lab, message, responses="d.nc")


def test_presentations_and_repeats_at_once(lab):
    array = xarray.DataArray(
        np.zeros((5, 14, 2)),
        dims=("unit", "presentation", "repeat"),
        coords={"image_id": ("presentation", list("01234560123456"))},
        name="x",
    )
    array.to_netcdf(lab / "d.nc", engine="h5netcdf")
    refused(lab, "repeats stimuli along its images and has a dimension of repeats as well", responses="d.nc")


@pytest.mark.parametrize(
    ("text", "arguments", "message"),
    [
        ("group\na\nb\n", {}, "has 2 rows, but there are 7 stimuli"),
        (
            "group\n" + "a\n" * 7,
            {"group": "gruop"},
            r"Unknown column of t\.csv 'gruop'\. Did you mean 'group'\?",
        ),
        ("group,x\n" + "a,1\n" * 3 + ",1\n" * 4, {}, "empty cell in column 'group', line 5"),
        ("group\na,b\n", {}, r"line 2, has 2 cells, but there are 1 column names"),
        ("group\n", {}, "one line for each image"),
        ("filename\n" + "".join(f"{i}.jpg\n" for i in range(7)), {}, None),
        (
            "filename\n" + "".join(f"x{i}.png\n" for i in range(7)),
            {},
            r"7 images that are not among the 7 .*'x0\.png'",
        ),
        ("filename\n" + "0.png\n" * 7, {}, "names an image more than once"),
    ],
)
def test_tables(lab, text, arguments, message):
    if message is None:
        assert len(bring(lab, **table(lab, text), **arguments).data.stimuli) == IMAGES
    else:
        refused(lab, message, **table(lab, text), **arguments)


def test_absent_and_unreadable_tables(lab):
    refused(lab, "There is no table", MissingDataError, table="no.csv")
    (lab / "t.csv").write_bytes(b"group\n\x81\n")
    refused(lab, "cannot be read as a CSV: its bytes are text in none of UTF-8", table="t.csv")
    refused(lab, "The label column 'kind' needs a table", label="kind")


@pytest.mark.parametrize("name", ["", "a b", "../x", ".hidden", "x.", "a/b", "é", "x" * 65])
def test_names_that_suit_no_file(lab, name):
    refused(lab, "cannot name a data set", name=name)


@pytest.mark.parametrize("name", ["henaff2021", "Cichy2016.it", "cowley2023"])
def test_names_that_are_taken(lab, name):
    refused(lab, "cannot name data of your own: .* are built-in data sets", name=name)


def test_unknown_area(lab):
    refused(lab, r"Unknown area 'v4'.*Did you mean 'V4'\?", area="v4")
    refused(lab, "Unknown area 'behavior'", area="behavior")


def test_the_same_again_is_welcome_but_nothing_else(lab, trials):
    first = bring(lab)
    before = (first.folder / "meta.json").read_text()
    assert bring(lab, "r.npz").folder == first.folder
    assert (first.folder / "meta.json").read_text() == before
    np.save(lab / "r.npy", trials + 1)
    with pytest.raises(InputError, match=r"Other data are already imported as 'mine'\. Choose another name"):
        bring(lab)


def test_description(lab):
    values = np.load(lab / "r.npy")
    values[0, 0, 0] = -5
    np.save(lab / "r.npy", values)
    (lab / "t.csv").write_text("name,size\n" + "".join(f"{i}.png,1\n" for i in reversed(range(IMAGES))))
    bring(lab, missing=-5, table="t.csv")
    meta = imported.describe(lab / "home", "mine")
    assert (meta["units"], meta["images"], meta["repeats"]) == (UNITS, IMAGES, REPEATS)
    assert meta["provenance"]["responses"]["file"] == "r.npy"
    assert len(meta["provenance"]["responses"]["sha256"]) == 64
    assert meta["provenance"]["stimuli"] == {"file": "stimuli"}
    assert meta["provenance"]["missing"] == -5
    assert meta["provenance"]["order"] == "column 'name' of the table"
    assert meta["provenance"]["warnings"] == ["t.csv: order from 'name'; not used: 'size'."]


def test_changed_and_damaged_sets_are_refused(lab):
    folder = bring(lab).folder
    whole = (folder / "arrays.npz").read_bytes()
    (folder / "arrays.npz").write_bytes(whole.replace(b"fortran_order", b"fortran_Order", 1))
    with pytest.raises(InputError, match=r"arrays\.npz is damaged, or was changed"):
        catalog.load("mine", lab / "home")
    (folder / "arrays.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"is damaged \(.*Remove the folder and import it again"):
        catalog.load("mine", lab / "home")
    (folder / "arrays.npz").write_bytes(whole)
    meta = json.loads((folder / "meta.json").read_text())
    (folder / "meta.json").write_text(json.dumps(meta | {"area": "IT"}))
    with pytest.raises(InputError, match=r"does not match the hash that it carries.*import the set again"):
        catalog.load("mine", lab / "home")
    del meta["seal"]  # as the first versions wrote it: its content has a hash of its own
    (folder / "meta.json").write_text(json.dumps(meta | {"area": "IT"}))
    with pytest.raises(InputError, match="content does not match its hash"):
        catalog.load("mine", lab / "home")
    (folder / "meta.json").write_text(json.dumps(meta | {"format": 99}))
    with pytest.raises(InputError, match="its format is not 1"):
        catalog.load("mine", lab / "home")
    assert [(k.present, "damaged" in k.why) for k in catalog.known(lab / "home") if k.name == "mine"] == [
        (False, True)
    ]


def test_a_full_disk_leaves_nothing(lab, monkeypatch):
    def full(stream, **arrays):
        stream.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(WiringupError, match="No space left to write"):
        bring(lab)
    assert list((lab / "home" / "imported").glob("[!.]*")) == []
    assert "mine" not in [found.name for found in catalog.known(lab / "home") if found.present]


def test_absent_set(tmp_path):
    with pytest.raises(MissingDataError, match="No imported set 'x'"):
        imported.load_set(Path(tmp_path), "x")


def test_published_files_as_somebodys_own(shared, tmp_path):
    """What the adapter reads, the importer reads too."""
    folder = shared / "data" / "cowley2023"
    outcome = import_recordings(
        "again", "V4", folder / "responses_raw_210325.npy", folder / "images_210325.zip", home=tmp_path
    )
    assert outcome.data.sha256 == catalog.load("cowley2023.210325", shared / "data").sha256
    assert catalog.load("again", tmp_path).sha256 == outcome.data.sha256


def test_a_data_folder_that_cannot_be_written_says_what_to_do(lab):
    (lab / "home").write_text("a file in the way")
    with pytest.raises(WiringupError, match=r"Cannot write to .*imported .*Set WIRINGUP_DATA"):
        bring(lab, "r.npy")


def test_what_was_done_to_the_pictures_is_said(lab):
    frames = [Image.new("RGB", (6, 6), (value,) * 3) for value in (10, 90)]
    stream = io.BytesIO()
    frames[0].save(stream, "GIF", save_all=True, append_images=frames[1:])
    (lab / "stimuli/1.png").write_bytes(stream.getvalue())
    told = "1 of 7 images has several frames; the first is used."
    outcome = bring(lab)
    assert outcome.warnings[0] == told
    meta = json.loads((outcome.folder / "meta.json").read_text())
    assert meta["provenance"]["warnings"][0] == told


def test_units_that_do_not_vary_are_told(lab, trials):
    trials[3] = 2.5
    np.save(lab / "r.npy", trials)
    outcome = bring(lab)
    assert "1 units respond to all images alike; they have no score (rows 3)." in outcome.warnings
    assert len(outcome.data.trials) == UNITS
