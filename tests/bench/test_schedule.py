import pytest
from torch import nn

from actiseg_bench.models.tiny import Tiny
from actiseg_bench.training.config import RunConfig, TrainConfig
from actiseg_bench.training.schedule import learning_rate, make_optimizer
from actiseg_noise.errors import ActisegError


def test_the_learning_rate_warms_up_and_falls_to_zero() -> None:
    config = TrainConfig(steps=100, learning_rate=1.0, warmup_share=0.1)
    rates = [learning_rate(step, config, epoch_steps=10) for step in range(101)]
    assert rates[:10] == pytest.approx([0.1 * k for k in range(1, 11)])
    assert rates[10] == pytest.approx(1.0)
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[100] == pytest.approx(0.0)


def test_the_learning_rate_drops_after_whole_epochs_without_a_warm_up() -> None:
    config = TrainConfig(steps=12, learning_rate=1.0, schedule="steps", drops=(3, 5), warmup_share=0)
    rates = [learning_rate(step, config, epoch_steps=2) for step in range(12)]
    assert rates == pytest.approx([1, 1, 1, 1, 1, 1, 0.1, 0.1, 0.1, 0.1, 0.01, 0.01])


class Parts(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False))
        self.backbone_like = nn.Linear(1, 1, bias=False)
        self.text = nn.Linear(1, 1, bias=False).requires_grad_(False)


def factors(network: nn.Module, config: TrainConfig) -> dict[str, float]:
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    groups = make_optimizer(network, config).param_groups
    return {names[id(parameter)]: group["factor"] for group in groups for parameter in group["params"]}


def test_the_longest_name_decides_the_rate_of_a_parameter_and_frozen_ones_are_left_out() -> None:
    config = TrainConfig(rates={"backbone": 0.5, "backbone.1": 0.25})
    assert factors(Parts(), config) == {
        "backbone.0.weight": 0.5,
        "backbone.1.weight": 0.25,
        "backbone_like.weight": 1.0,
    }


def test_fresh_parameters_learn_faster_and_rates_overrule_it() -> None:
    fresh = {name for name, factor in factors(Tiny(), TrainConfig()).items() if factor == 30}
    assert fresh == {name for name, _ in Tiny().named_parameters() if name.startswith("action.decide.")}
    slow = factors(Tiny(), TrainConfig(rates={"action": 2.0, "action.decide": 3.0}))
    assert {slow[name] for name in fresh} == {3.0}


def test_a_rate_of_nothing_is_refused_with_the_parts_there_are() -> None:
    with pytest.raises(ActisegError, match="names 'backbon', and Parts has no such parameters. Its parts: backbone,"):
        make_optimizer(Parts(), TrainConfig(rates={"backbon": 0.5}))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"item": "windw"}, "item in .train. 'windw'. Did you mean 'window'"),
        ({"schedule": "step"}, "Did you mean 'steps'"),
        ({"item": "window"}, "needs frames_per_clip: how many frames a window shows"),
        ({"epochs": -1.0}, "epochs in .train. must be a number of at least 0, got -1.0"),
        ({"drops": (3, "x")}, "drops in .train. must be a number of at least 0, got 'x'"),
        ({"rates": {"backbone": -0.5}}, "rates in .train. must be a number of at least 0, got -0.5"),
        ({"augment": {"scales": {"side": (288,)}}}, "key of ScaleConfig 'side'. Did you mean 'sides'"),
        ({"drops": 3}, "drops in .train. must be a list, got 3"),
        ({"rates": 3}, "rates in .train. must be a table, got 3"),
        ({"augment": 5}, "^.train.augment. must be a table, got 5"),
        (
            {"augment": {"flip": "x"}},
            "flip in .train.augment. must be a number of at least 0 and of at most 1, got 'x'",
        ),
        ({"augment": {"zoom": 0}}, "zoom in .train.augment. must be a number above 0, got 0"),
        ({"action_weights": "no"}, "action_weights in .train. must be true or false, got 'no'"),
        ({"loss": {"dice": [1]}}, "dice in .train.loss. must be a number of at least 0, got .1."),
        ({"augment": {"scales": {"sides": [[288]]}}}, "sides in .train.augment.scales. must be a whole number"),
        ({"augment": {"scales": {"sides": []}}}, "sides in .train.augment.scales. must have one side at the least"),
        ({"augment": {"scales": {"long_side": 10**30}}}, "long_side in .* of at most 16384, got 1000"),
        ({"augment": {"scales": {"crop_sides": [5, 4]}}}, "crop_sides in .* must be the least and the most pixels"),
        ({"augment": {"scales": {"crop_sides": [5]}}}, "crop_sides in .* must be a list of 2, got .5,."),
        ({"augment": {"scales": {"crop": "often"}}}, "crop in .* number of at least 0 and of at most 1, got 'often'"),
    ],
)
def test_a_schedule_that_cannot_be_is_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(ActisegError, match=message):
        RunConfig.from_dict({"train": values})


def test_a_configuration_of_epochs_names_no_steps_and_survives_a_round_trip_through_lists() -> None:
    values = {"epochs": 6, "schedule": "steps", "drops": [3, 5], "augment": {"scales": {"sides": [64, 96]}}}
    config = RunConfig.from_dict({"train": values})
    assert config.train.drops == (3, 5)
    assert config.train.augment.scales is not None and config.train.augment.scales.sides == (64, 96)
    assert "steps" not in config.to_dict()["train"]
    assert RunConfig.from_dict(config.to_dict()) == config
