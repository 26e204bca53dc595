"""``README.md`` of a publication: what it holds, its realised noise, how to read, check and rebuild it, its licence."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from actiseg_noise.manifest.command import build_command
from actiseg_noise.manifest.info import ManifestInfo, SlotCounts
from actiseg_noise.manifest.schema import ACTION, MASKS, RECIPE_ONLY, SAMPLES, Table
from actiseg_noise.plain import markdown_block, markdown_code, markdown_text, web_address
from actiseg_noise.publishing.columns import published_tables
from actiseg_noise.publishing.front_matter import config_name, front_matter, pictures_name, pretty_name, split_name
from actiseg_noise.publishing.licence import PAPER, find_licence
from actiseg_noise.publishing.places import Places, install_command
from actiseg_noise.publishing.preview import PREVIEW_NAME
from actiseg_noise.publishing.shards import Published
from actiseg_noise.recipe import NoiseSpec

_MORE_SEVERITY = (
    ("wrong_narration_positives", "with another clip's narration"),
    ("wrong_flag_positives", "given as negative"),
)
_TOOL = "actiseg-noise"
_READING = """## Read it

A configuration is one table of one variant; `datasets` reads it by name, DuckDB and pandas by path.

```python
{imports}from datasets import load_dataset

samples = load_dataset({where}, "{config}", split="{split}")
print(samples[0]["expression"], "→", samples[0]["noisy_expression"])
```

```python
import duckdb

print(duckdb.sql("select text_noise, count(*) from '{glob}' group by all order by all"))
```

```python
import pandas

print(pandas.read_parquet("{file}").is_harmful.mean())
```

{masks}Every row says its `split`, `recipe` and `seed`, so that tables of several variants can be put together.

With `actiseg-nl` installed, a folder is a manifest for all of its tools: `actiseg_noise.read_manifest("{folder}")`,
`actiseg-noise inspect {folder}` and, where masks are there, `actiseg_bench.ManifestDataset("{folder}")`.
{address}"""
_DECODING = """Masks are COCO's compressed run-length codes: `noisy_rle` is the one to train on, `clean_rle` the one to
score with; where no noise changed a mask they are equal. With `pycocotools` a row is a mask:

```python
import pandas
from pycocotools.mask import decode

row = pandas.read_parquet("{file}").iloc[0]
mask = decode({{"size": [row.height, row.width], "counts": row.noisy_rle}})
print(mask.shape, mask.sum(), row.noisy_area)
```

"""
_INSTALLING = """## Install the tool

Reading needs none of it. To check labels, draw them, build them again, train on them and score, it needs Python 3.11
or newer:

    {command}

{source}The package has the commands `actiseg-noise` and, with its extra `bench`, `actiseg-bench`.
"""
_SHEET = f"![Frames, clean masks, noisy masks and both prompts of a few clips]({PREVIEW_NAME})\n"
_FROM_A_COPY = "Where no package index has it, `pip install .` in a copy of its source does the same. "


def card(published: Sequence[Published], places: Places | None = None) -> str:
    """Return the whole page."""
    places = places or Places()
    info = published[0].info
    parts = [
        front_matter(published),
        f"# {pretty_name(info.dataset)}\n",
        _intro(published),
        _SHEET,
        f"## What is here\n\n{manifest_table(published)}",
        _noise(published),
        _reading(published[0], places.repo_id),
        _installing(places.tool_url),
        _checking(published),
        _withheld(published) if info.content == RECIPE_ONLY else "",
        _rebuilding([item for item in published if not item.info.imported]),
        _origins([item for item in published if item.info.imported]),
        _fields(published),
        _licence(info),
    ]
    return "\n".join(part for part in parts if part)


def _intro(published: Sequence[Published]) -> str:
    """Say what the publication is, and what it is not."""
    dataset, versions = published[0].info.dataset, sorted({item.info.tool_version for item in published})
    source = web_address(dataset.get("homepage"))
    where = f" ({source})" if source else ""
    return (
        f"Clean and noisy labels, side by side, of the dataset {markdown_code(dataset['name'])}, version "
        f"{markdown_text(dataset['version'])}: *{markdown_text(dataset['title'])}*{where}. Each folder below is a "
        "*manifest*: Parquet tables of clips, frames, samples "
        "(prompts) and masks, and a `manifest.json` that says what they are. Equal digest, equal labels.\n\n"
        f"{_images(published)}{_get(dataset)}\n\n"
        f"Made with `{_TOOL}` {', '.join(map(markdown_text, versions))}, of the Python package "
        "`actiseg-nl`, which implements ActiSeg-NL "
        "([arXiv 2509.16677](https://arxiv.org/abs/2509.16677)).\n"
    )


def _images(published: Sequence[Published]) -> str:
    """Say whether the dataset's images are here."""
    with_images = [pictures_name(item) for item in published if item.images is not None]
    if not with_images:
        return "The dataset's image files are not included. "
    names = ", ".join(map(markdown_code, with_images))
    return f"Of the dataset's images a few are included, with the masks drawn over them: the configuration {names}. "


