"""Dissimilarity matrices of one's own: every form and order, what is refused, and the score against SciPy."""

import json
import warnings

import h5py
import numpy as np
import pytest
import scipy.io
import torch
from PIL import Image
from scipy.spatial.distance import pdist, squareform
from scipy.stats import rankdata, spearmanr

from wiringup.benchmarks.catalog import imported_benchmarks, load_benchmark
from wiringup.core.errors import InputError, MissingDataError
from wiringup.data.importing.recordings import import_rdm, import_recordings
from wiringup.data.sources import catalog, imported

with warnings.catch_warnings():
    # rsatoolbox's own imports warn in ways that change from release to release
    warnings.simplefilter("ignore")
    import rsatoolbox

SUBJECTS, IMAGES = 3, 12
RANDOM = np.random.default_rng(0)
HIDDEN = RANDOM.standard_normal((IMAGES, 5))
PAIRS = np.stack([pdist(HIDDEN + 0.8 * RANDOM.standard_normal(HIDDEN.shape)) for _ in range(SUBJECTS)])
RDMS = np.stack([squareform(p) for p in PAIRS])
NAMES = [f"{i}.png" for i in range(IMAGES)]  # 10 and 11 stand before 2 in plain order


@pytest.fixture
def lab(tmp_path):
    """Images 0.png ... 11.png of grey value 10 i, and matrices in natural order."""
    (tmp_path / "stimuli").mkdir()
    for i, name in enumerate(NAMES):
        Image.new("RGB", (6, 6), (10 * i,) * 3).save(tmp_path / "stimuli" / name)
    np.save(tmp_path / "r.npy", RDMS)
    return tmp_path


def bring(lab, *files, name="mine", **more):
    more = {key: lab / value if key == "table" else value for key, value in more.items()}
    return import_rdm(
        name, "IT", [lab / f for f in files or ("r.npy",)], lab / "stimuli", home=lab / "home", **more
    )


def refused(lab, message, values=None, error=InputError, **more):
    if values is not None:
        np.save(lab / "bad.npy", values)
        more = {"files": ("bad.npy",)} | more
    with pytest.raises(error, match=message):
        bring(lab, *more.pop("files", ()), **more)
    assert not list((lab / "home").glob("imported/*"))


def write(lab, form):
    """Write the matrices in another form; return its name."""
    match form:
        case "first.npy":
            np.save(lab / form, RDMS)
        case "last.npy":
            np.save(lab / form, np.moveaxis(RDMS, 0, 2))
        case "condensed.npy":
            np.save(lab / form, PAIRS)
        case "pairs_first.npy":
            np.save(lab / form, PAIRS.T)
        case "named.npz":
            np.savez(lab / form, rdms=RDMS, other=np.zeros((2, 2)))
        case "5.mat":
            scipy.io.savemat(lab / form, {"rdms": np.moveaxis(RDMS, 0, 2), "subject": "all"})
        case "73.mat":
            with h5py.File(lab / form, "w", userblock_size=512) as file:
                file["rdms"] = np.moveaxis(RDMS, 0, 2).T
                file["rdms"].attrs["MATLAB_class"] = np.bytes_("double")
        case "toolbox.h5":
            rsatoolbox.rdm.RDMs(PAIRS).save(str(lab / form), file_type="hdf5")
    return form


FORMS = (
    "first.npy",
    "last.npy",
    "condensed.npy",
    "pairs_first.npy",
    "named.npz",
    "5.mat",
    "73.mat",
    "toolbox.h5",
)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_read_alike(lab, form):
    outcome = bring(lab, write(lab, form), order="natural")
    found = catalog.load("mine", lab / "home")
    np.testing.assert_array_equal(found.rdms, RDMS.astype(np.float32))
    assert found.rdms.dtype == np.float32 and found.stimuli.ids == tuple(NAMES)
    assert (found.name, found.area, found.sha256) == ("mine", "IT", outcome.data.sha256)
    assert found.source == f"Imported from {form} and stimuli."
    told = [w for w in outcome.warnings if "condensed" in w]
    assert bool(told) == (form in ("condensed.npy", "pairs_first.npy"))
    assert any("not used: other" in w for w in outcome.warnings) == (form == "named.npz")
    described = imported.describe(lab / "home", "mine")
    assert (described["kind"], described["subjects"], described["images"]) == ("dissimilarities", 3, 12)
    assert described["provenance"]["rdms 1"]["file"] == form


def test_a_file_for_each_subject(lab):
    for i, matrix in enumerate(RDMS):
        np.save(lab / f"{i}.npy", matrix)
    found = bring(lab, "0.npy", "1.npy", "2.npy", order="natural").data
    np.testing.assert_array_equal(found.rdms, RDMS.astype(np.float32))


