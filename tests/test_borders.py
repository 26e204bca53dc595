"""Files of the outside world are read and written in one place, ``actiseg_noise/borders``: nothing else opens one.

``FORBIDDEN`` is a table of what a call looks like and why it is not made elsewhere; a line more holds one thing more.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BORDERS = ROOT / "actiseg_noise" / "borders"
MODULES = sorted(
    path
    for package in ("actiseg_noise", "actiseg_bench")
    for path in (ROOT / package).rglob("*.py")
    if not path.is_relative_to(BORDERS)
)


def called(*names: str) -> Callable[[ast.AST], bool]:
    """Match a call of a method, or of a function of a module, by its last name, or of a whole dotted name."""

    def match(node: ast.AST) -> bool:
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            return False
        return bool({node.func.attr, ast.unparse(node.func)} & set(names))

    return match


def imported(*names: str) -> Callable[[ast.AST], bool]:
    """Match an import of a module, or from it."""

    def match(node: ast.AST) -> bool:
        if isinstance(node, ast.ImportFrom):
            return str(node.module).partition(".")[0] in names
        return isinstance(node, ast.Import) and any(alias.name.partition(".")[0] in names for alias in node.names)

    return match


def opened_to_write(node: ast.AST) -> bool:
    """Match ``open(…, "w")`` and ``path.open("w")``, and whatever else has a mode that writes."""
    if not isinstance(node, ast.Call):
        return False
    is_function = isinstance(node.func, ast.Name) and node.func.id == "open"
    is_method = isinstance(node.func, ast.Attribute) and node.func.attr == "open"
    is_function |= ast.unparse(node.func) == "io.open"
    modes = [*node.args[int(is_function) :][:1], *(k.value for k in node.keywords if k.arg == "mode")]
    written = [mode.value for mode in modes if isinstance(mode, ast.Constant) and isinstance(mode.value, str)]
    return (is_function or is_method) and any(len(mode) < 4 and set(mode) & set("wax+") for mode in written)


def path_replaced(node: ast.AST) -> bool:
    """Match ``path.replace(target)``: a text's ``replace`` has two arguments, a record's has names."""
    is_method = called("replace")(node)
    return is_method and isinstance(node, ast.Call) and len(node.args) == 1 and not node.keywords


# What a call looks like → what to use instead, of actiseg_noise.borders.
FORBIDDEN: dict[str, tuple[Callable[[ast.AST], bool], str]] = {
    "images": (called("Image.open", "imread", "cv2.imdecode"), "images.read_frame, frame_size or read_index_mask"),
    "json.load": (called("json.load"), "text.read_json or read_json_object"),
    "texts": (called("read_text", "read_bytes"), "text.read_text, read_lines, read_json, read_toml, read_bytes"),
    "toml": (imported("tomllib"), "text.read_toml or parse_toml"),
    "yaml": (called("yaml.load", "yaml.safe_load"), "text.read_yaml"),
    "csv": (called("csv.reader", "csv.DictReader"), "text.iter_csv"),
    "folders": (
        called("glob", "rglob", "iterdir", "listdir", "scandir", "os.walk"),
        "folders.list_files, list_stems, list_folders, list_names or walk_files",
    ),
    "open to write": (opened_to_write, "writing.whole_file, whole_text or write_text"),
    "write_text, write_bytes": (called("write_text", "write_bytes"), "writing.write_text, write_bytes or write_json"),
    "rename": (called("rename", "os.replace", "shutil.move"), "writing.move, FolderDraft or whole_file"),
    "path.replace": (path_replaced, "writing.whole_file"),
    "temporary folders": (called("mkdtemp", "mkstemp", "NamedTemporaryFile"), "writing.FolderDraft or whole_folder"),
    "rmtree": (called("rmtree"), "writing.FolderDraft or remove_folder"),
    "pictures": (called("imwrite", "savefig", "save"), "writing.write_png or write_figure, images.write_index_mask"),
    "links": (called("symlink_to", "hardlink_to", "os.link", "os.symlink"), "writing.link"),
    "copies": (called("shutil.copy", "shutil.copyfile", "shutil.copytree"), "writing.copy_file"),
    "locks": (imported("fcntl", "msvcrt", "filelock"), "locks.locked or FolderDraft"),
}
# (file, what) → why it may.
OWN_FILE = "a file of this package's own"
ALLOWED = {
    ("actiseg_bench/results/provenance.py", "texts"): OWN_FILE,
    ("actiseg_bench/results/provenance.py", "folders"): OWN_FILE,
    ("actiseg_bench/results/score_code.py", "texts"): OWN_FILE,
    ("actiseg_noise/datasets/visor/entities.py", "texts"): OWN_FILE,
    ("actiseg_noise/datasets/vost.py", "texts"): OWN_FILE,
    ("actiseg_bench/results/provenance.py", "write_text, write_bytes"): "a switch of the kernel's, no file",
}


def offences(tree: ast.AST, allowed: set[str]) -> Iterator[str]:
    """Yield every forbidden call of a module with its line and what to use instead."""
    for node in ast.walk(tree):
        for what, (match, instead) in FORBIDDEN.items():
            if what not in allowed and match(node):
                yield f"line {getattr(node, 'lineno', '?')}: {what}: use {instead}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_read_or_written_but_at_the_border(path: Path) -> None:
    name = path.relative_to(ROOT).as_posix()
    allowed = {what for file, what in ALLOWED if file == name}
    assert list(offences(ast.parse(path.read_text("utf-8")), allowed)) == []


@pytest.mark.parametrize(("name", "what"), ALLOWED)
def test_an_exception_that_nobody_needs_is_taken_back(name: str, what: str) -> None:
    match, _ = FORBIDDEN[what]
    assert any(map(match, ast.walk(ast.parse((ROOT / name).read_text("utf-8")))))


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("Image.open(path)", "images"),
        ("cv2.imread(str(path))", "images"),
        ("json.load(file)", "json.load"),
        ("json.loads(path.read_text('utf-8'))", "texts"),
        ("import tomllib", "toml"),
        ("yaml.load(data, Loader)", "yaml"),
        ("csv.reader(file)", "csv"),
        ("sorted(folder.glob('*.png'))", "folders"),
        ("os.listdir(folder)", "folders"),
        ("open(path, 'w')", "open to write"),
        ("open(path, mode='ab')", "open to write"),
        ("path.open('x', encoding='utf-8')", "open to write"),
        ("io.open(path, 'r+')", "open to write"),
        ("(folder / 'a').write_text('')", "write_text, write_bytes"),
        ("path.rename(other)", "rename"),
        ("os.replace(a, b)", "rename"),
        ("a.replace(b)", "path.replace"),
        ("cv2.imwrite(name, image)", "pictures"),
        ("image.save(path)", "pictures"),
        ("import fcntl", "locks"),
        ("from filelock import FileLock", "locks"),
        ("tempfile.mkdtemp()", "temporary folders"),
    ],
)
def test_the_table_sees_what_it_is_for(code: str, what: str) -> None:
    assert any(f": {what}: use" in line for line in offences(ast.parse(code), set()))


@pytest.mark.parametrize("code", ["open(path)", "path.open('rb')", "text.replace('a', 'b')", "replace(a, b=1)"])
def test_what_only_reads_is_left_alone(code: str) -> None:
    assert list(offences(ast.parse(code), set())) == []
