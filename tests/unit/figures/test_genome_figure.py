import numpy as np

from wiringup.birth.panels import Drawing, Filters, Kernels, Norms
from wiringup.figures.genome import colours, draw, mosaic

RNG = np.random.default_rng(0)
GABORS = {name: RNG.normal(size=30) for name in ("frequency", "theta", "phase")}


def filters(trained=None, fitted=GABORS):
    return Filters("stem", "10 Gabors", RNG.normal(size=(10, 3, 5, 5)), trained, fitted, {})


def clusters(trained=None):
    centers = np.stack([np.full((3, 3), -1.0), np.full((3, 3), 1.0)])
    return Kernels(
        "conv2", "2 clusters", RNG.normal(size=(9, 20, 3, 3)), trained, centers, np.array([0.3, 0.7])
    )


def titles(figure):
    return [axes.get_title() or axes.get_title(loc="left") for axes in figure.axes]


def test_a_mosaic_keeps_every_kernel_in_its_place():
    kernels = np.arange(2 * 3 * 2 * 2.0).reshape(2, 3, 2, 2)
    picture = mosaic(kernels)
    assert picture.shape == (5, 8)
    assert np.array_equal(picture[3:5, 6:8], kernels[1, 2])
    assert np.isnan(picture[2]).all() and np.isnan(picture[:, 2]).all()
    assert np.array_equal(mosaic(kernels[..., :1, :1]), kernels[..., 0, 0])


def test_colours_put_zero_at_grey_and_stretch_every_filter():
    shown = colours(np.array([[[[0.0, 2.0]], [[-2.0, 0.0]], [[1.0, 0.0]]], np.zeros((3, 1, 2))]))
    assert shown.shape == (2, 1, 2, 3)
    assert shown[0, 0].tolist() == [[0.5, 0.0, 0.75], [1.0, 0.5, 0.5]]
    assert (shown[1] == 0.5).all()


def test_centres_shares_born_and_trained_kernels_are_drawn():
    layer = clusters(RNG.normal(size=(9, 20, 3, 3)))
    figure = draw(Drawing("a genome", filters(), [layer], None))
    assert titles(figure) == ["frequency", "theta", "phase", "", "born", "centres, shares", "born", "trained"]
    centres, born, trained = figure.axes[-3:]
    assert [t.get_text() for t in centres.texts] == ["30%", "70%"]
    assert np.array_equal(np.ma.filled(born.images[0].get_array(), np.nan)[:3, :3], layer.born[0, 0])
    assert np.array_equal(np.ma.filled(trained.images[0].get_array(), np.nan)[:3, :3], layer.trained[0, 0])
    assert born.images[0].get_clim() == trained.images[0].get_clim() == centres.images[0].get_clim()


def test_parts_that_are_not_there_are_not_drawn():
    plain = Kernels("conv3", "normal", RNG.normal(size=(4, 4, 1, 1)), None)
    assert titles(draw(Drawing("", None, [plain], None))) == ["born"]
    assert titles(draw(Drawing("", filters(fitted={}), [], None))) == ["born"]


def test_batchnorm_moments():
    norms = Norms(["n1", "n2"], np.array([[1.0, 0.1], [2.0, 0.2]]), np.array([[0.0, 0.3], [-1.0, 0.4]]))
    (axes,) = draw(Drawing("", None, [], norms)).axes
    weight, bias = axes.containers
    assert weight.lines[0].get_ydata().tolist() == [1.0, 2.0]
    assert bias.lines[0].get_ydata().tolist() == [0.0, -1.0]
    low, high = weight.lines[2][0].get_segments()[1][:, 1]
    assert (low, high) == (1.8, 2.2)
    assert [t.get_text() for t in axes.get_xticklabels()] == ["n1", "n2"]
