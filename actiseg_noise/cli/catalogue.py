"""``datasets``, ``noises``, ``recipes``: what there is."""

from __future__ import annotations

from typing import Annotated

import typer

from actiseg_noise.application import Application
from actiseg_noise.cli.base import FORMS, AsJson, app
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


noises = Application(
    forms=FORMS, help="List the noises; 'noises show NAME' says all of one.", invoke_without_command=True
)
recipes = Application(
    forms=FORMS, help="List the named recipes; 'recipes show NAME' prints one.", invoke_without_command=True
)
app.add_typer(noises, name="noises")
app.add_typer(recipes, name="recipes")


@noises.callback()
def list_noises(context: typer.Context, json: AsJson = False) -> None:
    """List the noises; 'noises show NAME' says all of one."""
    from actiseg_noise.noises.base import NOISES

    _hand_on(context, json)
    if context.invoked_subcommand is None:
        found = [NOISES[name] for name in NOISES]
        rows = [{"name": n.noise_id, "kind": n.kind, "what it does": n.summary, "source": n.source} for n in found]
        _print_rows("Noises", rows, json)


@noises.command("show")
def show_noise(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A noise, with its version.")], json: AsJson = False
) -> None:
    """Say what a noise does, its options, and where it comes from."""
    from actiseg_noise.noises.base import NOISES
    from actiseg_noise.terminal import print_json, print_table

    noise = NOISES[name]
    facts = {"name": noise.noise_id, "kind": noise.kind, "what it does": noise.summary, "source": noise.source}
    if json:
        print_json({**facts, "options": dict(noise.defaults)})
        return
    options = {f"option {key}": f"{value!r} by default" for key, value in noise.defaults.items()}
    print_table(name, ("", ""), list({**facts, **options}.items()))


@recipes.callback()
def list_recipes(context: typer.Context, json: AsJson = False) -> None:
    """List the named recipes; 'recipes show NAME' prints one."""
    from actiseg_noise.recipe import load_recipe, recipe_names
    from actiseg_noise.recipe_families import FORMS
    from actiseg_noise.terminal import print_text

    _hand_on(context, json)
    if context.invoked_subcommand is None:
        _print_rows("Recipes", [{"name": name, "title": load_recipe(name).title} for name in recipe_names()], json)
        if not json:
            print_text(f"Other numbers need no file: {', '.join(FORMS)}, with R in % and K in pixels at 480 rows.")


@recipes.command("show")
def show_recipe(
    name: Annotated[str, typer.Argument(metavar="NAME|FILE", help="A recipe.")], json: AsJson = False
) -> None:
    """Print a recipe as the TOML file that it is, or would be."""
    from actiseg_noise.publishing.toml import recipe_toml
    from actiseg_noise.recipe import load_recipe
    from actiseg_noise.terminal import print_json, print_text

    recipe = load_recipe(name)
    if json:
        print_json(recipe.to_json())
    else:
        print_text(recipe_toml(recipe))


def _hand_on(context: typer.Context, json: bool) -> None:
    """Let ``--json`` before ``show`` mean what it means after it."""
    context.default_map = {"show": {"json": json}}


def _print_rows(title: str, rows: list[dict[str, str]], as_json: bool) -> None:
    """Print rows of one form as a table or as JSON."""
    from actiseg_noise.terminal import print_json, print_table

    if as_json:
        print_json(rows)
    else:
        print_table(title, tuple(rows[0]) if rows else (), [tuple(row.values()) for row in rows])
