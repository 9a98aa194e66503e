"""A training's address: what enters it, what does not, and what is refused."""

import pytest

from wiringup.core.errors import InputError
from wiringup.core.spec import uid
from wiringup.training.schedule import epochs
from wiringup.training.spec import TrainSpec


def test_address_is_pinned_and_ignores_device_and_workers():
    assert (
        uid("TrainSpec", TrainSpec())
        == uid("TrainSpec", TrainSpec(device="cuda", workers=4))
        == "f5a625a2a8d6"
    )


def test_one_number_written_in_two_ways_has_one_address():
    assert uid("TrainSpec", TrainSpec(lr=1, duration=epochs(6))) == uid(
        "TrainSpec", TrainSpec(lr=1.0, duration=epochs(6.0))
    )


@pytest.mark.parametrize(
    "change", [{"seed": 1}, {"lr": 0.01}, {"batch": 64}, {"duration": epochs(2)}, {"size": 64}]
)
def test_whatever_decides_the_outcome_changes_the_address(change):
    assert uid("TrainSpec", TrainSpec(**change)) != uid("TrainSpec", TrainSpec())


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ({"optimiser": "sdg"}, "Unknown optimiser 'sdg'. Did you mean 'sgd'"),
        ({"schedule": "cosin"}, "Unknown schedule 'cosin'. Did you mean 'cosine'"),
        ({"augmentation": "crop"}, "Unknown augmentation 'crop'. Did you mean 'crop.flip'"),
        ({"norms": "hold"}, "Unknown behaviour of BatchNorm that does not learn 'hold'. Did you mean 'held'"),
        ({"batch": 1}, "the batch size is 1, but has to be at least 2"),
        ({"lr": -0.1}, "lr is -0.1"),
        ({"workers": -1}, "the number of workers is -1"),
        ({"schedule": "plateau", "lr": 1e-5}, "plateau stops below a rate of 0.0001; lr 1e-05 never starts"),
    ],
)
def test_fields_out_of_range_are_refused(field, message):
    with pytest.raises(InputError, match=message):
        TrainSpec(**field)
