"""What is not published, what is replaced, and what a stop leaves."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from publish_fakes import Made

import actiseg_noise
from actiseg_noise.cli import main
from actiseg_noise.errors import ActisegError, UnknownNameError
from actiseg_noise.publishing.publication import UnverifiedError, publish


@pytest.fixture
def edited(made: Made, tmp_path: Path) -> Path:
    """A manifest with one noun changed."""
    import shutil

    folder = Path(shutil.copytree(made.noisy, tmp_path / "edited"))
    table = pq.read_table(folder / "samples.parquet")
    index = table.column_names.index("noisy_noun")
    nouns = ["spoon", *table["noisy_noun"].to_pylist()[1:]]
    pq.write_table(table.set_column(index, table.schema.field(index), [nouns]), folder / "samples.parquet")
    return folder


def test_a_manifest_that_fails_verify_is_not_published(made: Made, edited: Path, tmp_path: Path) -> None:
    with pytest.raises(UnverifiedError, match=r"edited: the manifest is not what it says") as refusal:
        publish([made.clean, edited], tmp_path / "pub")
    assert "column noisy_noun" in refusal.value.findings[0].where
    assert sorted(path.name for path in tmp_path.iterdir()) == ["edited"]


def test_the_command_prints_the_findings_and_exits_with_1(
    edited: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["actiseg-noise", "publish", str(edited), "--out", str(tmp_path / "pub")])
    with pytest.raises(SystemExit) as stop:
        main()
    printed = capsys.readouterr()
    assert stop.value.code == 1
    assert "column noisy_noun: expected" in printed.out
    assert "so it is not published" in printed.err


def test_the_command_says_what_to_think_of(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["actiseg-noise", "publish", str(made.noisy), "--out", str(tmp_path / "pub")])
    with pytest.raises(SystemExit) as stop:
        main()
    printed = capsys.readouterr()
    assert stop.value.code == 0
    assert actiseg_noise.read_manifest(made.noisy).digest in printed.out
    assert "caution: whether 'none' allows derived masks to be passed on is not known" in printed.err
    assert "--labels recipe-only" in printed.err


def test_manifests_that_do_not_belong_together_are_refused(made: Made, clean_val: Path, tmp_path: Path) -> None:
    with pytest.raises(ActisegError, match=r"is of toy 1 and .* of kitchen 1: a publication has one dataset"):
        publish([made.noisy, clean_val], tmp_path / "pub")
    with pytest.raises(ActisegError, match=r"are both train/toy-mix-s0; publish one of them"):
        publish([made.noisy, made.noisy], tmp_path / "pub")
    with pytest.raises(ActisegError, match="no manifest to publish"):
        publish([], tmp_path / "pub")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": "recipe"}, r"unknown --labels 'recipe'\. Did you mean 'recipe-only'\?"),
        ({"repo_id": "a/b/c"}, r"--repo-id a/b/c: expected OWNER/NAME"),
        ({"repo_id": 'a"b'}, r"--repo-id a\"b: expected OWNER/NAME"),
        ({"url": "data/here"}, r"--url: expected an address of the web without a user's name"),
        ({"url": "https://me:word@example.org/a"}, r"--url: expected an address of the web without a user's name"),
        ({"tool_url": "https://a.org/$(reboot)"}, r"--tool-url: expected an address of the web"),
        ({"repo_id": "a/b", "url": "https://a.org"}, r"--repo-id and --url are two addresses; give one of them"),
        ({"shard_mb": 0}, r"--shard-mb must be above 0, got 0"),
    ],
)
def test_bad_usage_is_refused(made: Made, tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises((ActisegError, UnknownNameError), match=message):
        publish([made.noisy], tmp_path / "pub", **options)
    assert list(tmp_path.iterdir()) == []


def test_only_a_publication_is_replaced_and_only_on_request(made: Made, tmp_path: Path) -> None:
    out = tmp_path / "pub"
    publish([made.noisy, made.clean], out)
    with pytest.raises(ActisegError, match=r"pub: the output exists\. .* replace it with --force"):
        publish([made.noisy], out)
    publish([made.noisy], out, force=True)
    assert [path.name for path in (out / "train").iterdir()] == ["toy-mix-s0"]
    (out / "notes.txt").write_text("mine")
    with pytest.raises(ActisegError, match=r"--force would delete 1 file .* the first notes\.txt"):
        publish([made.noisy], out, force=True)
    (tmp_path / "photos").mkdir()
    with pytest.raises(ActisegError, match=r"photos: exists and is not a publication"):
        publish([made.noisy], tmp_path / "photos", force=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photos", "pub"]


def test_an_interrupted_publication_leaves_nothing(made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    out = tmp_path / "pub"
    publish([made.noisy], out)
    monkeypatch.setattr("actiseg_noise.publishing.publication.croissant", interrupt)
    for folder, force in ((out, True), (tmp_path / "new", False)):
        with pytest.raises(KeyboardInterrupt):
            publish([made.clean], folder, force=force)
    assert [path.name for path in tmp_path.iterdir()] == ["pub"]
    assert [path.name for path in (out / "train").iterdir()] == ["toy-mix-s0"]


def test_what_a_killed_replacement_left_is_put_back(made: Made, tmp_path: Path) -> None:
    out, room = tmp_path / "pub", tmp_path / ".pub.partial"
    publish([made.noisy], out)
    room.mkdir()
    out.rename(room / "old")
    with pytest.raises(ActisegError, match="the output exists"):
        publish([made.noisy], out)
    assert (out / "README.md").is_file()
    assert not room.exists()
