"""Responses, tables and images as people have them: each response meets its image, or a word is said."""

import unicodedata

import h5py
import numpy as np
import pytest
import scipy.io
import xarray
from PIL import Image

from wiringup.core.errors import InputError
from wiringup.data.importing.recordings import import_recordings
from wiringup.data.sources import catalog

N, UNITS = 24, 3
ORDER = np.random.default_rng(3).permutation(N)
"""Row k of the responses belongs to image ORDER[k]."""
NAMES = [f"im{i:02d}.png" for i in range(N)]


class Lab:
    """A folder of images whose grey value is their number, and of responses that are the same number."""

    def __init__(self, path):
        self.path = path
        self.count = 0

    def images(self, names):
        for i, name in enumerate(names):
            file = self.path / "images" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((4, 4, 3), i, np.uint8)).save(file, "PNG")

    def responses(self, order=ORDER, units=UNITS):
        return (
            np.tile(np.asarray(order, np.float32), (units, 1))
            + 100 * np.arange(units, dtype=np.float32)[:, None]
        )

    def netcdf(self, values=None, dims=("neuroid", "presentation"), **coordinates):
        values = self.responses() if values is None else values
        along = {k: v if isinstance(v, tuple) else (dims[1], v) for k, v in coordinates.items()}
        array = xarray.DataArray(values, dims=dims, coords=along, name="spikes")
        array.to_netcdf(self.path / "r.nc", engine="h5netcdf")
        return "r.nc"

    def bring(self, responses="r.npy", table=None, area="V4", **more):
        if table is not None:
            (self.path / "t.csv").write_text(table, encoding="utf-8")
            more["table"] = self.path / "t.csv"
        self.count += 1
        return import_recordings(
            f"set{self.count}", area, self.path / responses, self.path / "images", home=self.path, **more
        )

    def refused(self, message, **arguments):
        before = sorted(self.path.glob("imported/*"))
        with pytest.raises(InputError, match=message):
            self.bring(**arguments)
        assert sorted(self.path.glob("imported/*")) == before


@pytest.fixture
def lab(tmp_path):
    made = Lab(tmp_path)
    made.images(NAMES)
    np.save(tmp_path / "r.npy", made.responses())
    return made


def aligned(outcome):
    """Return whether every response stands beside its image."""
    recording = outcome.data
    shown = recording.stimuli.pixels[:, 0, 0, 0].astype(np.float32)
    return np.array_equal(np.nanmean(recording.trials[0], axis=1), shown)


def rows(head, *columns):
    return "\n".join([head, *(";".join(map(str, row)) for row in zip(*columns, strict=True))]) + "\n"


SHUFFLED = [NAMES[i] for i in ORDER]
IN_FOURS = [f"g{k // 4}" for k in range(N)]


# ------------------------------------------------------------------ tables


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        ("Filename;Group", "groups"),
        ("stimulus;movie", "groups"),
        ("Image File Name;Video-ID", "groups"),
        ("image_file_name;object_name", "labels"),
        ("imagePath;Category", "labels"),
        ("whatever I call it;scene", "groups"),
    ],
)
def test_columns_in_usual_spellings(lab, head, kind):
    outcome = lab.bring(table=rows(head, SHUFFLED, IN_FOURS))
    name, other = head.split(";")
    assert aligned(outcome)
    assert getattr(outcome.data, kind).tolist() == IN_FOURS
    assert outcome.order == f"column {name!r} of the table"
    assert outcome.warnings == (f"t.csv: order from {name!r}; {kind} from {other!r}.",)


def test_columns_that_are_not_used_are_named_but_for_an_index(lab):
    table = rows(";file;depth;Unnamed: 9", range(N), SHUFFLED, range(N), range(N))
    outcome = lab.bring(table=table)
    assert aligned(outcome)
    assert outcome.warnings == ("t.csv: order from 'file'; not used: 'depth'.",)


def test_a_table_without_names_of_columns_is_refused_in_words(lab):
    head, *others = (f"{name},m{group}" for name, group in zip(SHUFFLED, IN_FOURS, strict=True))
    told = f"first line of .*t.csv names the image '{SHUFFLED[0]}', where names of columns belong"
    lab.refused(told, table=rows(head, others))
    lab.refused(told, table=rows(head, others), filename="none")


