"""``report``: what the page is given, and what a browser makes of it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bench_fakes import PerfectRunner, run_grid

import actiseg_noise
from actiseg_bench.grid.run import RunSpec
from actiseg_bench.grid.tracks import Track, open_track, reference_track
from actiseg_bench.metrics.actionvos import actionvos_scores
from actiseg_bench.metrics.failure_modes import ObjectFrames
from actiseg_bench.report.page.clips import choose_clips
from actiseg_bench.report.page.losses import giou_losses
from actiseg_bench.report.page.write import Report, Sources, write_report
from actiseg_bench.results.stored import StoredRun, read_results
from actiseg_noise.errors import ActisegError
from tests.browsing import canvas_of, chromium, opened

Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, kitchen_root: Path) -> Path:
    """Two tracks, three rows, two seeds; on the second track a run of gce is missing."""
    folder = tmp_path_factory.mktemp("runs")

    def build(recipe: str) -> Path:
        place = folder / "manifests" / "kitchen" / "val" / f"{recipe}-s0"
        options = {"split": "val", "limit": 4, "allow_eval": True, "gate": False, "workers": 1}
        return actiseg_noise.build("kitchen", root=kitchen_root, recipe=recipe, out=place, **options)

    clean = build("clean")

    def track(recipe: str) -> Track:
        return open_track(build(recipe), clean, kitchen_root, kitchen_root, name=recipe, protocol="mini-v1")

    flip, more = track("flip-20"), track("flip-40")
    names = ("baseline", "gce", "elr")
    grid = [RunSpec(one, "tiny", name, "faithful", seed) for one in (flip, more) for name in names for seed in (0, 1)]
    silent = RunSpec(reference_track(flip), "tiny", "silent", "-", 0)
    assert not run_grid([silent, *grid[:-3], *grid[-2:]], PerfectRunner(), folder).failed
    return folder


@pytest.fixture(scope="module")
def report(runs: Path, kitchen_root: Path) -> Report:
    return write_report(read_results(runs).runs, Sources(runs, root=kitchen_root), runs / "page", clips=3)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as one:
        yield one


def data_of(page: Path) -> dict[str, Any]:
    """Return the data that a page's scripts read."""
    found = re.search(r'id="data">(.*?)</script>', page.read_text("utf-8"), re.DOTALL)
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    return data


def object_frames(rows: list[tuple[bool, int, int, int, float]]) -> ObjectFrames:
    """Return object-frames of (positive, intersection, predicted, true pixels, largest I/U with another)."""
    positive, both, predicted, true, other = zip(*rows, strict=True)
    zeros = np.zeros(len(rows), np.int64)
    counts = [np.array(column, np.int64) for column in (both, predicted, true)]
    flags = np.array(positive, bool)
    return ObjectFrames(zeros, zeros, zeros + 1, flags, flags, *counts, zeros, zeros, np.array(other, float))


FRAMES = object_frames(
    [
        (True, 6, 8, 8, 0.0),  # I/U .6, as much outside as left out
        (True, 0, 0, 5, 0.0),  # missed
        (True, 1, 10, 10, 0.7),  # on another object
        (True, 1, 20, 20, 0.0),  # beside
        (True, 0, 3, 0, 0.0),  # not visible
        (False, 0, 4, 9, 0.0),  # takes no part
        (False, 0, 0, 9, 0.0),  # rightly left alone
        (True, 4, 8, 4, 0.0),  # I/U .5, all of it outside
    ]
)


def test_every_object_frame_loses_to_one_cause() -> None:
    lost = {name: round(8 * value, 4) for name, value in giou_losses(FRAMES).items()}
    assert lost == {
        "missed": 1.0,
        "not_asked": 1.0,
        "not_visible": 1.0,
        "identity_substitution": round(1 - 1 / 19, 4),
        "mislocalization": round(1 - 1 / 39, 4),
        "too_large": 0.2 + 0.5,
        "too_small": 0.2,
    }


def test_what_is_lost_adds_up_to_what_giou_lacks() -> None:
    scores = actionvos_scores(FRAMES.counts)
    assert scores.giou is not None
    assert sum(giou_losses(FRAMES).values()) == pytest.approx(1 - scores.giou, abs=1e-12)


