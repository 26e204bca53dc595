"""``--compile``: a step that torch compiles learns what it learns as it is; where torch cannot, it is said once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from referformer_fakes import SMALL
from referformer_method import fill_network
from torch import Tensor
from torch._inductor.exc import CppCompileError

from actiseg_bench.data.scales import ScaleConfig, draw_cut
from actiseg_bench.losses import LossConfig, base_loss
from actiseg_bench.models import compiling
from actiseg_bench.models.compiling import Compiled, NotCompiledWarning
from actiseg_bench.models.referformer import ReferFormer, model
from actiseg_bench.models.referformer.transformer import EncoderLayer
from actiseg_bench.records import AuxiliaryHeads, Batch, predict_view
from actiseg_bench.training.checkpoint import run_identity
from actiseg_bench.training.config import RunConfig
from actiseg_bench.training.named_configs import load_config
from actiseg_bench.training.options import TrainOptions
from actiseg_bench.training.train import make_networks

Cli = Callable[..., tuple[int, str, str]]
ONE_LAYER = replace(SMALL, decoder_layers=1)
BOUND = 1e-5


class Counting:
    """A backend that runs what it is given as it is, and counts how often something was compiled."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, graph: Any, _: Any) -> Callable[..., Any]:
        self.count += 1
        run: Callable[..., Any] = graph.forward
        return run


def doubled(x: Tensor) -> Tensor:
    return 2 * x


def refuse(*_: Any) -> Any:
    raise RuntimeError("no compiler in here")


