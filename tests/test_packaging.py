"""The wheel: every package is in it, and so are recipes, protocols and weights; it works outside the checkout."""

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
WEIGHTS = "actiseg_bench.weights"


def test_every_package_on_disk_is_listed() -> None:
    on_disk = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for package in ("actiseg_noise", "actiseg_bench")
        for path in (ROOT / package).rglob("__init__.py")
    }
    listed = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    assert listed == on_disk | {WEIGHTS}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    files = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.splitlines()
    for name in files:
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return next(folder.glob("*.whl"))


def test_the_wheel_carries_recipes_protocols_and_weights(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert "actiseg_bench/weights/tiny/model.safetensors" in names
    assert "actiseg_bench/protocols/quick.toml" in names
    assert "actiseg_noise/recipes/text-40.toml" in names
    assert "actiseg_noise/datasets/vost_lexicon.toml" in names
    assert not any(name.startswith("tests/") for name in names)


def test_an_installed_wheel_works_outside_the_checkout(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(site)]
    subprocess.run([*install, str(wheel)], check=True, capture_output=True)
    code = (
        "import actiseg_bench, actiseg_noise, sys\n"
        "from actiseg_bench.models.tiny import Tiny\n"
        "from actiseg_bench.models.weights import load_start_weights\n"
        "from actiseg_noise import build\n"
        "assert actiseg_bench.__file__.startswith(sys.argv[1]), actiseg_bench.__file__\n"
        "print(load_start_weights(Tiny(), 'bundled', 0))\n"
        "print(build('kitchen', split='val', content='text', recipe='text-40', allow_eval=True, out='m'))\n"
    )
    environment = {"PYTHONPATH": str(site), "PATH": "/usr/bin:/bin", "XDG_CACHE_HOME": str(tmp_path / "cache")}
    command = [sys.executable, "-P", "-c", code, str(site)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.startswith("tiny:")
