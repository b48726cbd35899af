"""The review page in a real Chromium against a real server: used, refused, stopped, saved, read from right to left, on a phone."""

import csv
import io
import json
import re
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from browsing import CONTRASTS, LEAST_CONTRAST, browser, in_browser
from letters import LetterBackend
from running import SlowBackend, running

from detector import Detector, columns
from detector.bundle import Bundle
from detector.calibration import OperatingPoints
from detector.outputs import CsvWriter, safe_cell
from detector.records import LABELS
from serve import pages
from serve.app import create_app
from serve.keys import KeyStore
from serve.security import Gate, guards
from serve.settings import Settings

FOLDER = Path(pages.__file__).parent
TEXTS = {path.suffixes[0][1:]: json.loads(path.read_text("utf-8")) for path in sorted(FOLDER.glob("texts.*.json"))}
LURE = "zoo staff wanted, zzz yyy xxx zzz tutu yoyo, zzzz write @example_hr"
DOUBTFUL = "tuxedo crew poster sought"
DULL = "a calm baker calls a dad back at a cafe"
ARABIC = "مطلوب عمال في zzzzzz yyyyyy xxxxxx السكن مجاني والسفر على الشركة"

LEAST_TARGET_PX = 24
"""Of what is pressed. Source: WCAG 2.2, success criterion 2.5.8."""
VIOLATIONS = "document.addEventListener('securitypolicyviolation', event => console.error('policy: ' + event.violatedDirective))"

__all__ = ["browser"]


@pytest.fixture(scope="module")
def lowered(bundle: Bundle) -> Bundle:
    """The letters with operating points that a text of words can reach."""
    return replace(bundle, manifest=replace(bundle.manifest, operating_points=OperatingPoints(high=0.3, review=0.2)))


@contextmanager
def serving(bundle: Bundle, backend: LetterBackend | None = None, keys: Path | None = None) -> Iterator[str]:
    """Serve letters; with keys where a data directory is given."""
    detector = Detector(bundle, backend or LetterBackend(), threads=1)
    detector.score([LURE])  # the first post waits for tables of languages and numbers
    settings = Settings() if keys is None else Settings(data=keys, anonymous="no")
    gate = None if keys is None else Gate(settings)
    app = create_app(lambda: detector, settings, guards=guards(gate) if gate else ())
    with running(app) as port:
        yield f"http://127.0.0.1:{port}"
    if gate:
        gate.close()


@pytest.fixture(scope="module")
def address(lowered: Bundle) -> Iterator[str]:
    with serving(lowered) as address:
        yield address


Opened = Callable[..., Any]


@pytest.fixture(scope="module")
def window(browser: Any) -> Iterator[Any]:
    """One page for all tests that do not want a browser of another language: a new one costs seconds of processor time."""
    page = window_of(browser, "en-US")
    yield page
    page.context.close()


def window_of(browser: Any, locale: str) -> Any:
    page = browser.new_context(locale=locale).new_page()
    page.set_default_timeout(30_000)
    page.add_init_script(VIOLATIONS)
    return page


@pytest.fixture
def opened(browser: Any, window: Any, address: str) -> Iterator[Opened]:
    """A function that opens the page, and fails the test if the page complains, breaks its policy, or asks anybody else.

    ``at`` names another server; ``expected`` the statuses that the browser will complain of; ``media`` what the reader prefers.
    """
    heard: list[str] = []
    pages: list[Any] = []
    listeners: list[tuple[Any, str, Callable[[Any], None]]] = []

    def opened(
        *, at: str = address, expected: tuple[int, ...] = (), locale: str | None = None, width: int = 1280, **media: str
    ) -> Any:
        page = window if locale is None else window_of(browser, locale)
        pages.append(page)
        page.set_viewport_size({"width": width, "height": 740})
        page.emulate_media(**{"color_scheme": "light", "reduced_motion": "reduce", **media})
        told = tuple(f"responded with a status of {status} " for status in expected)
        hear: dict[str, Callable[[Any], None]] = {
            "console": lambda said: heard.extend([] if any(each in said.text for each in told) else [said.text]),
            "pageerror": lambda error: heard.append(str(error)),
            "request": lambda asked: heard.extend([] if asked.url.startswith((at, "blob:" + at)) else [asked.url]),
        }
        for event, listener in hear.items():
            page.on(event, listener)
            listeners.append((page, event, listener))
        page.goto(at)
        page.locator("#model", has_text="sha256").or_(page.locator("#key")).and_(page.locator(":visible")).first.wait_for()
        return page

    yield opened
    for page in pages:
        page.unroute_all()
        page.evaluate("localStorage.clear(), sessionStorage.clear()")
    for page, event, listener in listeners:
        page.remove_listener(event, listener)
    for page in pages:
        # Left where it is: the next address is one of the same machine, and its fonts are loaded.
        if page is not window:
            page.context.close()
    assert heard == []


