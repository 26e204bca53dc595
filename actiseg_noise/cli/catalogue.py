"""``datasets``, ``noises``, ``recipes``: what there is."""

from __future__ import annotations

from actiseg_noise.cli.base import AsJson, app
from actiseg_noise.errors import ActisegError


@app.command()
def datasets(json: AsJson = False) -> None:
    """List the datasets that can be read."""
    from actiseg_noise.borders.roots import find_root
    from actiseg_noise.datasets.base import DATASETS

    rows = []
    for name in DATASETS:
        card = DATASETS[name].card
        try:
            where = str(find_root(card))
        except ActisegError:
            where = "not found"
        rows.append({"name": name, "title": card.title, "splits": ", ".join(card.splits), "size": card.size})
        rows[-1] |= {"licence": card.licence, "root": where}
    _print_rows("Datasets", rows, json)


@app.command()
def noises(json: AsJson = False) -> None:
    """List the noises."""
    from actiseg_noise.noises.base import NOISES

    found = [NOISES[name] for name in NOISES]
    rows = [{"name": n.noise_id, "kind": n.kind, "what it does": n.summary, "source": n.source} for n in found]
    _print_rows("Noises", rows, json)


@app.command()
def recipes(json: AsJson = False) -> None:
    """List the named recipes."""
    from actiseg_noise.recipe import load_recipe, recipe_names

    _print_rows("Recipes", [{"name": name, "title": load_recipe(name).title} for name in recipe_names()], json)


def _print_rows(title: str, rows: list[dict[str, str]], as_json: bool) -> None:
    """Print rows of one form as a table or as JSON."""
    from actiseg_noise.terminal import print_json, print_table

    if as_json:
        print_json(rows)
    else:
        print_table(title, tuple(rows[0]) if rows else (), [tuple(row.values()) for row in rows])
