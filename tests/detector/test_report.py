"""The report as a file: its figures, its size, what it hides, and what cannot break it."""

import base64
import csv
import hashlib
import json
import re
import resource
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reported import ATTACK, LURE, PHONE, TELEGRAM, row, rows, write

from detector import INDICATORS, LABELS
from detector.bundle import DEFAULT_BUNDLE, Bundle
from detector.campaigns import find_campaigns
from detector.cli import main
from detector.errors import SOME_REFUSED, ColumnError, InputError, OutputError
from detector.facts.table import add_facts
from detector.glossary import INDICATORS as INDICATOR_TERMS
from detector.glossary import LABELS as LABEL_TERMS
from detector.records import Evidence
from detector.report import ReportOptions, ReportSummary, write_report
from detector.report.charts import HEIGHT, TOP, Word, columns_chart, compact
from detector.report.counting import MOST_NAMES, NamedCounts
from detector.report.language_names import language_name
from detector.report.marking import MOST_CHARACTERS, mark, writable
from detector.report.samples import SHOWN_HIGH, SHOWN_REVIEW, SampleChoice
from detector.report.timeline import timeline_of
from detector.scored import ScoredPost, read_scored

ROOT = Path(__file__).parents[2]
MADE = datetime(2026, 11, 27, 3, tzinfo=UTC)
LIMIT = 3_000_000


@pytest.fixture
def options(bundle: Bundle) -> ReportOptions:
    return ReportOptions(model=bundle.folder, created=MADE)


@pytest.fixture
def scored(tmp_path: Path, bundle: Bundle) -> Path:
    return write(tmp_path / "scored.jsonl", rows(bundle.identity))


