"""The page of noises, with a picture or examples of each: ``python -m tools.pages.noises [docs]``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from actiseg_noise.building.action import noise_narration
from actiseg_noise.building.plan import Plan, Tally
from actiseg_noise.building.request import with_narrations_of
from actiseg_noise.building.text import noise_text
from actiseg_noise.datasets.kitchen import Kitchen
from actiseg_noise.manifest.schema import NO_NOISE
from actiseg_noise.noises.base import NOISES, MaskNoise, NarrationNoise, Noise, TextNoise
from actiseg_noise.recipe import NoiseSpec, Recipe
from actiseg_noise.vocabulary import Vocabulary
from tools.pages.markdown import paragraphs, table
from tools.pages.pictures import Picture, draw_noise, plan_panels

EXAMPLES = 6
KINDS = ("text", "narration", "flag", "mask")
SEEN = {"frames": "the object in other frames", "objects": "the frame's other objects", "image": "the image"}
WITHOUT_EXAMPLES = {
    "wordnet_synonym-v1": "What it draws depends on the WordNet data at hand, so no example is printed here.",
}

_INTRO = """# The noises

Every noise that is registered, made from its own card by `python -m tools.pages.noises`. `actiseg-noise noises`
lists them on a terminal. How to write one: [add_a_noise.md](add_a_noise.md).

A recipe names noises with their rates; an option that is not named keeps its default:

```toml
id = "mine"

[[noise]]
noise = "category_flip-v1"
rate = 0.2

[[noise]]
noise = "dilate-v1"
rate = 0.5
kernel = 9
```

*Rate* is the share of eligible draws that are corrupted, *strength* how hard each one is. Lengths are in pixels at
480-pixel short side (`unit = "480p"`) or in pixels of the canvas (`unit = "px"`).

*Text noises* draw once per sample, a clip's object. They are tried in the recipe's order until one takes the sample.

*Narration noises* draw once per clip: all texts of the clip that name its narration get another. *Flag noises* draw
once per sample, and change whether the object is given as positive. Both are of what makes the task action-based; they
are drawn beside text noise, of which they are independent, and a manifest with one of them has schema 2. Mask noise is
of the objects whose clean flag is positive, whatever flag they are given.

*Mask noises* draw for every visible positive object, per frame (`temporal = "frame"`) or once per clip and object
(`temporal = "clip"`): then every frame of the object gets the same draw, one annotator's habit. The first noise that
fires is applied, with `sequential = true` all that fire. Void pixels are never painted, and of two objects that claim a
pixel the earlier one keeps it. A noise that would leave nothing of an object keeps it as it was, and its row says so,
unless erasing is what the noise is for or the recipe says `allow_erase = true`. Some noises *look at* more than the
object's mask: at the object in the clip's other annotated frames, at the frame's other objects, at its image; always as
they are before any noise ([decision 22](decisions/0022-noises-that-see-more-than-a-mask.md)). Those that look at other
frames put the mask that they find there in the place of what noises before them made: name them first where
`sequential = true`. How far noisy masks are from clean ones, beside a real disagreement:
[realistic_noise.md](realistic_noise.md).

In the pictures the blue line is the clean outline of one object, the filled area its noisy mask before any overlap is
settled; grey are the other objects. For noises that look at other frames the object goes 6 pixels to the right in each
of nine frames, and is wider by a pixel on all sides for every frame that it is away from the fifth, which is shown.
"""


def noises_page() -> str:
    """Return the page as Markdown."""
    noises = own_noises()
    rows = [(f"[`{n.noise_id}`](#{n.noise_id})", n.kind, n.summary) for n in noises]
    contents = table(("noise", "kind", "what it does"), rows)
    return "\n".join([_INTRO, contents, "", *(section for noise in noises for section in _describe(noise))])


def own_noises() -> list[Noise]:
    """Return this package's noises: of texts, narrations, flags, masks; in alphabetical order."""
    found = [noise for noise in map(NOISES.__getitem__, NOISES) if noise.apply.__module__.startswith("actiseg_noise.")]
    return sorted(found, key=lambda noise: (KINDS.index(noise.kind), noise.noise_id))


def pictures() -> dict[str, Picture]:
    """Return file name → picture, of every mask noise."""
    return {f"{n.noise_id}.png": draw_noise(n) for n in own_noises() if isinstance(n, MaskNoise)}


