import itertools
import pickle
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from wiringup.core.errors import InputError, MissingDataError
from wiringup.models.architecture import ModelSpec, build
from wiringup.models.preprocessing import Preprocessing
from wiringup.models.trained import read_trained
from wiringup.models.weights import load_weights, network_of, read_weights, save_weights

SPEC = ModelSpec(width=1 / 16, classes=4, size=32)
HALVES = Preprocessing((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))


def state():
    return {k: torch.full_like(v, 2) for k, v in build(SPEC).state_dict().items()}


def wrapped(prefix, content):
    return {prefix + k: v for k, v in content.items()}


def zeros():
    return {k: torch.zeros_like(v) for k, v in state().items()}


def read(path, key=None):
    return read_trained(path, ModelSpec("cornet_s", size=32), key)


def value(trained):
    return trained.network().V2.conv3.weight.unique().tolist()


WRAPPERS = {
    "plain": lambda s: s,
    "lightning": lambda s: {"epoch": 3, "state_dict": s, "optimizer_states": [{"state": {0: torch.ones(2)}}]},
    "tutorial": lambda s: {"model_state_dict": s, "optimizer_state_dict": {"state": {0: torch.ones(2)}}},
    "torchvision": lambda s: {"model": s, "args": {"lr": 0.1}},
    "network": lambda s: {"network": s},
    "deep": lambda s: {"checkpoint": {"net": s}},
}
PREFIXES = ["", "module.", "_orig_mod.module.", "module.module.", "model.", "a.b.model.net."]


@pytest.mark.parametrize(
    ("wrap", "prefix"), [*itertools.product(["lightning"], PREFIXES), *((w, "_orig_mod.") for w in WRAPPERS)]
)
def test_forms_that_trainers_write_are_read_and_the_prefix_is_named(tmp_path, wrap, prefix):
    path = tmp_path / "c.pth"
    torch.save(WRAPPERS[wrap](wrapped(prefix, state())), path)
    found = read(path)
    assert value(found) == [2] and found.spec == SPEC
    told = f"{path}: the prefix {prefix!r} was taken off the names of its weights."
    assert found.notes == ((told,) if prefix else ())


def test_safetensors_are_read_with_prefixes_too(tmp_path):
    save_file({f"module.{k}": v.contiguous() for k, v in state().items()}, tmp_path / "c.safetensors")
    found = read(tmp_path / "c.safetensors")
    assert found.state.keys() == state().keys() and "'module.'" in found.notes[0]


AVERAGED = {
    "timm": (lambda raw, ema: {"state_dict": raw, "state_dict_ema": ema}, "state_dict", "state_dict_ema"),
    "torchvision": (
        lambda raw, ema: {
            "model": wrapped("module.", raw),
            "model_ema": {"n_averaged": torch.tensor(3), **wrapped("module.module.", ema)},
        },
        "model",
        "model_ema",
    ),
    "one mapping": (lambda raw, ema: {**wrapped("net.", raw), **wrapped("ema_net.", ema)}, "net", "ema_net"),
    "within": (lambda raw, ema: {**raw, **wrapped("ema.", ema)}, ".", "ema"),
    "below": (lambda raw, ema: {**wrapped("net.", raw), **wrapped("net.ema.", ema)}, "net", "net.ema"),
}


@pytest.mark.parametrize(("make", "raw", "ema"), AVERAGED.values(), ids=AVERAGED)
def test_averaged_weights_are_taken_aloud_and_the_raw_ones_can_be_chosen(tmp_path, make, raw, ema):
    path = tmp_path / "c.pth"
    torch.save(make(zeros(), state()), path)
    found = read(path)
    assert value(found) == [2]
    told = next(note for note in found.notes if "TAKEN" in note)
    assert f"TAKEN: {ema}" in told and "(averaged over training)" in told and f"--weights-key {raw}" in told
    assert value(read(path, raw)) == [0] and value(read(path, ema)) == [2]
    assert f"TAKEN: {raw}" in next(note for note in read(path, raw).notes if "TAKEN" in note)
    with pytest.raises(InputError, match=r"holds no weights of this network under 'emma'\. Allowed: "):
        read(path, "emma")


