"""What an action of VISOR is called, in every layout: its folder in ActionVOS's preparation and its address."""

from __future__ import annotations

from actiseg_noise.borders.folders import check_file_name


def action_folder(seq_id: int, video: str, verb: str, noun: str, where: str) -> str:
    """Return the folder name, ``00000012_P01_107_put-into_bag:cereal``.

    Raises:
        DataError: the name would lead out of its folder; ``where`` is named.
    """
    return check_file_name(f"{seq_id:08d}_{video}_{verb}_{noun}", where)


def action_address(video: str, start: int, stop: int, verb: str, noun: str) -> str:
    """Return what names an action in every preparation; ``seq_id`` counts what one preparation kept."""
    return f"{video}/{start}-{stop}/{verb}/{noun}"


def numbered_address(address: str, count: int) -> str:
    """Return the address of the ``count``-th action of this name, counted from 1 in the order of ``seq_id``."""
    return address if count == 1 else f"{address}/{count}"
