"""What a network says of clips that it did not learn from: how well every noun's mask fits, and positive scores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from actiseg_bench.auditing.nouns import Scores, soft_iou
from actiseg_bench.data.manifest_dataset import ManifestDataset
from actiseg_bench.models.base import VosModel
from actiseg_bench.prediction.predict import iter_predictions_of
from actiseg_bench.records import ClipItem, split_frames
from actiseg_noise.manifest.clips import ManifestSample
from actiseg_noise.manifest.read import Manifest
from actiseg_noise.records import expression

MOST_NOUNS = 128
TEXTS_AT_ONCE = 64


@dataclass(frozen=True)
class Candidates:
    """The nouns that a given noun is compared with.

    Attributes:
        nouns: C of them. categories: their category_ids, int64 ``[C]``.
    """

    nouns: tuple[str, ...]
    categories: npt.NDArray[np.int64]


def choose_candidates(manifest: Manifest, most: int = MOST_NOUNS) -> Candidates:
    """Return the vocabulary's nouns, all of them or, of more than ``most``, those that samples were given most often.

    The most frequent noun of every category comes before any second one.
    """
    seen = Counter(manifest.table("samples", ["noisy_noun"])["noisy_noun"].to_pylist())
    words = manifest.vocabulary
    ranked = [
        (rank, -seen[noun], category_id, noun)
        for category_id in words.category_ids
        for rank, noun in enumerate(sorted(words.nouns[category_id], key=lambda one: (-seen[one], one)))
    ]
    kept = sorted(ranked)[:most]
    return Candidates(tuple(one[3] for one in kept), np.array([one[2] for one in kept], np.int64))


def text_with(noun: str, sample: ManifestSample, narration: str) -> str:
    """Return a sample's given text with another noun in it.

    Args:
        narration: the one that its given text tells.
    """
    given, old = sample.noisy_expression, sample.noisy_noun
    return expression(noun, narration) if given == expression(old, narration) else given.replace(old, noun)


@dataclass(frozen=True)
class NounAnswer:
    """What a referring network says of the K samples of a clip.

    Attributes:
        overlap: float64 ``[K, C + 1]``: soft IoU of the given mask, over all frames, with the one that is predicted for
            every candidate noun; the last column is the given text itself.
        iou, loss: float64 ``[K, T]``: of the given text's mask in every frame; loss is the mean cross entropy of its
            pixels.
    """

    overlap: Scores
    iou: Scores
    loss: Scores


@torch.inference_mode()
def iter_noun_answers(
    network: VosModel, data: ManifestDataset, nouns: Sequence[str], device: torch.device
) -> Iterator[tuple[str, NounAnswer]]:
    """Yield (clip_id, what the network says of its samples) for every clip of ``data``, in order."""
    network.eval()
    for index, clip_id in enumerate(data.clip_ids):
        clip = data.without_masks(clip_id)
        asked = [
            [*(text_with(noun, sample, clip.noisy_narration) for noun in nouns), sample.noisy_expression]
            for sample in clip.samples
        ]
        yield clip_id, _answer(network, data[index], asked, device)


def _answer(network: VosModel, item: ClipItem, asked: list[list[str]], device: torch.device) -> NounAnswer:
    """Return the answer for one clip, frame by frame where the model's card bounds them; equal texts are asked once."""
    texts = list(dict.fromkeys(text for row in asked for text in row))
    place = {text: i for i, text in enumerate(texts)}
    columns = np.array([[place[text] for text in row] for row in asked])
    own = torch.from_numpy(columns[:, -1])
    sums, frames = [], []
    for piece in split_frames(item, network.card.max_frames):
        masks = piece.masks.to(device).float() / 255
        logits = _ask(network, piece, texts, device)
        sums.append(_overlaps(masks, logits.sigmoid()))
        frames.append(_of_frames(masks, logits[own.to(device)]))
    both, given, predicted = (np.sum(parts, 0) for parts in zip(*sums, strict=True))
    iou = soft_iou(both, given[:, None], predicted[None])
    of_frames = [np.concatenate(parts, 1) for parts in zip(*frames, strict=True)]
    return NounAnswer(np.take_along_axis(iou, columns, 1), *of_frames)


def _ask(network: VosModel, item: ClipItem, texts: list[str], device: torch.device) -> Tensor:
    """Return mask logits ``[texts, T, h, w]``."""
    frames = item.frames[None].to(device).float() / 255
    bound = network.card.frame_samples
    most = TEXTS_AT_ONCE if bound is None else max(1, min(TEXTS_AT_ONCE, bound // len(item.frame_idx)))
    parts = [texts[i : i + most] for i in range(0, len(texts), most)]
    zeros = [torch.zeros(len(part), dtype=torch.int64, device=device) for part in parts]
    answers = [network(frames, part, zero).mask_logits.float() for part, zero in zip(parts, zeros, strict=True)]
    return torch.cat(answers)


def _overlaps(masks: Tensor, predicted: Tensor) -> tuple[npt.NDArray[np.float64], ...]:
    """Return Σ p y ``[K, C]``, Σ y ``[K]`` and Σ p ``[C]`` of masks ``[K, T, h, w]`` and ``[C, T, h, w]``."""
    given, answers = masks.flatten(1), predicted.flatten(1)
    sums = (given @ answers.T, given.sum(1), answers.sum(1))
    return tuple(value.cpu().numpy().astype(np.float64) for value in sums)


def _of_frames(masks: Tensor, logits: Tensor) -> tuple[Scores, Scores]:
    """Return IoU and mean cross entropy of every frame, ``[K, T]`` each."""
    given, predicted = masks.flatten(2), logits.sigmoid().flatten(2)
    both, one, other = (value.sum(2).cpu().numpy() for value in (given * predicted, given, predicted))
    loss = F.binary_cross_entropy_with_logits(logits, masks, reduction="none").flatten(2).mean(2)
    return soft_iou(both, one, other), loss.cpu().numpy().astype(np.float64)


def iter_flag_answers(
    network: VosModel, data: ManifestDataset, device: torch.device
) -> Iterator[tuple[str, npt.NDArray[np.float64]]]:
    """Yield (clip_id, positive score of every sample ``[K]``); of a clip in pieces the mean over its pieces."""
    found: dict[str, list[list[float]]] = {}
    for clip in iter_predictions_of(network, data, device):
        found.setdefault(clip.clip_id, []).append([float(score or 0.0) for score in clip.positive_scores])
    for clip_id, scores in found.items():
        yield clip_id, np.mean(scores, 0)