@pytest.fixture(autouse=True)
def anew(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing was compiled before a test."""
    monkeypatch.setattr(model, "LEARN", Compiled(model.learn_from))
    yield
    torch._dynamo.reset()


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> Counting:
    made = Counting()
    monkeypatch.setattr(compiling, "BACKEND", made)
    return made


def small(*, dropout: float = 0.0) -> ReferFormer:
    network = ReferFormer(replace(ONE_LAYER, dropout=dropout)).train()
    fill_network(network)
    return network


def batch_of(*words: int) -> Batch:
    """Return one sequence with an expression of so many words each."""
    masks = torch.zeros(len(words), 2, 8, 12)
    masks[..., 2:5, 3:6] = 1
    return Batch(
        torch.rand(1, 2, 3, 32, 48, generator=torch.Generator().manual_seed(1)),
        [" ".join(["cut"] * count) for count in words],
        torch.zeros(len(words), dtype=torch.int64),
        masks,
        torch.ones(len(words)),
        tuple(map(str, range(len(words)))),
        ((0, 1),) * len(words),
        torch.eye(2, 3)[None],
    )


def step(network: ReferFormer, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
    """Return loss and gradients."""
    torch.manual_seed(2)
    network.zero_grad()
    answer = predict_view(network, batch)
    loss = base_loss(answer, batch, LossConfig()).mean()
    if answer.auxiliary is not None:
        loss = loss + answer.auxiliary.square().mean()
    loss.backward()
    return loss.detach(), {name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None}


def apart(network: ReferFormer, batch: Batch) -> float:
    """Return by how much a compiled step differs from a plain one, relative to a loss or gradient of 1 and more."""
    network.use(compiled=False)
    loss, gradients = step(network, batch)
    network.use(compiled=True)
    found, theirs = step(network, batch)
    assert gradients.keys() == theirs.keys()
    pairs = [(loss, found), *((grad, theirs[name]) for name, grad in gradients.items())]
    return max(float(((a - b).abs() / a.abs().clamp_min(1)).max()) for a, b in pairs)


def test_a_compiled_step_learns_what_a_plain_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "BACKEND", "aot_eager")
    network = small()
    network.add_heads(AuxiliaryHeads(1))
    with warnings.catch_warnings():
        warnings.simplefilter("error", NotCompiledWarning)
        assert apart(network, batch_of(3, 5)) < BOUND


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch's own compiler writes C++ on a CPU: there is no g++")
def test_torchs_own_compiler_learns_and_draws_what_a_plain_layer_does(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    torch.manual_seed(0)
    layer = EncoderLayer(replace(SMALL, dropout=0.1)).double()
    fill_network(layer)  # drawn offsets: the places where layers start are cells' centres, where a gradient has a jump
    shapes = [(4, 6), (2, 3), (1, 2), (1, 1)]
    cells = torch.rand(2, 33, SMALL.width, dtype=torch.float64)
    places, reference = torch.rand(33, SMALL.width, dtype=torch.float64), torch.rand(1, 33, 2, dtype=torch.float64)

    def learn(way: Callable[..., Tensor]) -> list[Tensor]:
        torch.manual_seed(1)
        found = way(layer, cells, places, reference)
        return [found.detach(), *torch.autograd.grad(found.square().sum(), list(layer.parameters()))]

    def forward(inner: EncoderLayer, *given: Tensor) -> Tensor:
        return inner(*given, shapes)

    with warnings.catch_warnings():
        warnings.simplefilter("error", NotCompiledWarning)
        theirs = learn(Compiled(forward))
    for found, expected in zip(theirs, learn(forward), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


def test_draws_are_those_of_a_plain_step_and_networks_alike_share_what_is_compiled(counting: Counting) -> None:
    network = small(dropout=0.1)
    assert apart(network, batch_of(model.WORDS - 2, 4)) < BOUND  # with start and end no more padding than it needs
    other = deepcopy(network)
    other.use(compiled=True)
    step(other, batch_of(5, 3))  # shorter, in the same shape
    assert counting.count == 1


def test_a_prediction_is_not_compiled(counting: Counting) -> None:
    network = small()
    network.use(compiled=True)
    batch = batch_of(3)
    with torch.no_grad():
        predict_view(network, batch)
        network.eval()(batch.frames, batch.expressions, batch.frames_of)
    assert counting.count == 0


def test_without_a_compiler_it_is_said_once_and_the_function_is_called_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(compiling, "BACKEND", refuse)
    double = Compiled(doubled)
    with pytest.warns(NotCompiledWarning, match=r"--compile: torch cannot compile here \(.*no compiler in here.*\)"):
        first = double(torch.ones(2))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        second = double(torch.ones(2))
    assert first.tolist() == second.tolist() == [2, 2]


SWITCHED_OFF = """
import torch
from actiseg_bench.models.compiling import Compiled
double = Compiled(lambda x: 2 * x)
print(double(torch.ones(1)).item(), double(torch.ones(1)).item())
"""


def test_a_compiler_that_the_environment_switches_off_is_said_once() -> None:
    own = {**os.environ, "TORCHDYNAMO_DISABLE": "1"}
    done = subprocess.run([sys.executable, "-c", SWITCHED_OFF], env=own, capture_output=True, text=True, check=True)
    assert done.stdout == "2.0 2.0\n"
    assert done.stderr.count("--compile: torch cannot compile here (TORCHDYNAMO_DISABLE") == 1


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Python.h: No such file or directory", r"Python\.h: No such file or directory"),
        ("a.cpp: In function 'f':\na.cpp:3: error: no vec\n  3 | vec\na.cpp:4: error: x", r"a\.cpp:3: error: no vec"),
    ],
)
def test_what_a_compiler_says_is_told_and_not_how_it_was_called(
    monkeypatch: pytest.MonkeyPatch, said: str, told: str
) -> None:
    def fail(_: Any, __: Any) -> Any:
        raise CppCompileError(["g++", *["-D"] * 200], said)

    monkeypatch.setattr(compiling, "BACKEND", fail)
    with pytest.warns(NotCompiledWarning, match=rf"compile here \({told}\); the training"):
        Compiled(doubled)(torch.ones(2))


def test_the_command_says_in_one_line_that_a_model_is_not_compiled_and_that_compiling_takes_time(
    cli: Cli, noisy_val: Path, kitchen_root: Path, tmp_path: Path
) -> None:
    words = ["train", "--manifest", str(noisy_val), "--root", str(kitchen_root), "--steps", "1", "--compile"]
    code, _, err = cli(*words, "--weights", "none", "--device", "cpu", "--out", str(tmp_path / "said"))
    assert code == 0, err
    said = " ".join(err.split())
    assert said.count("warning: --compile: model 'tiny' has no compiled form; it trains without") == 1
    assert "NotCompiledWarning" not in said
    assert "this can take minutes" in said
    code, _, err = cli("--log-level", "error", "-q", *words, "--weights", "none", "--out", str(tmp_path / "silent"))
    assert (code, err) == (0, "")


def test_a_function_is_compiled_for_so_many_shapes_and_called_as_it_is_for_others(
    counting: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiling, "SHAPES", 2)
    double = Compiled(doubled)
    assert [double(torch.ones(size)).sum().item() for size in (1, 2, 3, 1, 3)] == [2, 4, 6, 2, 6]
    assert counting.count == 2


def test_results_are_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "BACKEND", "eager")
    x = torch.ones(2)
    found = Compiled(lambda given: given)(x)
    found += 1
    assert x.tolist() == [1, 1]


def test_a_model_without_a_compiled_form_says_so() -> None:
    with pytest.warns(NotCompiledWarning, match="--compile: model 'tiny' has no compiled form; it trains without"):
        make_networks(RunConfig(compile=True), 1, torch.device("cpu"))


def test_a_configuration_decides_whether_networks_are_compiled() -> None:
    for compile_ in (False, True):
        (network,), _ = make_networks(RunConfig("referformer-mini", compile=compile_), 1, torch.device("cpu"))
        assert isinstance(network, ReferFormer)
        assert network.compiled is compile_


def test_a_compiled_training_is_another_run_and_older_runs_keep_their_identity() -> None:
    plain = RunConfig.from_dict({"train": load_config("actionvos").train})
    assert "compile" not in plain.to_dict()
    assert "multiple" not in plain.to_dict()["train"]["augment"]["scales"]
    assert run_identity(plain, "labels") != run_identity(replace(plain, compile=True), "labels")


def options(**own: Any) -> TrainOptions:
    return TrainOptions(manifest=Path("m"), out=Path("o"), model="referformer-r50", **own)


def test_a_compiled_training_sees_few_sizes() -> None:
    scales = options(compile=True, config="actionvos").run_config().train.augment.scales
    assert scales is not None and scales.multiple == 64
    drawn = torch.Generator().manual_seed(0)
    sizes = {draw_cut((480, 853), scales, 4, drawn).size for _ in range(3000)}
    assert all(side % 64 == 0 for size in sizes for side in size)
    assert len(sizes) <= 24
    plain = options(config="actionvos").run_config().train.augment.scales
    assert plain == ScaleConfig(sides=plain.sides if plain else ())


def test_a_file_that_says_how_sizes_are_rounded_is_followed(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('title = "x"\n[train.augment.scales]\nmultiple = 32\n')
    scales = options(compile=True, config=str(file)).run_config().train.augment.scales
    assert scales is not None and scales.multiple == 32