def test_the_clips_that_show_most_are_chosen() -> None:
    quiet = dict.fromkeys(("boundary_leakage", "boundary_loss", "mislocalization", "identity_substitution", "missed"))
    rows = {
        ("t", "a"): {"gap": {"giou": 1.0, **quiet}, "bad": {"giou": 0.1, **quiet}, "same": {"giou": 0.9, **quiet}},
        ("t", "b"): {"gap": {"giou": 0.2, **quiet}, "bad": {"giou": 0.1, **quiet}, "same": {"giou": 0.9, **quiet}},
    }
    assert choose_clips(rows, 2) == ["bad", "gap"]
    rows["t", "b"]["same"] = {"giou": 0.9, **quiet, "missed": 0.5}
    assert choose_clips(rows, 3) == ["bad", "gap", "same"]
    assert choose_clips({}, 3) == []


def test_a_missing_run_is_shown_as_missing(report: Report) -> None:
    data = data_of(report.pages[0])
    lacking = {
        (track, row): cell["missing"] for track, of in data["board"]["cells"].items() for row, cell in of.items()
    }
    assert {place: found for place, found in lacking.items() if found} == {("flip-40", "gce"): [[0, 1]]}
    tracks = {track["name"]: track["found"] for track in data["board"]["tracks"]}
    assert "gce lacks 1 of its runs." in tracks["flip-40"]


def test_scores_on_the_page_are_those_of_the_results(report: Report, runs: Path) -> None:
    cells = data_of(report.pages[0])["board"]["cells"]
    for result in read_results(runs):
        if not result.is_reference:
            found = cells[result.track.name][result.strategy]["runs"][result.seed]
            assert found["scores"]["giou"] == pytest.approx(result.scores["giou"], abs=1e-5)
            assert found["key"] == result.run_key


def test_a_report_has_its_pictures_beside_it_or_inside(report: Report, runs: Path, kitchen_root: Path) -> None:
    assert report.pages == (runs / "page" / "index.html",)
    frames = list((runs / "page" / "frames").iterdir())
    assert frames
    assert report.bytes == sum(path.stat().st_size for path in (*frames, *report.pages))
    single = write_report(
        read_results(runs).runs, Sources(runs, root=kitchen_root), runs / "one.html", clips=3, single_file=True
    )
    assert single.pages == (runs / "one.html",)
    assert single.bytes == (runs / "one.html").stat().st_size


def test_a_second_report_takes_the_first_ones_pictures_away_and_nothing_else(
    runs: Path, tmp_path: Path, kitchen_root: Path
) -> None:
    def write(clips: int) -> set[str]:
        write_report(read_results(runs).runs, Sources(runs, root=kitchen_root), tmp_path, clips=clips)
        return {path.name for path in (tmp_path / "frames").glob("*.webp")}

    few, many, again = write(1), write(3), write(1)
    assert few < many
    assert few == again
    others = {"notes.txt", "0123456789abcdef.webp", "photo.webp"}  # the second is named like ours, its bytes are not
    for name in others:
        (tmp_path / "frames" / name).write_bytes(b"mine")
    write(0)
    assert {path.name for path in (tmp_path / "frames").iterdir()} == others
    for name in others:
        (tmp_path / "frames" / name).unlink()
    write(1)
    write(0)
    assert not (tmp_path / "frames").exists()


def test_labels_that_are_not_at_hand_leave_a_report_without_clips(runs: Path, tmp_path: Path) -> None:
    made = write_report(read_results(runs).runs, Sources(tmp_path), tmp_path / "page")
    assert made.clips == 0
    assert made.missing == ("no clips: the clean labels are not at hand (--manifest)",)


def test_no_run_is_no_report(tmp_path: Path) -> None:
    with pytest.raises(ActisegError, match="no finished run"):
        write_report([], Sources(tmp_path), tmp_path / "page")


