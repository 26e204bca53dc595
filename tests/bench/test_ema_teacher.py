"""EMA teacher: a running mean of parameters, and what its agreement makes of labels."""

from copy import deepcopy
from pathlib import Path

import layered_fakes as fake
import pytest
import torch
from layered_fakes import Layered, two_sample_setting, two_samples
from torch import nn
from train_fakes import make_batch
from unplugged import check_goes_on

from actiseg_bench.losses import LossConfig, base_focal, base_loss
from actiseg_bench.models.tiny import Tiny
from actiseg_bench.records import predict_view
from actiseg_bench.strategies.ema_teacher import EMATeacher, agreement, follow, ramped
from actiseg_bench.training.config import RunConfig, TrainConfig


def make(network: nn.Module, loss: LossConfig | None = None, **options: object) -> EMATeacher:
    strategy = EMATeacher(two_sample_setting(loss), options)
    strategy.prepare([network])
    return strategy


def test_the_decay_ramps_up_to_its_value() -> None:
    assert [ramped(n, 0.9) for n in (0, 1, 4, 9, 100)] == pytest.approx([0, 1 / 2, 4 / 5, 0.9, 0.9])


def test_while_it_ramps_the_teacher_is_the_mean_of_all_students() -> None:
    student, teacher = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
    for n, value in enumerate([4.0, 2.0, 9.0]):
        student.weight.data.fill_(value)
        follow(teacher, student, ramped(n, 0.99))
    assert teacher.weight.item() == pytest.approx(5.0)
    follow(teacher, student, 0.75)
    assert teacher.weight.item() == pytest.approx(0.75 * 5 + 0.25 * 9)


def test_a_label_is_kept_where_the_teacher_agrees_or_is_not_sure() -> None:
    label, p = torch.tensor([True, True, False, False]), torch.tensor([0.9, 0.3, 0.2, 0.95])
    assert agreement(label, p, 0.5).tolist() == [True, False, True, False]
    assert agreement(label, p, 0.8).tolist() == [True, True, True, False]


def test_before_the_warm_up_ends_every_label_is_kept() -> None:
    network, batch = Layered(), two_samples()
    step = make(network).step([network], batch, 0.6)
    assert step.trusted is None
    assert step.losses[0].item() == base_loss(predict_view(network, batch), batch, LossConfig()).mean().item()
    assert len(network.asked) == 2  # a teacher that judges nothing is not asked


def focal(p: float, y: float) -> float:
    return base_focal(torch.tensor(p).logit(), torch.tensor(y), LossConfig()).item()


@pytest.mark.parametrize("elsewhere", ["ignore", "teacher"])
def test_the_last_layer_of_the_teacher_judges_every_layer(elsewhere: str) -> None:
    """The teacher is a copy of the student: it disagrees where LAST is on the other side, at sample 0."""
    network = Layered()
    loss = LossConfig(dice=0, positive=0)
    step = make(network, loss, elsewhere=elsewhere).step([network], two_samples(), 1.9)
    assert step.trusted is not None
    assert step.trusted[:, 0, 0].tolist() == [[False, False], [True, True]]  # .8 is given as 0, .3 as 1
    total = sum(fake.OWN)
    for layer in (fake.LAST, fake.EARLY):
        kept = sum(focal(p, y) for p, y in zip(layer[1], fake.LABELS[1], strict=True))
        softened = sum(focal(p, q) for p, q in zip(layer[0], fake.LAST[0], strict=True))
        total += 2 * (kept + (softened if elsewhere == "teacher" else 0)) / 2
    assert step.losses[0].item() == pytest.approx(total / 2, rel=1e-5)


def test_the_teacher_answers_with_the_students_query_and_learns_nothing() -> None:
    network = Layered()
    strategy = make(network)
    strategy.step([network], two_samples(), 1.9).losses[0].backward()
    teacher = strategy.teacher
    assert isinstance(teacher, Layered)
    (asked,) = teacher.asked
    assert asked is not None and asked.queries is not None and asked.queries.tolist() == fake.QUERIES
    assert all(parameter.grad is None for parameter in teacher.parameters())


@pytest.mark.parametrize(("scored", "is_mean"), [("student", False), ("teacher", True)])
def test_the_student_is_scored_unless_the_teacher_is_asked_for(scored: str, is_mean: bool) -> None:
    network = Layered()
    strategy = make(network, scored=scored, decay=0.5)
    for value in (1.0, 3.0):
        network.last.data.fill_(value)
        strategy.step([network], two_samples(), 0.0)
    strategy.finish([network])
    assert network.last.detach().unique().tolist() == [2.0 if is_mean else 3.0]
    assert strategy.state() == {}


def test_a_teacher_goes_on_from_its_state_to_the_last_bit() -> None:
    torch.manual_seed(0)
    first, second = Tiny().train(), Tiny().train()
    strategies = [make(network) for network in (first, second)]
    strategies[0].step([first], make_batch(), 0.0)
    first.controller.write[0].weight.data += 0.1
    strategies[0].step([first], make_batch(), 1.9)
    strategies[1].load_state({name: value.clone() for name, value in strategies[0].state().items()})
    second.load_state_dict(deepcopy(first.state_dict()))
    found = [s.step([n], make_batch(), 1.9).losses[0].item() for s, n in zip(strategies, (first, second), strict=True)]
    assert found[0] == found[1]
    states = [strategy.state() for strategy in strategies]
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())


def test_a_run_goes_on_from_its_checkpoint_to_the_last_bit(noisy_val: Path, kitchen_root: Path, tmp_path: Path) -> None:
    train = TrainConfig(steps=6, clips_per_batch=4, samples_per_clip=2)
    config = RunConfig(strategy="ema_teacher", start_weights="none", threads=1, device="cpu", train=train)
    check_goes_on(config, noisy_val, kitchen_root, tmp_path, stop=5, save_every=2, kept=4)


def test_a_step_before_prepare_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no teacher: call prepare first"):
        EMATeacher(two_sample_setting()).step([Layered()], two_samples(), 0.0)
