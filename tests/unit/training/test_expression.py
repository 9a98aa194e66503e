"""The grammar of a plasticity: what an expression means, and what is refused."""

import pytest
import torch

from wiringup.core.errors import InputError
from wiringup.training.plasticity import resolve

CONV1, CONV2, FC = 4 * 3 * 9, 6 * 4, 6 * 4
ALL = CONV1 + 2 * 4 + CONV2 + 6 + 2 * 6 + FC + 4


@pytest.fixture
def learn(tiny, tiny_areas):
    return lambda name, seed=0: resolve(tiny(), tiny_areas, name, seed)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("all", ALL),
        ("V1", CONV1 + 8),
        ("critical", CONV2 + 6 + FC + 4),
        ("conv1", CONV1 + FC + 4),
        ("pointwise", CONV2 + FC + 4),
        ("batchnorm", 2 * 10 + FC + 4),
        ("bias", 4 + 6 + 6 + FC + 4),
        ("kind:bias", 6 + 4),
        ("layer:conv*", CONV1 + CONV2 + 6),
        ("layer:norm?&kind:batchnorm", 20),
        ("all - decoder", ALL - FC - 4),
        ("all-V1-IT", FC + 4),
        ("all - (V1 + IT)", FC + 4),
        # the intersection binds tighter
        ("V1 + all & decoder", CONV1 + 8 + FC + 4),
        ("(V1 + all) & decoder", FC + 4),
        ("V1 + V1 + conv1", CONV1 + 8 + FC + 4),
        ("random:critical", CONV2 + 6 + FC + 4),
        ("random:17", 17),
        ("decoder + random:(critical - decoder) from (all - decoder)", CONV2 + 6 + FC + 4),
        ("random:all", ALL),
        ("lowrank:2:(V1 & kind:convolution)", 2 * (4 + 27)),
        ("lowrank:1:layer:conv1 + decoder", 4 + 27 + FC + 4),
        ("mask:0.5:(kind:convolution + kind:linear)", CONV1 + CONV2 + FC),
        ("sign:V1 + decoder", CONV1 + 8 + FC + 4),
        ("V1@0..1epochs + decoder@1..epochs", CONV1 + 8 + FC + 4),
        ("V1@..0.5epochs+all@0.5..epochs", ALL),
    ],
)
def test_what_an_expression_counts(learn, name, expected):
    plasticity = learn(name)
    assert plasticity.count() == expected
    assert plasticity.name == name
    assert plasticity.count(trained=False) == ALL
    assert sum(p.count for p in plasticity.groups) == expected


@pytest.mark.parametrize("name", ["critical", "conv1", "batchnorm", "bias", "pointwise", "downstream:IT"])
def test_the_random_control_of_every_set_is_of_equal_count(newborn, cornet, name):
    model = newborn()
    count = resolve(model, cornet, name).count()
    for seed in (0, 1):
        control = resolve(model, cornet, f"random:{name}", seed)
        drawn = (
            model.get_parameter(p.parameter).numel() if p.mask is None else int(p.mask.sum())
            for p in control.groups
        )
        assert control.count() == count == sum(drawn)
        kept = resolve(model, cornet, f"decoder + random:({name} - decoder) from (all - decoder)", seed)
        assert kept.count() == count
        assert kept.by_area()["decoder"] == resolve(model, cornet, name).by_area()["decoder"]


def test_random_sets_follow_the_seed_and_differ_within_an_expression(learn):
    def masks(plasticity):
        return {p.parameter: p.mask for p in plasticity.groups}

    one, again, other = (masks(learn("random:40", seed)) for seed in (3, 3, 4))
    assert one.keys() == again.keys() and all(torch.equal(one[k], again[k]) for k in one)
    assert one.keys() != other.keys() or any(not torch.equal(one[k], other[k]) for k in one)
    # two draws are not one draw twice
    assert 40 < learn("random:40 + random:40").count() < 80