def test_as_many_subjects_as_images_are_told_by_symmetry(lab):
    pairs = np.stack([pdist(HIDDEN + RANDOM.standard_normal(HIDDEN.shape)) for _ in range(IMAGES)])
    cube = np.stack([squareform(p) for p in pairs])
    np.save(lab / "first.npy", cube)
    np.save(lab / "last.npy", np.moveaxis(cube, 0, 2))
    for i, form in enumerate(("first.npy", "last.npy")):
        np.testing.assert_array_equal(bring(lab, form, name=f"m{i}").data.rdms, cube.astype(np.float32))
    np.save(lab / "neither.npy", cube + RANDOM.uniform(size=cube.shape))
    with pytest.raises(InputError, match="read in two ways, and the numbers do not decide"):
        bring(lab, "neither.npy", name="neither")


# ---------------------------------------------------------------- the order of the images


def shuffled():
    order = np.random.default_rng(3).permutation(IMAGES)
    return order, RDMS[:, order[:, None], order]


def test_without_names_the_natural_order_is_assumed_loudly(lab):
    assert any("natural order" in w and "--order plain" in w for w in bring(lab).warnings)
    plain = sorted(range(IMAGES), key=str)
    np.save(lab / "plain.npy", RDMS[:, np.array(plain)[:, None], plain])
    found = bring(lab, "plain.npy", name="plain", order="plain")
    assert found.data.stimuli.ids == tuple(sorted(NAMES)) and "asked for" in found.order
    assert not any("natural order" in w for w in found.warnings)


def test_a_table_says_which_row_is_which_image(lab):
    order, values = shuffled()
    np.save(lab / "s.npy", values)
    (lab / "t.csv").write_text("\n".join(["filename,group", *(f"{NAMES[i]},g" for i in order)]))
    found = bring(lab, "s.npy", table="t.csv")
    assert found.data.stimuli.ids == tuple(NAMES[i] for i in order)
    np.testing.assert_array_equal(found.data.rdms, values.astype(np.float32))
    assert "column 'filename' of the table" in found.order
    assert any("group" in w and "not used" in w for w in found.warnings)
    few = order[:8]
    (lab / "few.csv").write_text("\n".join(["filename", *(NAMES[i] for i in few)]))
    np.save(lab / "few.npy", RDMS[:, few[:, None], few])
    assert bring(lab, "few.npy", name="few", table="few.csv").data.stimuli.ids == tuple(NAMES[i] for i in few)


@pytest.mark.parametrize("form", ["npz", "mat"])
def test_names_that_stand_in_a_column_put_it_in_order(lab, form):
    order, values = shuffled()
    names = np.array([NAMES[i] for i in order])
    if form == "npz":
        np.savez(lab / "s.npz", rdms=values, images=names[:, None])
    else:
        scipy.io.savemat(lab / "s.mat", {"rdms": values, "images": names.astype(object)})
    np.testing.assert_array_equal(bring(lab, f"s.{form}").data.rdms, RDMS.astype(np.float32))


@pytest.mark.parametrize("form", ["npz", "toolbox"])
def test_names_in_the_file_put_it_in_order(lab, form):
    order, values = shuffled()
    names = np.array([NAMES[i].removesuffix(".png") + ".png" for i in order])
    if form == "npz":
        np.savez(lab / "s.npz", rdms=values, stimulus_id=names)
        file = "s.npz"
    else:
        described = {"picture": names.tolist(), "category": ["a"] * IMAGES}
        made = rsatoolbox.rdm.RDMs(
            values, pattern_descriptors=described, rdm_descriptors={"subj": ["x", "y", "z"]}
        )
        made.save(str(lab / "s.h5"), file_type="hdf5")
        file = "s.h5"
    found = bring(lab, file)
    np.testing.assert_array_equal(found.data.rdms, RDMS.astype(np.float32))
    assert found.data.stimuli.ids == tuple(NAMES)
    assert found.order == ("'stimulus_id' in s.npz" if form == "npz" else "'picture' in s.h5")
    assert not any("index" in warning for warning in found.warnings)  # which rsatoolbox always writes
    both = bring(lab, file, "r.npy", name="both").data  # each file is put in order for itself
    np.testing.assert_array_equal(both.rdms, np.concatenate([RDMS, RDMS]).astype(np.float32))


def test_counts_do_not_fit(lab):
    (lab / "stimuli" / "12.png").write_bytes((lab / "stimuli" / "0.png").read_bytes())
    refused(
        lab,
        r"shape \(3, 12, 12\); dissimilarities of 13 images have to be subjects x 13 x 13.* subjects x 78",
    )