def test_a_table_of_no_use_is_refused(lab):
    nothing = r"Nothing of .*t\.csv would be used: no column of it \(depth, size\)"
    lab.refused(nothing, table=rows("depth;size", range(N), range(N)))
    lab.refused("Nothing of", table=rows("image", range(N)))  # a count names nothing


def test_columns_that_contradict_each_other_are_refused_until_one_is_named(lab):
    table = rows("filename;image_name", SHUFFLED, NAMES)
    lab.refused(
        f"two columns that disagree: in row 1, 'filename' is '{SHUFFLED[0]}' and 'image_name' is 'im00.png'",
        table=table,
    )
    assert aligned(lab.bring(table=table, filename="filename"))
    other = lab.bring(table=table, filename="Image Name")
    assert other.data.stimuli.ids == tuple(NAMES)
    assert aligned(lab.bring(table=rows("filename;path", SHUFFLED, [f"C:\\stim\\{n}" for n in SHUFFLED])))


def test_a_column_of_files_that_names_no_image_is_refused_until_it_is_disowned(lab):
    table = rows("stimulus;group", [f"x{i}" for i in range(N)], IN_FOURS)
    lab.refused(
        r"names 24 images that are not among .* in column 'stimulus'; .* or --filename none", table=table
    )
    outcome = lab.bring(table=table, filename="none")
    assert outcome.order == "natural order of the images' names (assumed)"
    lab.refused("not among .* in column 'group'", table=table, filename="group")


def test_numbers_name_images_only_in_a_column_that_is_called_so(tmp_path):
    lab = Lab(tmp_path)
    lab.images([f"{i}.png" for i in range(N)])
    np.save(tmp_path / "r.npy", lab.responses())
    assert aligned(lab.bring(table=rows("image;rank", ORDER, range(N))))
    ranked = lab.bring(table=rows("rank;group", ORDER, IN_FOURS))
    assert ranked.data.stimuli.ids[:3] == ("0.png", "1.png", "2.png")
    # ids are weaker than file names: 0, 1, 2 ... count, whatever the files are called
    files = [f"{i}.png" for i in ORDER]
    assert aligned(lab.bring(table=rows("stimulus_id;file", range(N), files)))
    assert aligned(lab.bring(table=rows("image;file", range(N), files)))


def test_numbers_of_a_table_that_name_nothing_are_refused(lab):
    table = rows("stimulus_id;group", ORDER, IN_FOURS)
    lab.refused("By 'stimulus_id' the table calls its images .* numbers in no order", table=table)
    assert lab.bring(table=table, filename="none").data.groups.tolist() == IN_FOURS
    growing = lab.bring(table=rows("nsd_id;image_number;group", range(N), range(5, 5 + N), IN_FOURS))
    assert "By 'image_number' the table calls its images like '5'" in growing.warnings[0]
    assert lab.bring(table=rows("image_id;group", range(N), IN_FOURS)).data.assumed == ()


def test_images_that_a_table_leaves_out_are_named(lab):
    lab.images([*NAMES, "more.png"])
    outcome = lab.bring(table=rows("file", SHUFFLED))
    assert aligned(outcome)
    assert "1 images are not named by t.csv and were left out: more.png." in outcome.warnings


def test_names_of_a_stack_of_images(lab):
    stack = np.arange(N, dtype=np.uint8)[:, None, None] * np.ones((4, 4), np.uint8)
    np.savez(lab.path / "s.npz", images=stack, name=np.array(NAMES), scale=np.zeros(N))
    (lab.path / "t.csv").write_text(rows("filename", SHUFFLED))
    asked = {"table": lab.path / "t.csv", "home": lab.path}
    outcome = import_recordings("stack", "V4", lab.path / "r.npy", lab.path / "s.npz", **asked)
    assert aligned(outcome)
    assert outcome.warnings[0] == "s.npz holds more, which was not used: scale."
    np.savez(lab.path / "s.npz", images=stack[::-1], name=np.array(NAMES[::-1]))
    own = import_recordings("own", "V4", lab.path / "r.npy", lab.path / "s.npz", home=lab.path)
    assert (own.warnings, own.order) == ((), "order of the stack of images")


