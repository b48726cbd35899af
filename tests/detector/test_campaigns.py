"""Posts linked into campaigns: by wording, by contacts, and not by what everybody names."""

import csv
import json
import os
import random
import re
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import networkx as nx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wordings import LURE, REWORDS, UNLIKE

from detector.campaigns import Options, Outcome, find_campaigns
from detector.campaigns.linking import join, link_key
from detector.campaigns.output import campaign_record
from detector.campaigns.template import template_of
from detector.campaigns.wording import PERMUTATIONS, fold, signature, wording_links
from detector.cli import main
from detector.dates import date_column, read_time
from detector.errors import SOME_REFUSED, ColumnError, InputError, OutputError
from detector.files import score_files
from detector.records import Contact
from detector.scoring import Detector

ROOT = Path(__file__).parents[2]
REWORDED = ROOT / "data" / "campaigns" / "reworded.jsonl"


def row(number: int, text: str, **more: object) -> dict[str, object]:
    plain = {"id": f"p{number}", "text": text, "score": 0.9, "band": "high", "language": "en", "contacts": [], "error": None}
    return plain | more


def telegram(name: str) -> list[dict[str, str]]:
    return [{"kind": "telegram", "value": f"@{name}"}]


def write(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(each) + "\n" for each in rows), "utf-8")
    return path


def run(folder: Path, rows: list[dict[str, object]], **options: object) -> Outcome:
    return find_campaigns([write(folder / "scored.jsonl", rows)], folder / "out", options=Options(**options))  # type: ignore[arg-type]


def groups(outcome: Outcome) -> set[frozenset[str]]:
    return {frozenset(member.id for member in campaign.members) for campaign in outcome.campaigns}


# What links posts.


def test_reworded_copies_are_one_campaign_and_other_posts_are_in_none(tmp_path: Path) -> None:
    outcome = run(tmp_path, [row(number, text) for number, text in enumerate([*REWORDS, *UNLIKE])])
    assert groups(outcome) == {frozenset(f"p{number}" for number in range(len(REWORDS)))}
    assert {member.linked_by for member in outcome.campaigns[0].members} == {("wording",)}


def test_unlike_posts_with_one_contact_are_one_campaign(tmp_path: Path) -> None:
    rows = [row(0, UNLIKE[0], contacts=telegram("lotus_hr")), row(1, UNLIKE[1], contacts=telegram("Lotus_HR")), row(2, UNLIKE[2])]
    outcome = run(tmp_path, rows)
    assert groups(outcome) == {frozenset({"p0", "p1"})}
    assert outcome.campaigns[0].members[0].linked_by == ("contact",)


def test_links_of_both_kinds_join_further(tmp_path: Path) -> None:
    rows = [row(0, REWORDS[0]), row(1, REWORDS[1], contacts=telegram("lotus_hr")), row(2, UNLIKE[2], contacts=telegram("lotus_hr"))]
    assert groups(run(tmp_path, rows)) == {frozenset({"p0", "p1", "p2"})}


def test_contacts_are_looked_for_in_the_text_where_the_file_has_none(tmp_path: Path) -> None:
    rows = [row(0, f"{UNLIKE[0]} t e l e g r a m : @ l o t u s _ h r"), row(1, f"{UNLIKE[1]} https://t.me/lotus_hr")]
    for each in rows:
        del each["contacts"]
    assert groups(run(tmp_path, rows)) == {frozenset({"p0", "p1"})}


def test_a_contact_in_more_unlike_wordings_than_the_cap_joins_nothing(tmp_path: Path) -> None:
    rows = [row(number, text, contacts=telegram("helpline")) for number, text in enumerate(UNLIKE)]
    assert groups(run(tmp_path, rows, contact_cap=len(UNLIKE))) == {frozenset(f"p{number}" for number in range(len(UNLIKE)))}
    capped = run(tmp_path, rows, contact_cap=len(UNLIKE) - 1)
    assert (capped.campaigns, capped.common_contacts) == ([], 1)


def test_many_copies_of_one_text_are_one_wording_to_the_cap(tmp_path: Path) -> None:
    rows = [row(number, f"{LURE} {number}", contacts=telegram("lotus_hr")) for number in range(50)]
    rows.append(row(99, UNLIKE[0], contacts=telegram("lotus_hr")))
    assert [campaign.size for campaign in run(tmp_path, rows, contact_cap=2).campaigns] == [51]