def check(page: Any, text: str | None = None) -> None:
    """Check posts and wait for the end."""
    if text is not None:
        page.fill("#text", text)
    page.click("#check")
    ended(page)


def until(page: Any, expression: str, *, arg: object = None) -> None:
    """Wait until an expression holds; Playwright's own way to do so evaluates it in the page, which the policy forbids."""
    deadline = time.monotonic() + 30
    while not page.evaluate(expression, arg):
        assert time.monotonic() < deadline, expression
        page.wait_for_timeout(50)


def ended(page: Any) -> None:
    """Wait for the end of a run, which has begun."""
    page.locator("#stop").wait_for(state="hidden")


def drop(page: Any, name: str, content: bytes) -> None:
    page.evaluate(
        """([name, bytes]) => {
          const transfer = new DataTransfer();
          transfer.items.add(new File([Uint8Array.from(atob(bytes), sign => sign.charCodeAt(0))], name));
          for (const kind of ['dragover', 'drop']) {
            document.querySelector('h1').dispatchEvent(new DragEvent(kind, {dataTransfer: transfer, bubbles: true, cancelable: true}));
          }
        }""",
        [name, b64encode(content).decode()],
    )
    until(page, "document.querySelector('#file-fault').textContent || !document.querySelector('#chosen').hidden")


def saved(page: Any, button: str) -> bytes:
    with page.expect_download() as download:
        page.click(button)
    content: bytes = Path(download.value.path()).read_bytes()
    return content


@pytest.fixture(scope="module")
def modules(browser: Any, address: str) -> Iterator[Any]:
    """A page for tests of what its modules return."""
    page = browser.new_page()
    page.goto(address)
    yield page
    page.close()


def imported(page: Any, module: str, expression: str, *values: object) -> Any:
    """Evaluate an expression with the names of a module of the page, as ``m``, and values, as ``v``."""
    return page.evaluate(f"async v => {{ const m = await import('/page/{module}.js'); return {expression}; }}", list(values))


@in_browser
def test_pasted_posts_get_their_verdicts_with_the_words_that_carried_them(opened: Opened, lowered: Bundle) -> None:
    page = opened()
    check(page, f"{DULL}\n\n{LURE}\n \nhi")
    assert page.inner_text("#status") == "Finished. Checked: 3 of 3"
    assert page.evaluate("document.querySelector('#progress').value") == 3
    posts = page.locator("article")
    assert posts.count() == 3
    with Detector(lowered, LetterBackend(), threads=1) as detector:
        dull, lure, _ = detector.score([DULL, LURE, "hi"])
    assert (lure.band, dull.band) == ("high", "low")
    first = posts.first
    assert f"score {lure.score:.3f}" in first.inner_text()
    assert "High" in first.inner_text()
    assert first.locator(".tag svg use").get_attribute("href") == "#shape-high"
    assert (
        first.locator("blockquote").evaluate("e => { e.querySelectorAll('sup').forEach(s => s.remove()); return e.textContent }")
        == LURE
    )
    marked = {piece.text for piece in lure.evidence}
    assert marked & set(first.locator("mark.lead-words").all_text_contents())
    signs = first.locator("ol.signs li")
    assert signs.count() == len(lure.indicators) > 5
    assert signs.first.inner_text().startswith(TEXTS["en"][f"sign.{lure.indicators[0].code}"])
    assert "Telegram @example_hr" in first.inner_text() or "account @example_hr" in first.inner_text()
    assert "The text has too few letters." in page.locator("article[data-band=abstain]").inner_text()