def _get(dataset: dict[str, Any]) -> str:
    """Say how to get the dataset's own files."""
    return f"To get them: {markdown_text(dataset.get('how_to_get') or 'ask the authors of the dataset.')}"


def manifest_table(published: Sequence[Published]) -> str:
    """Return one row per manifest: recipe, sizes, severity, digest."""
    more = _MORE_SEVERITY if any(item.info.schema_version >= ACTION for item in published) else ()
    rows = [
        (
            markdown_code(item.folder),
            markdown_text(item.info.recipe.title or item.info.recipe.recipe_id),
            *(f"{item.info.counts[name]:,}" for name in ("clips", "samples", "masks")),
            _share(item.info.severity["harmful_positives"]),
            *(_share(item.info.severity.get(name)) for name, _ in more),
            _number(item.info.severity["median_iou"]),
            f"`{item.info.digest}`",
        )
        for item in published
    ]
    names = ("manifest", "recipe", "clips", "samples", "masks", f"positives with a wrong {'text' if more else 'noun'}")
    return _table((*names, *(title for _, title in more), "median IoU of noised masks", "digest"), rows)


def _noise(published: Sequence[Published]) -> str:
    """Return the realised rates of every noise, nothing where all labels are clean."""
    rows = [
        (markdown_code(item.folder), *_noise_cells(slot, spec))
        for item in published
        for slot, spec in zip(item.info.noises, item.info.recipe.noises, strict=True)
    ]
    if not rows:
        return ""
    names = ("manifest", "noise", "options", "rate asked for", "corrupted", "share", "of positives", "chance allows")
    lines = ["## The noise", "", "Draws that were corrupted, of those that could be:", "", _table(names, rows)]
    uses = {name: what for item in published for name, what in item.info.uses.items()}
    lines += [
        f"The draws depend on {markdown_text(name)}: {markdown_text(what)}.\n" for name, what in sorted(uses.items())
    ]
    return "\n".join(lines)


def _noise_cells(slot: SlotCounts, spec: NoiseSpec) -> tuple[str, ...]:
    """Return one noise's cells."""
    options = ", ".join(
        f"{markdown_text(name)} {markdown_text(_option(value))}" for name, value in spec.options.items()
    )
    return (
        markdown_code(slot.noise_id),
        options or "—",
        f"{slot.requested:g}",
        f"{slot.realised:,} of {slot.eligible:,} {slot.unit}s",
        _share(slot.rate),
        f"{slot.on_positives:,}",
        f"{slot.interval[0]:,}–{slot.interval[1]:,}",
    )


def _option(value: Any) -> str:
    """Return an option's value; a long one is in the recipe."""
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else str(value)
    return text if len(text) <= 60 else "as in recipe.toml"


def _reading(item: Published, repo_id: str | None) -> str:
    """Show how to read the first manifest with other people's tools: from the hub, or here where it has no name."""
    return _READING.format(
        imports="from pathlib import Path\n\n" if repo_id is None else "",
        where="str(Path.cwd())" if repo_id is None else f'"{repo_id}"',
        config=config_name(item, SAMPLES),
        split=split_name(item.info.split),
        glob=f"{item.folder}/{SAMPLES.name}-*.parquet",
        file=item.files(SAMPLES)[0],
        folder=item.folder,
        masks=_decoding(item),
        address=_address(item, repo_id),
    )


def _address(item: Published, repo_id: str | None) -> str:
    """Show the address of the first manifest, pinned to its labels; nothing where it has none on the hub."""
    if repo_id is None:
        return ""
    address = f"hf://datasets/{repo_id}/{item.folder}#digest={item.info.digest}"
    return (
        "With its extra `remote` and `huggingface_hub` the same works from here, without a copy of your own:\n"
        f"`actiseg-noise verify {address}`\n"
    )


def _decoding(item: Published) -> str:
    """Show how a row of the first manifest's masks becomes a mask; nothing where there are none."""
    if item.info.content != "full" or not item.info.counts[MASKS.name]:
        return ""
    return _DECODING.format(file=item.files(MASKS)[0])


def _installing(tool_url: str | None) -> str:
    """Say how a stranger gets this tool."""
    source = _FROM_A_COPY if tool_url is None else f"Its source is at {tool_url}. "
    return _INSTALLING.format(command=install_command(tool_url), source=source)


def _checking(published: Sequence[Published]) -> str:
    """Say how to check files, labels, and labels against the dataset."""
    folders = [item.folder for item in published]
    loop = " ".join(folders[:3]) + (" …" if len(folders) > 3 else "")
    against = f"With the dataset, `{_against(published[0])}` builds the labels again, compares them "
    return (
        "## Check it\n\n```bash\nsha256sum --quiet -c SHA256SUMS && echo files as published\n"
        f"{_TOOL} verify {folders[0]}\n```\n\n"
        f"The first line checks files, the second labels: every digest of `{loop}` is computed again.\n"
        + ("" if all(item.info.imported for item in published) else f"{against}row by row and shows what differs.\n")
    )


