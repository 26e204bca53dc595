"""``actiseg-bench convert-checkpoint``: names and shapes held against a model, then safetensors."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from published_fakes import NAME, State, drawn, hollow_state, names_below, without, write_pth
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from actiseg_bench.models.convert import convert_checkpoint, fit_state
from actiseg_bench.models.weights import load_weights, save_start_weights
from actiseg_noise.borders.writing import digest_file
from actiseg_noise.errors import ActisegError

Cli = Callable[..., tuple[int, str, str]]
HEADS = ("class_embed", "positive_cls_embed")
pytestmark = pytest.mark.usefixtures("published_mini")


@pytest.fixture(scope="module")
def state() -> State:
    """The state of an untrained mini, as its training would write it."""
    return dict(drawn().state_dict())


def convert(pth: Path, *more: object, model: str = NAME) -> list[object]:
    return ["convert-checkpoint", pth, "--model", model, "--out", pth.with_suffix(".safetensors"), *more]


def test_a_checkpoint_becomes_weights_that_give_the_same_network(cli: Cli, state: State, tmp_path: Path) -> None:
    pth = write_pth(tmp_path / "a.pth", state)
    code, printed, error = cli(*convert(pth))
    assert code == 0
    assert error.startswith("next: actiseg-bench predict")
    assert error.count("\n") <= 1
    stored = len(load_file(tmp_path / "a.safetensors"))
    assert f"{stored} tensors" in printed
    network = drawn(seed=1)
    assert load_weights(network, tmp_path / "a.safetensors") == ()
    assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.pth", "a.safetensors"]


def test_a_module_under_two_names_is_stored_once(state: State, tmp_path: Path) -> None:
    pair = "bbox_embed.0.layers.0.weight", "transformer.decoder.bbox_embed.0.layers.0.weight"
    assert torch.equal(state[pair[0]], state[pair[1]])
    convert_checkpoint(write_pth(tmp_path / "a.pth", state), NAME, tmp_path / "a.safetensors")
    assert len(set(pair) & set(load_file(tmp_path / "a.safetensors"))) == 1


def test_the_file_says_what_it_was_made_from(cli: Cli, state: State, tmp_path: Path) -> None:
    pth = write_pth(tmp_path / "a.pth", without(state, "positive_cls_embed"))
    code, printed, _ = cli(*convert(pth, "--json"))
    told = json.loads(printed)
    with safe_open(tmp_path / "a.safetensors", framework="pt") as file:
        said = file.metadata()
    assert code == 0
    assert (said["model"], said["source"], said["source_digest"]) == (NAME, "a.pth", digest_file(pth))
    assert json.loads(said["fresh"]) == told["fresh"] == {"positive_cls_embed": "4 of its 4 names are missing"}
    assert told["weights"] == digest_file(tmp_path / "a.safetensors")
    assert (told["missing"], told["unexpected"], told["unused"]) == ([], [], {})
    assert told["tensors"] == len(load_file(tmp_path / "a.safetensors"))


def test_heads_that_are_not_there_start_from_the_seed_and_that_is_told(cli: Cli, state: State, tmp_path: Path) -> None:
    code, printed, _ = cli(*convert(write_pth(tmp_path / "a.pth", without(state, *HEADS))))
    lines = [" ".join(line.split()) for line in printed.splitlines()]
    assert code == 0
    assert "class_embed starts from the seed: 4 of its 4 names are missing" in lines
    assert "positive_cls_embed starts from the seed: 4 of its 4 names are missing" in lines
    network, kept = drawn(seed=1), drawn(seed=1).state_dict()
    assert load_weights(network, tmp_path / "a.safetensors") == HEADS
    fresh = {name for name in kept if name.startswith(HEADS)}
    after = network.state_dict()
    assert {name for name in after if not torch.equal(after[name], state[name])} == {
        name
        for name in fresh
        if name.endswith("weight")  # biases start at one constant
    }
    assert all(torch.equal(after[name], kept[name]) for name in fresh)


def test_class_heads_of_another_class_count_start_from_the_seed(state: State, tmp_path: Path) -> None:
    names = names_below(state, "class_embed")
    many = state | {name: torch.ones(65, *state[name].shape[1:]) for name in names}
    fit, _ = convert_checkpoint(write_pth(tmp_path / "a.pth", many), NAME, tmp_path / "a.safetensors")
    assert fit.is_whole
    assert list(fit.fresh) == ["class_embed"]
    width = state["class_embed.0.weight"].shape[1]
    assert f"has shape [65, {width}] in the file, [1, {width}] in the model" in fit.fresh["class_embed"]
    assert not set(names) & set(load_file(tmp_path / "a.safetensors"))


def test_a_head_can_be_left_out_as_published_fine_tuning_does(cli: Cli, state: State, tmp_path: Path) -> None:
    pth = write_pth(tmp_path / "a.pth", state)
    code, printed, _ = cli(*convert(pth, "--fresh", "class_embed", "--json"))
    assert (code, json.loads(printed)["fresh"]) == (0, {"class_embed": "left out as asked for"})
    assert load_weights(drawn(), tmp_path / "a.safetensors") == ("class_embed",)
    code, _, error = cli(*convert(pth, "--fresh", "backbone"))
    assert code == 2
    assert f"--fresh backbone: no optional submodule of model '{NAME}'. Known: class_embed, positive_cls_embed" in error


def test_leftovers_of_old_libraries_and_profilers_are_counted_and_left_out(
    cli: Cli, state: State, tmp_path: Path
) -> None:
    left = {
        "text_encoder.embeddings.position_ids": torch.arange(34)[None],
        "total_ops": torch.zeros(1),
        "backbone.total_ops": torch.zeros(1),
        "backbone.total_params": torch.zeros(1),
        "ema.weight": torch.zeros(1),
    }
    code, printed, _ = cli(*convert(write_pth(tmp_path / "a.pth", state | left), "--json"))
    told = json.loads(printed)
    assert (code, told["unexpected"]) == (0, [])
    assert told["unused"] == {"position_ids": 1, "total_ops": 2, "total_params": 1, "ema": 1}


def test_names_that_the_model_needs_are_missed_and_nothing_is_written(cli: Cli, state: State, tmp_path: Path) -> None:
    pth = write_pth(tmp_path / "a.pth", without(state, "controller", "query_embed"))
    code, printed, error = cli(*convert(pth))
    assert code == 1
    assert "6 names missing, the first is controller.layers.0.weight" in " ".join(printed.split())
    assert f"a.pth: does not fit model '{NAME}'; nothing was written" in error
    assert not (tmp_path / "a.safetensors").exists()


CHANGES: dict[str, tuple[str, Callable[[torch.Tensor], torch.Tensor], str]] = {
    "another shape": ("query_embed.weight", lambda value: value[1:], "query_embed.weight has shape [{a}, {c}] in the"),
    "not finite": ("query_embed.weight", lambda value: value / 0, "1 name not sound, the first is query_embed.weight"),
    "two values": ("bbox_embed.0.layers.0.bias", lambda value: value + 1, "name not sound, the first is"),
    "another architecture": ("backbone.0.body.layer5.0.conv1.weight", lambda value: value, "1 name unexpected"),
}


@pytest.mark.parametrize(("name", "change", "message"), CHANGES.values(), ids=CHANGES)
def test_what_does_not_fit_is_told_and_nothing_is_written(
    cli: Cli, state: State, tmp_path: Path, name: str, change: Callable[[torch.Tensor], torch.Tensor], message: str
) -> None:
    changed = change(state.get(name, torch.zeros(1)))
    code, printed, _ = cli(*convert(write_pth(tmp_path / "a.pth", state | {name: changed})))
    a, c = state["query_embed.weight"].shape
    assert code == 1
    assert message.format(a=a - 1, c=c) in " ".join(printed.split())
    assert not (tmp_path / "a.safetensors").exists()


@pytest.mark.parametrize(("file", "asked"), [("50", "101"), ("101", "50")])
def test_another_depth_is_recognised(cli: Cli, tmp_path: Path, file: str, asked: str) -> None:
    pth = write_pth(tmp_path / "a.pth", without(hollow_state(f"referformer-r{file}"), "positive_cls_embed"))
    code, printed, error = cli(*convert(pth, model=f"referformer-r{asked}"))
    assert (code, printed) == (2, "")
    assert f"a.pth: weights of model 'referformer-r{file}', not of 'referformer-r{asked}'" in error
    assert f"(what differs: backbone). Pass --model referformer-r{file}" in error


def test_halves_become_floats(state: State) -> None:
    fit = fit_state({name: value.half() for name, value in state.items()}, drawn())
    assert fit.is_whole
    assert {value.dtype for name, value in fit.tensors.items()} == {torch.float32}


def test_the_checkpoint_is_never_written_over(state: State, tmp_path: Path) -> None:
    pth = write_pth(tmp_path / "a.pth", state)
    with pytest.raises(ActisegError, match="is the checkpoint itself; use another --out"):
        convert_checkpoint(pth, NAME, pth)


def test_pickled_code_and_unknown_models_are_bad_input(cli: Cli, state: State, tmp_path: Path) -> None:
    pth = write_pth(tmp_path / "a.pth", state, hook=torch.nn.Linear(1, 1))
    code, _, error = cli(*convert(pth))
    assert (code, "refused: it holds torch.nn.modules.linear.Linear" in error) == (2, True)
    code, _, error = cli(*convert(pth, model="referformer-r50x"))
    assert (code, "unknown model 'referformer-r50x'" in error) == (2, True)


def test_a_tensor_that_claims_more_values_than_it_has_is_named_and_not_unfolded(state: State, tmp_path: Path) -> None:
    name = next(iter(state))
    huge = torch.zeros(1, dtype=torch.float64).expand(10**12)
    fit, report = convert_checkpoint(write_pth(tmp_path / "a.pth", state | {name: huge}), NAME, tmp_path / "b")
    assert (name in fit.misshapen, report["out"]) == (True, None)


@pytest.mark.parametrize("kind", [torch.complex64, torch.int64, torch.bool])
def test_weights_of_another_kind_of_number_are_refused(kind: torch.dtype, tmp_path: Path) -> None:
    network = drawn()
    save_start_weights(network, tmp_path / "w.safetensors")
    weights = {
        key: torch.zeros(value.shape, dtype=kind) for key, value in load_file(tmp_path / "w.safetensors").items()
    }
    save_file(weights, tmp_path / "w.safetensors")
    with pytest.raises(ActisegError, match="w.safetensors: these weights are not of model .* holds torch"):
        load_weights(network, tmp_path / "w.safetensors")