@in_browser
def test_offsets_count_code_points(opened: Opened) -> None:
    text = "🙏🙏 zoo 👩‍👩‍👧 tour"
    page = opened()
    found = imported(page, "marking", "m.mark(v[0], [{start: 3, end: 6}], [[{start: 4, end: 6}]]).pieces", text)
    assert [piece["text"] for piece in found] == ["🙏🙏 ", "z", "oo", " 👩‍👩‍👧 tour"]
    assert [(piece["headline"], piece["signs"], piece["ending"]) for piece in found[1:3]] == [(True, [], []), (True, [0], [0])]
    check(page, f"🙏🙏🙏 {LURE}")
    shown = page.locator("article blockquote mark.lead-words").all_text_contents()
    assert shown
    assert all(words in LURE for words in shown)


@in_browser
@pytest.mark.slow
def test_of_a_long_post_the_part_around_its_evidence_is_shown_until_all_is_asked_for(opened: Opened) -> None:
    page = opened()
    found = imported(page, "marking", "m.mark(v[0], [{start: 3000, end: 3003}], [])", "🙏" * 3000 + "zoo" + "b" * 997)
    assert (found["before"], found["after"], sum(len(piece["text"]) for piece in found["pieces"])) == (2800, 0, 1200)
    page.check("#whole")
    check(page, f"{DULL}\n\n" * 60 + LURE)
    assert page.locator("article").count() == 1
    shown = len(page.inner_text("article blockquote"))
    assert shown < 1500
    page.click("article button.link")
    assert len(page.inner_text("article blockquote")) > 2000
    assert page.evaluate("document.activeElement.localName") == "blockquote"


@in_browser
def test_a_post_is_never_run(opened: Opened) -> None:
    post = f"<img src=x onerror=\"document.title='run'\"><script>document.title='run'</script> {LURE}"
    page = opened()
    check(page, post)
    drop(page, "<b>name.csv", f'id,text\n"<img src=y>","{DULL} <b>bold</b>"\n'.encode())
    check(page)
    assert "<b>bold</b>" in page.inner_text("article blockquote")
    assert "<img src=y>" in page.inner_text("article h3")
    assert page.title() == TEXTS["en"]["title"]
    assert page.evaluate("document.images.length + document.querySelectorAll('b:not(.chip b), article script').length") == 0


@in_browser
def test_pasted_text_is_parted(modules: Any) -> None:
    cases: list[tuple[str, bool, list[str]]] = [
        ("one\ntwo\n\n\n three \n", False, ["one\ntwo", "three"]),
        ("one\r\n\u3000\r\ntwo", False, ["one", "two"]),
        ("one\n\nstill\n---\ntwo\n -----\n\n-\u2060-\u2060-\n", False, ["one\n\nstill", "two"]),
        ("one\n---\n\ntwo", True, ["one\n---\n\ntwo"]),
        (" \n\n", True, []),
    ]
    found = imported(modules, "reading", "v.map(each => m.split(...each))", *((text, whole) for text, whole, _ in cases))
    assert found == [posts for *_, posts in cases]


@in_browser
def test_files_are_read_as_the_library_reads_them(modules: Any) -> None:
    names = {name: imported(modules, "columns", f"m.{name}") for name in ("TEXT_NAMES", "TITLE_NAMES", "DETAIL_NAMES", "ID_NAMES")}
    assert {name: tuple(found) for name, found in names.items()} == {name: getattr(columns, name) for name in names}
    for header in (["Post ID", "Job Title", "Job-Description"], ["内容", "lang"], ["message", "text", "_id"], ["nothing"]):
        found = imported(modules, "columns", "m.choose(v[0])", header)
        text = columns.choose("f", header) if header != ["nothing"] else columns.Choice(())
        assert (tuple(found["text"]), found.get("id"), tuple(found["language"])) == (text.text, text.id, text.language)
    for delimiter in (",", ";", "\t", "|"):
        rows = [["id", "text"], ["1", f'a "quoted" {delimiter}\r\nline'], ["2", ""], ["3", " plain\u0085 "]]
        written = io.StringIO(newline="")
        csv.writer(written, delimiter=delimiter).writerows(rows)
        assert imported(
            modules, "delimited", "[m.delimiterOf(v[0]), m.records(v[0], m.delimiterOf(v[0]))]", written.getvalue()
        ) == [
            delimiter,
            rows,
        ]