# ---------------------------------------------------------------- what is no dissimilarity matrix


def changed(i, j, value, both=True):
    values = RDMS.copy()
    values[1, i, j] = value
    if both:
        values[1, j, i] = value
    return values


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            1 - RDMS / RDMS.max() / 2,
            r"bad\.npy, matrix 1, looks like similarities .* diagonal is 1, .* give 1 - r",
        ),
        (changed(2, 2, 0.5), r"bad\.npy, matrix 2, is not 0 on its diagonal \(up to 0\.5\)"),
        (
            changed(2, 5, 9.0, both=False),
            r"matrix 2, is not symmetric: '2\.png' to '5\.png' is 9, the other way",
        ),
        (np.triu(RDMS), r"not symmetric: .* One triangle is empty: give D \+ D'"),
        (
            changed(2, 5, np.nan),
            r"matrix 2, has 1 dissimilarities that are missing \(NaN\), .* '2\.png' and '5\.png'",
        ),
        (changed(2, 5, np.inf), "that are infinite"),
        (
            np.where(np.arange(3)[:, None, None] == 1, 1 - np.eye(12), RDMS),
            r"all dissimilarities are equal \(1\)",
        ),
        (-RDMS, r"bad\.npy, matrix 1, has no dissimilarity above 0 \(-.* to -.*\).* give 1 - r, or -D"),
        (np.where(np.arange(3)[:, None, None] == 1, RDMS - 99 * (1 - np.eye(12)), RDMS), "matrix 2, has no"),
        (RDMS * 1e39, "beyond the range of float32"),
        (RDMS * 1e-45, "beyond the range of float32"),
        (RDMS + 1j, "complex128; dissimilarities have to be real"),
        (RDMS[0, :, :5], r"shape \(12, 5\); dissimilarities of 12 images"),
    ],
)
def test_what_is_no_dissimilarity_matrix_is_refused_in_words(lab, values, message):
    refused(lab, message, values)


def test_float_rounding_is_symmetric_and_what_is_odd_is_told(lab):
    values = RDMS.astype(np.float32)
    values[0, 1, 2] *= 1 + 1e-6
    values[1, 3, 3] = 1e-7
    values[2, 4, 7] = values[2, 7, 4] = -0.2
    values[:, range(12), range(12)] = np.where(values[:, range(12), range(12)] == 0, np.nan, 1e-7)
    np.save(lab / "odd.npy", values)
    outcome = bring(lab, "odd.npy", order="natural")
    assert np.array_equal(outcome.data.rdms, np.swapaxes(outcome.data.rdms, 1, 2))
    assert not np.diagonal(outcome.data.rdms, axis1=1, axis2=2).any()
    assert outcome.data.rdms[2, 4, 7] == np.float32(-0.2)
    assert any("diagonal of 3 of 3 matrices is NaN; it was taken as 0" in w for w in outcome.warnings)
    assert any("1 dissimilarities are negative" in w for w in outcome.warnings)
    np.save(lab / "twins.npy", RDMS[[0, 1, 0]])
    told = "twins.npy, matrix 1, and twins.npy, matrix 3,"
    assert any(
        told in w and "ceiling is too high" in w for w in bring(lab, "twins.npy", name="twins").warnings
    )


def test_similarities_with_a_diagonal_of_0_are_pointed_out(lab):
    for i in range(IMAGES, 30):
        Image.new("RGB", (6, 6), (8 * i, 0, 0)).save(lab / "stimuli" / f"{i}.png")
    random = np.random.default_rng(1)
    points = random.standard_normal((30, 5))
    far = np.stack([squareform(pdist(points + 0.5 * random.standard_normal((30, 5)), "cosine"))] * 2)
    noise = np.stack([squareform(random.random(435)) for _ in range(2)])
    unsure = squareform(pdist(points) - 3 * random.random(435))  # as cross-validated ones are, below 0 too
    off = 1 - np.eye(30)
    cases = {"r": (1 - far) * off, "near": (2 - far) * off, "far": far, "noise": noise, "unsure": unsure}
    for name, values in cases.items():
        np.save(lab / "s.npy", values)
        found = bring(lab, "s.npy", name=name, order="natural")
        told = [text for text in found.warnings if "similarities whose diagonal was set to 0" in text]
        assert len(told) == (name in ("r", "near")), name
        assert found.data.assumed == (("no matrix holds similarities",) if told else ())


