import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from actiseg_bench.data.manifest_dataset import ManifestDataset
from actiseg_bench.models.base import MODELS
from actiseg_bench.models.tiny import Tiny
from actiseg_bench.models.weights import bundled_folder, load_start_weights
from actiseg_bench.training.config import RunConfig
from actiseg_bench.training.pretrain import Verbs, pretrain, pretraining_config, write_bundle
from actiseg_noise.errors import ActisegError


def config(steps: int, model: str = "tiny") -> RunConfig:
    full = pretraining_config(model, steps=steps, threads=1)
    return replace(full, train=replace(full.train, clips_per_batch=4))


def test_a_bundle_is_weights_that_load_and_the_configuration_that_made_them(
    clean_val: Path, kitchen_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACTISEG_KITCHEN_ROOT", str(kitchen_root))
    path = write_bundle(tmp_path / "tiny", clean_val, config(2))
    made = json.loads((tmp_path / "tiny" / "config.json").read_text())
    assert load_start_weights(Tiny(), str(path), seed=0) == f"tiny:{made['weights']}"
    assert made["config"]["train"]["steps"] == 2
    assert made["weights"] in (tmp_path / "tiny" / "README.md").read_text()


def stated(config: dict[str, Any], start: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in config.items():
        if isinstance(value, dict):
            yield from stated(value, f"{start}{name}.")
        else:
            yield start + name, value


@pytest.mark.parametrize("model", ["tiny", "referformer-mini"])
def test_the_bundled_weights_are_made_again_with_what_they_say(model: str) -> None:
    made = json.loads((bundled_folder(model) / "config.json").read_text())["config"]
    again = dict(stated(json.loads(json.dumps(pretraining_config(model, threads=made["threads"]).to_dict()))))
    assert dict(stated(made)).items() <= again.items()


def test_pretraining_learns_masks_and_verbs_of_a_few_clips(clean_val: Path, kitchen_root: Path) -> None:
    _, losses = pretrain(clean_val, config(24), kitchen_root)
    assert losses[-1] < 0.8 * losses[0]


def test_another_model_learns_to_refer_and_not_who_acts(clean_val: Path, kitchen_root: Path) -> None:
    losses: list[float] = []
    few = config(10, "referformer-mini")
    few = replace(few, train=replace(few.train, clips_per_batch=1, samples_per_clip=2, learning_rate=3e-3))
    model, _ = pretrain(clean_val, few, kitchen_root, on_progress=lambda step, steps, loss: losses.append(loss))
    assert sum(losses[-3:]) < 0.9 * sum(losses[:3])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        first = MODELS["referformer-mini"]().state_dict()
    learned = model.state_dict()
    assert all(torch.equal(learned[k], first[k]) for k in first if k.startswith("positive_cls_embed."))
    assert not torch.equal(learned["class_embed.0.weight"], first["class_embed.0.weight"])


def test_pretraining_never_touches_the_layers_that_decide(clean_val: Path, kitchen_root: Path) -> None:
    short, longer = (pretrain(clean_val, config(n), kitchen_root)[0].state_dict() for n in (1, 3))
    assert all(torch.equal(short[k], longer[k]) for k in short if k.startswith("action.decide."))
    assert not torch.equal(short["text.words.weight"], longer["text.words.weight"])


def test_noisy_labels_are_refused(noisy_val: Path, kitchen_root: Path) -> None:
    with pytest.raises(ActisegError, match="pretrained on clean labels"):
        pretrain(noisy_val, config(1), kitchen_root)


def test_the_verb_of_an_object_is_known_where_it_acts_and_that_of_a_text_is_another_clips(
    clean_val: Path, kitchen_root: Path
) -> None:
    data = ManifestDataset(clean_val, kitchen_root, targets="all", labels="clean")
    verbs = Verbs(data)
    item = data[0]
    known = [verbs.done_to[name] >= 0 for name in item.sample_ids]
    assert known == item.is_positive.tolist()
    clips = {row["clip_id"]: row["verb"] for row in data.manifest.table("clips").to_pylist()}
    names = sorted(set(clips.values()))
    assert names[verbs.narrated[item.sample_ids[0]]] == clips[data.other_clip(item.clip_id)]


def test_the_bundled_weights_are_the_ones_their_card_describes() -> None:
    folder = bundled_folder("tiny")
    made = json.loads((folder / "config.json").read_text())
    assert load_start_weights(Tiny(), "bundled", seed=0) == f"tiny:{made['weights']}"