def test_the_command_says_where_the_page_is(cli: Cli, runs: Path, tmp_path: Path, kitchen_root: Path) -> None:
    code, printed, told = cli("report", runs, "--out", tmp_path / "r", "--clips", 1, "--root", kitchen_root)
    assert (code, told) == (0, "")
    assert printed.splitlines()[-1] == (tmp_path / "r" / "index.html").as_uri()
    code, printed, _ = cli("report", runs, "--out", tmp_path / "r", "--clips", 1, "--root", kitchen_root, "--json")
    assert json.loads(printed)["clips"] == 1


def test_a_single_run_and_no_method_are_reports_too(runs: Path, tmp_path: Path) -> None:
    stored = [run for run in read_results(runs).runs if run.result.is_reference]
    assert write_report(stored, Sources(runs), tmp_path / "a").clips == 0
    one = [run for run in read_results(runs).runs if run.result.strategy == "gce"][:1]
    assert write_report(one, Sources(runs), tmp_path / "b", clips=1).clips == 1


def test_a_damaged_table_is_named_and_the_rest_is_shown(runs: Path, tmp_path: Path) -> None:
    stored = read_results(runs).runs
    broken = [replace(run, folder=tmp_path / "nowhere") if run.result.strategy == "elr" else run for run in stored]
    made = write_report(broken, Sources(runs), tmp_path / "page", clips=2)
    assert any(line.startswith("no clips of flip-20 elr:") for line in made.missing)
    cells = data_of(made.pages[0])["board"]["cells"]["flip-20"]
    assert cells["elr"]["losses"] is None
    assert cells["gce"]["losses"] is not None


def test_another_variant_has_its_strategys_colour_and_dashes(runs: Path, tmp_path: Path) -> None:
    gce = next(run for run in read_results(runs).runs if run.result.strategy == "gce")
    released = replace(gce, result=replace(gce.result, variant="released", run_key="0" * 32))
    data = data_of(write_report([gce, released], Sources(runs), tmp_path / "page", clips=0).pages[0])
    rows = {row["key"]: (row["colour"], row["dashed"]) for row in data["board"]["rows"]}
    assert rows == {"gce": ("#009E73", False), "gce@released": ("#009E73", True)}


def test_a_kind_of_noise_is_drawn_over_its_levels(report: Report) -> None:
    axes = data_of(report.pages[0])["board"]["axes"]
    assert [(axis["name"], axis["levels"]) for axis in axes] == [("flip", [["flip-20", 20], ["flip-40", 40]])]


def test_the_page_opens_and_shows_its_tables(report: Report, browser: Any) -> None:
    with opened(browser, report.pages[0]) as page:
        assert page.locator("#matrix-body tbody tr").count() == 4
        assert "flip-20" in page.locator("#matrix-body thead").inner_text()
        page.locator("#matrix-body td[data-row=gce][data-track=flip-40]").click()
        assert "gce on flip-40" in page.locator("#cell h3").inner_text()
        assert "row=gce" in page.url
        assert '"steps": 3' in page.locator("#cell details code").text_content()
        assert "first and last run" in page.locator("#provenance-body table").first.inner_text()
        assert page.locator("#sensitivity-body svg").count() == 1
        page.locator("#choices select").nth(1).select_option("giou")
        assert "gIoU" in page.locator("#matrix-body").inner_text()


def test_the_matrix_sorts_by_a_track(report: Report, browser: Any) -> None:
    with opened(browser, report.pages[0]) as page:
        page.locator("#matrix-body thead button").first.click()
        assert page.locator("#matrix-body tbody th").first.inner_text() == "gce"
        assert page.locator("#matrix-body thead th").nth(1).get_attribute("aria-sort") == "descending"


def test_a_prediction_on_the_canvas_is_the_stored_one(report: Report, runs: Path, browser: Any) -> None:
    clip = next(actiseg_noise.read_manifest(runs / "manifests/kitchen/val/clean-s0").iter_clips())
    frame = clip.frames[2]
    address = f"#clip={clip.clip_id}&frame={frame.frame_id}&find=name&a=clean&b=gce"
    with opened(browser, report.pages[0], address) as page:
        page.locator(".viewer output", has_text="3 of").wait_for()
        drawn = canvas_of(page, "panel-1")[..., 3] > 0
        expected = np.zeros(drawn.shape, bool)
        for sample in clip.samples:
            if sample.is_positive:
                expected |= frame.masks[sample.object_id].decode("clean")
        assert (drawn == expected).all()


