"""Brain-Score's public data: read from small files of the same format."""

import zipfile

import h5py
import numpy as np
import pytest
import xarray

import made_brainio as made
from wiringup.core.errors import InputError, MissingDataError
from wiringup.data.recordings.responses import occurrences, unfolded
from wiringup.data.sources import catalog
from wiringup.data.sources.brainscore import reading as brainscore
from wiringup.data.sources.brainscore.brainio import open_stimulus_set, read_choices, read_responses

NC, STIMULI = made.MAJAJHONG_FILES
WINDOW = (70, 170)


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setattr(catalog, "check_whole", lambda *_: None)  # made files bear the published names
    return tmp_path / "home"


@pytest.fixture
def world(home):
    return made.write_majajhong(home / "majajhong2015")


def it(home):
    return brainscore.recording(home, "majajhong2015", "IT")


def rewrite(home, array, **encoding):
    made.write(array, home / "majajhong2015" / NC, **encoding)


def same(found, world, region="IT", atol=0.0):
    np.testing.assert_allclose(found.trials, world.expected(region), atol=atol)
    assert found.trials.dtype == np.float32
    assert found.stimuli.ids == tuple(world.ids[world.order])
    assert found.labels.tolist() == world.labels[world.order].tolist()


@pytest.mark.parametrize("region", ["V4", "IT"])
def test_a_recording_by_its_name(home, world, region):
    found = catalog.load(f"majajhong2015.public.{region}", home)
    same(found, world, region)
    assert (found.name, found.area, found.simulated) == (f"majajhong2015.public.{region}", region, False)
    assert np.array_equal(found.stimuli.pixels, world.pixels[world.order])
    assert "Licence: none stated by the source" in found.source


def test_unequal_repeats_are_missing_trials(home, world):
    found = it(home).trials
    shown = (~np.isnan(found)).sum(2)
    assert found.shape == (4, 40, 5)
    assert (shown == world.repeats[world.order]).all()
    assert not np.isnan(found[..., :3]).any()  # the labels that a less often shown image lacks are the last


@pytest.mark.parametrize(
    "dims",
    [
        ("neuroid", "presentation", "time_bin"),
        ("presentation", "neuroid", "time_bin"),
        ("time_bin", "presentation", "neuroid"),
    ],
)
def test_dimensions_may_stand_in_any_order(home, world, dims):
    bins = [(t, t + 20) for t in range(50, 210, 20)]
    array = made.neural(world, bins)
    rewrite(home, array.transpose(*dims))
    found = read_responses(home / "majajhong2015" / NC, "V4", (70, 190))
    rows = array.values[[0, 3, 5]][:, :, 1:7]
    np.testing.assert_allclose(found.values, rows.astype(np.float64).mean(2), atol=1e-6)


def test_chunked_and_compressed_files(home, world):
    rewrite(home, made.neural(world), chunksizes=(3, 50, 1), zlib=True)
    same(it(home), world)


def test_time_may_have_been_averaged_away(home, world):
    rewrite(home, made.neural(world).isel(time_bin=0, drop=True))
    same(it(home), world)


def test_bins_may_stand_in_any_order(home, world):
    array = made.neural(world, [(70, 100), (100, 170)])
    rewrite(home, array.isel(time_bin=[1, 0]))
    same(it(home), world, atol=1e-6)


@pytest.mark.parametrize(
    "bins",
    [[(70, 120)], [(70, 120), (130, 170)], [(60, 170)], [(70, 120), (110, 170)], [(70, 170), (70, 170)]],
)
def test_bins_that_do_not_fill_the_window_are_refused(home, world, bins):
    rewrite(home, made.neural(world, bins))
    with pytest.raises(InputError, match="no time bins that fill 70 to 170 ms without gaps"):
        it(home)


def test_coordinates_that_collided_and_old_names(home, world):
    rewrite(home, made.neural(world, id_name="stimulus_id", repetition="repetition_"))
    made.write_stimuli(
        home / "majajhong2015", STIMULI, world, id_name="image_id", columns={"object_name": world.labels}
    )
    same(it(home), world)


def test_a_coordinate_keeps_its_underscore_where_the_plain_name_is_taken(home, world):
    array = made.neural(world)
    rewrite(home, array.assign_coords(repetition_=("presentation", np.zeros(array.sizes["presentation"]))))
    same(it(home), world)


def test_fixed_length_text_and_files_that_lost_the_mark_of_coordinates(home, world):
    path = home / "majajhong2015" / NC
    with h5py.File(path, "r+") as file:
        ids = file["image_id"].asstr()[()]
        attributes = {k: v for k, v in file["image_id"].attrs.items() if k == "DIMENSION_LIST"}
        assert attributes
        del file["rates"].attrs["coordinates"]
    with xarray.open_dataset(path, engine="h5netcdf") as dataset:
        assert "image_id" in dataset.data_vars
        dataset = dataset.load()
    dataset["image_id"] = ("presentation", ids.astype("S40"))
    dataset.to_netcdf(path, engine="h5netcdf")
    same(it(home), world)