def test_of_two_networks_none_is_taken_without_a_word(tmp_path):
    path = tmp_path / "c.pth"
    torch.save({"student": state(), "teacher": zeros()}, path)
    with pytest.raises(InputError, match=r"2 sets of weights.*student.*teacher.*--weights-key"):
        read(path)
    assert value(read(path, "student")) == [2]
    torch.save({"last": state(), "best": state()}, path)
    assert value(read(path)) == [2]  # they are the same


def test_what_stands_beside_the_network_is_named(tmp_path):
    path = tmp_path / "c.pth"
    torch.save({"state_dict": {**wrapped("model.", state()), "criterion.weight": torch.ones(4)}}, path)
    assert f"{path}: 1 entries beside the network were left out: criterion.weight." in read(path).notes
    torch.save({**state(), "extra": torch.zeros(1)}, path)
    with pytest.raises(InputError, match="1 unexpected: extra"):
        read(path)
    torch.save({k: v for k, v in wrapped("module.", state()).items() if "V2.conv3" not in k}, path)
    with pytest.raises(InputError, match=r"1 missing: V2\.conv3\.weight"):
        read(path)


def test_a_mapping_that_holds_itself_ends(tmp_path):
    content = {"state_dict": state()}
    content["again"] = content
    torch.save(content, tmp_path / "c.pth")
    assert value(read(tmp_path / "c.pth")) == [2]


def test_class_names_travel_in_the_file(tmp_path):
    names = ("10", "2", "1", "dog")
    save_weights(build(SPEC), tmp_path / "c.safetensors", names)
    assert read(tmp_path / "c.safetensors").classes == names
    save_weights(build(SPEC), tmp_path / "none.safetensors")
    assert read(tmp_path / "none.safetensors").classes is None
    for about in ({"classes": list(names)}, {"class_to_idx": {"2": 1, "10": 0, "dog": 3, "1": 2}}):
        torch.save({"state_dict": state(), **about}, tmp_path / "c.pth")
        assert read(tmp_path / "c.pth").classes == names
    for odd in ({"a": 0, "b": 5}, {"a": "x", "b": 1}, {}, {3: 0, "d": 0}):
        torch.save({"state_dict": state(), "class_to_idx": odd}, tmp_path / "c.pth")
        assert read(tmp_path / "c.pth").classes is None
    torch.save({"state_dict": state(), "classes": ["a", "b"]}, tmp_path / "c.pth")
    found = read(tmp_path / "c.pth")
    assert found.classes is None
    assert "names 2 classes (a, b), which are not one for each of the decoder's 4 outputs" in found.notes[0]


def test_how_a_network_was_trained_travels_in_the_file(tmp_path):
    path, trained = tmp_path / "c.safetensors", replace(SPEC, areas=("V4=V4.conv2",), preprocessing=HALVES)
    save_weights(build(SPEC), path, network=trained)
    assert network_of(path) == read(path).told == trained and read(path).spec == SPEC
    (note,) = read(path).seen_otherwise("c")
    assert note.startswith("c was trained with mean [0.5, 0.5, 0.5], std") and "V4 at V4.conv2" in note
    assert not [*read_trained(path, trained).seen_otherwise("c")]
    (note,) = read_trained(path, replace(trained, size=64)).seen_otherwise("c")
    assert note == "c was trained with size 32. HERE IT HAS size 64."
    tensors = {k: v.contiguous() for k, v in state().items()}
    for other in (None, {"network": "resnet"}, {"network": "{"}, {"network": '{"layers": 3}'}):
        save_file(tensors, path, other)
        assert network_of(path) is None is read(path).told
    for content in (b"", b"12345678{", b"x" * 100):
        path.write_bytes(content)
        assert network_of(path) is None


def test_equal_weights_are_equal_files(tmp_path):
    model, names, contents = build(SPEC), ("Hänfling", 'a "b"\n', "é\\", "d\x7f"), set()
    for _ in range(12):
        save_weights(model, tmp_path / "c.safetensors", names)
        contents.add((tmp_path / "c.safetensors").read_bytes())
    assert len(contents) == 1
    assert read(tmp_path / "c.safetensors").classes == names
    assert load_file(tmp_path / "c.safetensors").keys() == model.state_dict().keys()