@in_browser
def test_a_dropped_table_is_scored_by_the_column_that_is_chosen(opened: Opened) -> None:
    table = f'\ufeffname;note;post_text\r\nm-1;"{DULL}";"{LURE}\r\nsecond; line with ""quotes"""\r\nm-2;{LURE};\r\nbroken\r\nm-3;x;{DULL}\r\n'
    page = opened()
    drop(page, "scrape.csv", table.encode())
    assert page.inner_text("#file-name") == "scrape.csv"
    assert not page.is_visible("#paste")
    assert page.locator("#column option:checked").inner_text() == "post_text"
    assert page.inner_text("#found") == "Posts found: 2"
    assert page.inner_text("#refused").endswith(": 2")
    check(page)
    assert page.inner_text("article h3 >> nth=0") == "Post 1"
    assert 'second; line with "quotes"' in page.locator("article blockquote").first.evaluate(
        "e => { e.querySelectorAll('sup').forEach(s => s.remove()); return e.textContent }"
    )
    page.select_option("#column", label="note")
    assert page.inner_text("#found") == "Posts found: 3"
    page.click("#file-close")
    assert page.is_visible("#paste")


@in_browser
@pytest.mark.slow
def test_files_of_other_kinds_are_read_or_refused_with_a_reason(opened: Opened) -> None:
    page = opened()
    drop(page, "a.jsonl", f'{{"id": 7, "text": "{LURE}"}}\nnot json\n{{"id": 8, "text": 3}}\n'.encode())
    assert (page.inner_text("#found"), page.inner_text("#refused")[-1]) == ("Posts found: 1", "2")
    drop(page, "b.json", json.dumps([LURE, {"body": DULL}, {"text": DULL}]).encode())
    assert page.inner_text("#found") == "Posts found: 2"
    drop(page, "c.txt", f"{LURE}\n\n{DULL}".encode("utf-16"))
    assert page.inner_text("#found") == "Posts found: 2"
    drop(page, "d.csv", "id,unknown\n1,สวัสดี\n".encode("cp874"))
    assert page.is_visible("#encoding-note")
    assert page.locator("#column").input_value() == ""
    assert page.is_disabled("#check")
    page.select_option("#column", label="unknown")
    page.select_option("#encoding", "windows-874")
    until(page, "document.querySelector('#encoding-note').hidden")
    page.select_option("#column", label="unknown")
    assert page.inner_text("#first-post") == "สวัสดี"
    drop(page, "e.xlsx", b"PK\x03\x04")
    assert page.inner_text("#file-fault").startswith("A file of this kind is not read here.")


@in_browser
def test_too_many_posts_are_said_to_be_too_many_and_the_rest_is_paged(opened: Opened) -> None:
    page = opened()
    # Parting and counting are tried with all of them, scoring with few: 5,000 take the letters some seconds.
    drop(page, "many.txt", "\n\n".join(f"a post {number}" for number in range(5001)).encode())
    assert "5,001" in page.inner_text("#many")
    assert page.inner_text("#check") == "Check the first 5,000"
    page.click("#file-close")
    check(page, "\n\n".join(f"{DULL} {number}" for number in range(45)))
    assert page.inner_text("#status") == "Finished. Checked: 45 of 45"
    assert page.locator("article").count() == 20
    assert page.inner_text("#page-number") == "Page 1 of 3"
    page.select_option("#order", "place")
    for _ in range(2):
        page.click("#after")
    assert page.locator("article h3").all_inner_texts() == [f"Post {number}" for number in range(41, 46)]
    assert page.is_disabled("#after")
    assert page.evaluate("document.activeElement.id") == "results-title"


@in_browser
def test_filters_show_what_fits_and_say_how_many(opened: Opened) -> None:
    page = opened()
    check(page, f"{DULL}\n\n{LURE}\n\nhi")
    assert page.locator("#bands label").all_text_contents() == ["High 1", "Review 0", "Low 1", "Abstained 1"]
    page.uncheck("#band-high")
    assert page.locator("article").count() == 2
    page.uncheck("#band-abstain")
    assert page.locator("article").evaluate_all("all => all.map(e => e.dataset.band)") == ["low"]
    page.check("#band-high")
    page.fill("#search", "ＺＯＯ Staff")
    assert page.inner_text("#shown") == "Shown: 1 of 3"
    page.fill("#search", "nowhere")
    assert page.inner_text("#shown") == "No post fits these filters. There are 3 in all."
    page.fill("#search", "")
    page.select_option("#sign", "travel_paid")
    assert page.locator("#sign option:checked").inner_text() == "Travel paid (1)"
    assert page.locator("article").count() == 1
    page.select_option("#sign", "")
    language = page.locator("#spoken option").nth(1).get_attribute("value")
    page.select_option("#spoken", language)
    assert 0 < page.locator("article").count() < 3