class Page(HTMLParser):
    """What a page holds: its elements, the words of it, its tables by caption or by the summary before them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: Counter[str] = Counter()
        self.words: list[str] = []
        self._silent = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements[tag] += 1
        self._silent += tag in {"style", "title", "desc"}

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in {"style", "title", "desc"}

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


def made(inputs: list[Path], options: ReportOptions) -> tuple[Page, str, ReportSummary]:
    output = inputs[0].with_name("report.html")
    summary = write_report(inputs, output, options=options)
    html = output.read_text("utf-8")
    return Page(html), html, summary


# What is counted.


def test_the_figures_are_those_of_the_file(scored: Path, options: ReportOptions) -> None:
    page, _, summary = made([scored], options)
    assert "Of 11 posts, 9 are flagged for a person to read: 8 high and 1 review" in page.text
    assert "High 8 72.7%" in page.text
    assert "English en 6 5 0" in page.text
    assert "Travel paid 9" in page.text
    assert "Cambodia KH 6 0" in page.text
    assert "1 row that had been refused" in page.text
    assert "1 post not judged: too short" in page.text
    assert (summary.tally.posts, summary.tally.flagged, summary.n_campaigns) == (11, 9, 1)
    assert hashlib.sha256(scored.read_bytes()).hexdigest() in page.text


def test_what_the_model_was_never_evaluated_in_is_named(scored: Path, options: ReportOptions) -> None:
    page, _, _ = made([scored], options)
    # The bundle of letters knows English and Indonesian.
    assert "4 posts in languages that the model was never evaluated in" in page.text
    assert "Arabic 1" in page.text


def test_another_script_was_not_evaluated_and_what_cannot_be_read_has_no_language(
    tmp_path: Path, bundle: Bundle, options: ReportOptions
) -> None:
    posts = [
        row(0, LURE),
        row(1, LURE, language="en-Cyrl"),
        row(2, "9f3a1c", band="abstain", reason="nothing_readable", language="und", indicators=[], evidence=[]),
    ]
    page, _, _ = made([write(tmp_path / "scored.jsonl", [{**post, "model": bundle.identity} for post in posts])], options)
    assert "1 post in languages that the model was never evaluated in" in page.text


def test_csv_and_parquet_give_the_figures_of_jsonl(tmp_path: Path, bundle: Bundle, options: ReportOptions) -> None:
    posts = [each for each in rows(bundle.identity) if each["text"] != ATTACK]
    jsonl, table = write(tmp_path / "scored.jsonl", posts), tmp_path / "scored.csv"
    with table.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(posts[0]))
        writer.writeheader()
        for post in posts:
            codes = ";".join(each["code"] for each in post["indicators"])
            contacts = " ".join(f"{each['kind']}:{each['value']}" for each in post["contacts"])
            evidence = " | ".join(each["text"] for each in post["evidence"])
            writer.writerow(post | {"indicators": codes, "contacts": contacts, "evidence": evidence})
    parquet = tmp_path / "cases.parquet"
    add_facts([table], parquet, every=True)
    tallies = [made([path], options)[2].tally for path in (jsonl, table, parquet)]
    for name in ("languages", "indicators", "destinations", "abstained"):
        first, *others = [getattr(tally, name).by_size() for tally in tallies]
        assert others == [first, first], name
    assert tallies[0].bands == tallies[1].bands == tallies[2].bands
    assert tallies[0].days == tallies[1].days == tallies[2].days


def test_destinations_are_taken_from_the_file_where_it_has_them(tmp_path: Path, options: ReportOptions) -> None:
    posts = [row(0, LURE, destination="LA;MM"), row(1, LURE, destination="unknown"), row(2, LURE, destination="the far north")]
    _, _, summary = made([write(tmp_path / "cases.jsonl", posts)], options)
    names = {name: counts.total() for name, counts in summary.tally.destinations.by_size()}
    assert names == {"LA": 1, "MM": 1, "unknown": 1, "KH": 1}


def test_rows_that_cannot_be_used_are_counted(tmp_path: Path, options: ReportOptions) -> None:
    path = write(tmp_path / "scored.jsonl", [row(0, LURE), row(1, LURE, band="certain")])
    with path.open("a") as stream:
        stream.write("{broken\n")
    arguments = ["report", str(path), "-o", str(tmp_path / "report.html"), "--model", str(options.model), "--workers", "1"]
    assert main(arguments) == SOME_REFUSED
    page = Page((tmp_path / "report.html").read_text("utf-8"))
    assert "2 rows of the scored files that could not be read" in page.text


def test_another_model_is_named_and_nothing_is_said_of_it(tmp_path: Path, options: ReportOptions) -> None:
    page, html, _ = made([write(tmp_path / "scored.jsonl", [row(0, LURE, model="other/9+sha256:00", note="odd")])], options)
    assert "other/9+sha256:00" in page.text
    assert "Operating points" not in page.text
    assert 'class="point"' not in html
    assert "1 post with the note “odd”" in page.text


def test_operating_points_of_the_model_are_drawn(scored: Path, options: ReportOptions) -> None:
    _, html, _ = made([scored], options)
    assert re.findall(r'class="strong"[^>]*>(\w+ from [\d.]+)<', html) == ["high from 0.900", "review from 0.400"]


# What is shown.


def test_contacts_are_masked_unless_asked_for(scored: Path, options: ReportOptions) -> None:
    secrets = (TELEGRAM, TELEGRAM.removeprefix("@"), PHONE, "85512345678")
    _, masked, _ = made([scored], options)
    assert not [secret for secret in secrets if secret in masked]
    _, shown, _ = made([scored], replace(options, show_contacts=True))
    assert TELEGRAM in shown
    assert PHONE in shown


def test_a_contact_of_which_campaign_posts_share_a_part_is_masked(tmp_path: Path, options: ReportOptions) -> None:
    posts = [row(number, f"{LURE[:60]} and meals. Telegram @lotus_hr_{number}{number}") for number in range(4)]
    page, html, summary = made([write(tmp_path / "scored.jsonl", posts)], options)
    assert summary.n_campaigns == 1
    assert "lotus_hr" not in html
    assert "•••" in page.text


def test_a_post_cannot_break_the_page(scored: Path, options: ReportOptions) -> None:
    page, html, _ = made([scored], options)
    assert page.elements["script"] == page.elements["img"] == 0
    assert (page.elements["style"], page.elements["h1"], page.elements["main"]) == (1, 1, 1)
    assert "<script>document.title = 'owned'</script></style>" in "".join(page.words)
    assert "{{ 7 * 7 }}" in page.text
    assert not set("\0\x1b\u202e\u2066\ufffe") & set(html)
    assert not re.search("[\ud800-\udfff]", html)


def test_the_style_is_the_one_that_the_policy_allows(scored: Path, options: ReportOptions) -> None:
    _, html, _ = made([scored], options)
    style = re.search(r"<style>(.*?)</style>", html, re.S)
    assert style is not None
    allowed = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{allowed}'; base-uri 'none'; form-action 'none'" in html
    assert not re.search(r'\sstyle="|\bon\w+="|(?:src|href)="(?!#)', html)


def test_samples_are_of_several_languages_and_of_each_campaign(scored: Path, options: ReportOptions) -> None:
    _, html, summary = made([scored], options)
    assert re.findall(r'<blockquote dir="auto"(?: lang="([\w-]+)")?>', html)[:4].count("en") == 1
    assert 'lang="ar"' in html
    assert "A post of campaign 1." in html
    assert summary.n_samples == len(re.findall("<blockquote", html)) == 6


def test_a_long_post_is_cut_around_its_evidence(scored: Path, options: ReportOptions) -> None:
    page, _, _ = made([scored], options)
    assert page.text.count("ticket paid.") >= 1
    assert re.search(r"\[[\d,]+ characters after\]", page.text)


def test_figures_of_the_indicators_are_those_of_the_evaluation() -> None:
    evaluated = json.loads((ROOT / "training/report/report.json").read_text("utf-8"))
    shown = {code: {name: each[name] for name in ("precision", "posts")} for code, each in evaluated["indicators"]["each"].items()}
    packaged = json.loads((ROOT / "detector/report/page/measured.json").read_text("utf-8"))
    # After an evaluation, run: python -m training measured
    assert packaged == {"model": evaluated["model"], "indicators": shown}


@pytest.mark.model
def test_the_card_of_the_model_is_quoted(tmp_path: Path) -> None:
    measured = json.loads((ROOT / "detector/report/page/measured.json").read_text("utf-8"))
    path = write(tmp_path / "scored.jsonl", [row(0, LURE, model=measured["model"])])
    page, _, _ = made([path], ReportOptions(model=DEFAULT_BUNDLE, created=MADE))
    card = (DEFAULT_BUNDLE / "README.md").read_text("utf-8").split("## Limits and known failures")[1]
    leads = re.findall(r"^- \*\*(.+?)\*\*", card, re.M)
    assert len(leads) > 5
    assert not [lead for lead in leads if " ".join(lead.split()) not in page.text]
    assert f"Travel paid 1 {measured['indicators']['travel_paid']['precision']:.0%}" in page.text


def test_every_code_is_explained() -> None:
    assert tuple(LABEL_TERMS) == LABELS
    assert tuple(INDICATOR_TERMS) == INDICATORS


# The same input, the same bytes; any input, few of them.


def test_the_same_input_gives_the_same_bytes(scored: Path, options: ReportOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ["report", str(scored), "--model", str(options.model), "--workers", "1"]
    outputs = [scored.with_name(f"{name}.html") for name in ("one", "two", "three")]
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1795748400")
    assert [main([*arguments, "-o", str(output)]) for output in outputs[:2]] == [0, 0]
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    assert main([*arguments, "-o", str(outputs[2]), "--created", "2026-11-27T03:00:00Z"]) == 0
    pages = {output.read_bytes() for output in outputs}
    assert len(pages) == 1
    assert b"2026-11-27 03:00:00 UTC" in pages.pop()


def test_campaigns_of_a_folder_are_shown_as_those_found_now(scored: Path, options: ReportOptions) -> None:
    find_campaigns([scored], scored.with_name("case"))
    _, found, _ = made([scored], options)
    _, read, _ = made([scored], replace(options, campaigns=scored.with_name("case")))
    assert read == found
    assert "Campaign 1: 5 posts" in read


def test_too_many_flagged_posts_are_not_linked_and_the_report_says_so(scored: Path, options: ReportOptions) -> None:
    page, _, summary = made([scored], replace(options, most_linked=8))
    assert (summary.n_campaigns, summary.tally.flagged) == (None, 9)
    assert "Over 8 posts are flagged" in page.text
    assert made([scored], replace(options, most_linked=9))[2].n_campaigns == 1


def test_a_file_of_great_variety_gives_a_small_page(tmp_path: Path, options: ReportOptions) -> None:
    posts = [
        row(
            number,
            f"<{number}> " + "&'\"<>\u4e00 " * (300 if number < 60 else 1),
            id=f"{number}" * 300,
            language=f"{'abcdefgh'[number % 8]}{number}&{'x' * 200}",
            destination=f"{chr(65 + number % 26)}{chr(65 + number // 26 % 26)}",
            band=("high", "review", "abstain")[number % 3],
            reason=f"{number}<" * 50,
            note=f"{number}&" * 50,
            model=f"{number}'" * 50,
            date=str(date.fromordinal(date(1995, 1, 1).toordinal() + 3 * number)),
            evidence=[{"start": at, "end": at + 1} for at in range(0, 3000 if number < 60 else 2, 2)],
            indicators=[
                {"code": code, "score": 0.9, "evidence": [{"start": 0, "end": 900}]}
                for code in INDICATORS[: 29 if number < 60 else 1]
            ],
            contacts=[{"kind": "<>" * 40, "value": f"&{number}" * 200}] * (50 if number < 60 else 1),
        )
        for number in range(2500)
    ]
    page, _, summary = made([write(tmp_path / "scored.jsonl", posts)], options)
    assert summary.size < LIMIT / 4
    assert "over 2,000" in page.text
    assert summary.tally.languages.beyond.total() == 500


@pytest.mark.slow
def test_a_million_rows_give_a_small_page_in_bounded_memory(tmp_path: Path) -> None:
    """Peak memory of a process with a million rows is at most a little above that with a tenth of them."""
    peaks = []
    for number in (100_000, 1_000_000):
        path = tmp_path / f"{number}.jsonl"
        with path.open("w", encoding="utf-8") as stream:
            for place in range(number):
                band, score = ("high", 0.97) if place % 20 == 0 else ("low", 0.01)
                text = f"Post {place} about work number {place * 7919 % number} in a town, with {'many ' * (place % 9)}words"
                plain = {
                    "id": f"p{place}",
                    "text": text,
                    "score": score,
                    "band": band,
                    "language": f"l{place % 5000}",
                    "date": place,
                }
                stream.write(json.dumps(plain) + "\n")
        empty = tmp_path / "case"
        empty.mkdir(exist_ok=True)
        (empty / "campaigns.jsonl").touch()
        (empty / "members.jsonl").touch()
        output = tmp_path / "report.html"
        command = [sys.executable, "-m", "detector", "report", path, "-o", output, "--campaigns", empty]
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
        peaks.append(max(before, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
        assert output.stat().st_size < LIMIT
    assert peaks[1] - peaks[0] < 60_000


# What is refused.


def test_a_stream_a_wrong_name_and_a_file_without_scores_are_refused(scored: Path, options: ReportOptions, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="read twice"):
        write_report(["-"], tmp_path / "report.html", options=options)
    with pytest.raises(OutputError, match=r"ends in \.html"):
        write_report([scored], tmp_path / "report.pdf", options=options)
    with pytest.raises(InputError, match="at least one input"):
        write_report([], tmp_path / "report.html", options=options)
    with pytest.raises(ColumnError, match="scam-detector score"):
        write_report([write(tmp_path / "plain.jsonl", [{"text": LURE}])], tmp_path / "report.html", options=options)
    assert not (tmp_path / "report.html").exists()


def test_a_time_that_is_none_is_refused(scored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(scored), "-o", str(scored.with_name("r.html")), "--created", "yesterday"]) == 64
    assert "seconds since 1970, got 'yesterday'" in capsys.readouterr().err


def test_the_command_line_loads_no_templates_until_a_report_is_asked_for() -> None:
    code = "import sys, detector.cli, detector.commands.report; print('jinja2' in sys.modules, 'networkx' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "False False\n"


def test_what_is_not_installed_is_named(scored: Path, options: ReportOptions) -> None:
    code = (
        "import sys; sys.modules['jinja2'] = None; from detector.cli import main; "
        f"sys.exit(main(['report', {str(scored)!r}, '-o', {str(scored.with_name('r.html'))!r}, '--model', {str(options.model)!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert (done.returncode, "scam-recruitment-detector[cases]" in done.stderr) == (7, True)


# The parts.


def piece(start: int, end: int) -> Evidence:
    return Evidence(start, end, "")


def test_overlapping_evidence_is_cut_where_it_begins_and_ends() -> None:
    marked = mark("abcdefgh", [piece(2, 5)], [[piece(0, 3)], [piece(4, 6)]])
    assert [(each.text, each.headline, each.signs, each.ending) for each in marked.pieces] == [
        ("ab", False, (0,), ()),
        ("c", True, (0,), (0,)),
        ("d", True, (), ()),
        ("e", True, (1,), ()),
        ("f", False, (1,), (1,)),
        ("gh", False, (), ()),
    ]


@given(st.text(max_size=3000), st.lists(st.tuples(st.integers(-5, 3100), st.integers(-5, 3100)), max_size=8))
@settings(deadline=None)
def test_a_marked_post_is_the_post(text: str, spans: list[tuple[int, int]]) -> None:
    text = text.replace("\r", "")
    marked = mark(text, [piece(*span) for span in spans], [[piece(*span)] for span in spans])
    shown = "".join(each.text for each in marked.pieces)
    assert len(shown) == min(len(text), MOST_CHARACTERS)
    assert shown == writable(text[marked.before : len(text) - marked.after])
    assert len(writable(text)) == len(text)


def test_timelines_take_the_step_that_fits() -> None:
    one = Counter(high=1)
    spans = {"day": ("2026-01-01", "2026-02-10"), "week": ("2025-05-01", "2026-02-10"), "month": ("2023-01-01", "2026-02-10")}
    for step, (first, last) in spans.items():
        timeline = timeline_of({date.fromisoformat(first): one, date.fromisoformat(last): one})
        assert (timeline.step, sum(counts.total() for _, counts in timeline.periods)) == (step, 2)
        assert len(timeline.periods) <= 61
    assert [start.isoformat() for start, _ in timeline.periods[:2]] == ["2023-01-01", "2023-02-01"]
    weeks = timeline_of({date(2025, 5, 1): one, date(2026, 2, 10): one}).periods
    assert weeks[0][0] == date(2025, 4, 28)


def test_a_stray_date_does_not_flatten_the_others() -> None:
    days = {date(2026, 3, day): Counter(high=20) for day in range(1, 31)} | {date(1999, 1, 1): Counter(low=1)}
    timeline = timeline_of(days)
    assert (timeline.step, timeline.before, timeline.after, len(timeline.periods)) == ("day", 1, 0, 30)
    # Two of ten are not few.
    assert timeline_of({date(1999, 1, 1): Counter(low=2), date(2026, 1, 1): Counter(low=8)}).before == 0


@given(st.dictionaries(st.dates(date(1990, 1, 1), date(2100, 12, 31)), st.integers(1, 500), max_size=40))
@settings(deadline=None)
def test_a_timeline_loses_no_post_and_has_no_gap(numbers: dict[date, int]) -> None:
    timeline = timeline_of({day: Counter(high=number) for day, number in numbers.items()})
    inside = sum(counts.total() for _, counts in timeline.periods)
    assert inside + timeline.before + timeline.after == sum(numbers.values())
    starts = [start for start, _ in timeline.periods]
    assert starts == sorted(set(starts))
    assert len(starts) <= 111


def test_a_column_that_would_hide_the_others_is_cut_and_has_its_number() -> None:
    chart = columns_chart([[1000], [10], [5]], ["all"], [Word(0, "")])
    assert [column.cut for column in chart.columns] == ["1,000", "", ""]
    assert [column.bars[0].height for column in chart.columns] == [HEIGHT, HEIGHT, HEIGHT / 2]
    assert [word.text for word in chart.up] == ["0", "5", "10"]


@given(st.lists(st.lists(st.integers(0, 10**7), min_size=2, max_size=2), min_size=1, max_size=60))
@settings(deadline=None)
def test_columns_stay_in_the_chart(values: list[list[int]]) -> None:
    chart = columns_chart(values, ["high", "review"], [])
    for column in chart.columns:
        assert 0 <= column.x < column.x + column.width <= 100
        assert all(bar.y >= TOP and bar.y + bar.height <= TOP + HEIGHT + 0.01 and bar.height >= 0 for bar in column.bars)
    assert 2 <= len(chart.up) <= 6


def test_numbers_are_short() -> None:
    assert [compact(number) for number in (0, 999, 9999, 12_345, 1_234_567)] == ["0", "999", "9,999", "12.3k", "1.23M"]


def test_names_beyond_the_room_are_counted_together() -> None:
    counts = NamedCounts()
    for number in range(MOST_NAMES + 3):
        counts.add(f"n{number}", "high")
    counts.add("n0", "review")
    assert (len(counts.by_size()), counts.beyond) == (MOST_NAMES, Counter(high=3))
    assert counts.by_size(["review"]) == [("n0", Counter(high=1, review=1))]


def test_languages_are_named() -> None:
    assert [language_name(tag) for tag in ("th", "ta-Latn", "zh-Hant", "xx-1")] == [
        "Thai", "Tamil in Latin letters", "Chinese traditional", "xx-1",
    ]  # fmt: skip


@pytest.fixture(scope="module")
def posts(tmp_path_factory: pytest.TempPathFactory) -> list[ScoredPost]:
    bands = [("high", 0.97), ("review", 0.61), ("low", 0.1)]
    plain = []
    for number in range(90):
        band, score = bands[number % 3]
        language = f"{'abcdefghijklm'[number % 13]}a"
        plain.append(row(number, f"post {number}", band=band, score=score + number / 10_000, language=language))
    path = write(tmp_path_factory.mktemp("posts") / "scored.jsonl", plain)
    return [post for post in read_scored(path) if isinstance(post, ScoredPost)]


@given(st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=20)
def test_samples_do_not_depend_on_the_order_of_posts(posts: list[ScoredPost], random: object) -> None:
    def chosen(each: list[ScoredPost]) -> list[str]:
        choice = SampleChoice()
        for post in each:
            choice.see(post)
        return [sample.post.id for sample in choice.chosen()]

    shuffled = list(posts)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    ids = chosen(shuffled)
    assert ids == chosen(posts)
    assert len(ids) == SHOWN_HIGH + SHOWN_REVIEW
    # Of those under review, the ones with the lowest scores.
    assert ids[SHOWN_HIGH:] == [f"p{number}" for number in range(1, 18, 3)]
