"""Clean subset: the right labels alone, as if somebody had found every wrong one. What selection could reach."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from actiseg_bench.losses import base_focal, combine, dice, mean_over_pixels, weigh
from actiseg_bench.records import Batch, Network, Prediction, predict_view
from actiseg_bench.strategies.base import STRATEGIES, Robustness, Step, Strategy, StrategyCard


@STRATEGIES.register("clean_subset")
class CleanSubset(Strategy):
    """The base loss of the samples whose text and flag are right, over the pixels whose given label is the clean one.

    A sample that is left out has no positive term either. The mean is over the samples that are left in.
    """

    card = StrategyCard(
        name="clean_subset",
        title="Clean subset",
        formula="2·focal + 5·dice + 2·CE(positive) of right samples, focal and dice over their right pixels",
        source="this project: a yardstick, no method",
        replaces="the mask focal term and dice",
        oracle="which labels are right",
        robust=Robustness("the right pixels", "the right pixels", "the right samples"),
        needs_truth=True,
    )

    def step(self, networks: Sequence[Network], batch: Batch, epoch: float) -> Step:
        """See :class:`Strategy`."""
        if batch.agrees is None:
            raise ValueError("the batch does not say which labels are right: open the dataset with diagnose=True")
        prediction, right = predict_view(networks[0], batch), batch.agrees
        masks = [self._focal(layer, right, batch) for layer in prediction.layers]
        inside = right.to(batch.masks)
        overlaps = [dice(layer.mask_logits, batch.masks, inside) for layer in prediction.layers]
        used = right.flatten(1).any(1)
        losses = combine(masks, prediction, batch, self.setting.loss, overlaps) * used
        kept = tuple(name for name, is_used in zip(batch.sample_ids, used.tolist(), strict=True) if is_used)
        return Step([losses.sum() / used.sum().clamp_min(1)], [kept], trusted=right)

    def _focal(self, layer: Prediction, right: Tensor, batch: Batch) -> Tensor:
        """Return the focal term of every sample over its right pixels, ``[N]``."""
        pixels = weigh(base_focal(layer.mask_logits, batch.masks, self.setting.loss), batch.weights)
        return mean_over_pixels(pixels * right)