@in_browser
def test_what_is_saved_is_what_the_library_writes(opened: Opened, lowered: Bundle) -> None:
    rows = [
        {"id": "=1+1", "text": f'{LURE}\r\n"two"', "score": "+9", "input_score": "-9", "note": "@SUM(A1)"},
        {"id": "b", "text": DULL, "score": "-5.5", "input_score": "\tx", "note": "1,2"},
    ]
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    page = opened()
    drop(page, "posts.csv", file.getvalue().encode())
    check(page)
    page.select_option("#order", "place")
    with Detector(lowered, LetterBackend(), threads=1) as detector:
        verdicts = detector.score(row["text"] for row in rows)
    carrier = columns.Carrier(rows[0], frozenset(), "id")
    assert carrier.name("id") == "id"
    stream = io.BytesIO()
    names = {"id": "id", "text": "text", "score": "input_input_score", "input_score": "input_score", "note": "input_note"}
    expected = CsvWriter(stream, dict.fromkeys(names.values(), str), LABELS)
    for row, verdict in zip(rows, verdicts, strict=True):
        carried = {names[name]: value for name, value in row.items()}
        expected.write(carried, replace(verdict, id=row["id"]))
    expected.finish()
    assert table(saved(page, "#save-csv")) == table(stream.getvalue())
    lines = [json.loads(line) for line in saved(page, "#save-jsonl").decode().splitlines()]
    for line, row, verdict in zip(lines, rows, verdicts, strict=True):
        told = json.loads(json.dumps(verdict.to_dict())) | {"id": row["id"]}
        assert line == {**{names[name]: value for name, value in row.items()}, **told}
    page.uncheck("#band-high")
    assert [json.loads(line)["id"] for line in saved(page, "#save-jsonl").decode().splitlines()] == ["b"]
    page.select_option("#which", "all")
    assert len(saved(page, "#save-jsonl").decode().splitlines()) == 2


def table(content: bytes) -> list[list[object]]:
    """Return the cells of a CSV; numbers as such, since they can be written in several ways."""
    assert content.startswith(b"\xef\xbb\xbf")

    def cell(text: str) -> object:
        return pytest.approx(float(text), abs=1e-9) if re.fullmatch(r"\d(\.\d+)?(e-\d+)?", text) else text

    return [[cell(text) for text in row] for row in csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))]


@in_browser
def test_no_cell_is_run_by_a_spreadsheet(modules: Any) -> None:
    cells = [
        "=A1",
        " =A1",
        "\u200b+x",
        "\ufeff-x",
        "＝A1",
        "-5",
        "+1e5",
        "-5-3",
        "@x",
        "\tx",
        "\r=x",
        "a=b",
        "",
        "\x1c=1",
        "\x85=1",
        "-٣",
        "\xa0@x",
    ]
    assert imported(modules, "saving", "v[0].map(m.safeCell)", cells) == [safe_cell(cell) for cell in cells]


@in_browser
def test_contacts_are_hidden_on_the_page_and_in_files_when_asked(opened: Opened) -> None:
    page = opened()
    post = f"🙏 {LURE} or example_hr, e x a m p l e _ h r, x@example.com, t.me/example, +62 812-0000-0000, pay 12.000.000"
    check(page, post)
    page.check("#masked")
    shown = page.inner_text("article")
    for part in ("example", "812", "t.me"):
        assert part not in shown
    assert "12.000.000" in shown
    lines = [json.loads(line) for line in saved(page, "#save-jsonl").decode().splitlines()]
    assert len(lines[0]["text"]) == len(post)
    assert set(lines[0]) & {"input_text"} == set()
    assert all(piece["text"] == lines[0]["text"][piece["start"] : piece["end"]] for piece in lines[0]["evidence"])
    assert "example" not in saved(page, "#save-csv").decode()
    page.uncheck("#masked")
    assert "@example_hr" in page.inner_text("article")


