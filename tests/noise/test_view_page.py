"""``view``: what the page holds, and what a browser makes of it."""

from __future__ import annotations

import gzip
import json
import re
from base64 import b64decode, b64encode
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import actiseg_noise
from actiseg_noise.errors import ActisegError
from actiseg_noise.plot_style import colour_of
from actiseg_noise.view.page import ViewedManifest, view_manifest
from actiseg_noise.web.page import Assets, json_text, pack, render_page
from tests.browsing import canvas_of, chromium, opened


@pytest.fixture(scope="module")
def viewed(noisy_val: Path, kitchen_root: Path, tmp_path_factory: pytest.TempPathFactory) -> ViewedManifest:
    return view_manifest(noisy_val, tmp_path_factory.mktemp("view") / "view.html", root=kitchen_root)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as one:
        yield one


def test_no_text_of_a_manifest_can_end_the_element_that_it_stands_in() -> None:
    text = json_text({"noun": "</script><script>alert(1)</script>"})
    assert "<" not in text
    assert json.loads(text) == {"noun": "</script><script>alert(1)</script>"}


def test_what_is_packed_is_the_same_every_time_and_unpacks() -> None:
    assert pack({"a": [1, "ü"]}) == pack({"a": [1, "ü"]})
    assert json.loads(gzip.decompress(b64decode(pack({"a": [1, "ü"]})))) == {"a": [1, "ü"]}


def test_the_policy_allows_the_page_s_own_script_and_style_and_nothing_else(viewed: ViewedManifest) -> None:
    text = viewed.path.read_text("utf-8")
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', text)
    assert policy is not None
    allowed = policy[1].replace("&#39;", "'")
    assert "default-src 'none'" in allowed
    assert "unsafe" not in allowed
    for name in ("script", "style"):
        (inside,) = re.findall(rf"<{name}>(.*?)</{name}>", text, re.DOTALL)
        assert f"{name}-src 'sha256-{b64encode(sha256(inside.encode()).digest()).decode()}'" in allowed
    assert not re.search(r"\son\w+=|https?://(?!www\.w3\.org)", re.sub(r"<script.*", "", text, flags=re.DOTALL))


def test_equal_manifests_make_equal_pages(viewed: ViewedManifest, noisy_val: Path, kitchen_root: Path) -> None:
    again = view_manifest(noisy_val, viewed.path.with_name("again.html"), root=kitchen_root)
    assert again.path.read_bytes() == viewed.path.read_bytes()
    assert (again.clips, again.with_pictures) == (8, 8)


def test_a_picture_that_two_clips_share_is_on_the_page_once(
    viewed: ViewedManifest, noisy_val: Path, browser: Any
) -> None:
    clips = list(actiseg_noise.read_manifest(noisy_val).iter_clips())
    paths = [frame.image_path for clip in clips for frame in clip.frames if frame.is_annotated]
    assert len(set(paths)) < len(paths)
    assert viewed.path.read_text("utf-8").count("data:image/webp") == len(set(paths))
    with opened(browser, viewed.path) as page:
        assert page.locator("#panel-0 img").evaluate(
            "async (picture) => { await picture.decode(); return picture.naturalWidth; }"
        )


def test_a_name_that_no_browser_opens_is_a_folder_for_the_page(noisy_val: Path, tmp_path: Path) -> None:
    page = view_manifest(noisy_val, tmp_path / "seen", limit=1)
    assert page.path == tmp_path / "seen" / "view.html"
    assert page.path.is_file()


def test_no_page_is_written_into_a_manifest(noisy_val: Path) -> None:
    with pytest.raises(ActisegError, match="holds a manifest, whose folder stays as it is"):
        view_manifest(noisy_val, noisy_val, limit=1)
    assert not (noisy_val / "view.html").exists()


def test_a_clip_that_is_not_there_is_refused(noisy_val: Path, tmp_path: Path) -> None:
    with pytest.raises(ActisegError, match="no clip 'x' in this manifest"):
        view_manifest(noisy_val, tmp_path / "v.html", clips=["x"])
    assert not (tmp_path / "v.html").exists()


def test_labels_without_masks_or_pictures_are_shown_too(tmp_path: Path, kitchen_root: Path, browser: Any) -> None:
    few = {"limit": 3, "gate": False, "allow_eval": True, "root": kitchen_root}
    out = actiseg_noise.build("kitchen", split="val", recipe="flip-40", content="text", out=tmp_path / "m", **few)
    (tmp_path / "empty").mkdir()
    page = view_manifest(out, tmp_path / "v.html", root=tmp_path / "empty")
    assert (page.clips, page.with_pictures) == (3, 0)
    with opened(browser, page.path) as shown:
        assert shown.locator(".clip-list button").count() == 3
        assert shown.locator("td.prompt").count() > 0


