"""Two processes make the training of one: same weights, losses and ledger, up to the order of summation."""

import os
import socket
import subprocess
import sys
import textwrap
from contextlib import ExitStack
from pathlib import Path

import pytest
import torch
from torch import nn

from wiringup.core.errors import InputError
from wiringup.core.seeds import torch_stream
from wiringup.training import distributed, loop
from wiringup.training.batches import Plan
from wiringup.training.distributed import ProcessGroup
from wiringup.training.loader import ImageLoader, InputFormat
from wiringup.training.loop import train
from wiringup.training.numerics import random_stream
from wiringup.training.plasticity import resolve
from wiringup.training.schedule import epochs, steps
from wiringup.training.spec import TrainSpec

# partial batches of 6 and of 2 images, and odd ones of 5: shares of different sizes
SETTINGS = {
    "all": {"plasticity": "all", "batch": 8, "duration": epochs(2), "lr": 0.005},
    "critical": {
        "plasticity": "critical",
        "batch": 5,
        "duration": epochs(1.5),
        "lr": 0.005,
        "norms": "running",
    },
    # at a rate at which the statistics of five images do not yet amplify the last bits
    "critical, batch": {"plasticity": "critical", "batch": 5, "duration": epochs(1.5), "lr": 1e-4},
    "critical, held": {
        "plasticity": "critical",
        "batch": 5,
        "duration": epochs(1.5),
        "lr": 1e-4,
        "norms": "held",
    },
}
SEPARATE = {"plasticity": "critical", "batch": 8, "duration": epochs(1), "lr": 0.005, "norm_shares": 2}

DIFFERENT = ("precision", "images", "checkpoint")

SCRIPT = textwrap.dedent(
    """
    import os, sys
    from pathlib import Path
    sys.path.insert(0, sys.argv[1])
    import torch
    from test_distributed import DIFFERENT, SETTINGS, learn, refused

    torch.set_num_threads(1)
    folder = Path(sys.argv[2])
    for name in [*SETTINGS, "separate"]:
        result, model = learn(name, folder / name)
        content = {"losses": result.losses, "epochs": result.epoch_losses, "ledger": result.ledger.to_dict(),
                   "observations": result.observations, "weights": model.state_dict()}
        torch.save(content, folder / f"{name}.{os.environ['RANK']}.pt")
    for name in DIFFERENT:
        rank = int(os.environ["RANK"])
        (folder / f"{name}.{rank}.txt").write_text(refused(name, rank, folder / f"{name}.{rank}"))
    """
)


def look(moment):
    return {"bias": float(moment.model.decoder.linear.bias.detach().sum())}


def learn(name, folder=None):
    import conftest
    from wiringup.models.architecture import ARCHITECTURES

    model = conftest.born().double()
    data, spec = conftest.noise_patterns(22), TrainSpec(**(SETTINGS | {"separate": SEPARATE})[name])
    result = train(model, ARCHITECTURES["cornet_s"], data, spec, [look], folder, [steps(2)])
    return result, model


