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


def calls(*names: str) -> Callable[[ast.AST], bool]:
    """Match a call by its last name, of a function that was imported by name too."""

    def match(node: ast.AST) -> bool:
        return isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in names

    return match


def either(*matches: Callable[[ast.AST], bool]) -> Callable[[ast.AST], bool]:
    """Match what one of them matches."""
    return lambda node: any(match(node) for match in matches)


def imported(*names: str) -> Callable[[ast.AST], bool]:
    """Match an import of a module, or from it."""

    def match(node: ast.AST) -> bool:
        if isinstance(node, ast.ImportFrom):
            return str(node.module).partition(".")[0] in names
        return isinstance(node, ast.Import) and any(alias.name.partition(".")[0] in names for alias in node.names)

    return match


def opened(*, to_write: bool) -> Callable[[ast.AST], bool]:
    """Match ``open(…, "w")`` and ``path.open("w")``, and whatever else has a mode that writes; or all that has none."""

    def match(node: ast.AST) -> bool:
        if not isinstance(node, ast.Call):
            return False
        name = ast.unparse(node.func)
        is_function = name in ("open", "io.open")
        is_method = isinstance(node.func, ast.Attribute) and node.func.attr == "open" and name not in ELSEWHERE
        modes = [*node.args[int(is_function) :][:1], *(k.value for k in node.keywords if k.arg == "mode")]
        written = [mode.value for mode in modes if isinstance(mode, ast.Constant) and isinstance(mode.value, str)]
        writes = any(len(mode) < 4 and set(mode) & set("wax+") for mode in written)
        return (is_function or is_method) and writes == to_write

    return match


ELSEWHERE = ("Image.open", "os.open")  # lines of their own in the table


def path_replaced(node: ast.AST) -> bool:
    """Match ``path.replace(target)``: a text's ``replace`` has two arguments, a record's has names."""
    is_method = called("replace")(node)
    return is_method and isinstance(node, ast.Call) and len(node.args) == 1 and not node.keywords


