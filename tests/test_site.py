"""The website: every page is in it, it builds strictly from the repository alone, and it can be read on a telephone."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from browsing import chromium

from tools.pages import generated, notebooks

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
TREE = re.compile(r"^```\{toctree\}\n(.*?)^```", re.MULTILINE | re.DOTALL)
NOTEBOOKS = sorted(path.name for path in (DOCS / "notebooks").glob("*.ipynb"))
FETCHED = re.compile(r"""<(?:script|link|img|iframe)[^>]*\s(?:src|href)=["'](?:https?:)?//""")


def entries(page: Path) -> Iterator[str]:
    """Yield the pages that a page's lists name, as ``docs/`` has them."""
    for block in TREE.findall(page.read_text("utf-8")):
        for line in block.splitlines():
            if line and not line.startswith(":"):
                name = line.rpartition("<")[2].rstrip(">")
                yield from (str(path.relative_to(DOCS)) for path in page.parent.glob(f"{name}.*"))


def test_every_page_is_in_the_navigation_once() -> None:
    listed = [name for page in (DOCS / "index.md", DOCS / "decisions.md") for name in entries(page)]
    pages = {str(path.relative_to(DOCS)) for kind in ("md", "ipynb") for path in DOCS.rglob(f"*.{kind}")}
    assert sorted(name for name in listed if name.endswith((".md", ".ipynb"))) == sorted(pages - {"index.md"})


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the website as ``make site`` does."""
    if find_spec("sphinx") is None or find_spec("myst_nb") is None or find_spec("furo") is None:
        pytest.skip('the website is built by Sphinx: pip install -c constraints.txt -e ".[docs]"')
    folder = tmp_path_factory.mktemp("site")
    options = ["--fail-on-warning", "--keep-going", "--quiet", "-d", str(folder / "trees")]
    command = [sys.executable, "-m", "sphinx", *options, str(DOCS), str(folder / "html")]
    closed = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}  # nobody answers there
    done = subprocess.run(command, cwd=ROOT, env=os.environ | closed, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "html"


def test_the_site_builds_without_a_warning_and_fetches_nothing(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 60
    assert [str(page) for page in pages if FETCHED.search(page.read_text("utf-8"))] == []


def test_the_reference_has_every_public_name_and_command(site: Path) -> None:
    import actiseg_bench
    import actiseg_noise

    for package, page in ((actiseg_noise, "python_noise"), (actiseg_bench, "python_bench")):
        text = (site / f"{page}.html").read_text("utf-8")
        for name in set(package.__all__) - {"__version__"}:
            assert f'id="{package.__name__}.{name}"' in text, name
    text = (site / "command_line_noise.html").read_text("utf-8")
    assert all(f'id="actiseg-noise-{words}"' in text for words in ("build", "verify", "publish", "noises-show"))


def test_the_site_shows_the_pictures_that_notebooks_stored(site: Path) -> None:
    for name in NOTEBOOKS:
        assert (site / "notebooks" / name).with_suffix(".html").read_text("utf-8").count("<img") >= 2


def test_no_page_is_wider_than_a_telephone_or_a_desk(site: Path) -> None:
    with chromium() as browser:
        page = browser.new_page()
        asked: list[str] = []
        page.on("request", lambda ask: asked.append(ask.url) if ask.url.startswith(("http", "ws")) else None)
        too_wide = []
        for path in sorted(site.rglob("*.html")):
            page.goto(path.as_uri(), wait_until="domcontentloaded")
            for width in (390, 1440):
                page.set_viewport_size({"width": width, "height": 900})
                if page.evaluate("document.documentElement.scrollWidth") > width:
                    too_wide.append(f"{path.name} {width}")
        assert (too_wide, asked) == ([], [])


def test_commands_are_listed_as_help_prints_them() -> None:
    lines = generated.command_line("actiseg-noise").splitlines()
    assert "| `--flip RATE` | Rate of category flips. |" in lines
    assert "actiseg-noise inspect MANIFEST [OPTIONS]" in lines
    assert "## actiseg-noise recipes show" in lines


def test_protocols_are_listed_with_their_tracks() -> None:
    text = generated.protocols()
    assert "## quick-v2\n" in text
    assert "| tracks | `flip-40` |\n" in text


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_shows_what_it_stored(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbformat = pytest.importorskip("nbformat", reason='notebooks need: pip install -c constraints.txt -e ".[docs]"')
    pytest.importorskip("nbclient", reason='notebooks need: pip install -c constraints.txt -e ".[docs]"')
    pytest.importorskip("ipykernel", reason='notebooks need: pip install -c constraints.txt -e ".[docs]"')
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    stored = nbformat.read(DOCS / "notebooks" / name, as_version=4)
    again = notebooks.execute(name, tmp_path)
    assert list(notebooks.iter_texts(again)) == list(notebooks.iter_texts(stored)), "python -m tools.pages.notebooks"
    assert notebooks.normal(stored) == stored


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_has_pictures_and_neither_paths_nor_times(name: str) -> None:
    text = (DOCS / "notebooks" / name).read_text("utf-8")
    assert text.count('"image/png"') >= 2
    assert not re.search(r"/home/|/root/|/tmp/|/work/|execution\"|20\d\d-\d\d-\d\dT", text)
    assert len(text) < 600_000