@in_browser
def test_a_key_is_asked_for_and_kept_only_if_that_is_wanted(opened: Opened, lowered: Bundle, tmp_path: Path) -> None:
    store = KeyStore(tmp_path)
    scoring, watching = store.add("a", ["score"]), store.add("b", ["metrics"])
    with serving(lowered, keys=tmp_path) as at:
        page = opened(at=at, expected=(401, 403))
        page.wait_for_selector("#key:not([hidden])")
        assert page.evaluate("document.activeElement.id") == "key-value"
        for key, said in ((f"{scoring[:-4]}zzzz", "key.wrong"), ("ключ", "key.wrong"), (watching, "key.other")):
            page.fill("#key-value", key)
            page.keyboard.press("Enter")
            until(page, "said => document.querySelector('#key-fault').textContent === said", arg=TEXTS["en"][said])
        page.fill("#key-value", scoring)
        page.keyboard.press("Enter")
        until(page, "document.querySelector('#model').textContent.includes('sha256')")
        assert not page.is_visible("#key")
        check(page, LURE)
        assert page.inner_text("#status") == "Finished. Checked: 1 of 1"
        assert page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])") == '[{},{},""]'
        page.reload()
        page.wait_for_selector("#key:not([hidden])")
        page.fill("#key-value", scoring)
        page.check("#key-keep")
        page.click("#key-form button.first")
        until(page, "document.querySelector('#model').textContent.includes('sha256')")
        page.reload()
        until(page, "document.querySelector('#model').textContent.includes('sha256')")
        store.revoke(scoring.split("_")[1])
        check(page, LURE)
        assert page.inner_text("#status").startswith("The service asks for a key.")
        page.fill("#key-value", store.add("c", ["score"]))
        page.keyboard.press("Enter")
        until(page, "document.activeElement.id === 'resume'")
        page.keyboard.press("Enter")
        until(page, "document.querySelector('#status').textContent === 'Finished. Checked: 1 of 1'")


@in_browser
def test_a_busy_service_is_asked_again_when_it_says(opened: Opened) -> None:
    page = opened(expected=(429, 503))
    refusals, asked = [429, 503], []

    def refuse_twice(route: Any) -> None:
        asked.append(time.monotonic())
        if refusals:
            route.fulfill(status=refusals.pop(), headers={"Retry-After": "1"}, content_type="application/problem+json", body="{}")
        else:
            route.continue_()

    page.route("**/v1/score", refuse_twice)
    page.fill("#text", LURE)
    page.click("#check")
    until(page, "document.querySelector('#status').textContent.includes('asked again in 1 s')")
    ended(page)
    assert len(asked) == 3
    assert asked[2] - asked[0] >= 2
    assert page.inner_text("#status") == "Finished. Checked: 1 of 1"


@in_browser
def test_what_sinks_a_chunk_sinks_no_other_post(opened: Opened) -> None:
    page = opened(expected=(500,))
    sizes: list[int] = []

    def fail_on_poison(route: Any) -> None:
        sent = route.request.post_data_json
        sizes.append(len(sent["items"]))
        if any("poison" in item["text"] for item in sent["items"]):
            route.fulfill(status=500, content_type="application/problem+json", body="{}")
        else:
            route.continue_()

    page.route("**/v1/score", fail_on_poison)
    check(page, "\n\n".join("poison" if number == 2 else f"cab {number}" for number in range(66)))
    assert sizes == [64, 32, 16, 8, 4, 2, 2, 1, 1, 4, 8, 16, 32, 2]
    assert page.inner_text("#status") == "Done for now. Checked: 65 of 66; the others got no answer"
    page.select_option("#order", "place")
    for band in ("high", "review", "low", "abstain"):
        page.uncheck(f"#band-{band}")
    assert page.locator("article h3").all_inner_texts() == ["Post 3"]
    assert page.inner_text("#resume") == "Go on with the rest (1)"
    page.unroute("**/v1/score")
    page.click("#resume")
    ended(page)
    assert page.inner_text("#status") == "Finished. Checked: 66 of 66"