def refused(what, rank, folder):
    """Return why processes do not train together of which one has another precision, images or checkpoint."""
    import conftest
    from wiringup.models.architecture import ARCHITECTURES

    other = bool(rank)
    precision = "bf16" if other and what == "precision" else "float32"
    data = conftest.noise_patterns(24 if other and what == "images" else 22)
    spec = TrainSpec(plasticity="critical", batch=5, duration=steps(2), precision=precision)
    areas = ARCHITECTURES["cornet_s"]
    if what == "checkpoint":  # written by the first process where the second does not see it
        train(conftest.born(), areas, data, spec, folder=folder)
    try:
        train(conftest.born(), areas, data, spec, folder=folder if what == "checkpoint" else None)
    except InputError as error:
        return str(error)
    return ""


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    script = folder / "script.py"
    script.write_text(SCRIPT)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # what torchrun sets, without its own start-up
    world = os.environ | {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2"}
    command = [sys.executable, str(script), str(Path(__file__).parent), str(folder)]
    with ExitStack() as stack:
        processes = []
        for rank in "01":
            here = world | {"RANK": rank, "LOCAL_RANK": rank}
            process = subprocess.Popen(command, env=here, stderr=subprocess.PIPE)
            processes.append(stack.enter_context(process))
            stack.callback(process.kill)  # if the other one fails, it would wait for ever
        complaints = [process.communicate(timeout=120)[1] for process in processes]
    assert not any(process.returncode for process in processes), b"".join(complaints).decode()
    return folder


@pytest.mark.parametrize("name", list(SETTINGS))
def test_two_processes_learn_what_one_learns(shared, name, monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    expected, model = learn(name)
    one, two = (torch.load(shared / f"{name}.{rank}.pt", weights_only=True) for rank in (0, 1))
    assert one["ledger"] == two["ledger"] == expected.ledger.to_dict()
    assert one["losses"] == two["losses"]
    assert one["losses"] == pytest.approx(expected.losses, rel=1e-9)
    assert one["epochs"] == pytest.approx(expected.epoch_losses, rel=1e-9)
    assert len(one["observations"]) == 3 and one["observations"] == two["observations"]
    assert [o["bias"] for o in one["observations"]] == pytest.approx(
        [o["bias"] for o in expected.observations], rel=1e-8, abs=1e-12
    )
    for key, value in model.state_dict().items():
        assert torch.equal(one["weights"][key], two["weights"][key])
        torch.testing.assert_close(one["weights"][key], value, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("what", DIFFERENT)
def test_processes_that_would_train_differently_are_refused(shared, what):
    one, two = ((shared / f"{what}.{rank}.txt").read_text() for rank in (0, 1))
    assert one == two
    assert "have to do the same, but do not" in one
    assert ("precision: the default in process 0, bf16 in 1" in one) == (what == "precision")
    assert ("images: " in one) == (what == "images")
    assert ("checkpoint.steps: 2 in process 0, 0 in 1" in one) == (what == "checkpoint")


def separately(batch, model, shares):
    """Answer to a batch share by share; running averages follow the first share alone."""
    (images,) = batch.inputs
    answers = []
    for rank in range(shares):
        buffers = {name: value.clone() if rank else value for name, value in model.named_buffers()}
        share = images[ProcessGroup(rank, shares).share(len(images))]
        answers.append(torch.func.functional_call(model, buffers, (share,)))
    return torch.cat(answers)


def test_each_of_two_processes_normalises_its_own_share_if_asked(shared, monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    import conftest
    from wiringup.models.architecture import ARCHITECTURES

    model, data = conftest.born().double(), conftest.noise_patterns(22)
    spec = TrainSpec(**SEPARATE)
    loader = ImageLoader(data, spec, form=InputFormat.of(model, ARCHITECTURES["cornet_s"]))
    learning = resolve(model, ARCHITECTURES["cornet_s"], "critical").trained
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name in learning)
    moving = [parameter for parameter in model.parameters() if parameter.requires_grad]
    sgd = torch.optim.SGD(moving, spec.lr, spec.momentum, weight_decay=spec.weight_decay)
    losses = []
    for batch in loader.batches():
        loss = nn.functional.cross_entropy(separately(batch, model.train(), 2), batch.labels)
        sgd.zero_grad()
        loss.backward()
        sgd.step()
        losses.append(loss.item())
    one, two = (torch.load(shared / f"separate.{rank}.pt", weights_only=True) for rank in (0, 1))
    assert one["losses"] == two["losses"] == pytest.approx(losses, rel=1e-9)
    for key, value in model.state_dict().items():
        torch.testing.assert_close(one["weights"][key], value, rtol=1e-8, atol=1e-10)
        torch.testing.assert_close(two["weights"][key], one["weights"][key], rtol=0, atol=0)


def test_shares_of_their_own_need_as_many_processes(newborn, cornet, patterns):
    with pytest.raises(InputError, match=r"2 shares .* has 1 process.*--nproc-per-node 2"):
        train(newborn(), cornet, patterns(8), TrainSpec(batch=8, norm_shares=2))
    with pytest.raises(InputError, match="number of shares"):
        TrainSpec(norm_shares=0)


def test_a_card_has_its_own_synchronised_norm(monkeypatch):
    norm = nn.BatchNorm2d(3)
    assert isinstance(distributed.shared_norm(norm), distributed.SharedNorm)
    monkeypatch.setattr(torch.Tensor, "is_cuda", True)
    found = distributed.shared_norm(norm)
    assert isinstance(found, nn.SyncBatchNorm)
    assert found.weight is norm.weight and found.running_mean is norm.running_mean


def test_what_two_have_finished_one_does_not_compute_again(shared, monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    result, model = learn("all", shared / "all")
    one = torch.load(shared / "all.0.pt", weights_only=True)
    assert list(result.losses) == list(one["losses"])  # to the bit, as a new computation would not be
    assert all(torch.equal(value, one["weights"][key]) for key, value in model.state_dict().items())


def test_each_process_takes_a_card_of_its_own_where_none_is_named(monkeypatch):
    found = {"auto": "cuda:0"}
    monkeypatch.setattr(distributed, "check_device", lambda name: torch.device(found.get(name, name)))
    assert distributed.place("auto") == "cuda:0"
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    assert distributed.place("auto") == "cuda"  # which `join` makes that of its number
    assert (distributed.place("cuda:1"), distributed.place("cpu")) == ("cuda:1", "cpu")


def test_a_batch_has_an_image_for_every_process():
    smallest = {
        batch: Plan.of(22, TrainSpec(batch=batch, duration=epochs(1.4))).smallest for batch in (4, 7, 8)
    }
    assert smallest == {4: 2, 7: 2, 8: 6}  # 1.4 epochs end 9 images into the second
    assert Plan.of(22, TrainSpec(duration=epochs(0))).smallest == 0
    ProcessGroup(0, 2).check(2)
    with pytest.raises(InputError, match="smallest batch of this training has 2 images, but 3 processes"):
        ProcessGroup(0, 3).check(2)


@pytest.mark.parametrize(("n", "size"), [(8, 2), (7, 2), (2, 3), (0, 4), (100, 7)])
def test_shares_are_the_batch(n, size):
    rows = list(range(n))
    shares = [rows[ProcessGroup(rank, size).share(n)] for rank in range(size)]
    assert [row for share in shares for row in share] == rows
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_every_process_has_masks_of_its_own_and_the_first_those_of_one_alone():
    def mask(*process):
        dropout = nn.Sequential(nn.Dropout(), nn.Linear(1, 1))
        with random_stream(dropout, 3, 7, *process):
            return dropout[0](torch.ones(1000))

    alone, first, second, third = mask(), mask(0), mask(1), mask(2)
    bernoulli = torch.empty(1000).bernoulli_(0.5, generator=torch_stream(3, "dropout", 7))
    assert torch.equal(alone, 2 * bernoulli) and torch.equal(alone, first)
    for one, other in ((first, second), (first, third), (second, third)):
        assert 400 < (one != other).sum() < 600


def test_a_training_draws_the_masks_of_its_process(tiny, tiny_areas, patterns, monkeypatch):
    class All(ProcessGroup):
        """A process whose share is the whole batch, so that masks alone tell it from others."""

        def share(self, n):
            return slice(n)

    def losses(team=None):
        if team:
            monkeypatch.setattr(loop, "join", lambda device: team)
        model = tiny()
        model.pool = nn.Sequential(model.pool, nn.Dropout())
        spec = TrainSpec("all", epochs(1), batch=8, augmentation="none")
        return train(model, tiny_areas, patterns(16), spec).losses

    alone = losses()
    assert losses(All(rank=0)) == alone and losses(All(rank=1))[0] != alone[0]