def test_the_canvas_shows_the_masks_pixel_for_pixel(viewed: ViewedManifest, noisy_val: Path, browser: Any) -> None:
    clip = next(actiseg_noise.read_manifest(noisy_val).iter_clips())
    frame = clip.frames[1]
    with opened(browser, viewed.path, f"#clip={clip.clip_id}&frame={frame.frame_id}") as page:
        for panel, labels in (("panel-0", "clean"), ("panel-1", "noisy")):
            drawn = canvas_of(page, panel)
            expected = np.zeros(drawn.shape[:2], int)
            for object_id, mask in frame.masks.items():
                expected[mask.decode(labels)] = object_id
            for object_id in frame.masks:
                inside = (drawn[..., 3] > 0) & (expected == object_id)
                assert (inside == (expected == object_id)).all()
                assert np.abs(drawn[inside][:, :3].astype(int) - colour_of(object_id)).max(initial=0) <= 2
            assert not drawn[expected == 0].any()


def test_the_scrubber_moves_and_the_address_follows(viewed: ViewedManifest, browser: Any) -> None:
    with opened(browser, viewed.path) as page:
        before = canvas_of(page, "panel-0")
        page.locator("input[type=range]").press("ArrowRight")
        assert "2 of 3" in page.locator("output").inner_text()
        assert (canvas_of(page, "panel-0") != before).any()
        assert "frame=00001" in page.url


def test_a_deep_link_lands(viewed: ViewedManifest, browser: Any) -> None:
    with opened(browser, viewed.path, "#clip=val_00001b&frame=00002&a=given&b=clean") as page:
        assert page.locator("h3").first.inner_text() == "val_00001b"
        assert "3 of 3" in page.locator("output").inner_text()
        assert page.locator("#panel-0 select").input_value() == "given"


def test_filters_and_search_leave_the_clips_that_match(viewed: ViewedManifest, browser: Any) -> None:
    with opened(browser, viewed.path) as page:
        page.locator("[data-filter=mask]").click()
        notes = page.locator(".clip-list .why").all_inner_texts()
        assert notes
        assert all("mask" in note for note in notes)
        page.locator("input[type=search]").fill("val_00000a")
        assert page.locator(".clip-list button").count() <= 1


def test_the_page_fits_a_telephone(viewed: ViewedManifest, browser: Any) -> None:
    with opened(browser, viewed.path, viewport={"width": 390, "height": 800}) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


SQUARE, SHIFTED = np.zeros((6, 8), bool), np.zeros((6, 8), bool)
SQUARE[1:5, 1:5] = True
SHIFTED[1:5, 3:7] = True
ODD = "a&b #1 é </script> 100%+1"