def test_critical_training_up_to_an_area(newborn, cornet):
    model = newborn()
    for area, after in (("V4", "IT"), ("V2", "V4")):
        ours = resolve(model, cornet, f"critical:{area}")
        assert ours.trained == resolve(model, cornet, f"critical + downstream:{after}").trained
    below = {k for k in resolve(model, cornet, "critical:V2").trained if k.startswith("V2.")}
    assert below == {"V2.conv3.weight"}
    assert resolve(model, cornet, "critical:IT").trained == resolve(model, cornet, "critical").trained


def test_the_table_says_how_and_when(learn):
    plasticity = learn("lowrank:2:layer:conv1 + V1&kind:batchnorm + sign:decoder + (layer:conv2@1..2epochs)")
    how = {row.parameter: row.how for row in plasticity.synapses}
    assert how["conv1.weight"] == "lowrank:2"
    assert how["fc.weight"] == "sign"
    assert how["conv2.bias"] == "@1..2epochs"
    assert how["norm1.weight"] == how["norm2.weight"] == ""


def test_windows_of_one_synapse_join_and_sets_are_cut_where_windows_overlap(learn):
    plasticity = learn("(random:10 from V1)@..2steps + V1@1..3steps + decoder")
    windows = {}
    for group in plasticity.groups:
        key = "".join(map(str, group.windows or ()))
        windows[key] = windows.get(key, 0) + group.count
    assert windows == {"@0..2steps@1..3steps": 10, "@1..3steps": CONV1 + 8 - 10, "": FC + 4}
    always = learn("V1@..2steps + V1")
    assert all(p.windows is None and p.mask is None for p in always.groups)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "found the end, expected a set of synapses"),
        ("critical +", "found the end, expected a set"),
        ("(critical", r"found the end, expected '\)'"),
        ("critical)", r"found '\)', expected \+, -, &, @ or the end"),
        ("critical decoder", "found 'decoder', expected"),
        ("critical / decoder", "found '/ decoder' at the end"),
        ("random", "found the end, expected ':'"),
        ("random:9999", "9,999 synapses were to be drawn at random, but from only 186"),
        ("lowrank:V1", "found 'V1', expected a number .lowrank:RANK:SET"),
        ("lowrank:2:V1", "norm1.weight is a vector. Take it out"),
        ("lowrank:2:(random:9 from layer:fc & kind:linear)", "fc.weight is only partly in the set"),
        ("lowrank:5:layer:conv1", "conv1.weight can have a rank of 1 to 4; got lowrank:5"),
        ("lowrank:1.5:layer:conv1", "rank of 1 to 4; got lowrank:1.5"),
        ("mask:1:layer:conv1", "lies between 0 and 1; got mask:1"),
        (
            "sign:decoder + lowrank:1:layer:fc&kind:linear",
            "fc.weight would learn in two ways, sign and lowrank:1",
        ),
        ("sign:decoder + all", "fc.weight would learn in two ways, sign and free; take it out"),
        ("all - sign:V1", "taken away has to be a plain set"),
        ("all & (V1@..1epochs)", "intersected with has to be a plain set"),
        ("random:(sign:V1)", "the set of random has to be a plain set"),
        ("V1 - V1", "No synapse of this tiny is in 'V1 - V1'"),
        ("kind:convolution & kind:bias", "nothing would learn"),
        ("V1@1..1epochs", "window @1..1epochs is empty"),
        ("V1@1epochs", "expected two dots between start and end"),
        ("V1@0..1weeks", "Unknown unit of time 'weeks'"),
        ("(V1@..1epochs)@1..2epochs", "gives a window to what has one already"),
        ("layer:conv9", "No layer is called 'conv9' .* There are: conv1, norm1, conv2"),
        ("critical:V1", "Unknown plasticity 'critical:V1'. Did you mean 'critical"),
        ("decoder:V1", "Unknown plasticity 'decoder:V1'"),
        ("downstream", "Unknown plasticity 'downstream'. Did you mean 'downstream:"),
    ],
)
def test_what_cannot_be_meant_is_refused(learn, name, message):
    with pytest.raises(InputError, match=message):
        learn(name)
