"""The leaderboard as it is printed: on a terminal, in Markdown, CSV, JSON, LaTeX and HTML, whatever the names are."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from bench_fakes import make_result
from board_fakes import SILENT, START, equal_on_clips, printed, seeds, shown
from rich.cells import cell_len
from rich.console import Console

from actiseg_bench.report.board import Leaderboard
from actiseg_bench.report.cells import CHOICES, HEADER, read_metrics
from actiseg_bench.report.latex import escape, render_latex
from actiseg_bench.report.render import RENDERERS, print_leaderboards, render_csv, render_markdown, to_json
from actiseg_bench.report.table import make_leaderboards
from actiseg_bench.report.web import render_html
from actiseg_bench.results.result import RunResult
from actiseg_noise.errors import ActisegError


def test_the_terminal_table_names_what_made_it() -> None:
    noisy = make_result(
        track="text-40", severity={"harmful_positives": 0.431, "median_iou": 0.667}, scores={"giou": 0.6612}
    )
    text = printed(noisy, START, SILENT)
    assert "model tiny · dataset kitchen · protocol quick-v1" in text
    assert "variant faithful · training seeds 0 · evaluation labels eval" in text
    assert "43.1 % of positives have a wrong noun · median IoU of noised masks 0.67" in " ".join(text.split())
    line = next(line for line in text.splitlines() if line.startswith("gce"))
    assert line.split() == ["gce", "50.0", "50.0", "50.0", "50.0", "66.1", "50.0", "50.0", "50.0"]


def test_an_undefined_score_is_a_dash() -> None:
    text = printed(make_result(scores={"n_miou": None}))
    assert next(line for line in text.splitlines() if line.startswith("gce")).split()[2] == "–"


@pytest.mark.parametrize(("width", "count"), [(80, 1), (100, 1), (120, 3)])
def test_the_terminal_table_fits_its_terminal(width: int, count: int) -> None:
    tracks = ["clean", "text-40", "mask-15", "mixed-40-15", "mixed-60-21", "flip-40"]
    runs = [
        r
        for t in tracks
        for s in ("baseline", "co_teaching")
        for r in seeds(*[0.661, 0.702, 0.683][:count], track=t, strategy=s)
    ]
    lines = printed(*runs, START, SILENT, width=width).splitlines()
    assert max(map(len, lines)) <= width
    assert not any("…" in line for line in lines)
    assert any("time" in line for line in lines)
    assert any("objects↑" in line for line in lines) == (width > 80)


def test_another_variant_is_named_with_its_strategy() -> None:
    text = printed(make_result(), make_result(variant="released"))
    assert "gce@released" in text
    assert "variant faithful, released" in text


def test_a_markdown_table_has_a_section_per_track_and_a_summary() -> None:
    text = render_markdown(make_leaderboards([make_result(), make_result(track="text-40", scores={"giou": 0.25})]))
    assert "# Leaderboard: tiny on kitchen" in text
    scores = "50.0 | 50.0 | 50.0 | 50.0 | 25.0 | 50.0 | 50.0 | 50.0"
    assert f"| gce | faithful | 1 | {scores} | – | – | – | 10 | 1.0 | 100 | – | – | – |" in text
    assert "| gce | faithful | 50.0 / 50.0 | 25.0 / 50.0 |" in text
    assert "**" not in text


def test_best_values_are_bold_in_markdown() -> None:
    text = render_markdown(make_leaderboards([*seeds(0.9, 0.7), *seeds(0.1, 0.3, strategy="baseline")]))
    assert "**80.0±14.1**" in text


def test_a_csv_has_a_line_per_track_and_row_and_reads_back() -> None:
    rows = list(
        csv.DictReader(io.StringIO(render_csv(make_leaderboards([make_result(scores={"n_miou": None}), START]))))
    )
    assert [row["strategy"] for row in rows] == ["start", "gce"]
    assert (rows[1]["giou"], rows[1]["n_miou"], rows[1]["giou_std"], rows[1]["seeds"]) == ("50.0000", "", "", "0")
    assert (rows[1]["train_manifest"], rows[1]["eval_manifest"]) == ("train", "eval")


def test_json_holds_scores_in_zero_to_one() -> None:
    data = json.loads(json.dumps(to_json(make_leaderboards([*seeds(0.25, 0.75), START]))))
    row = data[0]["blocks"][0]["rows"][1]
    assert (row["strategy"], row["values"]["giou"]["mean"], row["seeds"], row["best"]) == ("gce", 0.5, [0, 1], [])


FULL = [
    *seeds(0.7, 0.72, track="text-40"),
    *seeds(0.69, 0.71, track="text-40", strategy="baseline"),
    *[replace(r, oracle="noise rate 0.4") for r in seeds(0.5, 0.52, track="text-40", strategy="co_teaching")],
    START,
    SILENT,
]


def full() -> list[Leaderboard]:
    return make_leaderboards(FULL, equal_on_clips(baseline=0.2))


def test_marks_cost_and_oracle_knowledge_are_on_the_terminal() -> None:
    text = shown(full(), 140)
    row = {line.split()[0]: line for line in text.splitlines() if line.startswith(("gce", "baseline", "co_"))}
    assert "71.0±1.4*" in row["gce"]
    assert "70.0±1.4≈" in row["baseline"]
    assert "51.0±1.4 " in row["co_teaching†"]
    assert row["gce"].split()[-5:] == ["10", "1.0", "100", "1.0×", "1.0×"]
    assert "† co_teaching knew what a user would not: noise rate." in text


LONG_NAME = "a_strategy_of_somebody_else_with_a_long_name"


@pytest.mark.parametrize("width", [60, 80, 120, 200])
@pytest.mark.parametrize("metrics", [None, CHOICES])
def test_no_line_is_wider_than_the_terminal_and_no_number_is_lost(width: int, metrics: tuple[str, ...] | None) -> None:
    names = ["clean", "text-40", "mask-rand-15", "mixed-40-15", "mixed-60-21", "flip-40"]
    runs = [r for t in names for s in ("baseline", LONG_NAME) for r in seeds(0.661, 0.702, track=t, strategy=s)]
    stream = io.StringIO()
    print_leaderboards(make_leaderboards([*runs, START]), Console(width=width, file=stream, no_color=True), metrics)
    lines = stream.getvalue().splitlines()
    assert max(map(cell_len, lines)) <= width
    assert not any("…" in line for line in lines)
    shown = {word for line in lines if line.startswith("strategy") for word in line.split()}
    told = " ".join(" ".join(lines).partition("Not shown in")[2].partition("A wider terminal")[0].split())
    missing = [name for name in ("hands", "objects") if f"{name}↑" not in shown]
    assert all(name in told for name in missing)
    assert {"p-mIoU↑", "n-mIoU↓", "gIoU↑", "Acc↑", "time", "mem", "upd", "MiB"} <= shown
    assert sum(line.count("68.2±2.9") for line in lines) >= 2 * len(names)


def test_a_narrow_terminal_has_cost_in_a_table_of_its_own() -> None:
    lines = printed(*FULL, width=80).splitlines()
    assert max(map(len, lines)) <= 80
    headers = [line.split() for line in lines if line.startswith("strategy")]
    assert [header[-1] for header in headers] == ["Acc↑", "mem"]


def test_every_format_says_what_made_the_table() -> None:
    for text in (render_markdown(full()), render_csv(full()), render_latex(full()), render_html(full())):
        for word in ("tiny", "kitchen", "quick-v1", "text-40", "faithful", "eval", "train", "noise rate"):
            assert word in text, (word, text)


def test_latex_signs_are_escaped() -> None:
    assert escape("50 % of a_b & c#{}$") == r"50 \% of a\_b \& c\#\{\}\$"
    assert escape("\\~^") == r"\textbackslash{}\textasciitilde{}\textasciicircum{}"
    assert escape("↑ × ± ≈ – 間") == r"$\uparrow$ $\times$ $\pm$ $\approx$ -- ?"


def body(text: str) -> str:
    """LaTeX without its comments."""
    return "\n".join(line for line in text.splitlines() if not line.startswith("%"))


def tables(text: str) -> list[str]:
    return re.findall(r"\\begin\{table\*?\}.*?\\end\{table\*?\}", text, re.DOTALL)


def test_a_latex_caption_says_what_all_rows_share_and_what_marks_mean() -> None:
    (table,) = tables(render_latex(full()))
    (caption,) = re.findall(r"\\caption\{(.*)\}", table)
    assert caption == (
        r"tiny on kitchen (quick-v1), labels text-40: scores $\times$ 100, mean $\pm$ standard deviation over 2 runs. "
        r"Bold: best mean. $\approx$: not separable from the best at 5 \% (paired bootstrap, Holm's correction). "
        r"$\dagger$: was told what a user would not know."
    )
    assert r"co\_teaching$\dagger$" in table
    assert "faithful" not in body(table), "what is the same in every row has no column"


def test_latex_rows_of_unlike_numbers_of_runs_say_theirs() -> None:
    text = body(render_latex(make_leaderboards([*seeds(0.7, 0.72), *seeds(0.5, strategy="baseline")])))
    assert r"baseline $\times$1 of 2 &" in text
    assert r"gce $\times$2 &" in text
    assert "over" not in text


def test_a_latex_table_is_as_wide_as_it_must_be() -> None:
    """Two metrics fit a column of a two-column page, six with deviations take both, all have to be scaled."""
    narrow, wide, widest = (render_latex(full(), names) for names in (("p_miou", "giou"), None, CHOICES))
    assert [tables(text)[0].splitlines()[0] for text in (narrow, wide)] == [r"\begin{table}", r"\begin{table*}"]
    assert [r"\resizebox" in body(text) for text in (narrow, wide, widest)] == [False, False, True]
    assert r"Strategy & p-mIoU$\uparrow$ & gIoU$\uparrow$ \\" in narrow


def test_latex_has_the_summary_with_the_chosen_scores() -> None:
    boards = make_leaderboards([make_result(), make_result(track="text-40", scores={"giou": 0.25, "p_miou": 0.5})])
    first, second, summary = tables(render_latex(boards))
    assert "labels clean" in first
    assert "labels text-40" in second
    assert r"Strategy & clean & text-40 \\" in summary
    assert r"gce & 50.0 / 50.0 & 25.0 / 50.0 \\" in summary
    assert r"gce & 50.0 & 25.0 \\" in tables(render_latex(boards, ["giou"]))[2]


def test_a_row_that_begins_with_a_bracket_is_no_option_of_the_line_before() -> None:
    runs = [make_result(strategy="[8pt]"), make_result(strategy="*")]
    assert not re.search(r"\\\\\s*[\[*]", render_latex(make_leaderboards(runs)))


@pytest.mark.parametrize("form", ["md", "html", "csv", "latex"])
def test_metrics_choose_the_columns_of_every_form(form: str) -> None:
    text = RENDERERS[form](full(), ["p_miou", "time"])
    assert ("p_miou," in text) if form == "csv" else ("p-mIoU" in text)
    assert ("time_of_baseline" if form == "csv" else "time") in text
    assert not re.search(r"n-mIoU↓ *\||n-mIoU↓<|n_miou|cIoU.* &", text)


def test_metrics_are_named_or_refused() -> None:
    assert read_metrics(" giou,p_miou,giou") == ("giou", "p_miou")
    assert read_metrics(None) is None
    with pytest.raises(ActisegError, match=r"unknown metric 'gIoU'\. Did you mean 'giou'\?"):
        read_metrics("gIoU")
    with pytest.raises(ActisegError, match="expected columns such as p_miou,giou"):
        read_metrics(",")


def test_a_csv_has_what_was_asked_for_even_where_the_whole_one_lacks_it() -> None:
    (row, *_) = csv.DictReader(io.StringIO(render_csv(make_leaderboards([make_result()]), ["positive_ap", "updates"])))
    assert (row["updates"], row["positive_ap"], "giou" in row, row["strategy"]) == ("10", "", False, "gce")


def test_a_latex_table_is_balanced_and_has_as_many_cells_as_columns() -> None:
    text = render_latex(full())
    assert text.isascii()
    assert text.count(r"\begin{") == text.count(r"\end{")
    assert re.sub(r"\\.", "", text).count("{") == re.sub(r"\\.", "", text).count("}")
    (columns,) = re.findall(r"\\begin\{tabular\}\{(\w+)\}", text)
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert len(rows) == 1 + 5
    assert {len(re.findall(r"(?<!\\)&", line)) + 1 for line in rows} == {len(columns)}
    assert not re.search(r"(?<!\\)[%_#]", re.sub(r"(?m)^% .*$|%$|\\label\{.*\}", "", text))
    assert r"\textbf{71.0$\pm$1.4}" in text
    assert r"$\approx$\,70.0$\pm$1.4" in text


def test_an_html_page_stands_alone_and_is_well_formed() -> None:
    page = render_html(make_leaderboards([make_result(strategy="<b>&")]))
    opened: list[str] = []

    class Checker(HTMLParser):
        def handle_starttag(self, tag: str, attrs: object) -> None:
            if tag not in ("meta", "br"):
                opened.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert opened.pop() == tag

    Checker().feed(page)
    assert not opened
    assert "&lt;b&gt;&amp;" in page
    assert "src=" not in page
    assert "http" not in page


def test_the_marks_of_markdown_html_and_csv() -> None:
    assert "| **71.0±1.4** |" in render_markdown(full())
    assert "| ≈ 70.0±1.4 |" in render_markdown(full())
    assert '<td class="best">71.0±1.4</td>' in render_html(full())
    rows = {row["strategy"]: row for row in csv.DictReader(io.StringIO(render_csv(full())))}
    assert [rows[name]["giou_mark"] for name in ("gce", "baseline", "co_teaching")] == ["best", "not separable", ""]
    assert float(rows["co_teaching"]["giou_to_best_high"]) < 0
    assert rows["gce"]["giou_to_best_low"] == ""


HOSTILE = "<script>alert(1)</script>[a](javascript:b)[/red]{x}%$\\input{a}$`c`=|²"


def hostile_boards() -> list[Leaderboard]:
    """Two tracks whose every name is one that some format would act on; a result can have no line break or escape."""
    runs = [make_result(strategy=HOSTILE, track=f"{sign}{HOSTILE}", oracle=HOSTILE) for sign in "=-"]
    track = {"protocol": HOSTILE, "dataset": HOSTILE, "recipe": HOSTILE}
    named = [replace(run, model=f"@{HOSTILE}", track=replace(run.track, **track)) for run in runs]
    return make_leaderboards([RunResult.from_json(json.loads(json.dumps(run.to_json()))) for run in named])


def test_a_name_is_shown_as_it_is_in_html() -> None:
    page = render_html(hostile_boards())
    assert "<script" not in page
    assert page.count("&lt;script&gt;") > 10
    assert "href" not in page


def test_a_name_is_shown_as_it_is_in_markdown() -> None:
    page = render_markdown(hostile_boards())
    assert "<" not in page
    assert not re.search(r"(?<!\\)[\[\]`]", page)
    rows = [line for line in page.splitlines() if line.startswith("| ")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {len(HEADER) + 1, 5}


def test_a_name_is_shown_as_it_is_in_latex() -> None:
    code = "\n".join(line for line in render_latex(hostile_boards()).splitlines() if not line.startswith("%"))
    assert "\\input" not in code
    assert code.count("\\textbackslash{}input\\{a\\}\\$") > 4


def test_a_name_is_no_formula_in_csv() -> None:
    (row, other) = csv.DictReader(io.StringIO(render_csv(hostile_boards())))
    assert (row["model"], row["track"]) == (f"'@{HOSTILE}", f"'-{HOSTILE}")
    assert other["track"] == f"'={HOSTILE}"
    assert not [cell for cell in row.values() if cell.startswith(("=", "+", "@", "-"))]


def test_a_name_is_no_markup_on_the_terminal() -> None:
    assert shown(hostile_boards(), 2000).count(HOSTILE) > 6