def test_a_capped_contact_is_shown_as_one_that_links_nothing(tmp_path: Path) -> None:
    rows = [row(number, text, contacts=telegram("helpline")) for number, text in enumerate([*REWORDS, *UNLIKE])]
    campaign = run(tmp_path, rows, contact_cap=3).campaigns[0]
    assert [(each.value, each.posts, each.links) for each in campaign.contacts] == [("@helpline", len(REWORDS), False)]


def test_a_short_text_is_no_wording_to_be_recognised_by(tmp_path: Path) -> None:
    assert run(tmp_path, [row(number, "DM me for details") for number in range(5)]).campaigns == []
    rows = [row(number, "DM me for details", contacts=telegram("lotus_hr")) for number in range(3)]
    assert [campaign.size for campaign in run(tmp_path, rows).campaigns] == [3]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Contact("whatsapp", "+85512345678"), Contact("phone", "+85512345678")),
        (Contact("zalo", "+84912345678"), Contact("phone", "+84912345678")),
        (Contact("telegram", "@Lotus_HR"), Contact("telegram", "@lotus_hr")),
        (Contact("line", "~lotus"), Contact("line", "lotus")),
        (Contact("url", "https://www.lotus.example/a/?utm_source=x"), Contact("url", "lotus.example/a")),
    ],
)
def test_one_contact_has_one_key_however_it_is_written(one: Contact, other: Contact) -> None:
    assert link_key(one) == link_key(other) is not None


@pytest.mark.parametrize(
    "contact",
    [
        Contact("telegram", "@lo***hr"),
        Contact("url", "https://www.facebook.com"),
        Contact("url", "www.labour.gov.kh/notice"),
        Contact("url", "https://dsi.go.th"),
        Contact("email", "help@police.go.th"),
    ],
)
def test_masked_contacts_and_everybodys_pages_link_nothing(contact: Contact) -> None:
    assert link_key(contact) is None


def test_a_name_on_one_platform_is_not_the_same_on_another() -> None:
    assert link_key(Contact("line", "@lotus")) != link_key(Contact("telegram", "@lotus"))


@given(st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=30))
def test_joining_gives_what_a_graph_calls_connected_components(pairs: list[tuple[int, int]]) -> None:
    graph = nx.Graph()
    graph.add_nodes_from(range(20))
    graph.add_edges_from(pairs)
    expected = {number: min(component) for component in nx.connected_components(graph) for number in component}
    assert list(join(20, pairs, {}, cap=1).campaign) == [expected[number] for number in range(20)]


# Wording.


def test_what_recruiters_change_most_is_not_compared() -> None:
    assert fold("🔥 Salary $1,500!! tg @lotus_hr https://t.me/x") == fold("SALARY 2500, tg @rose_hr") != ""


def test_marks_that_spell_words_are_kept() -> None:
    assert fold("ที่นี่ မြန်မာ ខ្មែរ") == "ที่นี่မြန်မာខ្មែរ"


def test_similarity_is_the_share_of_shingles_within_the_stated_error() -> None:
    one, other = "abcdefghijklmnopqrstuvwxyz" * 2, "abcdefghijklmnopqrstuvwxyz0123456789" * 2
    shingles = [{text[i : i + 4] for i in range(len(text) - 3)} for text in (one, other)]
    true = len(shingles[0] & shingles[1]) / len(shingles[0] | shingles[1])
    rows = np.frombuffer(signature(one) + signature(other), dtype=np.uint32).reshape(2, PERMUTATIONS)
    ((_, _, similarity),) = set(wording_links(rows, threshold=0.2))
    assert similarity == pytest.approx(true, abs=4 * 0.044)


def test_no_signatures_have_no_links() -> None:
    assert list(wording_links(np.zeros((0, PERMUTATIONS), dtype=np.uint32))) == []