def test_labels_stand_in_the_csv_or_else_beside_the_presentations(home, world):
    made.write_stimuli(home / "majajhong2015", STIMULI, world)
    rewrite(home, made.neural(world, labels="object_name"))
    same(it(home), world)
    rewrite(home, made.neural(world))
    with pytest.raises(InputError, match=r"Unknown coordinate of assy.* 'object_name'"):
        it(home)


def test_images_that_were_never_shown_are_left_out(home, world):
    array = made.neural(world)
    first = array["image_id"] != world.ids[7]
    rewrite(home, array.isel(presentation=np.flatnonzero(first.values)))
    found = it(home)
    kept = [i for i in world.order if i != 7]
    assert found.stimuli.ids == tuple(world.ids[kept])
    assert np.array_equal(found.stimuli.pixels, world.pixels[kept])
    assert found.labels.tolist() == world.labels[kept].tolist()
    assert found.trials.shape == (4, 39, 5)


def test_without_labels_presentations_are_counted(home, world):
    rewrite(home, made.neural(world, repetition=""))
    found = it(home).trials
    expected = world.expected("IT")
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    np.testing.assert_array_equal(np.sort(found, axis=2), np.sort(expected, axis=2))


def test_repetitions_sort_as_numbers(home, world):
    array = made.neural(world)
    rewrite(home, array.assign_coords(repetition=array["repetition"] * 9))  # 0, 9, 18, 27, 36
    same(it(home), world)


def test_an_image_twice_in_one_repetition_is_refused(home, world):
    array = made.neural(world)
    rewrite(home, array.isel(presentation=[*range(array.sizes["presentation"]), 3]))
    with pytest.raises(InputError, match="1 presentations show an image for a second time in one repeat"):
        it(home)


def test_stimuli_that_the_csv_lacks(home, world):
    array = made.neural(world)
    rewrite(home, array.assign_coords(image_id=array["image_id"].str.replace(world.ids[3], "other")))
    with pytest.raises(
        InputError, match=r"shows 1 stimuli that stimulus_hvm-public\.csv lacks, such as 'other'"
    ):
        it(home)


def test_regions_and_dimensions_are_checked(home, world):
    path = home / "majajhong2015" / NC
    with pytest.raises(InputError, match=r"Unknown region of assy_.*'V1'.*Allowed: IT, V4"):
        read_responses(path, "V1", WINDOW)
    with pytest.raises(InputError, match="Unknown area of majajhong2015 'V1'"):
        brainscore.recording(home, "majajhong2015", "V1")
    with pytest.raises(InputError, match="expected presentation"):
        read_choices(path)
    made.write(made.neural(world).drop_vars("region"), path)
    with pytest.raises(InputError, match="no coordinate region"):
        it(home)
    made.write(made.neural(world).drop_vars("time_bin_end"), path)
    with pytest.raises(InputError, match="when its time bins start and end"):
        it(home)
    made.write(made.neural(world).rename(neuroid="voxel"), path)
    with pytest.raises(
        InputError, match="has the dimensions voxel, presentation, time_bin; expected neuroid"
    ):
        it(home)
    xarray.Dataset({"a": ("x", [1]), "b": ("x", [1])}).to_netcdf(path, engine="h5netcdf")
    with pytest.raises(InputError, match=r"holds a \(1,\), b \(1,\); name the one"):
        it(home)
    path.write_bytes(b"no HDF5")
    with pytest.raises(InputError, match="cannot be read as netCDF-4"):
        it(home)


def test_absent_files_name_the_command(home):
    with pytest.raises(MissingDataError, match=r"hvm-public\.zip.*Run: wiringup fetch majajhong2015$"):
        catalog.load("majajhong2015.public.IT", home)


@pytest.fixture
def zipped(home, world):
    """Write the zip again with other members; return its stimulus set's opener."""
    folder = home / "majajhong2015"
    path = folder / f"stimulus_{STIMULI}.zip"

    def make(change):
        with zipfile.ZipFile(path) as archive:
            members = [(name, archive.read(name)) for name in archive.namelist()]
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in change(members):
                archive.writestr(name, content)
        return open_stimulus_set(folder / f"stimulus_{STIMULI}.csv", path)

    return make


def test_folders_in_the_zip_do_no_harm(zipped):
    assert len(zipped(lambda m: [("empty/", b""), *m]).ids) == 40


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m[1:], "1 files are missing from it, such as 'im000.png'"),
        (lambda m: [*m, ("stray.txt", b"")], "1 files are not in the stimulus set, such as 'stray.txt'"),
        (
            lambda m: [*m, ("../im000.png", b"")],
            r"1 files lead out of the archive, such as '\.\./im000\.png'",
        ),
        (lambda m: [*m, ("/etc/im.png", b"")], "1 files lead out of the archive, such as '/etc/im.png'"),
        (lambda m: [*m, ("c:/im.png", b"")], "1 files lead out of the archive"),
        (lambda m: [*m, ("a/..\\..\\im.png", b"")], "1 files lead out of the archive"),
    ],
)
def test_zips_that_do_not_hold_exactly_the_files_of_the_csv(zipped, change, message):
    with pytest.raises(InputError, match=rf"hvm-public\.zip is not the zip of its CSV: {message}"):
        zipped(change)