def test_files_that_cannot_be_read(lab):
    refused(lab, "There is no file of dissimilarity", error=MissingDataError, files=("nothing.npy",))
    (lab / "r.pkl").write_bytes(b"\x80\x04.")
    refused(lab, 'A pickle is never opened: .*file_type="hdf5"', files=("r.pkl",))
    np.savez(lab / "two.npz", a=RDMS, b=RDMS)
    refused(lab, r"a \(3, 12, 12\), b \(3, 12, 12\); name the one to import 'rdms'", files=("two.npz",))
    with h5py.File(lab / "other.h5", "w") as file:
        file["x"] = RDMS
    refused(lab, "holds x, but no 'dissimilarities' as rsatoolbox writes", files=("other.h5",))
    with h5py.File(lab / "link.h5", "w") as file:
        file["dissimilarities"] = h5py.ExternalLink(str(lab / "other.h5"), "x")
    refused(lab, "lies in another file", files=("link.h5",))


def test_several_matrices_of_one_subject_are_refused_and_other_kinds_told(lab):
    rsatoolbox.rdm.RDMs(PAIRS, rdm_descriptors={"subject": ["a", "b", "a"]}).save(str(lab / "a.h5"))
    refused(lab, "holds 2 matrices of subject 'a'; keep one for each subject", files=("a.h5",))
    rsatoolbox.rdm.RDMs(PAIRS, rdm_descriptors={"roi": ["V4", "IT", "IT"]}).save(str(lab / "b.h5"))
    assert any("by roi (2 kinds); each was taken as a subject" in w for w in bring(lab, "b.h5").warnings)


# ---------------------------------------------------------------- the benchmark


def test_the_score_and_its_ceiling_equal_a_computation_of_a_few_lines(lab):
    bring(lab, "r.npy", order="natural")
    assert imported_benchmarks(lab / "home") == {"mine": "mine", "mine.IT-rsa": "mine"}
    features = RANDOM.standard_normal((IMAGES, 40)) + np.pad(HIDDEN, ((0, 0), (0, 35)))
    found = load_benchmark("mine.IT-rsa", lab / "home").score(torch.from_numpy(features), "layer", "r/c")

    pairs = PAIRS.astype(np.float32)  # as they are stored
    model = pdist(features, "correlation")
    raw = np.mean([spearmanr(model, p).statistic for p in pairs])
    ranks = rankdata(pairs, axis=1)
    ceiling = np.mean([spearmanr(r, ranks.sum(0) - r).statistic for r in ranks])

    assert found.raw == pytest.approx(raw, abs=1e-12)
    assert found.ceiling == pytest.approx(ceiling, abs=1e-12)
    assert found.score == pytest.approx(raw / ceiling, abs=1e-12)
    assert (found.area, found.metric, found.n_units) == ("IT", "rsa-spearman", SUBJECTS)


def test_one_subject_has_no_ceiling(lab):
    np.save(lab / "one.npy", RDMS[0])
    bring(lab, "one.npy")
    found = load_benchmark("mine", lab / "home").score(torch.from_numpy(HIDDEN), "layer")
    assert (found.ceiling, found.normalisation) == (None, "none") and "one subject" in found.note


# ---------------------------------------------------------------- matrices handed over as responses


@pytest.mark.parametrize("values", [RDMS, RDMS[0], np.moveaxis(RDMS, 0, 2), 1 - np.eye(12)])
def test_matrices_are_no_responses(lab, values):
    np.save(lab / "r.npy", values)
    with pytest.raises(InputError, match="wiringup import rdm --name mine --area V4 --rdms") as caught:
        import_recordings("mine", "V4", lab / "r.npy", lab / "stimuli", order="plain", home=lab / "home")
    assert f"--rdms {lab / 'r.npy'} --stimuli {lab / 'stimuli'} --order plain" in str(caught.value)
    assert "square, symmetric and 0 on the diagonal" in str(caught.value)


def test_square_responses_are_responses(lab):
    square = RANDOM.standard_normal((12, 12))
    for i, values in enumerate((square, square + square.T, np.triu(square, 1))):
        np.save(lab / "r.npy", values)
        import_recordings(f"m{i}", "V4", lab / "r.npy", lab / "stimuli", home=lab / "home")


def test_what_is_stored_is_verified(lab):
    folder = bring(lab).folder
    with np.load(folder / "arrays.npz") as content:
        arrays = dict(content)
    arrays["rdms"][0, 1, 2] += 1
    np.savez(folder / "arrays.npz", **arrays)
    with pytest.raises(InputError, match="is damaged"):
        catalog.load("mine", lab / "home")
    assert json.loads((folder / "meta.json").read_text())["kind"] == "dissimilarities"