def drawn_by_hand(path: Path) -> Path:
    """Write a page of three clips: one with a name that an address has to spell, one without frames, a plain one."""
    from pycocotools import mask as coco

    counts = [coco.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"].decode() for mask in (SQUARE, SHIFTED)]
    frame = {"height": 6, "width": 8, "picture": None, "void": None, "masks": {"1": counts}}
    texts = {"noun": "knife", "prompt": "knife", "positive": True}
    objects = [{"id": 1, "colour": "#ff0000", **texts, "given": texts}]
    about = {"video": "v", "narration": "cut", "given_narration": "cut", "objects": objects}
    frames = [frame | {"id": f"{index:05d}", "index": index} for index in range(2)]
    clips = [{"id": name, **about, "frames": [] if name == "empty" else frames} for name in (ODD, "empty", "plain")]
    entry = {"note": "", "text": 0, "flag": 0, "narration": False, "iou": 0.5}
    data = {"clips": [entry | {"id": c["id"], "words": c["id"], "place": i} for i, c in enumerate(clips)]}
    assets = Assets("actiseg_noise.web", "view.html", scripts=("view.js",))
    context: dict[str, Any] = {"about": "", "sections": [], "name": "n", "digest": "d", "commands": []}
    path.write_text(render_page(assets, "by hand", data, clips, **context), "utf-8")
    return path


def test_outlines_and_differences_are_drawn_pixel_for_pixel(tmp_path: Path, browser: Any) -> None:
    with opened(browser, drawn_by_hand(tmp_path / "v.html")) as page:
        page.locator("[data-draw=outlines]").click()
        inner = np.zeros((6, 8), bool)
        inner[2:4, 2:4] = True
        assert (canvas_of(page, "panel-0")[..., 3] == 255 * (SQUARE & ~inner)).all()
        page.locator("[data-draw=difference]").click()
        drawn = canvas_of(page, "panel-0")
        assert (drawn == canvas_of(page, "panel-1")).all()
        for inside, colour in ((SQUARE & ~SHIFTED, (230, 97, 0)), (SHIFTED & ~SQUARE, (93, 58, 155))):
            assert np.abs(drawn[inside][:, :3].astype(int) - colour).max() <= 2
        assert (drawn[SQUARE & SHIFTED][:, 3] == 110).all()
        assert not drawn[~(SQUARE | SHIFTED)].any()
        assert page.locator("tbody td").last.inner_text() == "33.3"


def test_a_clip_without_frames_shows_nothing_of_the_clip_before_it(tmp_path: Path, browser: Any) -> None:
    with opened(browser, drawn_by_hand(tmp_path / "v.html"), "#clip=plain") as page:
        page.locator("[data-clip=empty]").click()
        page.locator("output", has_text="no frames").wait_for()
        assert not page.locator("canvas").first.is_visible()
        page.locator("[data-clip=plain]").click()
        page.locator("output", has_text="1 of 2").wait_for()
        assert page.locator("canvas").first.is_visible()


def test_an_address_leads_back_whatever_a_clip_is_called(tmp_path: Path, browser: Any) -> None:
    path = drawn_by_hand(tmp_path / "v.html")
    with opened(browser, path) as page:
        page.locator(".clip-list button").first.click()
        page.locator("input[type=range]").press("ArrowRight")
        address = page.evaluate("location.hash")
    with opened(browser, path, "#clip=plain") as page:
        page.evaluate("address => { location.hash = address; }", address)
        page.locator(".viewer h3", has_text="a&b").wait_for()
        assert page.locator("h3").first.inner_text() == ODD
        assert "2 of 2" in page.locator("output").inner_text()


def test_a_clip_that_the_search_leaves_out_stays_where_its_address_says(tmp_path: Path, browser: Any) -> None:
    with opened(browser, drawn_by_hand(tmp_path / "v.html"), "#clip=plain") as page:
        page.locator("input[type=search]").fill("empty")
        page.evaluate("viewer.open('plain')")
        assert page.locator("h3").first.inner_text() == "plain"
        assert page.locator(".clip-list button").count() == 1


def test_a_page_prints_on_white_with_what_its_panels_show(viewed: ViewedManifest, browser: Any) -> None:
    with opened(browser, viewed.path, color_scheme="dark") as page:
        page.emulate_media(media="print", color_scheme="dark")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert page.locator("#panel-0 select").is_visible()
        assert not page.locator(".clip-list").is_visible()


def test_a_list_of_clips_is_one_stop_of_the_keyboard(viewed: ViewedManifest, browser: Any) -> None:
    with opened(browser, viewed.path) as page:
        assert page.locator(".clip-list button[tabindex='0']").count() == 1
        assert page.locator(".clip-list button[tabindex='0']").get_attribute("aria-current") == "true"
        page.locator(".clip-list button").first.press("ArrowDown")
        page.keyboard.press("Enter")
        page.wait_for_selector(".clip-list li:nth-child(2) button[aria-current=true]")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "masks"


def test_the_list_is_moved_to_the_clip_that_an_address_opens(viewed: ViewedManifest, browser: Any) -> None:
    with opened(browser, viewed.path, "#clip=val_00003b", viewport={"width": 390, "height": 800}) as page:
        assert page.evaluate("document.querySelector('.clip-list').scrollTop") > 0
        assert page.evaluate("scrollY") == 0


def test_what_changes_and_what_is_drawn_is_said(viewed: ViewedManifest, browser: Any) -> None:
    with opened(browser, viewed.path, "#clip=val_00000a&frame=00000") as page:
        assert page.locator(".clips [role=status]").inner_text() == "8 of 8 clips"
        page.locator("input[type=search]").fill("val_00000a")
        assert page.locator(".clips [role=status]").inner_text() == "1 of 8 clips"
        assert re.match(r"given, frame 00000\. 1, .+: [\d.]+ % of the frame", canvas_label(page))
        page.locator("[data-draw=difference]").click()
        assert canvas_label(page) == "difference of clean and given, frame 00000"
        assert page.locator("output").get_attribute("aria-live") == "polite"
        page.locator("button", has_text="Play").click()
        assert page.locator("output").get_attribute("aria-live") == "off"
        page.locator("button", has_text="Pause").click()
        assert page.locator("output").get_attribute("aria-live") == "polite"


def canvas_label(page: Any) -> str:
    """Return what the right panel is called."""
    return str(page.locator("#panel-1 canvas").get_attribute("aria-label"))


def test_a_table_that_is_moved_sideways_is_reached_by_the_keyboard(viewed: ViewedManifest, browser: Any) -> None:
    with opened(browser, viewed.path, viewport={"width": 320, "height": 800}) as page:
        page.wait_for_selector(".scroll[tabindex]")
        wide = page.eval_on_selector_all(
            ".scroll", "all => all.filter((one) => one.scrollWidth > one.clientWidth).length"
        )
        names = page.eval_on_selector_all(".scroll[tabindex][role=group]", "all => all.map((one) => one.ariaLabel)")
        assert len(names) == wide
        assert all(names)
    with opened(browser, viewed.path, viewport={"width": 1440, "height": 800}) as page:
        assert page.locator(".scroll[tabindex]").count() == 0


def test_every_cell_of_a_table_has_a_heading(viewed: ViewedManifest, browser: Any) -> None:
    with opened(browser, viewed.path) as page:
        assert page.locator("th:empty").count() == 0
        assert page.locator("table.found tbody tr").count() == page.locator("table.found tbody th[scope=row]").count()
        assert "█" not in page.locator("main").inner_text()
