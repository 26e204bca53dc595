"""The notebooks of ``docs/notebooks`` with what they show, stored: ``python -m tools.pages.notebooks``.

Times, versions and names of this machine are left out, so that a notebook changes when it says something else.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

DOCS = Path(__file__).resolve().parents[2] / "docs"
PICTURES = ("image/png",)
KERNEL = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}


def execute(name: str, folder: Path) -> Any:
    """Return a notebook of ``docs/notebooks`` executed in a copy of ``docs/analysis`` and itself below ``folder``."""
    import nbformat
    from nbclient import NotebookClient

    place = folder / "notebooks"
    place.mkdir()
    shutil.copytree(DOCS / "analysis", folder / "analysis")
    notebook = nbformat.read(DOCS / "notebooks" / name, as_version=4)
    os.environ |= {"OMP_NUM_THREADS": "1", "MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    client = NotebookClient(
        notebook, timeout=300, kernel_name="python3", record_timing=False, resources={"metadata": {"path": str(place)}}
    )
    return normal(client.execute())


def normal(notebook: Any) -> Any:
    """Return a notebook without what differs between machines."""
    notebook["metadata"] = KERNEL
    for cell in notebook["cells"]:
        cell["metadata"] = {}
        if cell["cell_type"] == "code":
            cell["outputs"] = _joined(cell["outputs"])
        for output in cell.get("outputs", ()):
            if "data" in output and {"text/html", *PICTURES} & set(output["data"]):
                output["data"].pop("text/plain", None)
    return notebook


def _joined(outputs: list[Any]) -> list[Any]:
    """Return outputs with what was printed in several pieces as one."""
    joined: list[Any] = []
    for output in outputs:
        if joined and output["output_type"] == joined[-1]["output_type"] == "stream":
            joined[-1]["text"] += output["text"]
        else:
            joined.append(output)
    return joined


def iter_texts(notebook: Any) -> Iterator[str]:
    """Yield what a notebook shows but for pictures, which differ between versions of what draws them."""
    for cell in notebook["cells"]:
        for output in cell.get("outputs", ()):
            yield from [output["text"]] if "text" in output else []
            yield from (text for kind, text in output.get("data", {}).items() if kind not in PICTURES)


def write_notebooks(folder: Path = DOCS / "notebooks") -> None:
    """Execute all notebooks and store what they show."""
    import nbformat

    for path in sorted(folder.glob("*.ipynb")):
        with TemporaryDirectory() as place:
            nbformat.write(execute(path.name, Path(place)), path)
        print(path.name, f"{path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    write_notebooks()
