"""Frozen: nothing that makes masks is trained. It forgets nothing, so that forgetting is not read as learning."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from actiseg_bench.strategies.base import STRATEGIES, StrategyCard
from actiseg_bench.strategies.baseline import Baseline
from actiseg_noise.errors import ActisegError


@STRATEGIES.register("frozen")
class Frozen(Baseline):
    """Trains what decides whether an object takes part, and leaves the rest as start weights have it.

    Where another strategy is no better than this one, its masks are those of the start weights at best.

    Raises:
        ActisegError: by ``prepare``, for a model whose card does not say what decides.
    """

    card = StrategyCard(
        name="frozen",
        title="Frozen",
        formula="2·focal + 5·dice + 2·CE(positive), of which the positive head alone learns",
        source="this project: a yardstick, no method",
    )

    def prepare(self, networks: Sequence[nn.Module]) -> None:
        """See :class:`Strategy`."""
        for network in networks:
            card = network.card
            if not card.decides:  # type: ignore[union-attr]
                raise ActisegError(
                    f"model {card.name!r} does not say which of its parts decide whether an object takes part "  # type: ignore[union-attr]
                    "(ModelCard.decides), so strategy 'frozen' has nothing to train"
                )
            network.requires_grad_(False)
            for name in card.decides:  # type: ignore[union-attr]
                network.get_submodule(name).requires_grad_(True)