@in_browser
def test_a_post_that_cannot_be_scored_says_why_and_the_others_are_scored(opened: Opened) -> None:
    page = opened()
    drop(page, "a.json", json.dumps([{"text": LURE}, {"text": "b" * 100_001}, {"text": DULL + "\ud83d"}]).encode())
    check(page)
    assert page.inner_text("#status") == "Finished. Checked: 1 of 3"
    assert not page.is_visible("#resume")
    assert page.locator("#bands label").last.text_content() == "Not scored 2"
    assert TEXTS["en"]["fault.invalid_text"] in page.locator("article[data-band=unscored]").first.inner_text()
    assert json.loads(saved(page, "#save-jsonl").decode().splitlines()[1])["error"] == "invalid_text"


@in_browser
def test_escape_stops_and_what_is_left_can_go_on(opened: Opened, lowered: Bundle) -> None:
    backend = SlowBackend()
    with serving(lowered, backend) as at:
        page = opened(at=at)
        backend.open.clear()
        page.fill("#text", "\n\n".join(f"{DULL} {number}" for number in range(3)))
        page.click("#check")
        assert page.evaluate("document.activeElement.id") == "stop"
        page.keyboard.press("Escape")
        ended(page)
        assert page.inner_text("#status") == "Stopped. Checked: 0 of 3"
        backend.open.set()
        page.click("#resume")
        until(page, "document.querySelector('#status').textContent === 'Finished. Checked: 3 of 3'")


@in_browser
def test_a_keyboard_is_enough(opened: Opened) -> None:
    page = opened()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "To the posts"
    assert page.evaluate("document.activeElement.getBoundingClientRect().left") >= 0
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "text"
    page.keyboard.insert_text(f"{LURE}\n\n{DULL}")
    seen = []
    for _ in range(3):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.id"))
        ring = (
            "getComputedStyle(document.activeElement.id === 'file' ? document.querySelector('[for=file]') : document.activeElement)"
        )
        assert "solid 3px" in page.evaluate(f"{ring}.outline")
    assert seen == ["whole", "file", "check"]
    page.keyboard.press("Enter")
    ended(page)
    assert page.evaluate("document.activeElement.id") == "results-title"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "band-high"
    page.keyboard.press("Space")
    assert page.locator("article").count() == 1
    assert page.evaluate("document.activeElement.id") == "band-high"


@in_browser
def test_a_screen_reader_is_told_what_there_is(opened: Opened) -> None:
    page = opened()
    check(page, f"{LURE}\n\n{DULL}")
    tree = page.locator("body").aria_snapshot()
    for part in (
        "banner:",
        "main:",
        "contentinfo:",
        'region "Posts"',
        'region "Results"',
        'progressbar "Progress"',
        'article "Post 1"',
    ):
        assert part in tree, part
    assert 'textbox "Paste posts here"' in tree
    assert page.get_attribute("#status", "role") == "status"
    assert page.get_attribute("#shown", "aria-live") == "polite"
    unnamed = "[...document.querySelectorAll('input, select, textarea')].filter(e => !e.labels.length).map(e => e.id)"
    assert page.evaluate(unnamed) == []
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))
    assert re.search(r"\(sign 1\s*\)", page.locator("blockquote").first.text_content() or "") or "(sign " in (
        page.locator("article blockquote").first.text_content() or ""
    )


@in_browser
def test_posts_run_in_the_direction_of_their_script(opened: Opened) -> None:
    page = opened()
    check(page, f"{ARABIC}\n\n{LURE}")
    edges = (
        "e => { const range = document.createRange(), box = e.getBoundingClientRect(); range.selectNodeContents(e); "
        "const words = range.getClientRects()[0]; return [getComputedStyle(e).direction, words.left - box.left, box.right - words.right] }"
    )
    arabic = page.locator("blockquote", has_text="مطلوب").and_(page.locator("article blockquote"))
    direction, left, right = arabic.evaluate(edges)
    assert direction == "rtl"
    assert right < left
    assert arabic.get_attribute("lang")
    direction, left, _ = page.locator("article blockquote", has_text="zoo").evaluate(edges)
    assert (direction, left < 40) == ("ltr", True)
    assert page.locator("article").first.evaluate("e => getComputedStyle(e).direction") == "ltr"


