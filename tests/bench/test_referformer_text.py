"""Words to ids: a byte-pair tokenizer built here, long expressions, and what is not to be had. No network."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest
import torch
from referformer_fakes import SmallReferFormer
from roberta_files import SENTENCES, SPECIAL, write_roberta_files

from actiseg_bench.models.base import MODELS
from actiseg_bench.models.referformer import TextConfig, text
from actiseg_bench.models.referformer.text import (
    END,
    PAD,
    START,
    VARIABLE,
    LongExpressionWarning,
    load_tokenizer,
    tokenize,
    word_id,
)
from actiseg_noise.errors import ActisegError

WORDS = TextConfig("words", vocabulary=50, positions=6)  # four tokens: two words between start and end


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise AssertionError("a test asked the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.delenv(VARIABLE, raising=False)
    load_tokenizer.cache_clear()


@pytest.fixture(scope="module")
def make_roberta(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return a maker of folders with vocab.json, merges.txt and config.json, as RoBERTa-base's files are."""

    def make(special: tuple[str, ...] = SPECIAL) -> Path:
        return write_roberta_files(tmp_path_factory.mktemp("roberta"), special)

    return make


def test_byte_pairs_are_read_from_the_folder_that_the_variable_names(
    make_roberta: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(make_roberta()))
    found = tokenize(["Knife", SENTENCES[1]], TextConfig())
    short, long = found.ids
    assert short[0] == long[0] == START
    assert long[-1] == END
    assert (short == PAD).tolist() == found.padding[0].tolist() and found.padding[0].any()
    assert not found.padding[1].any()
    assert load_tokenizer(str(make_roberta())).decode(long[1:-1]) == SENTENCES[1]
    assert found.cut == 0


@pytest.mark.parametrize("tokenizer", ["roberta", "words"])
def test_case_and_spaces_are_folded(
    tokenizer: str, make_roberta: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(make_roberta()))
    config = TextConfig(tokenizer)
    ragged, clean = tokenize(["  Cut\t ONION \n", "cut onion"], config).ids
    assert ragged.tolist() == clean.tolist()


def test_a_byte_pair_expression_longer_than_the_positions_is_cut_and_said(
    make_roberta: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(make_roberta()))
    with pytest.warns(LongExpressionWarning, match=r"1 of 2 expressions .* 512 tokens .* has 603\); they are cut"):
        found = tokenize(["onion", " ".join(["onion"] * 600)], TextConfig())  # the first one, without a space, is two
    assert found.ids.shape == (2, 512)
    assert found.ids[1, -1] == END
    assert found.cut == 1


def test_words_are_hashed_between_start_and_end_and_padded() -> None:
    found = tokenize(["knife", "cut onion"], WORDS)
    knife, cut, onion = (word_id(word, 50) for word in ("knife", "cut", "onion"))
    assert found.ids.tolist() == [[START, knife, END, PAD], [START, cut, onion, END]]
    assert found.padding.tolist() == [[False, False, False, True], [False] * 4]


def test_a_words_id_is_the_same_everywhere_and_none_of_the_special_ones() -> None:
    assert [word_id(word, 2048) for word in ("knife", "onion", "hand")] == [1268, 93, 1548]
    assert {word_id(str(n), 5) for n in range(100)} == {3, 4}


def test_long_expressions_are_cut_counted_and_said() -> None:
    with pytest.warns(LongExpressionWarning, match=r"2 of 3 expressions .* the 4 tokens .* longest has 6\); they are"):
        found = tokenize(["a b c", "a b", "a b c d"], WORDS)
    assert found.cut == 2
    assert found.ids[0].tolist() == found.ids[1].tolist() == found.ids[2].tolist()


def test_an_empty_expression_is_start_and_end() -> None:
    assert tokenize([" "], WORDS).ids.tolist() == [[START, END]]


def test_the_network_reads_a_cut_expression_as_its_beginning() -> None:
    torch.manual_seed(0)
    network = SmallReferFormer().eval()
    texts = [" ".join(["onion"] * 30), " ".join(["onion"] * 40)]
    with torch.no_grad(), pytest.warns(LongExpressionWarning, match="1 of 2 expressions"):
        found = network(torch.rand(1, 1, 3, 32, 32), texts, torch.tensor([0, 0]))
    assert torch.allclose(*found.mask_logits, atol=1e-5)


@pytest.mark.parametrize("kind", ["empty folder", "no folder", "not cached"])
def test_a_tokenizer_that_is_not_there_is_asked_for_clearly(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    source = {"empty folder": str(tmp_path), "no folder": str(tmp_path / "no"), "not cached": "somebody/roberta"}[kind]
    monkeypatch.setenv(VARIABLE, source)
    with pytest.raises(ActisegError, match=f"{source}.*ACTISEG_ROBERTA.*vocab.json, merges.txt and config.json"):
        tokenize(["knife"], TextConfig())


def test_a_hub_that_does_not_answer_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, int]] = []

    def refuse(address: tuple[str, int], patience: float) -> None:
        asked.append(address)
        raise OSError("no route to host")

    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "https://hub.invalid")
    monkeypatch.setattr(text, "getproxies", dict)
    monkeypatch.setattr(text.socket, "create_connection", refuse)
    monkeypatch.setenv(VARIABLE, "somebody/roberta")
    with pytest.raises(ActisegError, match=r"somebody/roberta.* the hub did not give it"):
        tokenize(["knife"], TextConfig())
    assert asked == [("hub.invalid", 443)]


def test_another_kind_of_tokenizer_is_refused(
    make_roberta: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(make_roberta(special=("<pad>", "<s>", *SPECIAL[2:]))))
    with pytest.raises(ActisegError, match=r"start, padding and end are \(1, 0, 2\), expected \(0, 1, 2\)"):
        tokenize(["knife"], TextConfig())


def test_a_larger_vocabulary_than_the_encoders_is_refused(
    make_roberta: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(make_roberta()))
    with pytest.raises(ActisegError, match="has 300 tokens, expected at most the 299 of the text encoder"):
        tokenize(["knife"], TextConfig(vocabulary=299))


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    made: Any = MODELS["referformer-mini"]
    with pytest.raises(ActisegError, match=r'pip install "actiseg-nl\[referformer\]"'):
        made()


@pytest.mark.parametrize("command", ["run", "train", "predict", "evaluate"])
def test_the_command_line_names_the_tokenizer_for_the_process(
    command: str, cli: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(VARIABLE, "before")
    out = [] if command == "evaluate" else ["--out", tmp_path / "out"]
    code, _, error = cli(command, "--manifest", tmp_path / "absent", *out, "--text-encoder", "some/where")
    assert code == 2 and "manifest" in error, error
    assert os.environ[VARIABLE] == "some/where"
