"""How what is edited is made: by the commands themselves."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tools.soak.attempt import Limits, attempt
from tools.soak.subjects import bench, noise

CONFIG = """title = "a configuration"
[train]
item = "clip"
clips_per_batch = 1
learning_rate = 1e-4
schedule = "cosine"
drops = [1]
weight_decay = 5e-4
clip_norm = 0.1
[train.rates]
"text" = 0.5
[train.loss]
mask = 0.4
dice = 1.0
positive_loss = "focal"
[train.augment]
flip = 0.5
brightness = 0.0
[train.augment.scales]
sides = [240]
long_side = 400
"""


def make_subjects(made: Path, kitchen: Path) -> None:
    """Make the sound files below ``made`` with the commands themselves.

    Args:
        kitchen: the drawn dataset; it is drawn when it is not there.

    Raises:
        RuntimeError: a command failed on sound files.
    """
    made.mkdir(parents=True)
    (made / "kitchen").symlink_to(kitchen)
    environment = {"ACTISEG_KITCHEN_ROOT": str(kitchen)}

    def run(command: tuple[str, ...]) -> None:
        done = attempt(command, made / "log", Limits(seconds=900, memory_bytes=8 << 30), environment, made)
        if done.exit_code != 0:
            raise RuntimeError(f"{' '.join(command)}: {done.exit_code}\n{done.output[-2000:]}")

    build = "build --dataset kitchen --limit 2 --workers 1"
    run(noise(f"{build} --recipe mixed-40-15 --out manifest"))
    run(noise(f"{build} --recipe text-40 --content text --out text"))
    run(noise(f"{build} --flip .3 --flag .4 --narration .5 --out flags"))
    run(noise(f"{build} --recipe clean --split val --out evaluation"))
    run(noise("publish manifest --labels recipe-only --out publication"))
    (published,) = (path.parent for path in (made / "publication").rglob("manifest.json"))
    shutil.copytree(published, made / "withheld")
    run(noise("export manifest --format actionvos --images copy --out actionvos"))
    run(noise("export manifest --format actionvos --labels clean --images copy --out clean"))
    run(noise("export manifest --format refvos --images copy --out refvos"))
    run(noise("export manifest --format refvos --labels clean --out old_export"))
    masks = made / "refvos/train/Annotations"
    texts = {folder.name: {"clean": "cup", "noisy": "mug"} for folder in sorted(masks.iterdir())}
    (made / "refvos/texts.json").write_text(json.dumps(texts), "utf-8")
    run((*noise("import --name x --out imported"), "--clean", str(masks), "--noisy", str(masks)))
    train = "run --manifest manifest --eval-manifest evaluation --strategy baseline --steps 2 --threads 1"
    run(bench(f"{train} --keep-weights --out runs"))
    _copy_small_files(made)
    run(bench("predict --manifest manifest --checkpoint weights/checkpoint.safetensors --threads 1 --out predicted"))
    (made / "log").unlink()


def _copy_small_files(made: Path) -> None:
    """Copy recipes, a vocabulary, lists, pictures, weights, a protocol and a configuration to places of their own."""
    import torch
    from safetensors.torch import load_file

    import actiseg_bench
    import actiseg_noise

    noise_source, bench_source = Path(actiseg_noise.__file__).parent, Path(actiseg_bench.__file__).parent
    shutil.copytree(noise_source / "recipes", made / "recipes")
    _place(made / "manifest/vocabulary.json", made / "vocabulary/vocabulary.json")
    _place(bench_source / "protocols/quick.toml", made / "protocols/protocol.toml")
    (made / "protocols/config.toml").write_text(CONFIG, "utf-8")
    start = bench_source.parent / "models/tiny/model.safetensors"
    _place(start, made / "start/model.safetensors")
    (checkpoint,) = (made / "runs").rglob("checkpoint.safetensors")
    _place(checkpoint, made / "weights/checkpoint.safetensors")
    info = json.loads((made / "manifest/manifest.json").read_text("utf-8"))
    names = sorted(path.name for path in (made / "refvos/train/Annotations").iterdir())
    (made / "lists").mkdir()
    (made / "lists/clips.txt").write_text("".join(f"{name}\n" for name in names), "utf-8")
    videos = {name[:-1] for name in names}
    for video in videos:
        place = Path(info["split"]) / "images" / video
        shutil.copytree(made / "kitchen" / place, made / "pictures" / place)
    _write_corrections(made, info["digest"])
    (made / "published").mkdir()
    torch.save({"model": load_file(start), "epoch": 3}, made / "published/model.pth")


def _write_corrections(made: Path, digest: str) -> None:
    """Write a table of accepted corrections of the manifest: a noun and a boundary."""
    from pyarrow import parquet

    sample, *_ = parquet.read_table(made / "manifest/samples.parquet").to_pylist()
    mask = next(row for row in parquet.read_table(made / "manifest/masks.parquet").to_pylist() if row["noisy_area"])
    rows = [
        "manifest,sample_id,frame_idx,what,given,suggested,score,accept",
        f"{digest},{sample['sample_id']},,noun,{sample['noisy_noun']},{sample['noun']},0.9,yes",
        f"{digest},{mask['sample_id']},{mask['frame_idx']},mask,{mask['noisy_digest']},dilate 1 px,0.8,yes",
    ]
    (made / "corrections").mkdir()
    (made / "corrections/corrections.csv").write_text("".join(f"{row}\n" for row in rows), "utf-8")


def _place(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)