# What a call looks like → what to use instead, of actiseg_noise.borders.
FORBIDDEN: dict[str, tuple[Callable[[ast.AST], bool], str]] = {
    "images": (calls("imread", "imdecode", "VideoCapture"), "images.read_frame, frame_size or read_index_mask"),
    "Image.open": (called("Image.open"), "images.read_frame, frame_size or read_index_mask"),
    "json.load": (called("json.load"), "text.read_json or read_json_object"),
    "texts": (called("read_text", "read_bytes"), "text.read_text, read_lines, read_json, read_toml, read_bytes"),
    "toml": (imported("tomllib"), "text.read_toml or parse_toml"),
    "yaml": (called("yaml.load", "yaml.safe_load"), "text.read_yaml"),
    "csv": (called("csv.reader", "csv.DictReader"), "text.iter_csv"),
    "folders": (
        called("glob", "rglob", "iterdir", "listdir", "scandir", "os.walk"),
        "folders.list_files, list_stems, list_folders, list_names or walk_files",
    ),
    "open to read": (opened(to_write=False), "text.read_bytes, read_text or read_lines"),
    "descriptors": (called("os.open", "os.fdopen", "os.truncate"), "writing.whole_file"),
    "open to write": (opened(to_write=True), "writing.whole_file, whole_text or write_text"),
    "write_text, write_bytes": (called("write_text", "write_bytes"), "writing.write_text, write_bytes or write_json"),
    "rename": (called("rename", "os.replace", "shutil.move"), "writing.move or whole_file, drafts.FolderDraft"),
    "path.replace": (path_replaced, "writing.whole_file"),
    "temporary files": (imported("tempfile"), "drafts.FolderDraft or whole_folder, writing.whole_file"),
    "removed": (called("unlink", "os.remove", "rmdir", "os.removedirs"), "writing.remove_file, drafts.remove_if_empty"),
    "shutil": (imported("shutil"), "drafts.FolderDraft or remove_folder, writing.copy_file or move"),
    "pictures": (called("imwrite", "savefig", "save"), "writing.write_png or write_figure, images.write_index_mask"),
    "links": (called("symlink_to", "hardlink_to", "os.link", "os.symlink"), "writing.link"),
    "arrays": (
        either(
            calls("fromfile", "tofile", "memmap", "open_memmap", "loadtxt", "savetxt", "genfromtxt"),
            called("np.load", "np.save", "np.savez", "np.savez_compressed"),
        ),
        "a Parquet table or a safetensors file",
    ),
    "parquet": (
        either(
            calls("ParquetFile", "ParquetWriter", "read_metadata", "read_schema", "read_parquet", "to_parquet"),
            called("pq.read_table", "pq.write_table"),
        ),
        "actiseg_noise.manifest for a table of a manifest; else a file that writing.whole_file gives",
    ),
    "arrow": (calls("OSFile", "memory_map"), "actiseg_noise.manifest for a table of a manifest"),
    "tensors": (
        either(calls("safe_open", "load_file", "save_file"), called("torch.load", "torch.save")),
        "actiseg_bench.tensors",
    ),
    "archives": (imported("zipfile", "tarfile", "gzip"), "a folder"),
    "locks": (imported("fcntl", "msvcrt", "filelock"), "locks.locked or drafts.FolderDraft"),
}
# (file, what) → why it may.
OWN_FILE = "a file of this package's own"
ALLOWED = {
    ("actiseg_bench/results/provenance.py", "texts"): OWN_FILE,
    ("actiseg_bench/results/provenance.py", "folders"): OWN_FILE,
    ("actiseg_bench/results/score_code.py", "texts"): OWN_FILE,
    ("actiseg_noise/datasets/visor/entities.py", "texts"): OWN_FILE,
    ("actiseg_noise/datasets/vost.py", "texts"): OWN_FILE,
    ("actiseg_noise/web/page.py", "texts"): OWN_FILE,
    ("actiseg_noise/web/page.py", "archives"): "packs texts into a page, and opens nothing",
    ("actiseg_bench/results/provenance.py", "write_text, write_bytes"): "a switch of the kernel's, no file",
    # A format has one module that reads and writes it, with a library that opens the file itself. Each looks at the
    # file first (text.check_file) and writes into what writing.whole_file or a draft of a folder gives.
    ("actiseg_noise/manifest/parquet.py", "parquet"): "reads the tables of a manifest",
    ("actiseg_noise/manifest/write.py", "parquet"): "writes the tables of a manifest",
    ("actiseg_noise/manifest/write.py", "arrow"): "writes the tables of a manifest",
    ("actiseg_noise/manifest/mapped.py", "arrow"): "writes and maps row groups in the cache folder",
    ("actiseg_noise/publishing/images.py", "parquet"): "writes pictures into a draft of a folder",
    ("actiseg_bench/results/predictions.py", "parquet"): "reads and writes predictions",
    ("actiseg_bench/scoring/object_frames.py", "parquet"): "reads and writes the table of object-frames",
    ("actiseg_bench/tensors.py", "tensors"): "reads and writes them",
    ("actiseg_bench/models/published.py", "tensors"): "reads checkpoints of others",
    ("actiseg_bench/models/published.py", "archives"): "looks into a checkpoint of others before torch does",
    ("actiseg_noise/noises/wordnet.py", "open to read"): "a dictionary of NLTK's, which may lie in an archive",
    # Files of one build, which nobody reads after it.
    ("actiseg_noise/building/chunk.py", "arrow"): "the rows of a chunk, in a folder that whole_folder gives",
    ("actiseg_noise/building/chunk.py", "temporary files"): "a file without a name, gone with the process",
    # To be mended: the border has what these need, or should have it.
    ("actiseg_bench/strategies/memory.py", "arrays"): "a mapped file of one training: no writer of such files",
    ("actiseg_bench/strategies/memory.py", "removed"): "that file's end: writing.remove_file does it",
    ("actiseg_bench/cli/doctor.py", "shutil"): "disk_usage, which touches no file: no such question there",
    ("actiseg_bench/strategies/memory.py", "shutil"): "disk_usage, which touches no file: no such question there",
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
        ("Image.open(path)", "Image.open"),
        ("imread(str(path))", "images"),
        ("open(path)", "open to read"),
        ("path.open()", "open to read"),
        ("path.open('rb')", "open to read"),
        ("io.open(path, encoding='utf-8')", "open to read"),
        ("os.open(path, os.O_RDONLY)", "descriptors"),
        ("path.read_bytes()", "texts"),
        ("from tomllib import load", "toml"),
        ("os.rename(a, b)", "rename"),
        ("shutil.move(a, b)", "rename"),
        ("os.remove(path)", "removed"),
        ("os.unlink(path)", "removed"),
        ("path.unlink(missing_ok=True)", "removed"),
        ("import shutil", "shutil"),
        ("from shutil import rmtree", "shutil"),
        ("from tempfile import TemporaryFile", "temporary files"),
        ("path.write_bytes(b'')", "write_text, write_bytes"),
        ("np.load(path)", "arrays"),
        ("np.save(path, array)", "arrays"),
        ("np.fromfile(path, np.uint8)", "arrays"),
        ("array.tofile(path)", "arrays"),
        ("np.lib.format.open_memmap(path)", "arrays"),
        ("pq.read_table(path)", "parquet"),
        ("pq.ParquetFile(path)", "parquet"),
        ("ParquetWriter(path, schema)", "parquet"),
        ("pa.OSFile(str(path), 'wb')", "arrow"),
        ("safe_open(path, framework='pt')", "tensors"),
        ("safetensors.torch.save_file(tensors, path)", "tensors"),
        ("torch.load(path)", "tensors"),
        ("torch.save(state, path)", "tensors"),
        ("from zipfile import ZipFile", "archives"),
        ("import tarfile", "archives"),
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
        ("import tempfile", "temporary files"),
        ("writer.savefig(path)", "pictures"),
    ],
)
def test_the_table_sees_what_it_is_for(code: str, what: str) -> None:
    assert any(f": {what}: use" in line for line in offences(ast.parse(code), set()))


@pytest.mark.parametrize(
    "code",
    [
        "text.replace('a', 'b')",
        "replace(a, b=1)",
        "point.load()",
        "json.loads(text)",
        "writer.write_table(rows)",
        "names.remove(name)",
    ],
)
def test_what_touches_no_file_is_left_alone(code: str) -> None:
    assert list(offences(ast.parse(code), set())) == []