@in_browser
@pytest.mark.parametrize("scheme", [pytest.param("light", marks=pytest.mark.slow), "dark"])
def test_all_text_stands_out_from_its_ground(opened: Opened, scheme: str) -> None:
    page = opened(color_scheme=scheme, reduced_motion="reduce" if scheme == "dark" else "no-preference")
    # Motion is left out where it is not wanted.
    smooth = page.evaluate("getComputedStyle(document.documentElement).scrollBehavior")
    assert smooth == ("auto" if scheme == "dark" else "smooth")
    check(page, f"{LURE}\n\n{DULL}\n\nhi\n\n{DOUBTFUL}")
    page.evaluate("document.querySelector('#key').hidden = false; document.querySelector('#key-fault').textContent = 'x'")
    contrasts = page.evaluate(CONTRASTS)
    assert len(contrasts) > 150
    assert [each for each in contrasts if each[1] < LEAST_CONTRAST] == []
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
    assert dark == (scheme == "dark")
    panel = page.locator("article blockquote").first.evaluate("e => getComputedStyle(e).backgroundColor")
    assert page.locator("article mark.sign").first.evaluate("e => getComputedStyle(e).backgroundColor") not in {
        panel,
        "rgba(0, 0, 0, 0)",
    }
    assert page.locator("article mark.lead-words").first.evaluate("e => getComputedStyle(e).textDecorationLine") == "underline"


@in_browser
@pytest.mark.parametrize("language", [each if each == "th" else pytest.param(each, marks=pytest.mark.slow) for each in TEXTS])
def test_a_phone_shows_it_in_each_language_without_scrolling_sideways(opened: Opened, language: str) -> None:
    page = opened(width=360, locale=f"{language}-XX" if language != "zh" else "zh-TW")
    assert page.title() == TEXTS[language]["title"]
    assert page.get_attribute("html", "lang") == {"zh": "zh-Hans"}.get(language, language)
    page.evaluate("document.querySelector('#key').hidden = false")
    drop(page, f"{'long_name_' * 12}.csv", f'id,text\n{"x" * 80},"{LURE} {"z" * 200}"\n'.encode())
    check(page)
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    wide = "e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('.hidden, .skip')"
    assert page.evaluate(f"[...document.body.querySelectorAll('*')].filter({wide}).map(e => e.outerHTML.slice(0, 80))") == []
    pressed = "[...document.querySelectorAll('button, select, .chip, .button')].filter(e => e.checkVisibility())"
    assert page.evaluate(f"Math.min(...{pressed}.map(e => e.getBoundingClientRect().height))") >= LEAST_TARGET_PX
    assert TEXTS[language]["band.high"] in page.inner_text("article .tag")
    assert TEXTS[language]["run.title"] == page.text_content("#run-title")


@in_browser
def test_the_language_can_be_changed_and_is_remembered(opened: Opened) -> None:
    page = opened(locale="de-DE")
    assert page.get_attribute("html", "lang") == "en"
    check(page, LURE)
    page.select_option("#language", "th")
    until(page, "document.documentElement.lang === 'th'")
    until(page, "said => document.querySelector('article .tag').textContent === said", arg=TEXTS["th"]["band.high"])
    shown = page.inner_text("body")
    assert [text for text in TEXTS["en"].values() if "{" not in text and len(text) > 12 and text in shown] == []
    page.reload()
    until(page, "document.documentElement.lang === 'th'")


@in_browser
@pytest.mark.model
def test_the_real_model_finds_a_lure_in_two_languages(opened: Opened) -> None:
    indonesian = (
        "Butuh 6 org CS utk proyek Poipet, gaji 12jt, mess gratis, tiket dan paspor kantor yang tanggung. Minat japri @contoh_kh"
    )
    chinese = "西港公司直招：推广10名，底薪9000+提成，包吃住报销机票，护照在手马上走，懂的来 @example_zhizhao"
    detector = Detector.load(threads=1)
    with running(create_app(lambda: detector, Settings())) as port:
        page = opened(at=f"http://127.0.0.1:{port}")
        check(page, f"{indonesian}\n\n{chinese}")
        assert page.locator("article").evaluate_all("all => all.map(e => e.dataset.band)") == ["high", "high"]
        told = page.inner_text("#list")
    for part in ("Language: Indonesian", "Language: Simplified Chinese", "Travel paid:", "Telegram @contoh_kh"):
        assert part in told