def _describe(noise: Noise) -> Iterator[str]:
    """Yield the lines of one noise's section."""
    yield f"## {noise.noise_id}\n"
    yield f"{noise.summary[0].upper()}{noise.summary[1:]}.\n"
    yield f"{paragraphs(noise.apply)}\n"
    options = ", ".join(f"`{name} = {_toml(value)}`" for name, value in noise.defaults.items())
    rows = [("kind", noise.kind), ("options", options or "none"), ("eligible", _eligible(noise))]
    if isinstance(noise, MaskNoise):
        rows.append(("strength", f"`{noise.strength}`, which `build --boundary` sets" if noise.strength else "none"))
        if noise.needs:
            rows.append(("looks at", ", ".join(SEEN[need] for need in sorted(noise.needs))))
    elif isinstance(noise, TextNoise):
        rows.append(("drawn from", "the clip's own objects" if _is_local(noise) else "the vocabulary"))
    elif isinstance(noise, NarrationNoise):
        rows.append(("drawn from", "the narrations of the whole split"))
    rows.append(("source", noise.source))
    yield table(("", ""), rows) + "\n"
    if isinstance(noise, MaskNoise):
        yield from _show_masks(noise)
    elif isinstance(noise, TextNoise):
        yield from _show_text(noise)
    elif isinstance(noise, NarrationNoise):
        yield from _show_narrations(noise)


def _eligible(noise: Noise) -> str:
    """Say what the noise may corrupt."""
    if not isinstance(noise, MaskNoise):
        return paragraphs(noise.is_eligible).replace("\n", " ")
    erases = "; it may disappear" if noise.erases else ""
    return f"every visible positive object, per frame or per clip{erases}"


def _is_local(noise: TextNoise) -> bool:
    """Return whether the noise, with its defaults, draws from the clip's own objects."""
    if noise.noise_id in WITHOUT_EXAMPLES:
        return False
    return noise.within_clip(noise.resolve(noise.defaults, _vocabulary()))


def _show_masks(noise: MaskNoise) -> Iterator[str]:
    """Yield the picture and what it shows."""
    rows = plan_panels(noise)
    if noise.strength is not None:
        values = ", ".join(f"{panel.options[noise.strength]:g}" for panel in rows[0])
        what = f"{noise.strength} {values}" + (", two draws of each" if len(rows) > 1 else "")
    else:
        what = f"{len(rows[0])} draws" if len(rows[0]) > 1 else "every draw"
    yield f"![{noise.noise_id}: {what}](noises/{noise.noise_id}.png)\n"
    yield f"{what[0].upper()}{what[1:]}, on a canvas of 240 rows.\n"


def _show_text(noise: TextNoise) -> Iterator[str]:
    """Yield the first prompts of kitchen that it changes, drawn with seed 0."""
    if noise.noise_id in WITHOUT_EXAMPLES:
        yield f"{WITHOUT_EXAMPLES[noise.noise_id]}\n"
        return
    yield "The first prompts of kitchen's `train` that it takes, seed 0:\n"
    yield (
        table(("narration", "noun", "becomes", "names another object"), list(islice(_examples(noise), EXAMPLES))) + "\n"
    )


def _examples(noise: TextNoise) -> Iterator[tuple[str, str, str, str]]:
    """Yield (narration, noun, noisy noun, whether it is harmful)."""
    plan = Plan(Recipe("page", (NoiseSpec(noise.noise_id, 1.0),)), Kitchen.card.source, _vocabulary())
    for clip in Kitchen(Path()).iter_clips("train", with_frames=False):
        for item, noisy in zip(clip.objects, noise_text(clip, plan, Tally(1)), strict=True):
            if noisy.noise_id != NO_NOISE:
                yield clip.narration, item.noun, noisy.label.noun, "yes" if noisy.is_harmful else "no"


def _show_narrations(noise: NarrationNoise) -> Iterator[str]:
    """Yield the first clips of kitchen that it changes, drawn with seed 0."""
    kitchen = Kitchen(Path())
    pool = with_narrations_of(_vocabulary(), kitchen, "train", verbs=noise.needs_verbs)
    plan = Plan(Recipe("page", (NoiseSpec(noise.noise_id, 1.0),)), kitchen.card.source, pool)
    yield "The first clips of kitchen's `train` that it takes, seed 0:\n"
    drawn = ((clip, noise_narration(clip, plan, Tally(1))) for clip in kitchen.iter_clips("train", with_frames=False))
    taken = ((clip.clip_id, clip.narration, told.text) for clip, told in drawn if told.noise_id != NO_NOISE)
    rows = list(islice(taken, EXAMPLES))
    yield table(("clip", "narration", "becomes"), rows) + "\n"


def _vocabulary() -> Vocabulary:
    """Return kitchen's vocabulary."""
    return Vocabulary.collect(Kitchen(Path()).iter_vocabulary(Kitchen.card.splits))


def _toml(value: object) -> str:
    """Return an option's value as a recipe writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else f"{value}"


def write_page(docs: Path) -> None:
    """Write the page and its pictures."""
    import cv2

    (docs / "noises").mkdir(parents=True, exist_ok=True)
    (docs / "noises.md").write_text(noises_page(), "utf-8")
    for name, picture in pictures().items():
        cv2.imwrite(str(docs / "noises" / name), picture[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])


if __name__ == "__main__":
    write_page(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("docs"))