def test_tied_weights_are_kept_and_stay_tied(tmp_path):
    def tied(value):
        model = nn.ModuleDict({"one": nn.Linear(3, 3, bias=False), "other": nn.Linear(3, 3, bias=False)})
        model["other"].weight = model["one"].weight
        nn.init.constant_(model["one"].weight, value)
        return model

    path, again = tmp_path / "w.safetensors", tied(0)
    save_weights(tied(2), path)
    load_weights(again, read_weights(path, again.state_dict()).state)
    assert again["other"].weight is again["one"].weight
    assert again["one"].weight.unique().tolist() == [2]


def test_missing_and_misshapen_entries_are_named():
    broken = state()
    del broken["V2.conv3.weight"]
    broken["decoder.linear.weight"] = torch.zeros(9, 9)
    broken["extra"] = torch.zeros(1)
    with pytest.raises(InputError) as told:
        load_weights(build(SPEC), broken, "c.pth")
    for part in (
        "1 missing: V2.conv3.weight",
        "1 unexpected: extra",
        "decoder.linear.weight (9, 9) instead of (4, 32)",
    ):
        assert part in str(told.value)


def test_the_format_of_a_file_is_told_by_its_content(tmp_path):
    torch.save({"state_dict": state()}, tmp_path / "c.safetensors")
    assert value(read(tmp_path / "c.safetensors")) == [2] and network_of(tmp_path / "c.safetensors") is None
    model = build(SPEC)
    load_weights(model, state())
    save_weights(model, tmp_path / "c.pth", ("a", "b", "c", "d"), SPEC)
    found = read(tmp_path / "c.pth")
    assert (value(found), found.classes, network_of(tmp_path / "c.pth")) == ([2], ("a", "b", "c", "d"), SPEC)


def test_weights_of_another_network_are_said_to_be_that(tmp_path):
    torch.save({"state_dict": state()}, tmp_path / "c.pth")
    with pytest.raises(InputError, match=r"has no 'conv1\.weight', so it is no checkpoint of resnet50"):
        read_trained(tmp_path / "c.pth", ModelSpec("resnet50"))


@pytest.mark.parametrize("kind", [torch.int8, torch.complex64, torch.bool])
def test_weights_that_are_no_floats_are_refused_and_floats_of_any_size_are_not(tmp_path, kind):
    name, path = "V2.conv3.weight", tmp_path / "c.pth"
    torch.save(state() | {name: state()[name].to(kind)}, path)
    with pytest.raises(InputError, match=r"1 not floating-point numbers, .*: V2\.conv3\.weight"):
        read(path)
    for size in (torch.float16, torch.bfloat16, torch.float64):
        torch.save({k: v.to(size) for k, v in state().items()}, path)
        assert value(read(path)) == [2]
    torch.save(state() | {name: state()[name].to_sparse()}, path)
    with pytest.raises(InputError, match=r"1 sparse: V2\.conv3\.weight"):
        read(path)


class Evil:
    def __reduce__(self):
        return (print, ("this must never run",))


def test_pickled_objects_are_refused_and_never_run(tmp_path, capsys):
    torch.save({"state_dict": Evil()}, tmp_path / "evil.pth")
    (tmp_path / "raw.pth").write_bytes(pickle.dumps(Evil(), protocol=2))
    for name in ("evil.pth", "raw.pth"):
        with pytest.raises(InputError, match="never runs"):
            read(tmp_path / name)
    assert "must never run" not in capsys.readouterr().out


def test_no_checkpoint_and_no_tensors_are_told_apart(tmp_path):
    with pytest.raises(MissingDataError, match="There is no checkpoint"):
        read(tmp_path / "none.pth")
    torch.save({"epoch": 3}, tmp_path / "empty.pth")
    with pytest.raises(InputError, match="holds no tensors"):
        read(tmp_path / "empty.pth")


def test_whatever_else_a_file_holds_it_is_named(tmp_path):
    path = tmp_path / "passwd.pth"
    for content in (b"root:x:0:0:root:/root:/bin/bash\n", b"qqq", b"h\x00.", b"", bytes(range(256))):
        path.write_bytes(content)
        with pytest.raises(InputError, match="cannot be read as a checkpoint"):
            read(path)
