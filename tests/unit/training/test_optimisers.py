"""Every hyper-parameter of the paper's controls reaches its optimiser; those it lacks are refused."""

import pytest
import torch
from torch import nn

from wiringup.core.errors import InputError
from wiringup.core.spec import to_dict, uid
from wiringup.training.optimisers import optimiser
from wiringup.training.spec import TrainSpec


def settings(**fields):
    group = optimiser([nn.Parameter(torch.zeros(1))], TrainSpec(**fields)).param_groups[0]
    names = (
        "lr",
        "momentum",
        "nesterov",
        "weight_decay",
        "betas",
        "eps",
        "lr_decay",
        "initial_accumulator_value",
    )
    return {name: group[name] for name in names if name in group}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, {"lr": 0.1, "momentum": 0.9, "nesterov": False, "weight_decay": 1e-4}),
        (
            {"lr": 1, "momentum": 0.5, "nesterov": True, "weight_decay": 1e-3},
            {"lr": 1, "momentum": 0.5, "nesterov": True, "weight_decay": 1e-3},
        ),
        ({"optimiser": "adam"}, {"lr": 0.1, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 1e-4}),
        (
            {"optimiser": "adamw", "betas": (0.8, 0.95), "eps": 1e-6, "weight_decay": 1e-5},
            {"lr": 0.1, "betas": (0.8, 0.95), "eps": 1e-6, "weight_decay": 1e-5},
        ),
        (
            {"optimiser": "adagrad"},
            {"lr": 0.1, "weight_decay": 1e-4, "eps": 1e-10, "lr_decay": 0, "initial_accumulator_value": 0},
        ),
        (
            {"optimiser": "adagrad", "lr_decay": 0.1, "accumulator": 0.2, "eps": 1e-3},
            {"lr": 0.1, "weight_decay": 1e-4, "eps": 1e-3, "lr_decay": 0.1, "initial_accumulator_value": 0.2},
        ),
    ],
)
def test_settings_reach_the_optimiser(fields, expected):
    assert settings(**fields) == expected


def test_the_defaults_are_pytorchs():
    for name, peer in (
        ("adam", torch.optim.Adam),
        ("adamw", torch.optim.AdamW),
        ("adagrad", torch.optim.Adagrad),
    ):
        group = peer([nn.Parameter(torch.zeros(1))]).param_groups[0]
        ours = settings(optimiser=name, lr=group["lr"], weight_decay=group["weight_decay"])
        assert ours == {key: group[key] for key in ours}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"optimiser": "adam", "momentum": 0.5}, "adam has no momentum; sgd has"),
        ({"optimiser": "adam", "nesterov": True}, "adam has no nesterov; sgd has"),
        ({"betas": (0.5, 0.9)}, "sgd has no betas; adam and adamw has"),
        ({"eps": 1e-8}, "sgd has no eps"),
        ({"optimiser": "adam", "lr_decay": 0.1}, "adam has no lr_decay; adagrad has"),
        (
            {"optimiser": "adam", "betas": (0.9, 1.0)},
            "betas are two numbers from 0 to below 1; got .0.9, 1.0",
        ),
        ({"optimiser": "adam", "betas": (0.9,)}, "betas are two numbers"),
        ({"nesterov": True, "momentum": 0}, "nesterov needs a momentum above 0"),
        ({"optimiser": "adagrad", "eps": -1.0}, "eps has to be above 0; got -1"),
        ({"optimiser": "adagrad", "accumulator": -1.0}, "accumulator is -1"),
    ],
)
def test_settings_that_would_do_nothing_or_harm_are_refused(fields, message):
    with pytest.raises(InputError, match=message):
        TrainSpec(**fields)


def test_hyper_parameters_enter_the_address_only_where_they_are_not_the_default():
    plain = TrainSpec(optimiser="adam")
    assert "betas" not in to_dict(plain)
    assert uid("TrainSpec", TrainSpec(optimiser="adam", betas=(0.9, 0.999))) == uid("TrainSpec", plain)
    assert uid("TrainSpec", TrainSpec(optimiser="adam", betas=(0.9, 0.99))) != uid("TrainSpec", plain)
    assert to_dict(TrainSpec(nesterov=True))["nesterov"] is True