def test_columns_of_groups(lab):
    both = rows("file;movie;scene", SHUFFLED, IN_FOURS, [f"s{k // 2}" for k in range(N)])
    lab.refused("'movie' and 'scene', and they differ. Name one: --group 'movie'", table=both)
    assert lab.bring(table=both, group="scene").data.groups[3] == "s1"
    assert lab.bring(table=both, group="none").data.groups is None
    same = rows("file;movie;movie name", SHUFFLED, IN_FOURS, [g.upper() for g in IN_FOURS])
    assert lab.bring(table=same).data.groups[3] == "g0"
    plain = rows("file;movie;group", SHUFFLED, range(N), IN_FOURS)
    assert lab.bring(table=plain).data.groups[3] == "g0"
    one = lab.bring(table=rows("file;movie", SHUFFLED, ["m"] * N))
    assert one.data.groups is None
    assert one.warnings[0] == "t.csv: order from 'file'; not used: 'movie'."


# ------------------------------------------------------------------ names


def test_names_in_another_unicode_form_and_with_dots(tmp_path):
    lab = Lab(tmp_path)
    composed = [unicodedata.normalize("NFC", f"Bär_0.{i:02d}.png") for i in range(N)]
    lab.images([unicodedata.normalize("NFD", name) for name in composed])
    np.save(tmp_path / "r.npy", lab.responses())
    assert aligned(lab.bring(table=rows("filename", [composed[i] for i in ORDER])))
    assert aligned(lab.bring(table=rows("filename", [composed[i][:-4] for i in ORDER])))


# ------------------------------------------------------------------ orders


@pytest.fixture
def unpadded(tmp_path):
    lab = Lab(tmp_path)
    names = [f"{i}.png" for i in range(N)]
    lab.images(names)
    np.save(tmp_path / "r.npy", lab.responses(sorted(range(N), key=lambda i: names[i])))
    return lab


def test_an_order_that_nothing_decides_is_said(unpadded):
    outcome = unpadded.bring()
    assert not aligned(outcome)
    assert "from place 3 on, where the natural one has '2.png', it has '10.png'" in outcome.warnings[0]
    assert "--table" in outcome.warnings[0] and "--order plain" in outcome.warnings[0]
    assert outcome.data.assumed == ("the images stand in the natural order of their names",)
    assert catalog.load("set1", unpadded.path).assumed == outcome.data.assumed


def test_an_order_that_is_asked_for(unpadded):
    plain = unpadded.bring(order="plain")
    assert aligned(plain)
    assert (plain.warnings, plain.data.assumed) == ((), ())
    assert plain.order == "plain order of the images' names (asked for)"
    natural = unpadded.bring(order="natural")
    assert natural.data.stimuli.ids[2] == "2.png"
    assert (natural.warnings, natural.data.assumed) == ((), ())
    with pytest.raises(InputError, match=r"Unknown order 'plane'\. Did you mean 'plain'"):
        unpadded.bring(order="plane")


def test_confirming_what_was_assumed_updates_what_is_stored(unpadded):
    asked = {"area": "V4", "responses": unpadded.path / "r.npy", "stimuli": unpadded.path / "images"}
    import_recordings("same", home=unpadded.path, **asked)
    assert catalog.load("same", unpadded.path).assumed
    import_recordings("same", home=unpadded.path, order="natural", **asked)
    assert catalog.load("same", unpadded.path).assumed == ()
    assert [p.name for p in (unpadded.path / "imported").glob("[!.]*")] == ["same"]


def test_an_order_beside_names_or_a_stack_is_refused(lab):
    named = rows("file", SHUFFLED)
    lab.refused("The files say which image is which; leave out --order plain", table=named, order="plain")
    np.savez(lab.path / "s.npz", np.zeros((N, 4, 4), np.uint8))
    with pytest.raises(InputError, match="holds one stack, whose order is its own"):
        import_recordings("x", "V4", lab.path / "r.npy", lab.path / "s.npz", order="plain", home=lab.path)


def test_rows_without_names_stand_in_the_assumed_order_too(unpadded):
    outcome = unpadded.bring(table=rows("group", IN_FOURS))
    assert "Nothing in the files says in which order" in outcome.warnings[0]
    assert unpadded.bring(table=rows("group", IN_FOURS), order="plain").data.groups[3] == "g0"


