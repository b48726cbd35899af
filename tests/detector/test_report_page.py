"""The report in a real Chromium: nothing loaded, nothing cut off, readable in light, dark, on a phone, on paper, without a mouse."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from browsing import CONTRASTS, LEAST_CONTRAST, browser, in_browser
from reported import rows, write

from detector.bundle import Bundle
from detector.report import ReportOptions, write_report

pytestmark = in_browser

__all__ = ["browser"]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, bundle: Bundle) -> str:
    folder = tmp_path_factory.mktemp("page")
    options = ReportOptions(model=bundle.folder, created=datetime(2026, 11, 27, 3, tzinfo=UTC))
    write_report([write(folder / "scored.jsonl", rows(bundle.identity))], folder / "report.html", options=options)
    return (folder / "report.html").as_uri()


@pytest.fixture
def opened(browser: Any, address: str) -> Iterator[Any]:
    """A function that opens the page, and fails the test if the page complains or asks for anything but itself."""
    heard: list[str] = []
    contexts = []

    def opened(**settings: Any) -> Any:
        contexts.append(browser.new_context(**settings))
        page = contexts[-1].new_page()
        page.on("console", lambda message: heard.append(message.text))
        page.on("pageerror", lambda error: heard.append(str(error)))
        page.on("request", lambda request: heard.extend([request.url] if request.url != address else []))
        page.goto(address)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert heard == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_stands_out_from_its_ground(opened: Any, scheme: str) -> None:
    page = opened(color_scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    contrasts = page.evaluate(CONTRASTS)
    assert len(contrasts) > 200
    assert [each for each in contrasts if each[1] < LEAST_CONTRAST] == []
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
    assert dark == (scheme == "dark")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_marks_are_seen_and_not_by_colour_alone(opened: Any, scheme: str) -> None:
    page = opened(color_scheme=scheme)
    marks = page.locator("blockquote mark")
    assert marks.count() >= 8
    seen = marks.evaluate_all(
        "all => all.map(e => { const s = getComputedStyle(e), box = e.getBoundingClientRect(); "
        "return [e.className.trim(), s.backgroundColor, s.textDecorationLine, box.width > 4 && box.height > 8] })"
    )
    assert all(box for *_, box in seen)
    panel = page.locator("blockquote").first.evaluate("e => getComputedStyle(e).backgroundColor")
    for kinds, ground, line, _ in seen:
        assert (line == "underline") == ("lead-words" in kinds)
        assert ("sign" not in kinds) or ground not in {panel, "rgba(0, 0, 0, 0)"}
    numbers = page.locator("blockquote sup").all_inner_texts()
    assert {re.sub(r"\D", "", number) for number in numbers} == {"1"}
    assert page.locator("ol.signs li").first.inner_text().startswith("Travel paid.")


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_nothing_is_wider_than_the_window(opened: Any, width: int) -> None:
    page = opened(viewport={"width": width, "height": 740})
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    wide = "e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('.hidden, .skip')"
    assert page.evaluate(f"[...document.body.querySelectorAll('*')].filter({wide}).map(e => e.outerHTML.slice(0, 80))") == []


@pytest.mark.parametrize("width", [360, 1280])
def test_words_of_charts_do_not_overlap(opened: Any, width: int) -> None:
    page = opened(viewport={"width": width, "height": 740})
    boxes = page.evaluate(
        "[...document.querySelectorAll('.chart')].map(chart => [...chart.querySelectorAll('text')]"
        ".map(e => e.getBoundingClientRect()).filter(box => box.width).map(box => [box.left, box.right, box.top + 4, box.bottom - 4]))"
    )
    assert [len(chart) >= 5 for chart in boxes] == [True, True]
    for chart in boxes:
        for number, (left, right, top, bottom) in enumerate(chart):
            others = chart[number + 1 :]
            assert not [box for box in others if left < box[1] and box[0] < right and top < box[3] and box[2] < bottom]


def test_a_post_has_not_run(opened: Any) -> None:
    page = opened()
    assert page.title() == "11 posts screened for scam-compound recruitment"
    assert page.evaluate("document.scripts.length + document.images.length") == 0
    assert page.locator("blockquote", has_text="<script>document.title").count() == 1


def test_a_screen_reader_is_told_what_there_is(opened: Any) -> None:
    page = opened()
    tree = page.locator("body").aria_snapshot()
    parts = ("banner:", 'navigation "Contents":', "main:", "contentinfo:", 'img "Posts by score', 'img "Flagged posts by day')
    for part in parts:
        assert part in tree, part
    assert len(re.findall(r"- heading .*\[level=1\]", tree)) == 1
    levels = [int(level) for level in re.findall(r"\[level=(\d)\]", tree)]
    assert all(after <= before + 1 for before, after in zip(levels, levels[1:], strict=False))
    assert '- columnheader "Language"' in tree
    assert re.search(r'- rowheader "English en"', tree)
    assert re.search(r"\(sign 1\s*\)", page.locator("blockquote").first.text_content())
    # Names of charts' descriptions, tables' captions, and targets of links are there.
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))
    wanted = page.evaluate(
        "[...document.querySelectorAll('[aria-labelledby]')].flatMap(e => e.getAttribute('aria-labelledby').split(' '))"
        ".concat([...document.querySelectorAll('a')].map(e => e.hash.slice(1)))"
    )
    assert set(wanted) <= set(ids)
    assert page.locator("th:not([scope])").count() == 0


def test_a_keyboard_is_enough(opened: Any) -> None:
    page = opened()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "To the report"
    assert page.evaluate("document.activeElement.getBoundingClientRect().left") >= 0
    summary = page.locator("summary").first
    summary.focus()
    table = page.locator("details").first.locator("table")
    assert not table.is_visible()
    page.keyboard.press("Enter")
    assert table.is_visible()
    page.keyboard.press("Tab")
    outline = page.evaluate("getComputedStyle(document.activeElement).outline")
    assert "solid 3px" in outline


def test_posts_run_in_the_direction_of_their_script(opened: Any) -> None:
    page = opened()
    edges = (
        "e => { const range = document.createRange(), box = e.getBoundingClientRect(); range.selectNodeContents(e); "
        "const words = range.getClientRects()[0]; return [getComputedStyle(e).direction, words.left - box.left, box.right - words.right] }"
    )
    direction, left, right = page.locator("blockquote[lang=ar]").evaluate(edges)
    assert direction == "rtl"
    assert right < left
    direction, left, right = page.locator("blockquote[lang=en]").first.evaluate(edges)
    assert direction == "ltr"
    assert left < 40


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_motion_is_left_out_when_it_is_not_wanted(opened: Any, motion: str) -> None:
    page = opened(reduced_motion=motion)
    smooth = page.evaluate("getComputedStyle(document.documentElement).scrollBehavior")
    assert smooth == ("auto" if motion == "reduce" else "smooth")


def test_it_prints_in_black_on_white_with_its_tables(opened: Any, tmp_path: Path) -> None:
    page = opened(color_scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(28, 30, 34)"
    assert not page.locator("nav").is_visible()
    assert page.locator("details table").first.evaluate("e => e.getBoundingClientRect().height") > 100
    pdf = page.pdf(path=tmp_path / "report.pdf", format="A4")
    pages = len(re.findall(rb"/Type ?/Page\b", pdf))
    assert 6 <= pages <= 20
    if shutil.which("pdftotext"):
        text = subprocess.run(["pdftotext", tmp_path / "report.pdf", "-"], capture_output=True, text=True, check=True).stdout
        assert "A person decides." in text
        assert "0.95 to 1.00" in text