def _withheld(published: Sequence[Published]) -> str:
    """Say what is not there, and that it can be proved equal."""
    return (
        "## Masks are withheld\n\n"
        "These manifests have the content `recipe-only`: the columns `clean_rle`, `noisy_rle` and `void_rle` are null, "
        "because masks derived from the dataset are not passed on. Areas, IoUs and the digest of every mask stay, and "
        "so do narrations, nouns and expressions. Whoever has the dataset makes the masks again with the commands "
        f"below and gets the same digest; `{_against(published[0])}` proves it row by row. Until then "
        "nothing can be trained on these manifests.\n"
    )


def _against(item: Published) -> str:
    """Return the command that compares a manifest with its dataset."""
    where = "--rebuild" if item.info.dataset.get("is_embedded") else "--root DIR"
    return f"{_TOOL} verify {item.folder} {where}"


def _rebuilding(published: Sequence[Published]) -> str:
    """Return the exact commands that build the labels again."""
    if not published:
        return ""
    lines = [build_command(item.info, item.folder, f"../rebuilt/{item.folder}") for item in published]
    root = "" if published[0].info.dataset.get("is_embedded") else " `DIR` is the dataset's folder."
    return (
        "## Build it again\n\nIn this folder, from your own copy of the dataset; the digests are those of the table "
        f"above.{root}\n\n```bash\n" + "\n".join(lines) + "\n```\n"
    )


def _origins(published: Sequence[Published]) -> str:
    """Say what imported manifests were made from; they have no recipe that makes them again."""
    if not published:
        return ""
    lines = [
        "## Made from",
        "",
        "Labels that were not drawn from a recipe, but imported as they are, have no command that",
    ]
    lines += ["builds them again. This is what they were made from:", ""]
    for item in published:
        made = json.dumps(item.info.imported, ensure_ascii=False, indent=1)
        lines += [f"{markdown_code(item.folder)}:", "", markdown_block(made, "json"), ""]
    return "\n".join(lines)


def _fields(published: Sequence[Published]) -> str:
    """Return every column of the tables that have rows."""
    newest = published_tables(max(item.info.schema_version for item in published))
    tables = [table for table in newest if any(item.info.counts[table.name] for item in published)]
    lines = ["## Columns", "", "● marks the labels: what the digest is over.", ""]
    for table in tables:
        lines += [f"`{table.name}`: {table.meaning}. Sorted by {', '.join(table.sort_by)}.", "", _columns(table)]
    if all(table.name != MASKS.name for table in tables):
        lines += ["`masks` has no rows: these manifests carry text (content `text`).", ""]
    return "\n".join(lines)


def _columns(table: Table) -> str:
    """Return one table's columns."""
    rows = [(f"`{c.name}`", c.type, "●" if c.is_label else "", c.meaning, c.null) for c in table.columns]
    return _table(("column", "type", "label", "meaning", "null"), rows)


def _licence(info: ManifestInfo) -> str:
    """Name the dataset's licence, which is that of labels derived from it, and what to cite."""
    dataset = info.dataset
    licence = find_licence(str(dataset.get("licence", "")))
    link = f" ({licence.url})" if licence.url else ""
    return (
        f"## Licence and citation\n\nThese labels are derived from the dataset {markdown_code(dataset['name'])} "
        f"and are under its "
        f"licence. Changes: {_changes(info)}.\n\nLicence: {markdown_text(licence.text)}{link}.\n\n"
        f"{_citation(dataset)}\n"
    )


def _citation(dataset: dict[str, Any]) -> str:
    """Return what to cite; the embedded dataset is part of the package."""
    if dataset.get("is_embedded"):
        return f"The dataset is part of the package `actiseg-nl`. Cite ActiSeg-NL:\n\n{markdown_block(PAPER, 'bibtex')}"
    stated = str(dataset.get("citation") or "")
    if not stated:
        return "The dataset states no citation."
    if stated.startswith("@"):
        return f"Cite the dataset:\n\n{markdown_block(stated, 'bibtex')}"
    return f"Citation: {markdown_text(stated)}"


def _changes(info: ManifestInfo) -> str:
    """Say what was changed, as licences ask."""
    masks = "masks left out" if info.content == RECIPE_ONLY else "masks as run-length codes"
    noise = "" if info.imported else "noise as listed above, "
    return f"{noise}labels as Parquet tables, {masks if info.content != 'text' else 'text alone'}"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    return "".join(_lines([header, ["---"] * len(header), *rows]))


def _lines(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the table's lines; a pipe within a cell is escaped."""
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |\n"


def _share(value: float | None) -> str:
    """Return 0.398 as ``39.8 %``."""
    return "—" if value is None else f"{value:.1%}".replace("%", " %")


def _number(value: float | None) -> str:
    """Return three decimals."""
    return "—" if value is None else f"{value:.3f}"
