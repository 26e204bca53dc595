"""The page of datasets, made from their cards: ``python -m tools.pages.datasets > docs/datasets.md``."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from textwrap import indent

from actiseg_noise.datasets.base import DATASETS, Dataset
from tools.pages.markdown import arguments, paragraphs, table, to_markdown

_INTRO = """# The datasets

Every dataset that can be read, made from the adapters' own cards by `python -m tools.pages.datasets`. How to
write one: [add_a_dataset.md](add_a_dataset.md).

A dataset's folder, its root, is `--root DIR`, else `ACTISEG_<DATASET>_ROOT`, else `ACTISEG_DATA/<dataset>`.
`actiseg-noise datasets` says which of them are found. An option of a dataset's own is given as `--option NAME=VALUE`,
and kept in the manifest. `--clips ID` and `--limit N` choose among the clips that a dataset lists, before any file of
theirs is looked for. Chosen clips whose files or texts are missing are an error; with `--skip-missing` they are left
out and counted.

## How files are read

The same rules hold for every dataset, for `import`, `evaluate`, `predict` and in training.

* **Frames** are shown upright: the orientation that a camera wrote into EXIF is applied, so a phone's frame has the
  size that a viewer shows, and its masks must have been drawn on that. A frame that ends early, or cannot be read, is
  an error that names the file. JPEG, PNG and WebP are found by suffix in any case (`.JPG`, `.jpeg`).
* **Masks** are PNG by content, whatever a file is called, and their numbers are taken as stored: of a palette, of grey
  with 1, 2, 4 or 8 bits. A mask of 0 and 255 with more than three grey levels in between was smoothed or compressed and
  is refused, as a JPEG is; the option `threshold` (`--option threshold=128` of `davis` and `vscos`, `--threshold` of
  `import` and `evaluate`) cuts it. A mask has the size of its frame; for `visor` and `actionvos`, whose masks are
  smaller than the frames, its aspect.
* **Folders**: frames come by number, `2` before `10`. What systems leave behind is no data: `._00000.png`,
  `.DS_Store`, `Thumbs.db`, `desktop.ini`, `@eaDir`, `.ipynb_checkpoints`. Names are compared as they are; where one is
  there in another Unicode form the message says so. A root one folder too high or too low is answered with the right
  one.
* **Text** is UTF-8, with or without a byte order mark. A pointer that git-lfs left in the place of a file is called
  that.
* **Memory** does not grow with the number of clips but by the list of them: one clip's masks are held, and large JSON
  and XML are read piece by piece. Reading every mask of 1,000 videos of ten frames took 0 to 7 MiB more than of 100
  (86 to 93) for `vost`, `davis`, `refvos` and each form of `ytvis` (`python benchmarks/readers.py --memory 100 1000
  --size 96x54`).
"""

_SEE_CARD = re.compile(r"(?:How much, licence, c|C)itation and\s+how\s+to\s+get\s+it: ``\w+\.card``\.")


def datasets_page() -> str:
    """Return the page as Markdown."""
    kinds = own_datasets()
    rows = [(f"[`{kind.card.name}`](#{kind.card.name})", kind.card.title, kind.card.licence) for kind in kinds]
    contents = table(("dataset", "what", "licence"), rows)
    return "\n".join([_INTRO, contents, "", *(line for kind in kinds for line in _describe(kind))])


def own_datasets() -> list[type[Dataset]]:
    """Return this package's adapters in alphabetical order."""
    return [kind for kind in map(DATASETS.__getitem__, DATASETS) if kind.__module__.startswith("actiseg_noise.")]


def _describe(kind: type[Dataset]) -> Iterator[str]:
    """Yield the lines of one dataset's section."""
    card = kind.card
    evaluated = ", ".join(f"`{split}`" for split in card.eval_splits)
    splits = ", ".join(f"`{split}`" for split in card.splits)
    rows = [
        ("size", card.size),
        ("splits", f"{splits}; never noised without `--allow-eval`: {evaluated}" if evaluated else splits),
        ("void", "none" if card.void_id is None else f"pixels of value {card.void_id} have no label"),
        ("licence", card.licence),
        ("homepage", _link(card.homepage)),
        ("how to get", card.how_to_get),
        ("source, version", f"`{card.source}`, {card.version}"),
    ]
    yield f"## {card.name}\n"
    yield f"{card.title}.\n"
    yield table(("", ""), rows) + "\n"
    yield f"Cite:\n\n{indent(card.citation, '    ')}\n"
    yield f"{_layout(kind)}\n"
    yield f"{paragraphs(kind)}\n"
    options = list(_options(kind))
    if options:
        yield table(("option", "default", "meaning"), options) + "\n"


def _layout(kind: type[Dataset]) -> str:
    """Return what the adapter's module says of itself, but for the sentence that points to the card."""
    text = inspect.getdoc(sys.modules[kind.__module__]) or ""
    return to_markdown(_SEE_CARD.sub("", text))


def _options(kind: type[Dataset]) -> Iterator[tuple[str, str, str]]:
    """Yield (name, default, meaning) of the adapter's own options."""
    meanings = arguments(kind)
    for name, parameter in inspect.signature(kind).parameters.items():
        if parameter.kind is parameter.KEYWORD_ONLY and name != "skip_missing":
            default = "–" if parameter.default is None else f"`{parameter.default}`"
            yield f"`{name}`", default, meanings.get(name, "")


def _link(homepage: str) -> str:
    """Return a link; pages of this documentation are linked from beside them."""
    if homepage.startswith("docs/"):
        name = homepage.removeprefix("docs/")
        return f"[{name}]({name})"
    return f"<{homepage}>" if homepage.startswith("http") else homepage


if __name__ == "__main__":
    sys.stdout.write(datasets_page())
