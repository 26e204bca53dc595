"""What there is: strategies, models, protocols and their tracks, as rows for a table."""

from __future__ import annotations

from typing import Any

from actiseg_noise.errors import UnknownNameError

KINDS = ("strategies", "models", "tracks", "protocols")


def list_things(kind: str, protocol: str = "quick") -> list[dict[str, Any]]:
    """Return one dict per thing, all with the same keys.

    Args:
        kind: one of ``KINDS``. protocol: whose tracks are listed.

    Raises:
        UnknownNameError: another kind, or an unknown protocol.
    """
    if kind not in KINDS:
        raise UnknownNameError("kind", kind, KINDS, f"nothing to list is called {kind!r}")
    if kind == "tracks":
        return _track_rows(protocol)
    return {"strategies": _strategy_rows, "models": _model_rows, "protocols": _protocol_rows}[kind]()


def _strategy_rows() -> list[dict[str, Any]]:
    from actiseg_bench.strategies.base import STRATEGIES

    cards = [STRATEGIES[name].card for name in STRATEGIES]
    return [
        {
            "name": card.name,
            "title": card.title,
            "loss": card.formula,
            "variants": ", ".join(card.variants),
            "cost": card.cost,
            "oracle": card.oracle or "–",
            "source": card.source,
        }
        for card in cards
    ]


def _model_rows() -> list[dict[str, Any]]:
    from actiseg_bench.models.base import MODELS

    cards = [MODELS[name].card for name in MODELS]
    return [
        {"name": c.name, "what": c.summary, "start weights": c.start_weights or "–", "source": c.source} for c in cards
    ]


def _protocol_rows() -> list[dict[str, Any]]:
    from actiseg_bench.grid.protocols import load_protocol, protocol_names

    found = {name: load_protocol(name) for name in protocol_names()}
    return [
        {"name": name, "id": p.id, "dataset": p.dataset, "tracks": len(p.tracks), "seeds": p.seeds, "what": p.title}
        for name, p in found.items()
    ]


def _track_rows(protocol: str) -> list[dict[str, Any]]:
    from actiseg_bench.grid.protocols import load_protocol

    found = load_protocol(protocol)
    seeds = ", ".join(map(str, found.noise_seeds))
    return [
        {"name": name, "recipe": recipe, "dataset": found.dataset, "noise seeds": seeds}
        for name, recipe in found.tracks.items()
    ]