def test_the_clips_of_a_failure_are_one_click_away(report: Report, browser: Any) -> None:
    with opened(browser, report.pages[0]) as page:
        page.locator("button[data-mode=missed][data-row=baseline]").click()
        page.wait_for_selector(".clip-list .why")
        assert page.locator("#panel-1 select").input_value() == "baseline"
        assert "missed 100.0" in page.locator(".clip-list .why").first.inner_text()
        assert "find=missed" in page.url


def test_the_report_fits_a_telephone(report: Report, browser: Any) -> None:
    with opened(browser, report.pages[0], viewport={"width": 390, "height": 800}) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_captions_stay_beside_a_table_that_is_moved(report: Report, browser: Any) -> None:
    """A caption is as wide as the window at most, and where it was when its table is moved under it."""
    edges = "found => found.map(one => [one.getBoundingClientRect().left, one.getBoundingClientRect().right])"
    with opened(browser, report.pages[0], viewport={"width": 390, "height": 800}) as page:
        before = page.eval_on_selector_all(".scroll caption", edges)
        page.evaluate("() => document.querySelectorAll('.scroll').forEach((box) => { box.scrollLeft = 40; })")
        assert page.evaluate("() => [...document.querySelectorAll('.scroll')].some((box) => box.scrollLeft > 0)")
        assert page.eval_on_selector_all(".scroll caption", edges) == before
        assert before
        assert all(right <= 390 for _, right in before)


def test_tracks_of_one_name_have_their_own_clips(runs: Path, tmp_path: Path) -> None:
    def named(run: StoredRun) -> StoredRun:
        return replace(run, result=replace(run.result, track=replace(run.result.track, name="flip")))

    stored = [named(run) for run in read_results(runs).runs if not run.result.is_reference]
    data = data_of(write_report(stored, Sources(runs), tmp_path / "page", clips=2).pages[0])
    names = {track["name"] for track in data["board"]["tracks"]}
    assert len(names) == 2
    assert [set(clip["scores"]) for clip in data["clips"]] == [names, names]


def test_an_address_opens_its_cell_and_keeps_the_track(report: Report, browser: Any) -> None:
    with opened(browser, report.pages[0], "#track=flip-20&row=gce&of=flip-40") as page:
        assert page.locator("#cell h3").inner_text() == "gce on flip-40"
        assert page.locator("#choices select").first.input_value() == "flip-20"
        page.locator("#choices select").nth(1).select_option("giou")
        assert "gIoU" in page.locator("#cell thead").inner_text()
    with opened(browser, report.pages[0], "#row=constructor&of=flip-40&find=constructor") as page:
        assert page.locator("#cell h3").count() == 0


def test_the_keyboard_opens_a_cell_and_stays_in_the_table(report: Report, browser: Any) -> None:
    with opened(browser, report.pages[0]) as page:
        page.locator("#matrix-body thead button").first.press("Enter")
        assert page.evaluate("document.activeElement.textContent") == "flip-20 ↓"
        page.locator("#matrix-body td[data-row=elr][data-track=flip-20] button").press("Enter")
        assert page.locator("#cell h3").inner_text() == "elr on flip-20"


def test_a_row_that_is_switched_off_is_off_in_every_chart(report: Report, browser: Any) -> None:
    with opened(browser, report.pages[0]) as page:
        page.locator("#training .legend button", has_text="gce").click()
        assert page.locator("#sensitivity .legend button", has_text="gce").get_attribute("aria-pressed") == "false"
        page.locator("#sensitivity .legend button", has_text="gce").click()
        assert page.locator("#training .legend button", has_text="gce").get_attribute("aria-pressed") == "true"


def test_other_rows_in_the_panels_order_the_clips_anew(report: Report, browser: Any) -> None:
    with opened(browser, report.pages[0], "#find=worst&b=gce") as page:
        before = page.locator(".clip-list .why").all_inner_texts()
        page.locator("#panel-1 select").select_option("baseline")
        assert page.locator(".clip-list .why").all_inner_texts() != before


