"""Bundled start weights: the words for objects and what hands do, never which object is meant.

Two tasks share the clean clips of a pretraining split for ``tiny``; other models learn the first one alone.
*Referring*: every object's mask is the target of its expression, whose narration is another clip's, so the action text
says nothing about the object. *Action recognition*: one linear classifier names the verb from the pixels around an
acting object, and the verb from the words of a narration; sharing it puts what is seen and what is narrated into one
space. Whether the two belong together — the positive flag of a sample — is never asked: training has to learn it, in
layers that are not part of the start weights. (The flag serves to pick the objects whose verb is known.)
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from actiseg_bench.data.manifest_dataset import ManifestDataset
from actiseg_bench.losses import ALL, LossConfig, dice, focal, mean_over_pixels
from actiseg_bench.models.base import MODELS, VosModel, count_parameters
from actiseg_bench.models.tiny import ACTION_DIM, Tiny
from actiseg_bench.models.weights import FILE_NAME, save_start_weights
from actiseg_bench.records import Batch, Network, NoiseRates
from actiseg_bench.strategies.base import Setting, Step, Strategy, StrategyCard
from actiseg_bench.strategies.baseline import Baseline
from actiseg_bench.training.config import RunConfig, TrainConfig
from actiseg_bench.training.devices import make_fabric
from actiseg_bench.training.process import process_state
from actiseg_bench.training.progress import Progress
from actiseg_bench.training.train import fit
from actiseg_noise.borders.writing import digest_file, write_json, write_text
from actiseg_noise.errors import raise_if
from actiseg_noise.manifest.read import read_manifest

_UNKNOWN = -1


class Student(nn.Module):
    """``tiny`` with the verb classifier that pretraining throws away."""

    def __init__(self, verbs: int) -> None:
        super().__init__()
        self.model = Tiny()
        self.verb = nn.Linear(ACTION_DIM, verbs)


class Verbs:
    """Which verb is done to an acting object, and which verb a pretraining expression narrates."""

    def __init__(self, data: ManifestDataset) -> None:
        clips = data.manifest.table("clips", ["clip_id", "verb"]).to_pylist()
        names = sorted({row["verb"] for row in clips})
        self.count = len(names)
        of_clip = {row["clip_id"]: names.index(row["verb"]) for row in clips}
        samples = data.manifest.table("samples", ["sample_id", "clip_id", "is_positive"]).to_pylist()
        self.done_to = {
            row["sample_id"]: of_clip[row["clip_id"]] if row["is_positive"] else _UNKNOWN for row in samples
        }
        self.narrated = {row["sample_id"]: of_clip[data.other_clip(row["clip_id"])] for row in samples}


class Pretraining(Strategy):
    """Referring on every object, and the verb from pixels and from words."""

    card = StrategyCard(
        name="pretraining",
        title="Pretraining",
        formula="20·focal + 5·dice + CE(verb | pixels) + CE(verb | words)",
        source="this project",
    )

    def __init__(self, setting: Setting, verbs: Verbs) -> None:
        super().__init__(setting)
        self._verbs = verbs

    def step(self, networks: Sequence[Network], batch: Batch, epoch: float) -> Step:
        """See :class:`Strategy`; the one network is a :class:`Student`."""
        student = getattr(networks[0], "module", networks[0])
        if not isinstance(student, Student):
            raise TypeError(f"pretraining needs a Student, got {type(student).__name__}")
        logits, _, pixels, words = student.model.look_and_words(batch.frames, batch.expressions, batch.frames_of)
        referring = 20 * mean_over_pixels(focal(logits, batch.masks)) + 5 * dice(logits, batch.masks)
        done = _lookup(self._verbs.done_to, batch)
        from_pixels = F.cross_entropy(student.verb(pixels), done, ignore_index=_UNKNOWN)
        from_words = F.cross_entropy(student.verb(words), _lookup(self._verbs.narrated, batch))
        return Step([referring.mean() + from_pixels + from_words])


class Referring(Baseline):
    """Referring on every object, with all that a model learns beside its positive head."""

    card = StrategyCard(
        name="referring",
        title="Pretraining",
        formula="20·focal + 5·dice on every decoder layer + the network's own loss",
        source="this project",
    )


def make_student(name: str, data: ManifestDataset) -> tuple[nn.Module, VosModel, Strategy]:
    """Return what is trained, the model in it, and how."""
    if name == Tiny.card.name:
        verbs = Verbs(data)
        student = Student(verbs.count)
        return student, student.model, Pretraining(Setting(LossConfig(), NoiseRates(), 1), verbs)
    model = MODELS[name]()
    for part in model.card.fresh:
        model.get_submodule(part).requires_grad_(False)
    return model, model, Referring(Setting(LossConfig(mask=20.0, positive=0.0), NoiseRates(), 1))


def _lookup(table: dict[str, int], batch: Batch) -> Tensor:
    return torch.tensor([table[name] for name in batch.sample_ids], device=batch.masks.device)


def pretrain(
    manifest: Path, config: RunConfig, root: Path | None = None, *, on_progress: Progress | None = None
) -> tuple[VosModel, list[float]]:
    """Return the model of ``config`` pretrained on a clean manifest, and the mean loss of every epoch.

    Raises:
        ActisegError: a manifest with noise, or without masks.
    """
    card = MODELS[config.model].card
    data = ManifestDataset(manifest, root, size=card.input_size, mask_stride=card.mask_stride, targets="all")
    noises = data.manifest.info.recipe.noises
    raise_if(bool(noises), f"{manifest}: start weights are pretrained on clean labels, this manifest has noise")
    with process_state(config.threads):
        fabric = make_fabric(config)
        torch.manual_seed(config.seed)
        student, model, strategy = make_student(config.model, data)
        student = student.to(fabric.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        losses = fit([student], strategy, data, config, fabric, on_progress)
    return model.eval(), losses


def pretraining_config(
    model: str = "tiny", *, steps: int | None = None, seed: int = 0, device: str = "cpu", threads: int = 2
) -> RunConfig:
    """Return the configuration that the bundled weights were made with, but for what is given."""
    is_tiny = model == Tiny.card.name
    train = TrainConfig(
        steps=steps or (2000 if is_tiny else 700),
        clips_per_batch=16 if is_tiny else 8,
        learning_rate=3e-3 if is_tiny else 1e-3,
        fresh_factor=5.0 if is_tiny else 30.0,
        targets="all",
        loss=LossConfig(dice_over=ALL),  # every sample has a mask here
    )
    machine = {"device": device, "threads": threads}
    return RunConfig(model, "pretraining", start_weights="none", seed=seed, train=train, **machine)  # type: ignore[arg-type]


def write_bundle(folder: Path, manifest: Path, config: RunConfig, on_progress: Progress | None = None) -> Path:
    """Pretrain, and write ``model.safetensors``, ``config.json`` and ``README.md`` into ``folder``.

    Returns:
        The path of the weights.
    """
    model, losses = pretrain(manifest, config, on_progress=on_progress)
    path = folder / FILE_NAME
    save_start_weights(model, path)
    made = {
        "model": model.card.name,
        "weights": digest_file(path),
        "manifest": read_manifest(manifest).digest,
        "config": config.to_dict(),
        "losses": [round(loss, 4) for loss in losses],
        "torch": torch.__version__,
    }
    write_json(folder / "config.json", made)
    verbs = VERBS if isinstance(model, Tiny) else ""
    text = _README.format(**made, parameters=count_parameters(model), verbs=verbs)
    write_text(folder / "README.md", text)
    return path


VERBS = ", and the name of the verb, from the pixels around an acting object and from the words of a narration"

_README = """# Start weights of `{model}`

{parameters:,} parameters, pretrained on the clean labels of `kitchen`'s pretrain split: referring segmentation of every
object{verbs}. Whether an object takes part in the narrated action was never asked; the layers that decide it are not
in the file and start from a run's seed.

| | |
|---|---|
| pretraining manifest | `{manifest}` |
| BLAKE2b of the file | `{weights}` |
| made again by | `make weights`; bit-equal only with equal torch, threads and CPU instruction set |
| licence | Apache-2.0, like the code; there is no third-party data in it |
"""