def test_counts_and_names_elsewhere_decide_no_order(unpadded):
    doubt = "Nothing in the files says in which order"
    unpadded.netcdf(stimulus_id=np.arange(N))
    assert doubt in unpadded.bring("r.nc").warnings[0]
    # the responses have names, but the rows of the table do not
    unpadded.netcdf(filename=[f"{i}.png" for i in ORDER])
    assert unpadded.bring("r.nc").data.assumed == ()
    table = rows("group", IN_FOURS)
    unpadded.refused("nothing says in which of the two its rows stand", responses="r.nc", table=table)
    assert aligned(unpadded.bring("r.nc", table=table, order="natural"))


def test_capital_letters_make_an_order_doubtful(tmp_path):
    lab = Lab(tmp_path)
    lab.images(["a1.png", "B1.png", "c1.png"])
    np.save(tmp_path / "r.npy", np.arange(6.0).reshape(2, 3))
    assert "Order without regard to case is another one: from place 1 on" in lab.bring().warnings[0]


# ------------------------------------------------------------------ names beside the responses


@pytest.mark.parametrize("name", ["filename", "image_name", "image_file_name", "image_id", "my_own_name"])
def test_any_text_along_the_images_that_names_them_decides(lab, name):
    lab.netcdf(**{name: SHUFFLED})
    outcome = lab.bring("r.nc")
    assert aligned(outcome)
    assert outcome.order == f"{name!r} in r.nc"


def test_a_count_beside_names_is_a_position(lab):
    lab.netcdf(stimulus_id=np.arange(N), image_file_name=SHUFFLED, depth=np.zeros(N))
    outcome = lab.bring("r.nc")
    assert aligned(outcome)
    assert outcome.warnings == ("r.nc: order from 'image_file_name'; not used: 'stimulus_id', 'depth'.",)


def test_numbers_in_no_order_are_refused_unless_a_table_explains_them(lab):
    lab.netcdf(stimulus_id=ORDER)
    lab.refused(
        "By 'stimulus_id' .* they are numbers in no order, and name nothing; give a table", responses="r.nc"
    )
    explained = lab.bring("r.nc", table=rows("filename;stimulus_id", NAMES, range(N)))
    assert aligned(explained)
    assert "ids from 'stimulus_id'" in explained.warnings[0]
    assert lab.bring("r.nc", filename="none").data.trials[0, 0, 0] == ORDER[0]


def test_a_count_is_an_id_where_a_table_says_so(lab):
    lab.netcdf(stimulus_id=np.arange(N))
    place = np.argsort(ORDER)  # image i is called by the place of its response
    assert aligned(lab.bring("r.nc", table=rows("filename;stimulus_id", NAMES, place)))
    later = rows("filename;stimulus_id", NAMES, place + 1)
    lab.refused("cannot all be matched by name", responses="r.nc", table=later)


def test_numbers_that_grow_are_positions_with_a_note(lab):
    lab.netcdf(values=lab.responses(range(N)), stimulus_id=np.arange(N) * 7 + 3)
    outcome = lab.bring("r.nc")
    assert aligned(outcome)
    assert "like '3', the stimuli like 'im00.png': they were matched by position" in outcome.warnings[0]
    assert outcome.data.assumed == ("responses stand in the order of the images, whatever their names",)


def test_names_that_contradict_each_other_are_refused(lab):
    lab.netcdf(image_name=SHUFFLED, filename=NAMES)
    lab.refused(
        "name their images twice, and 'image_name' and 'filename' disagree, first at place 1",
        responses="r.nc",
    )
    assert aligned(lab.bring("r.nc", filename="image_name"))


def test_presentations_are_gathered_by_any_name(lab):
    twice = [*SHUFFLED, *reversed(SHUFFLED)]
    values = np.concatenate([lab.responses(), lab.responses(ORDER[::-1])], axis=1)
    lab.netcdf(
        values=values, image_file_name=twice, movie=[f"m{n[2]}" for n in twice], scene=np.arange(2 * N)
    )
    outcome = lab.bring("r.nc")
    assert aligned(outcome)
    assert outcome.data.trials.shape == (UNITS, N, 2)
    assert outcome.data.groups.tolist() == [f"m{i // 10}" for i in range(N)]
    assert "r.nc holds more, which was not used: scene." in outcome.warnings  # it differs within an image