def test_reworded_copies_of_the_labelled_set_are_found_and_nothing_else(tmp_path: Path) -> None:
    posts = [json.loads(line) for line in REWORDED.read_text("utf-8").splitlines()]
    rows = [row(0, post["text"], id=post["id"], language=post["language"]) for post in posts]
    expected: dict[str, set[str]] = {}
    for post in posts:
        if post["group"]:
            expected.setdefault(post["group"], set()).add(post["id"])
    assert groups(run(tmp_path, rows)) == set(map(frozenset, expected.values()))


def test_the_labelled_set_is_as_large_as_its_card_says() -> None:
    posts = [json.loads(line) for line in REWORDED.read_text("utf-8").splitlines()]
    assert len({post["group"] for post in posts} - {None}) == 60
    assert sum(post["group"] is None for post in posts) == 61
    assert {"th", "my", "km", "lo", "zh-Hans", "zh-Hant", "ja"} < {post["language"] for post in posts}


# What is said of a campaign.


def test_a_campaign_says_when_where_and_how_sure(tmp_path: Path) -> None:
    rows = [
        row(0, REWORDS[0], score=0.7, band="review", created_at="2026-03-02T08:00:00+07:00", places=["Poipet"]),
        row(1, REWORDS[1], score=0.99, created_at="2026-03-01", places=["Poipet", "Bangkok"], language="th"),
        row(2, REWORDS[2], score=0.8, created_at="03/04/2026"),
    ]
    outcome = run(tmp_path, rows)
    (campaign,) = outcome.campaigns
    assert (campaign.first_seen, campaign.last_seen) == ("2026-03-01T00:00:00Z", "2026-03-02T01:00:00Z")
    assert campaign.languages == {"en": 2, "th": 1}
    assert campaign.places == {"Poipet": 2, "Bangkok": 1}
    assert (campaign.score_min, campaign.score_median, campaign.score_max) == (0.7, 0.8, 0.99)
    assert campaign.bands == {"high": 2, "review": 1}
    # Without emoji and numbers the three are one wording: its best scored post stands for all.
    assert (campaign.wordings, campaign.representatives) == (1, ("p1",))
    assert outcome.undated == 1


def test_only_flagged_posts_are_taken_unless_all_are_asked_for(tmp_path: Path) -> None:
    rows = [row(0, LURE), row(1, LURE, band="low", score=0.1), row(2, LURE, band="review")]
    assert groups(run(tmp_path, rows)) == {frozenset({"p0", "p2"})}
    assert groups(run(tmp_path, rows, all_bands=True)) == {frozenset({"p0", "p1", "p2"})}


def test_the_order_of_the_posts_does_not_matter(tmp_path: Path) -> None:
    rows = [row(n, text, contacts=telegram(f"name_{n % 4}")) for n, text in enumerate([*REWORDS, *UNLIKE, *REWORDS])]
    written = []
    for seed in range(4):
        assert run(tmp_path, rows).campaigns
        # The rows of the members are those of the file, and differ with its order.
        names = ("campaigns.jsonl", "campaigns.csv", "campaigns.graphml")
        written.append([(tmp_path / "out" / name).read_bytes() for name in names])
        random.Random(seed).shuffle(rows)
    assert written[1:] == written[:1] * 3


def test_a_campaign_keeps_its_name_as_it_grows(tmp_path: Path) -> None:
    rows = [row(n, text, date=f"2026-01-0{n + 1}") for n, text in enumerate(REWORDS)]
    small, large = run(tmp_path, rows[:3]), run(tmp_path, rows)
    assert small.campaigns[0].id == large.campaigns[0].id
    assert small.campaigns[0].size < large.campaigns[0].size


def test_several_processes_give_what_one_gives(tmp_path: Path) -> None:
    rows = [row(n, f"{REWORDS[n % 5]} {'abcdefghij'[n % 10] * 3} {UNLIKE[n % 6]}") for n in range(3200)]
    one = run(tmp_path, rows)
    two = run(tmp_path, rows, workers=2)
    assert [campaign_record(each) for each in one.campaigns] == [campaign_record(each) for each in two.campaigns] != []


# The template.


def test_a_template_marks_what_varies() -> None:
    found = template_of(["Earn 900 USD in Poipet, ask @lotus_hr now", "Earn 800 USD in Poipet, ask @rose_hr now"])
    assert found.text == "Earn {1:number} USD in Poipet, ask {2:contact} now"
    assert found.slots == (("900", "800"), ("@lotus_hr", "@rose_hr"))


