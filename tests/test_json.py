"""``--json`` has the form that its schema says; ``tests/conftest.py`` holds it, wherever a test prints any."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, is_dataclass
from importlib import import_module, reload
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError
from typer.main import get_command

import actiseg_bench.cli
import actiseg_noise
import actiseg_noise.cli
from actiseg_noise import json_schema, terminal
from actiseg_noise.application import find_forms
from actiseg_noise.borders.writing import whole_csv
from actiseg_noise.json_schema import document, schema_of
from actiseg_noise.manifest.corrections import COLUMNS, Correction

TOOLS = {"actiseg-noise": actiseg_noise.cli, "actiseg-bench": actiseg_bench.cli}
FORMS = {tool: find_forms(f"{tool.replace('-', '_')}.cli.json_forms") for tool in TOOLS}
TESTED = {  # those that this file does not run: a test that does
    "build": "noise/test_noise_cli.py",
    "publish": "noise/test_remote.py",
    "import": "noise/test_import_folders.py",
    "run": "bench/test_bench_cli.py",
    "tune": "bench/test_tuning_runs.py",
    "train": "bench/test_train_cli.py",
    "evaluate": "bench/test_networks.py",
    "predict": "bench/test_networks.py",
    "convert-checkpoint": "bench/test_convert.py",
    "leaderboard": "bench/test_bench_cli.py",
    "analyze": "bench/test_analysis.py",
    "report": "bench/test_report_page.py",
    "audit": "bench/test_audit.py",
    "verify": "bench/test_bench_verify.py",
    "collect": "bench/test_collect.py",
    "submit": "bench/test_submissions.py",
}
RUN_HERE = {
    *("datasets", "noises", "noises show", "recipes", "recipes show", "inspect", "preview", "view", "diff", "export"),
    *("list", "doctor", "build", "verify", "publish", "clean", "pretrain"),
}


def commands(tool: str) -> Iterator[tuple[str, Any]]:
    """Yield (words, command) of all commands that have ``--json``."""

    def below(group: Any, before: str) -> Iterator[tuple[str, Any]]:
        for name, command in getattr(group, "commands", {}).items():
            yield f"{before}{name}", command
            yield from below(command, f"{before}{name} ")

    app = import_module(f"{tool.replace('-', '_')}.cli.commands").app
    for words, command in below(get_command(app), ""):
        if any("--json" in param.opts for param in command.params):
            yield words, command


@pytest.mark.parametrize("tool", TOOLS)
def test_every_command_with_json_has_a_form_and_no_other_has(tool: str) -> None:
    assert {words for words, _ in commands(tool)} == set(FORMS[tool])


@pytest.mark.parametrize("tool", TOOLS)
def test_every_command_has_json(tool: str) -> None:
    app = import_module(f"{tool.replace('-', '_')}.cli.commands").app
    assert set(get_command(app).commands) <= {words.split()[0] for words in FORMS[tool]}  # type: ignore[attr-defined]


@pytest.mark.parametrize("command", [f"{tool} {words}" for tool in TOOLS for words in FORMS[tool]])
def test_a_test_runs_every_command_with_json(command: str) -> None:
    words = command.partition(" ")[2]
    source = (Path(__file__).parent / TESTED[words]).read_text("utf-8") if words in TESTED else ""
    assert words in RUN_HERE or '"--json"' in source


@pytest.mark.parametrize("command", [f"{tool} {words}" for tool in TOOLS for words in FORMS[tool]])
def test_schemas_are_valid_and_name_every_key(command: str) -> None:
    tool, _, words = command.partition(" ")
    schema = document(command, FORMS[tool][words])
    Draft202012Validator.check_schema(schema)
    for one in objects(schema):
        assert "additionalProperties" in one
        assert set(one.get("required", ())) <= set(one.get("properties", ()))


def objects(schema: Any) -> Iterator[dict[str, Any]]:
    """Yield all schemas of objects in a schema."""
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            yield schema
        for value in schema.values():
            yield from objects(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from objects(value)


@pytest.fixture
def say(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a command line and return exit code, output and errors."""

    def run(tool: str, *words: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", [tool, *map(str, words)])
        with pytest.raises(SystemExit) as end:
            TOOLS[tool].main()
        return int(end.value.code or 0), *capfd.readouterr()

    return run


@pytest.fixture
def valid(say: Any) -> Any:
    """Run a command line with ``--json`` and return what it printed, which has its form."""

    def run(tool: str, *words: object, code: int = 0, command: str = "") -> Any:
        ended, printed, told = say(tool, *words, "--json")
        assert ended == code, told
        data = json.loads(printed)
        assert Draft202012Validator(FORMS[tool][command or str(words[0])]).is_valid(data)
        return data

    return run


@pytest.mark.parametrize("words", [["datasets"], ["noises"], ["recipes"]])
def test_lists_of_the_noise_tool(valid: Any, words: list[str]) -> None:
    assert len(valid("actiseg-noise", *words)) > 3


def test_one_noise_and_one_recipe(valid: Any) -> None:
    assert valid("actiseg-noise", "noises", "show", "dilate-v1", command="noises show")["options"]["kernel"] == 15
    assert valid("actiseg-noise", "recipes", "show", "mixed-35-11", command="recipes show")["id"] == "mixed-35-11"


@pytest.mark.parametrize(("group", "name"), [("noises", "dilate-v1"), ("recipes", "text-40")])
def test_json_may_stand_before_show(say: Any, group: str, name: str) -> None:
    code, printed, _ = say("actiseg-noise", group, "--json", "show", name)
    assert code == 0
    assert printed == say("actiseg-noise", group, "show", name, "--json")[1]
    assert not say("actiseg-noise", group, "show", name)[1].startswith("{")


@pytest.mark.parametrize("kind", ["strategies", "models", "tracks", "protocols"])
def test_lists_of_the_bench(valid: Any, kind: str) -> None:
    assert valid("actiseg-bench", "list", kind)


def test_doctor(valid: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ACTISEG_ROBERTA", raising=False)
    assert valid("actiseg-bench", "doctor")


def test_a_manifest_from_its_build_to_its_publication(valid: Any, tmp_path: Path) -> None:
    words = ("build", "--dataset", "kitchen", "--flip", "30%", "--boundary", 7, "--limit", 4)
    assert valid("actiseg-noise", *words, "--out", tmp_path / "m", "--dry-run")["clips"] == 4
    built = valid("actiseg-noise", *words, "--out", tmp_path / "m")
    other = valid("actiseg-noise", *words, "--seed", 1, "--out", tmp_path / "n")
    assert valid("actiseg-noise", "verify", built["path"])["digest"] == built["digest"]
    assert valid("actiseg-noise", "inspect", built["path"], "--plot", tmp_path / "charts")["charts"]
    assert valid("actiseg-noise", "diff", built["path"], other["path"], code=1)["equal"] is False
    for form in ("actionvos", "refvos", "ytvis", "sam3", "coco", "davis", "sam2", "cvat"):
        words = ("export", built["path"], "--format", form, "--out", tmp_path / form)
        assert valid("actiseg-noise", *words)["format"] == form
    assert valid("actiseg-noise", "preview", built["path"], "--out", tmp_path / "p.png")["clips"] == 4
    assert valid("actiseg-noise", "preview", built["path"], "--out", tmp_path / "p.gif")["clips"] == 1
    assert valid("actiseg-noise", "view", built["path"], "--out", tmp_path / "v.html")["bytes"] > 1000
    assert valid("actiseg-noise", "publish", built["path"], "--out", tmp_path / "pub")["findings"] == []
    (tmp_path / "m" / "samples.parquet").write_bytes((tmp_path / "n" / "samples.parquet").read_bytes())
    assert valid("actiseg-noise", "verify", built["path"], code=1)["findings"]
    refused = valid("actiseg-noise", "publish", built["path"], "--out", tmp_path / "pub2", code=1)
    assert refused["path"] is None
    assert refused["findings"]


def test_a_manifest_that_is_cleaned(valid: Any, noisy_val: Path, tmp_path: Path) -> None:
    manifest = actiseg_noise.read_manifest(noisy_val)
    wrong = next(one for clip in manifest.iter_clips() for one in clip.samples if one.text_noise != "none")
    row = Correction(manifest.digest, wrong.sample_id, None, "noun", wrong.noisy_noun, wrong.noun, 0.9, True)
    with whole_csv(tmp_path / "c.csv", COLUMNS) as writer:
        writer.writerow(row.cells())
    words = ("clean", noisy_val, "--corrections", tmp_path / "c.csv", "--out", tmp_path / "out")
    assert valid("actiseg-noise", *words)["nouns"] == 1


def test_start_weights(
    valid: Any, clean_val: Path, kitchen_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACTISEG_KITCHEN_ROOT", str(kitchen_root))
    monkeypatch.setattr("actiseg_bench.cli.pretrain.build_manifest", lambda *_, **__: clean_val)
    words = ("pretrain", "--model", "tiny", "--steps", 1, "--threads", 1, "--out", tmp_path / "w")
    assert Path(valid("actiseg-bench", *words)["path"]).is_file()


@pytest.mark.parametrize(
    ("tool", "words"),
    [
        ("actiseg-noise", ("build", "--dataset", "kitchn")),
        ("actiseg-noise", ("inspect", "nowhere")),
        ("actiseg-noise", ("diff", "nowhere")),
        ("actiseg-bench", ("leaderboard", "nowhere")),
        ("actiseg-bench", ("list", "strategy")),
        ("actiseg-bench", ("run", "--protocol", "quik")),
        ("actiseg-bench", ("evaluate",)),
    ],
)
def test_an_error_leaves_standard_output_empty(say: Any, tool: str, words: tuple[str, ...]) -> None:
    code, printed, told = say(tool, *words, "--json")
    assert (code, printed) == (2, "")
    assert told.startswith("error: ")


def test_a_schema_is_printed_by_the_command_that_it_is_of(say: Any) -> None:
    code, printed, told = say("actiseg-noise", "noises", "show", "--json-schema")
    assert (code, told) == (0, "")
    assert json.loads(printed) == document("noises show --json", FORMS["actiseg-noise"]["noises show"])
    assert json.loads(say("actiseg-bench", "run", "--json-schema")[1])["anyOf"]


def test_a_key_that_no_schema_names_fails_wherever_a_test_prints_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["actiseg-bench", "-q", "submit", "runs", "--json"])
    with pytest.raises(ValidationError, match="'size' was unexpected"):
        terminal.print_json({"out": "x", "runs": 1, "bytes": 2, "size": 3})


@dataclass
class Pair:
    """A record of the code."""

    name: str
    sizes: tuple[int, ...]
    place: tuple[int, str]
    share: float | None
    more: dict[str, bool]


def test_a_record_of_the_code_is_a_closed_object() -> None:
    validator = Draft202012Validator(schema_of(Pair))
    good = {"name": "a", "sizes": [1, 2], "place": [1, "b"], "share": None, "more": {"c": True}}
    validator.validate(good)
    for wrong in (
        {"sizes": ["1"]},
        {"place": [1]},
        {"place": [1, "b", 2]},
        {"share": "1"},
        {"more": {"c": 1}},
        {"x": 1},
    ):
        assert not validator.is_valid(good | wrong)
    assert not validator.is_valid({name: value for name, value in good.items() if name != "name"})
    with pytest.raises(TypeError, match="no form in JSON"):
        schema_of(complex)


@pytest.mark.parametrize("tool", TOOLS)
def test_the_docstring_of_a_class_says_what_each_of_its_keys_is(tool: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = []

    def noting(hint: Any) -> Any:
        if is_dataclass(hint) or hasattr(hint, "_fields"):
            kinds.append(hint)
        return schema_of(hint)

    forms = import_module(f"{tool.replace('-', '_')}.cli.json_forms")
    monkeypatch.setattr(json_schema, "schema_of", noting)
    reload(forms)
    monkeypatch.undo()
    reload(forms)
    assert kinds
    for kind in kinds:
        assert set(json_schema.names_of(kind)) == json_schema.describe_fields(kind).keys(), kind


@dataclass(frozen=True)
class _Undescribed:
    """No attributes are described."""

    a: int


@dataclass(frozen=True)
class _Described:
    """Text, with ``a: colon``.

    Attributes:
        a, b: of ``two`` names. c: None where x: there is none; d: after
            a semicolon
    """

    a: int
    b: int
    c: int | None
    d: int
    e: int


def test_what_a_docstring_says_of_fields_is_taken_apart() -> None:
    assert json_schema.describe_fields(_Described) == {
        "a": "of two names.",
        "b": "of two names.",
        "c": "null where x: there is none.",
        "d": "after a semicolon.",
    }
    assert schema_of(_Described)["properties"]["a"] == {"type": "integer", "description": "of two names."}
    assert schema_of(_Described)["properties"]["e"] == {"type": "integer"}
    assert json_schema.describe_fields(_Undescribed) == {}