def test_lists_beside_an_array_are_read_like_coordinates(lab):
    lists = {"names": SHUFFLED, "movie": IN_FOURS, "unit_id": ["a", "b", "c"], "tuning": np.zeros((2, 2))}
    np.savez(lab.path / "r.npz", responses=lab.responses(), **lists)
    outcome = lab.bring("r.npz")
    assert aligned(outcome)
    assert outcome.data.unit_ids == ("a", "b", "c")
    assert outcome.data.groups.tolist() == [IN_FOURS[k] for k in np.argsort(ORDER)]
    assert outcome.warnings == (
        "r.npz: order from 'names'; groups from 'movie'.",
        "r.npz holds more, which was not used: tuning.",
    )


def test_text_that_names_the_images_but_for_a_few_is_refused(lab):
    nearly = [*SHUFFLED[:-1], "gone.png"]
    lab.netcdf(my_own_name=nearly)
    lab.refused("By 'my_own_name' .* cannot all be matched by name", responses="r.nc")
    lab.refused(
        "1 images that are not among .* in column 'my own'", table=rows("my own;group", nearly, IN_FOURS)
    )
    # a label may be called like an image
    lab.netcdf(values=lab.responses(range(N)), kind=["im00", "im01"] * (N // 2))
    assert aligned(lab.bring("r.nc"))


def test_a_list_that_is_asked_for_has_to_name_the_images(lab):
    lab.netcdf(stimulus_id=SHUFFLED, kind=IN_FOURS)
    lab.refused(
        "'kind' of the responses does not hold the names of the 24 images", responses="r.nc", filename="kind"
    )
    lab.refused("Unknown list beside the responses 'knid'", responses="r.nc", filename="knid")
    none = lab.bring("r.nc", table=rows("file;group", SHUFFLED, IN_FOURS), filename="none")
    assert none.data.trials[0, 0, 0] == ORDER[0]
    assert none.data.stimuli.ids == tuple(NAMES)


@pytest.mark.parametrize(
    "name", ["image_ids", "stimuli", "stimulus_ids", "images", "image_indices", "file_id"]
)
def test_plurals_are_spellings_too(lab, name):
    np.savez(lab.path / "r.npz", responses=lab.responses(), **{name: ORDER})
    lab.refused(f"By '{name}' .* they are numbers in no order, and name nothing", responses="r.npz")
    strangers = np.array([f"x{i}" for i in range(N)])
    np.savez(lab.path / "r.npz", responses=lab.responses(), **{name: strangers})
    assert "they were matched by position" in lab.bring("r.npz").warnings[0]


@pytest.mark.parametrize("table", [None, rows("rank;group", ORDER + 1, IN_FOURS)])
def test_numbers_in_another_order_are_not_passed_over_without_a_word(lab, table):
    lists = {} if table else {"rank": ORDER}
    np.savez(lab.path / "r.npz", responses=lab.responses(), **lists)
    outcome = lab.bring("r.npz", table=table)
    assert "'rank' numbers the images in another order than the one assumed" in outcome.warnings[0]
    assert "'rank' says nothing about the order of the images" in outcome.data.assumed
    confirmed = lab.bring("r.npz", table=table, filename="none")
    assert confirmed.data.assumed == ()
    assert not any("numbers the images" in warning for warning in confirmed.warnings)


def test_whole_numbers_with_a_point_are_whole_numbers(tmp_path, lab):
    floats = [f"{float(i)}" for i in ORDER]
    table = rows("rank;group", floats, IN_FOURS)
    assert "'rank' numbers the images in another order" in lab.bring(table=table).warnings[0]
    lab.refused("they are numbers in no order", table=rows("image_number;group", floats, IN_FOURS))
    np.savez(lab.path / "r.npz", responses=lab.responses(), rank=np.array(floats))
    assert "'rank' numbers the images in another order" in lab.bring("r.npz").warnings[0]
    lab.netcdf(image_id=ORDER)
    table = rows("stimulus_id;file", [f"{i}.0" for i in range(N)], NAMES)
    assert aligned(lab.bring("r.nc", table=table))
    for names in ([f"{i}.png" for i in range(N)], [f"{i}.0.png" for i in range(N)]):
        other = Lab(tmp_path / names[0])
        other.images(names)
        np.save(other.path / "r.npy", other.responses())
        assert aligned(other.bring(table=rows("image_number;rank", floats, range(N))))


def test_names_that_stand_in_a_column_as_matlab_writes_them(lab):
    np.savez(lab.path / "r.npz", responses=lab.responses(), images=np.array(SHUFFLED)[:, None])
    assert aligned(lab.bring("r.npz"))


@pytest.mark.parametrize("form", ["cell", "char"])
def test_names_in_a_matlab_file_decide(tmp_path, form):
    lab = Lab(tmp_path)
    names = [f"{'a' * (1 + i % 3)}{i:02d}.png" for i in range(N)]
    lab.images(names)
    kind = object if form == "cell" else np.str_
    content = {"responses": lab.responses(), "names": np.array([names[i] for i in ORDER], kind), "fs": 1000.0}
    scipy.io.savemat(tmp_path / "r.mat", content)
    outcome = lab.bring("r.mat")
    assert aligned(outcome) and outcome.order == "'names' in r.mat"
    assert outcome.warnings[-1] == "r.mat holds more, which was not used: fs."


def test_ids_in_a_matlab_file_that_name_nothing_are_refused(lab):
    scipy.io.savemat(lab.path / "r.mat", {"responses": lab.responses(), "stimulus_id": ORDER + 1})
    lab.refused("By 'stimulus_id' .* they are numbers in no order", responses="r.mat")
    with h5py.File(lab.path / "r.mat", "w") as file:
        file["responses"], file["stimulus_id"] = lab.responses().T, ORDER[:, None] + 1
    lab.refused("By 'stimulus_id' .* they are numbers in no order", responses="r.mat")


def test_rows_without_names_beside_responses_in_an_order_of_their_own(lab):
    lab.netcdf(filename=SHUFFLED)
    table = rows("group", IN_FOURS)
    lab.refused("nothing says in which of the two its rows stand", responses="r.nc", table=table)
    assert aligned(lab.bring("r.nc", table=table, order="natural"))
    lab.netcdf(values=lab.responses(range(N)), filename=NAMES)
    assert aligned(lab.bring("r.nc", table=table))


# ------------------------------------------------------------------ axes


def test_axes_that_could_be_swapped(lab):
    np.save(lab.path / "square.npy", lab.responses(range(N), N).T)
    outcome = lab.bring("square.npy")
    assert not aligned(outcome)
    assert outcome.warnings[0].startswith(
        "There are as many units as images (24 x 24), and nothing in the file"
    )
    assert outcome.data.assumed == ("the axes are units x images x repeats",)
    settled = lab.bring("square.npy", axes="images,units")
    assert aligned(settled) and settled.warnings == () and settled.data.assumed == ()
    assert lab.bring("square.npy", axes="Units, images").warnings == ()


@pytest.mark.parametrize(
    ("shape", "axes", "message"),
    [
        ((N, N, 2), "images,units,repeats", r"as many units as images \(24 x 24 x 2\)"),
        ((2, N, N), "units,repeats,images", r"as many repeats as images \(2 x 24 x 24\)"),
        ((2, N, 3), "repeats,images,units", r"more repeats than units \(2 x 24 x 3\)"),
    ],
)
def test_repeats_that_could_be_another_axis(lab, shape, axes, message):
    np.save(lab.path / "odd.npy", np.random.default_rng(0).random(shape))
    (warning,) = [w for w in lab.bring("odd.npy").warnings if "was assumed" in w]
    assert message.replace("\\", "") in warning and f"--axes {axes};" in warning
    values, found = np.load(lab.path / "odd.npy"), lab.bring("odd.npy", axes=axes).data
    parts = axes.split(",")
    expected = values.transpose([parts.index(a) for a in ("units", "images", "repeats")])
    assert np.array_equal(found.trials, expected.astype(np.float32))


def test_axes_in_any_order(lab):
    values = np.random.default_rng(0).random((2, UNITS, N)).astype(np.float32)  # repeats, units, images
    np.save(lab.path / "odd.npy", values)
    found = lab.bring("odd.npy", axes="repeats,units,images").data.trials
    assert found.shape == (UNITS, N, 2)
    assert found[1, 7, 0] == values[0, 1, 7]


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ("images,untis", "Unknown axis 'untis'. Did you mean 'units'"),
        ("images,images", "have to name units and images"),
        ("images,repeats", "have to name units and images"),
        ("units,images,repeats", r"has shape \(3, 24\), but the axes are units, images, repeats"),
    ],
)
def test_axes_that_are_none(lab, axes, message):
    lab.refused(message, axes=axes)