def test_a_template_marks_what_only_some_have() -> None:
    found = template_of(["Typists wanted in Poipet", "Hello all! Typists wanted in Poipet", "Hi! Typists wanted in Poipet"])
    assert found.text == "{1:text}Typists wanted in Poipet"
    assert set(found.slots[0]) == {"", "Hello all!", "Hi!"}


def test_a_template_of_a_script_without_blanks_is_cut_within_the_sentence() -> None:
    found = template_of(["西港直招客服,底薪8000加提成,包吃包住", "西港直招推广,底薪9000加提成,包吃包住"])
    assert found.text == "西港直招{1:text}加提成,包吃包住"


def test_a_brace_of_a_post_is_no_slot() -> None:
    assert template_of(["a {1:number} b"]).text == "a {{1:number}} b"


@given(st.lists(st.text("ab 1@.,กา\n{}", max_size=30), min_size=1, max_size=5))
@settings(max_examples=200)
def test_every_slot_of_a_template_is_numbered_and_filled(texts: list[str]) -> None:
    found = template_of(texts)
    bare = found.text.replace("{{", "").replace("}}", "")
    assert [f"{{{number}:" in bare for number in range(1, len(found.slots) + 1)] == [True] * len(found.slots)
    assert all(any(values) for values in found.slots)


# Times.


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-03-01", datetime(2026, 3, 1, tzinfo=UTC)),
        ("20260301", datetime(2026, 3, 1, tzinfo=UTC)),
        (20260301, datetime(2026, 3, 1, tzinfo=UTC)),
        ("2026-03-01T07:00:00+07:00", datetime(2026, 3, 1, tzinfo=UTC)),
        ("2026-03-01 00:00:00Z", datetime(2026, 3, 1, tzinfo=UTC)),
        (1772323200, datetime(2026, 3, 1, tzinfo=UTC)),
        ("1772323200", datetime(2026, 3, 1, tzinfo=UTC)),
        (1772323200000, datetime(2026, 3, 1, tzinfo=UTC)),
        ("1772323200000", datetime(2026, 3, 1, tzinfo=UTC)),
        (date(2026, 3, 1), datetime(2026, 3, 1, tzinfo=UTC)),
        (datetime(2026, 3, 1), datetime(2026, 3, 1, tzinfo=UTC)),
        *((value, None) for value in ("03/04/2026", "", None, True, 0, -1, float("nan"), 1e300, "yesterday", "1026-01-01")),
    ],
)
def test_a_time_is_read_if_it_can_be_read_in_one_way(value: object, expected: datetime | None) -> None:
    assert read_time(value) == expected


def test_the_column_of_times_is_found_by_its_name() -> None:
    assert date_column(["id", "Posted At", "scraped_at"]) == "Posted At"
    assert date_column(["id", "text"]) is None


# Files.


def test_the_output_of_score_is_read_in_every_format(tmp_path: Path, detector: Detector) -> None:
    source = tmp_path / "posts.csv"
    with source.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["post_id", "text", "date"])
        writer.writerows([f"p{n}", f"{text} telegram @lotus_hr{n % 2}", "2026-03-01"] for n, text in enumerate(UNLIKE))
    found = []
    for suffix in ("jsonl", "csv", "parquet"):
        score_files(detector, [source], tmp_path / f"scored.{suffix}")
        outcome = find_campaigns([tmp_path / f"scored.{suffix}"], tmp_path / suffix, options=Options(all_bands=True))
        found.append([campaign_record(campaign) for campaign in outcome.campaigns])
        assert outcome.refused == 0
    assert groups(outcome) == {frozenset({"p0", "p2", "p4"}), frozenset({"p1", "p3", "p5"})}
    for record in [record for records in found for record in records]:
        # CSV is written with six places.
        for key in ("score_min", "score_median", "score_max"):
            record[key] = pytest.approx(record[key], abs=1e-5)
    assert found[0] == found[1] == found[2]


