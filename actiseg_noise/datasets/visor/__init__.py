"""``visor``: EPIC-KITCHENS VISOR straight from its deposit, cut into narrated actions by ActionVOS's rules."""

from actiseg_noise.datasets.visor.adapter import Visor

__all__ = ["Visor"]