def test_axes_of_a_file_that_names_them_are_refused(lab):
    lab.netcdf(filename=SHUFFLED)
    lab.refused("names its axes itself; leave out --axes", responses="r.nc", axes="images,units")


# ------------------------------------------------------------------ codes


def test_a_value_that_looks_like_a_code_is_pointed_out(lab):
    counts = np.arange(UNITS * N, dtype=np.float32).reshape(UNITS, N)
    counts[1, 3:5] = -99.9
    np.save(lab.path / "counts.npy", counts)
    told = lab.bring("counts.npy").warnings[0]
    assert told.startswith("2 responses are -99.9, and no other is negative") and "--missing -99.9" in told
    assert lab.bring("counts.npy", missing=-99.9).warnings == ()
    counts[0, 0] = -1
    np.save(lab.path / "counts.npy", counts)
    assert lab.bring("counts.npy").warnings == ()


def test_high_codes_and_a_second_code_are_pointed_out(lab):
    counts = np.tile(np.arange(N, dtype=np.float32), (UNITS, 1))
    counts[1, 3:5], counts[2, 7:9] = 255, -1
    np.save(lab.path / "counts.npy", counts)
    low, high = lab.bring("counts.npy").warnings
    assert low.startswith("2 responses are -1, and no other is negative") and "--missing -1" in low
    assert high.startswith("2 responses are 255, and no other is near") and "--missing 255" in high
    assert lab.bring("counts.npy", missing=255).warnings == (low,)
    counts[0, :2] = -99
    np.save(lab.path / "counts.npy", counts)
    assert [w.split(",")[0] for w in lab.bring("counts.npy", missing=255).warnings] == [
        "2 responses are -99",
        "2 responses are -1",
    ]


