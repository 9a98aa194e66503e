import pickle

import pytest
import torch
from safetensors.torch import save_file

from wiringup.core.errors import InputError, MissingDataError
from wiringup.models.architecture import ModelSpec, build
from wiringup.models.weights import load_weights, read_state_dict

SPEC = ModelSpec(width=1 / 16, classes=4, size=32)


def state():
    return {k: torch.full_like(v, 2) for k, v in build(SPEC).state_dict().items()}


@pytest.mark.parametrize("wrap", [lambda s: s, lambda s: {"state_dict": s, "epoch": 3}])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_published_forms_of_a_checkpoint_are_read(tmp_path, wrap, prefix):
    path = tmp_path / "c.pth"
    torch.save(wrap({prefix + k: v for k, v in state().items()}), path)
    model = build(SPEC)
    load_weights(model, read_state_dict(path))
    assert (model.V2.conv3.weight == 2).all()


def test_safetensors_are_read(tmp_path):
    save_file({k: v.contiguous() for k, v in state().items()}, tmp_path / "c.safetensors")
    assert read_state_dict(tmp_path / "c.safetensors").keys() == state().keys()


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


class Evil:
    def __reduce__(self):
        return (print, ("this must never run",))


def test_pickled_objects_are_refused_and_never_run(tmp_path, capsys):
    torch.save({"state_dict": Evil()}, tmp_path / "evil.pth")
    (tmp_path / "raw.pth").write_bytes(pickle.dumps(Evil(), protocol=2))
    for name in ("evil.pth", "raw.pth"):
        with pytest.raises(InputError, match="never runs"):
            read_state_dict(tmp_path / name)
    assert "must never run" not in capsys.readouterr().out


def test_no_checkpoint_and_no_tensors_are_told_apart(tmp_path):
    with pytest.raises(MissingDataError, match="There is no checkpoint"):
        read_state_dict(tmp_path / "none.pth")
    torch.save({"epoch": 3}, tmp_path / "empty.pth")
    with pytest.raises(InputError, match="holds no tensors"):
        read_state_dict(tmp_path / "empty.pth")


def test_whatever_else_a_file_holds_it_is_named(tmp_path):
    path = tmp_path / "passwd.pth"
    for content in (b"root:x:0:0:root:/root:/bin/bash\n", b"qqq", b"h\x00.", b"", bytes(range(256))):
        path.write_bytes(content)
        with pytest.raises(InputError, match="cannot be read as a checkpoint"):
            read_state_dict(path)