def test_a_file_twice_in_a_zip(zipped):
    with (
        pytest.warns(UserWarning, match="Duplicate name"),
        pytest.raises(InputError, match="are in it twice"),
    ):
        zipped(lambda m: [*m, m[0]])


def test_files_of_absurd_size(zipped, monkeypatch):
    monkeypatch.setattr("wiringup.data.sources.brainscore.brainio._LARGEST_MIB", 0)
    with pytest.raises(InputError, match="40 files have more than 0 MiB"):
        zipped(lambda m: m)


def test_damaged_zips_and_pictures(home, world, zipped):
    stimuli = zipped(lambda m: [(m[0][0], b"no picture"), *m[1:]])
    with pytest.raises(InputError, match=r"'im000\.png' in .* is not a readable image"):
        stimuli.images(np.arange(2))
    stimuli.archive.write_bytes(b"no zip")
    with pytest.raises(InputError, match="is not a readable zip"):
        it(home)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            "stimulus_id,object_name\na,b",
            "needs the columns stimulus_id .or image_id. and filename; it has stim",
        ),
        ("filename\na", "needs the columns"),
        ("stimulus_id,filename\na,x.png\na,y.png", "lists a stimulus id more than once"),
        ("stimulus_id,filename\na,x.png\nb,", "empty cell in column 'filename', line 3"),
    ],
)
def test_tables_that_are_no_stimulus_set(tmp_path, lines, message):
    (tmp_path / "s.csv").write_text(lines)
    with pytest.raises(InputError, match=message):
        open_stimulus_set(tmp_path / "s.csv", tmp_path / "s.zip")


def test_areas_share_their_images(home, world):
    found = it(home)
    assert brainscore.recording(home, "majajhong2015", "V4").stimuli is found.stimuli


def test_textures_are_averaged_over_time_and_placed_on_the_screen(home):
    world = made.write_freemanziemba(home / "freemanziemba2013")
    found = catalog.load("freemanziemba2013.public.V2", home)
    same(found, world, "V2", atol=2e-6)
    inner = found.stimuli.pixels[:, 8:24, 8:24]
    assert found.stimuli.pixels.shape == (40, 32, 32, 3)
    assert np.array_equal(inner, world.pixels[world.order])
    assert (np.delete(found.stimuli.pixels, np.s_[8:24], axis=1) == 128).all()
    wide = brainscore.recording(home, "freemanziemba2013", "V2", field_of_view=2)
    assert np.array_equal(wide.stimuli.pixels, world.pixels[world.order][:, 4:12, 4:12])


def test_choices_of_people(home):
    world, (image, distractor, choice) = made.write_rajalingham(home / "rajalingham2018")
    found = catalog.load("rajalingham2018.public", home)
    place = np.argsort(world.order)
    assert found.test.classes == made.OBJECTS
    assert found.test.stimuli.ids == tuple(world.ids[world.order])
    assert np.array_equal(found.test.stimuli.pixels, world.pixels[world.order])
    assert np.array_equal(found.test.labels, np.arange(30)[world.order] % 3)
    assert np.array_equal(found.image, place[image])
    assert np.array_equal(found.sample, image % 3)
    assert np.array_equal(found.distractor, distractor)
    assert np.array_equal(found.choice, choice)
    assert set(found.subject.tolist()) == set(range(7))
    arrays = (found.image, found.sample, found.distractor, found.choice, found.subject, found.test.labels)
    assert found.fit is found.test
    assert {a.dtype for a in arrays} == {np.dtype(np.int64)}


def test_choices_of_unknown_objects(home):
    made.write_rajalingham(home / "rajalingham2018")
    path = home / "rajalingham2018" / made.RAJALINGHAM_FILES[0]
    with xarray.open_dataset(path, engine="h5netcdf") as dataset:
        array = dataset.load()["choice"]
    names = array["dist_obj"].values.copy()
    names[4] = "zebra"
    made.write(array.assign_coords(dist_obj=("presentation", names)), path)
    with pytest.raises(InputError, match=r"1 choices or distractors that are the object of no .*'zebra'"):
        brainscore.rajalingham(home)


def test_occurrences_and_unfolding():
    image = np.array([2, 0, 2, 1, 2, 0])
    assert occurrences(image).tolist() == [0, 0, 1, 0, 2, 1]
    found = unfolded(np.arange(6)[None], image, occurrences(image))
    nan = np.nan
    np.testing.assert_array_equal(found[0], [[1, 5, nan], [3, nan, nan], [0, 2, 4]])