@pytest.mark.parametrize("code", [np.nan, np.inf])
def test_codes_that_are_no_numbers(lab, code):
    values = lab.responses(range(N))
    values[0, 0] = code
    np.save(lab.path / "r.npy", values)
    assert np.isnan(lab.bring(missing=code).data.trials).sum() == 1


# ------------------------------------------------------------------ units


def test_units_keep_their_ids_and_rows(lab):
    values = lab.responses()
    values[1] = np.nan
    np.save(lab.path / "gap.npy", values)
    assert lab.bring("gap.npy").data.unit_ids == ("0", "2")
    assert lab.bring("r.npy").data.unit_ids is None
    lab.netcdf(values=values, filename=SHUFFLED, neuroid_id=("neuroid", ["n7", "n8", "n9"]))
    lab.bring("r.nc")
    assert catalog.load("set3", lab.path).unit_ids == ("n7", "n9")
    lab.netcdf(filename=SHUFFLED, neuroid_id=("neuroid", ["n", "n", "n"]))
    assert lab.bring("r.nc").data.unit_ids is None


def test_units_of_pooled_populations_are_called_by_array_and_row(lab):
    deep = lab.responses()[:, :, None]
    np.savez(lab.path / "p.npz", b=deep, a=deep[:1])
    assert lab.bring("p.npz").data.unit_ids == ("a:0", "b:0", "b:1", "b:2")


def test_units_of_other_areas_are_left_out_with_a_word(lab):
    lab.netcdf(filename=SHUFFLED, region=("neuroid", ["V4", "IT", "V4"]))
    outcome = lab.bring("r.nc")
    assert outcome.data.unit_ids == ("0", "2")
    assert "1 units of IT were left out; 2 of V4 were kept." in outcome.warnings
    with pytest.raises(InputError, match="its units lie in IT, V4, not in V1"):
        lab.bring("r.nc", area="V1")


def test_parts_of_it_are_it_and_regions_that_no_one_knows_are_refused(lab):
    lab.netcdf(filename=SHUFFLED, region=("neuroid", ["pIT", "V4", "AIT "]))
    assert lab.bring("r.nc", area="IT").data.unit_ids == ("0", "2")
    lab.refused("lie in AIT , V4, pIT, not in V1", responses="r.nc", area="V1")
    lab.netcdf(filename=SHUFFLED, region=("neuroid", ["left", "V4d", "left"]))
    lab.refused(
        "lie in V4d, left, not in V4. Say another --area; or, if V4 is meant, call it so in the file",
        responses="r.nc",
    )
    lab.netcdf(filename=SHUFFLED, region=("neuroid", ["", "", " "]))
    assert len(lab.bring("r.nc").data.trials) == UNITS