def test_the_command_writes_five_files_that_agree(tmp_path: Path) -> None:
    rows = [row(n, text, contacts=telegram("lotus_hr")) for n, text in enumerate([*REWORDS, UNLIKE[0]])]
    source = write(tmp_path / "scored.jsonl", [*rows, row(9, UNLIKE[1])])
    with source.open("a", encoding="utf-8") as stream:
        stream.write('{"id": "broken", "text": "secret words\n')
    command = [sys.executable, "-m", "detector", "campaigns", str(source), "-o", str(tmp_path / "case")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == SOME_REFUSED, done.stderr
    assert "row 8: line 8: broken JSON" in done.stderr
    assert "secret" not in done.stderr
    assert LURE not in done.stderr
    (campaign,) = [json.loads(line) for line in (tmp_path / "case" / "campaigns.jsonl").read_text("utf-8").splitlines()]
    members = [json.loads(line) for line in (tmp_path / "case" / "members.jsonl").read_text("utf-8").splitlines()]
    with (tmp_path / "case" / "campaigns.csv").open(encoding="utf-8-sig", newline="") as stream:
        (in_csv,) = csv.DictReader(stream)
    with (tmp_path / "case" / "members.csv").open(encoding="utf-8-sig", newline="") as stream:
        members_in_csv = list(csv.DictReader(stream))
    assert campaign["size"] == 6 == len(members) == len(members_in_csv)
    assert {campaign["id"], in_csv["id"]} == {member["campaign"] for member in members}
    assert (in_csv["size"], in_csv["contacts"]) == ("6", "telegram:@lotus_hr")
    graph = nx.read_graphml(tmp_path / "case" / "campaigns.graphml")
    assert set(nx.get_node_attributes(graph, "campaign").values()) == {campaign["id"]}
    assert sum(nx.get_node_attributes(graph, "posts").values()) == 6
    assert nx.is_connected(graph)
    assert graph.nodes["telegram:lotus_hr"]["contact_kind"] == "telegram"
    assert sorted(path.name for path in (tmp_path / "case").iterdir()) == [
        "campaigns.csv", "campaigns.graphml", "campaigns.jsonl", "members.csv", "members.jsonl",
    ]  # fmt: skip


def test_a_row_that_cannot_be_used_is_counted_and_told_without_its_text(tmp_path: Path) -> None:
    rows = [
        row(0, LURE),
        row(1, LURE, band="secret words"),
        row(2, LURE, score="secret words"),
        row(3, LURE, score=7),
        {"id": "p4", "score": 0.9, "band": "high", "text": None},
        row(5, LURE, error="too long", band=None, score=None),
        row(6, LURE),
    ]
    outcome = run(tmp_path, rows)
    assert (outcome.rows, outcome.refused, outcome.unscored, outcome.taken) == (7, 4, 1, 2)
    assert [number for _, number, _ in outcome.refusals] == [2, 3, 4, 5]
    assert not any("secret" in reason for _, _, reason in outcome.refusals)
    assert groups(outcome) == {frozenset({"p0", "p6"})}


def test_names_that_xml_cannot_hold_are_written_with_a_stand_in(tmp_path: Path) -> None:
    rows = [row(n, LURE, id=f"a\x01<&>\ud800{n}", contacts=[{"kind": "x\x02", "value": "<&>\x03"}]) for n in range(2)]
    run(tmp_path, rows)
    graph = nx.read_graphml(tmp_path / "out" / "campaigns.graphml")
    assert "x\ufffd:<&>\ufffd" in graph
    assert len((tmp_path / "out" / "members.csv").read_text("utf-8-sig").splitlines()) == 3


def test_a_cell_that_a_spreadsheet_would_run_is_written_as_text(tmp_path: Path) -> None:
    run(tmp_path, [row(n, LURE, id=f"=1+{n}") for n in range(2)])
    with (tmp_path / "out" / "members.csv").open(encoding="utf-8-sig", newline="") as stream:
        assert all(member["id"].startswith("'=") for member in csv.DictReader(stream))


def test_no_campaign_at_all_is_a_good_result(tmp_path: Path) -> None:
    outcome = run(tmp_path, [row(0, LURE)])
    assert outcome.campaigns == []
    assert (tmp_path / "out" / "campaigns.jsonl").read_bytes() == b""
    assert len(nx.read_graphml(tmp_path / "out" / "campaigns.graphml")) == 0


def test_a_file_that_was_not_scored_is_refused_by_name(tmp_path: Path) -> None:
    source = write(tmp_path / "posts.jsonl", [{"id": "1", "text": LURE}])
    with pytest.raises(ColumnError, match=r"posts\.jsonl: no column 'band'; expected the output of scam-detector score"):
        find_campaigns([source], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_options_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    for options in (Options(threshold=0), Options(contact_cap=0), Options(min_size=1)):
        with pytest.raises(InputError, match="expected a"):
            find_campaigns(["x.jsonl"], tmp_path / "out", options=options)
    with pytest.raises(ColumnError, match="--date-column"):
        run(tmp_path, [row(0, LURE)], date_column="when")


def test_a_folder_that_cannot_be_made_is_an_error_of_the_output(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(OutputError, match="out: cannot be written"):
        run(tmp_path, [row(0, LURE)])


def test_parquet_with_times_and_lists_is_read(tmp_path: Path) -> None:
    rows = [row(n, text, seen=datetime(2026, 3, n + 1)) | {"contacts": telegram("lotus_hr")} for n, text in enumerate(UNLIKE[:2])]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "scored.parquet")
    outcome = find_campaigns([tmp_path / "scored.parquet"], tmp_path / "out", options=Options(date_column="seen"))
    assert (outcome.campaigns[0].first_seen, outcome.campaigns[0].size) == ("2026-03-01T00:00:00Z", 2)


def test_without_the_extra_the_message_names_it(tmp_path: Path) -> None:
    source = write(tmp_path / "scored.jsonl", [row(0, LURE)])
    code = (
        "import sys; sys.modules['rensa'] = None\nfrom detector.cli import main\n"
        f"sys.exit(main(['campaigns', {str(source)!r}, '-o', {str(tmp_path / 'out')!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, "'scam-recruitment-detector[cases]'" in done.stderr) == (7, True)


def test_the_command_line_loads_none_of_the_extra_until_it_is_needed() -> None:
    code = "import sys, detector.cli; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert not {"rensa", "networkx", "rapidfuzz", "detector.campaigns"} & set(loaded)


def test_the_help_shows_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    main(["campaigns", "--help"])
    assert "scam-detector campaigns scored.jsonl -o case" in " ".join(capsys.readouterr().out.split())


@pytest.mark.slow
@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="the limit is for two cores")
def test_200_000_posts_are_linked_in_five_minutes(tmp_path: Path) -> None:
    chance = random.Random(7)
    files = sorted((ROOT / "data/corpus").glob("*.jsonl"))
    corpus = [json.loads(line) for path in files for line in path.read_bytes().splitlines()]
    texts = [post["text"] for post in corpus if 40 <= len(post["text"]) <= 1500]
    taken: list[str] = []
    with (tmp_path / "scored.jsonl").open("w", encoding="utf-8") as stream:
        for number in range(200_000):
            # Half are copies, to the letter or with other numbers; the others are posts of the corpus with some words changed.
            copied = bool(taken) and chance.random() < 0.5
            text = chance.choice(taken[-40_000:]) if copied else reworded(chance.choice(texts), chance)
            text = other_digits(text, chance) if chance.random() < 0.5 else text
            if not copied:
                taken.append(text)
            contacts = telegram(f"hr_{chance.randrange(60_000)}") if chance.random() < 0.5 else []
            stream.write(json.dumps(row(number, text, contacts=contacts), ensure_ascii=False) + "\n")
    command = [sys.executable, "-m", "detector", "campaigns", str(tmp_path / "scored.jsonl"), "-o", str(tmp_path / "case")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    found = re.search(r"rows +(\d+) in ([\d.]+) s", done.stderr)
    assert found is not None
    assert int(found[1]) == 200_000
    assert float(found[2]) < 300


def reworded(text: str, chance: random.Random) -> str:
    """Return a text of which one word in twelve is dropped, repeated elsewhere or changed for another of its own."""
    words = text.split(" ")
    for _ in range(len(words) // 12):
        place, other = chance.randrange(len(words)), chance.choice(words)
        words[place : place + 1] = chance.choice([[], [other], [words[place], other]])
    return " ".join(words)


def other_digits(text: str, chance: random.Random) -> str:
    return "".join(str(chance.randrange(10)) if letter.isascii() and letter.isdigit() else letter for letter in text)