def test_numbers_and_names_are_printed(report: Report, browser: Any) -> None:
    with opened(browser, report.pages[0]) as page:
        page.emulate_media(media="print")
        assert page.locator("#matrix-body thead button").first.is_visible()
        assert page.locator("#failures-body button").first.is_visible()
        assert not page.locator("#choices").is_visible()


def test_a_link_to_a_section_takes_the_keyboard_there(report: Report, browser: Any) -> None:
    with opened(browser, report.pages[0]) as page:
        page.locator("nav a", has_text="Failures").press("Enter")
        assert page.evaluate("document.activeElement.id") == "failures-title"
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.dataset.mode") == "missed"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "clips-title"


def test_the_matrix_is_one_stop_of_the_keyboard_and_escape_closes_its_cell(report: Report, browser: Any) -> None:
    at = "(({ row, track }) => [row, track])(document.activeElement.parentElement.dataset)"
    with opened(browser, report.pages[0]) as page:
        cell = page.locator("#matrix-body td[data-row=baseline][data-track=flip-20] button")
        assert page.locator("#matrix-body button[tabindex='0']").count() == 1
        cell.press("ArrowRight")
        assert page.evaluate(at) == ["baseline", "flip-40"]
        page.keyboard.press("ArrowDown")
        assert page.evaluate(at) == ["elr", "flip-40"]
        page.keyboard.press("Home")
        page.keyboard.press("Enter")
        opened_cell = page.locator("#matrix-body td[data-row=elr][data-track=flip-20] button")
        assert opened_cell.get_attribute("aria-expanded") == "true"
        assert "elr on flip-20 is shown" in page.locator("#said").inner_text()
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "close"
        page.keyboard.press("Escape")
        assert page.evaluate(at) == ["elr", "flip-20"]
        assert opened_cell.get_attribute("aria-expanded") == "false"
        assert page.locator("#cell h3").count() == 0
        assert "row=" not in page.url


def test_the_numbers_of_a_chart_are_a_table_too(report: Report, browser: Any) -> None:
    with opened(browser, report.pages[0]) as page:
        assert page.locator("#found-body svg").get_attribute("aria-label").startswith("p-mIoU, best first: gce 100.0")
        page.locator("#sensitivity-body summary").click()
        page.wait_for_selector("#sensitivity-body table")
        table = page.locator("#sensitivity-body table")
        assert table.locator("thead th").all_inner_texts() == ["flipped categories, %", "20", "40"]
        assert table.locator("tbody tr", has_text="gce").locator("td").all_inner_texts() == ["100", "100"]


def test_no_run_that_predicts_nothing_is_painted_as_the_best(report: Report, browser: Any) -> None:
    with opened(browser, report.pages[0], "#metric=giou") as page:
        assert "heat" not in page.locator("#matrix-body td[data-row=elr][data-track=flip-20]").get_attribute("class")
        assert "heat" in page.locator("#matrix-body td[data-row=gce][data-track=flip-20]").get_attribute("class")


def test_a_matrix_of_many_tracks_fits_on_paper(runs: Path, tmp_path: Path, browser: Any) -> None:
    def named(run: StoredRun, number: int) -> StoredRun:
        track = replace(run.result.track, name=f"narration-{number}", train_manifest=f"{number:032x}")
        return replace(run, result=replace(run.result, track=track, run_key=f"{number:02}{run.result.run_key[2:]}"))

    some = [
        run for run in read_results(runs).runs if not run.result.is_reference and run.result.track.name == "flip-20"
    ]
    stored = [named(run, number) for number in range(12) for run in some]
    page_path = write_report(stored, Sources(runs), tmp_path / "page", clips=1).pages[0]
    paper = 680  # px of 18 cm, an A4 sheet less its margins
    with opened(browser, page_path, viewport={"width": paper, "height": 1000}) as page:
        page.emulate_media(media="print")
        assert page.locator("#matrix-body thead th").count() == 13
        assert page.evaluate("document.querySelector('#matrix-body table').getBoundingClientRect().right") <= paper
