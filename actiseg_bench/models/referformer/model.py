"""ReferFormer as the bench trains and scores it: which query answers, and what else it learns."""

from __future__ import annotations

from copy import deepcopy
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from actiseg_bench.models.base import MODELS, ModelCard
from actiseg_bench.models.compiling import Compiled
from actiseg_bench.models.referformer.boxes import boxes_of
from actiseg_bench.models.referformer.config import RESNET_101, ReferFormerConfig, TextConfig
from actiseg_bench.models.referformer.constants import made_once, numbers
from actiseg_bench.models.referformer.criterion import detection_loss
from actiseg_bench.models.referformer.mask_head import Controller
from actiseg_bench.models.referformer.matcher import Coefficients, match_costs
from actiseg_bench.models.referformer.network import Found, ReferFormerNetwork
from actiseg_bench.models.referformer.text import Placed, tokenize
from actiseg_bench.records import Prediction, Targets

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, RGB
COEFFICIENTS = Coefficients()
HEADS = ("class_embed", "positive_cls_embed")  # of other class counts, or absent, in weights of other data
WORDS = 16  # a compiled network reads expressions of so many tokens, or of a multiple: one shape for most of them
MAX_FRAMES = 36  # of a clip at once, in the published inference, with one expression


class ReferFormer(ReferFormerNetwork):
    """A ReferFormer of any sizes, behind the interface of the bench's models."""

    configuration: ClassVar[ReferFormerConfig] = ReferFormerConfig()
    compiled = False

    def __init__(self, config: ReferFormerConfig | None = None) -> None:
        super().__init__(config or self.configuration)

    def forward(
        self, frames: Tensor, expressions: list[str], frames_of: Tensor, targets: Targets | None = None
    ) -> Prediction:
        """See :class:`VosModel`.

        With targets, every decoder layer answers with the query that matches them best and the prediction carries the
        earlier layers and the loss of classes and boxes. Without, the last layer's best-scored query answers alone,
        and no other mask is drawn.
        """
        if targets is None:
            return self.answer(frames, expressions, frames_of)
        is_compiled = self.compiled and self.training and torch.is_grad_enabled()
        tokens = tokenize(expressions, self.config.text)
        text = self.place(tokens, multiple=WORDS if is_compiled else 1)
        learn = LEARN if is_compiled else learn_from
        found = learn(self, frames, text, frames_of, targets.masks, targets.queries)
        *earlier, last = (Prediction(drawn, said) for drawn, said in zip(found.masks, found.positives, strict=True))
        return last._replace(
            auxiliary=found.auxiliary,
            earlier=tuple(earlier),
            own_loss=found.own_loss,
            queries=found.queries,
            all_layers=(found.masks, found.positives),
        )

    def answer(self, frames: Tensor, expressions: list[str], frames_of: Tensor) -> Prediction:
        """Return the answer without targets; frames are encoded once, whatever the number of passes after that.

        As many samples share a pass as the card's ``frame_samples`` has room for, one at the least.
        """
        seen, size = self.see(normalise(frames)), (frames.shape[-2], frames.shape[-1])
        bound = self.card.frame_samples if hasattr(self, "card") else None
        count = len(expressions) if bound is None else max(1, bound // frames.shape[1])
        masks, positives, queries = [], [], []
        for start in range(0, len(expressions), count):
            part = slice(start, start + count)
            text = self.place(tokenize(expressions[part], self.config.text))
            found = self.find_in(seen, text, frames_of[part], size)
            best = found.logits[-1].sigmoid().mean(1).argmax(1)
            masks.append(self.draw(found, -1, best))
            positives.append(found.positives[-1])
            queries.append(best)
        if len(masks) == 1:
            return Prediction(masks[0], positives[0], queries=queries[0][None])
        return Prediction(torch.cat(masks), torch.cat(positives), queries=torch.cat(queries)[None])

    @torch.no_grad()
    def match(self, found: Found, boxes: Tensor, masks: Tensor) -> Tensor:
        """Return the matched queries, int64 ``[L, N]``, for target boxes ``[N, T, 4]`` and masks ``[N, T, h, w]``.

        A clip has one object for each of its samples, so the matching of least cost is the query of least cost: it is
        found where the costs are, for all layers and samples at once, and nothing waits for a device.
        All queries' masks are drawn for it, without gradients; those of the matched ones are drawn again to be learned
        from, so that the backward pass keeps one mask of five.
        """
        costs = match_costs(found.logits, found.boxes, self.draw_all(found), boxes, masks, COEFFICIENTS)
        return costs.argmin(-1)

    def draw_auxiliary(self, found: Found, queries: Tensor) -> Tensor | None:
        """Return what the auxiliary controllers draw on perturbed features, ``[A, N, T, h, w]``; None without any."""
        if self.heads is None or not self.training:
            return None
        drawn = []
        for head in self.auxiliary:
            flat = self.heads.perturb(found.features.transpose(1, 2).flatten(3))
            features = flat.unflatten(3, found.features.shape[-2:]).transpose(1, 2)
            drawn.append(self.draw(found._replace(features=features), -1, queries, head))  # type: ignore[arg-type]
        return torch.stack(drawn)

    def make_head(self, *, anew: bool) -> nn.Module:
        """See :class:`VosModel`; heads are controllers, for the last decoder layer."""
        return Controller(self.config) if anew else deepcopy(self.controller)


class Learned(NamedTuple):
    """What L layers of a network answer to N samples and their targets; see :class:`Prediction`."""

    masks: Tensor
    positives: Tensor
    own_loss: Tensor
    queries: Tensor
    auxiliary: Tensor | None


def learn_from(
    network: ReferFormer, frames: Tensor, text: Placed, frames_of: Tensor, masks: Tensor, queries: Tensor | None
) -> Learned:
    """Return what a network answers where it knows the targets; all of it is computed on its device.

    Args:
        masks, queries: see :class:`Targets`.
    """
    found = network.find_in(network.see(normalise(frames)), text, frames_of, (frames.shape[-2], frames.shape[-1]))
    boxes = boxes_of(masks)
    queries = network.match(found, boxes, masks) if queries is None else queries
    drawn = network.draw_layers(found, queries).contiguous()
    own = detection_loss(
        found.logits.flatten(0, 1),
        found.boxes.flatten(0, 1),
        boxes.repeat(len(queries), 1, 1),
        queries.flatten(),
        COEFFICIENTS,
    )
    auxiliary = network.draw_auxiliary(found, queries[-1])
    return Learned(drawn, found.positives, own.view(queries.shape).sum(0), queries, auxiliary)


LEARN = Compiled(learn_from)


def normalise(frames: Tensor) -> Tensor:
    """Return RGB frames in [0, 1] as the backbone was trained to see them."""
    mean, std = colours(frames.device, frames.dtype)
    return (frames - mean) / std


@made_once(sizes=8)
def colours(device: torch.device, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation of RGB in ImageNet, ``[3, 1, 1]`` each."""
    mean, std = (numbers(x, device, dtype)[:, None, None] for x in (MEAN, STD))
    return mean, std


def published(name: str, depth: int, summary: str) -> ModelCard:
    """Return the card of a published network."""
    return ModelCard(
        name=name,
        summary=f"ReferFormer, ResNet-{depth}, RoBERTa-base; {summary}",
        source="arXiv 2201.00487; positive head of ActionVOS, arXiv 2407.07402; our code, the published names",
        input_size=360,
        train_size=480,
        mask_stride=4,
        positive_threshold=0.75,
        start_weights=None,
        frozen=("text_encoder", "backbone.0.body.conv1", "backbone.0.body.layer1"),
        optional=HEADS,
        positive_head="positive_cls_embed",
        decides=("positive_cls_embed",),
        max_frames=MAX_FRAMES,
        frame_samples=MAX_FRAMES,
        splits_samples=True,
    )


@MODELS.register("referformer-r50")
class ReferFormerR50(ReferFormer):
    """ResNet-50 with ActionVOS's positive head."""

    card = published("referformer-r50", 50, "with ActionVOS's positive head")


@MODELS.register("referformer-r101")
class ReferFormerR101(ReferFormer):
    """ResNet-101 with ActionVOS's positive head: the network of the published results."""

    card = published("referformer-r101", 101, "with ActionVOS's positive head")
    configuration = ReferFormerConfig(blocks=RESNET_101)


@MODELS.register("referformer-mini")
class ReferFormerMini(ReferFormer):
    """The same network at a size that trains on a CPU."""

    card = ModelCard(
        name="referformer-mini",
        summary="ReferFormer at a size that trains on a CPU: same code, no vocabulary to download",
        source="this project; architecture of arXiv 2201.00487",
        input_size=(96, 160),
        mask_stride=4,
        positive_threshold=0.5,
        start_weights="referformer-mini",
        fresh=("positive_cls_embed",),
        positive_head="positive_cls_embed",
        decides=("positive_cls_embed",),
        max_frames=MAX_FRAMES,
    )
    configuration = ReferFormerConfig(
        blocks=(1, 2, 2, 1),
        stem=16,
        width=32,
        heads=4,
        encoder_layers=1,
        decoder_layers=2,
        feedforward=64,
        dropout=0.0,
        points=2,
        queries=3,
        mask_width=16,
        text=TextConfig("words", 2048, 64, 1, 4, 128, 34, 0.0),
    )
