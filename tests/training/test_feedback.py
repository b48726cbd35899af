"""The loop: score, ask readers, take their answers back, and train on them; what fails on the way is named and loses nothing."""

import csv
import hashlib
import io
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import TINY
from letters import LetterBackend, bundle

from detector import Detector
from detector.bundle import Bundle
from detector.errors import InputError, RecordError
from detector.files import score_files
from detector.records import INDICATORS, LABELS
from detector.review import Options, make_queue
from detector.review.candidates import text_sha256
from training.answers import Answer, Fault, read_answers
from training.examples import CORPUS_KEYS, Example, row_fault
from training.feedback import FILE, add_answers, read_feedback, read_rows
from training.finetune import post_weights
from training.prepare import prepare
from training.splits import split

__all__ = ["bundle"]
TODAY = date(2026, 3, 5)
POSTS = [
    "Typist wanted in Poipet, $900 a month, free flight and room, write @lotus_hr_kh on Telegram",
    "=Urgent! Chat agents for Bavet, passport in hand, we fly you this week 🔥 tickets on us, telegram @lotus_hr_kh",
    "Barista for a quiet cafe by the river,\nmornings only,\nask at the counter for Nina",
    "Has anybody heard of Lotus Star Company in Sihanoukville? My cousin was offered work there",
    "Like and rate hotels from home, 5 dollars a task, first deposit 20 dollars to unlock",
    "Our choir looks for two tenors who can read music, rehearsals are held every second Monday",
]


@pytest.fixture(scope="module")
def scored(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Posts, scored."""
    folder = tmp_path_factory.mktemp("scored")
    with (folder / "posts.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([("id", "text"), *((f"p{number}", text) for number, text in enumerate(POSTS))])
    detector = Detector(bundle, LetterBackend(), threads=1)
    score_files(detector, [folder / "posts.csv"], folder / "scored.jsonl")
    detector.close()
    return folder / "scored.jsonl"


def queue(scored: Path, output: Path, bundle: Bundle, **options: object) -> Path:
    """Ask about all posts: those of a campaign that are left out, in a second queue. Return both as one."""
    second = output.with_name(f"second-{output.name}")
    make_queue([scored], output, options=Options(model=bundle.folder, **options))  # type: ignore[arg-type]
    make_queue([scored], second, options=Options(model=bundle.folder, leave_out=[output], **options))  # type: ignore[arg-type]
    if output.suffix == ".json":
        output.write_text(json.dumps(json.loads(output.read_bytes()) + json.loads(second.read_bytes())))
    else:
        output.write_bytes(output.read_bytes() + second.read_bytes().split(b"\r\n", 1)[1])
    return output


def fill_in(sheet: Path, answers: dict[str, dict[str, str]], output: Path) -> Path:
    """Fill in a sheet by the ids of its posts, and save it as LibreOffice does in a country with decimal commas."""
    rows = list(csv.DictReader(io.StringIO(sheet.read_text("utf-8-sig"), newline="")))
    for row in rows:
        row |= {"reader": "nora"} | answers.get(row["id"], {})
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), delimiter=";", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    output.write_bytes(b"\xef\xbb\xbf" + text.getvalue().encode())
    return output


def annotate(tasks: Path, answers: dict[str, list[dict[str, Any]]], output: Path) -> Path:
    """Write the tasks as Label Studio exports them, with a reader's results by the ids of the posts."""
    exported = json.loads(tasks.read_text("utf-8"))
    for number, task in enumerate(exported, 1):
        given = [
            {
                "id": 100 * number + reader, "completed_by": reader, "was_cancelled": False, "ground_truth": False, "task": number,
                "created_at": "2026-03-01T09:00:00.000000Z", "updated_at": "2026-03-02T09:00:00.000000Z", "lead_time": 8.1,
                "result": result["result"], "result_count": len(result["result"]),
            }
            for reader, result in enumerate(answers.get(task["data"]["id"], ()), 1)
        ]  # fmt: skip
        task |= {"id": number, "annotations": given, "drafts": [], "predictions": [], "project": 1, "total_annotations": len(given)}
    output.write_text(json.dumps(exported, ensure_ascii=False), "utf-8")
    return output


def choice(label: str, part: str = "label") -> dict[str, Any]:
    return {"id": "x", "from_name": part, "to_name": "text", "type": "choices", "origin": "manual", "value": {"choices": [label]}}


def span(start: int, end: int, text: str, code: str) -> dict[str, Any]:
    value = {"start": start, "end": end, "text": text, "labels": [code]}
    return {"id": "y", "from_name": "evidence", "to_name": "text", "type": "labels", "origin": "manual", "value": value}


ANSWERS = {
    "p0": {
        "label": "scam_compound",
        "indicators": "travel_paid; no_employer_identity",
        "quotes": "free flight",
        "comment": "no duties",
    },
    "p1": {"label": "Scam compound", "indicators": "leave_now;travel_paid", "quotes": "we fly you this week | tickets on us"},
    "p2": {"label": "legit_job", "indicators": "none"},
    "p3": {"label": "not_job"},
}


@pytest.fixture
def add(tiny_corpus: Path, tmp_path: Path):
    """Add answers to a folder."""

    def added(labelled: Path, **options: Any):
        return add_answers(labelled, tmp_path / "answers", corpus=tiny_corpus, today=TODAY, **options)

    return added


@pytest.fixture
def sheet(scored: Path, bundle: Bundle, tmp_path: Path) -> Path:
    return queue(scored, tmp_path / "queue.csv", bundle)


# The loop.


def test_answers_in_a_sheet_come_back_as_rows_of_the_corpus_format_with_provenance(sheet: Path, add, tmp_path: Path) -> None:
    report = add(fill_in(sheet, ANSWERS, tmp_path / "filled.csv"))
    assert (report.added, report.unanswered, report.faults, report.conflicts, report.naming) == (4, 2, [], [], 2)
    rows = {row["text"]: row for row in read_rows(tmp_path / "answers")}
    # Also the text that the sheet marked as no formula, and the one with line breaks.
    assert set(rows) == set(POSTS[:4])
    assert [rows[text]["label"] for text in POSTS[:4]] == ["scam_compound", "scam_compound", "legit_job", "not_job"]
    assert rows[POSTS[0]]["evidence"] == [
        {"indicator": "travel_paid", "quote": "free flight"},
        {"indicator": "no_employer_identity", "quote": ""},
    ]
    assert [entry["quote"] for entry in rows[POSTS[1]]["evidence"]] == ["we fly you this week", "tickets on us"]
    for text, row in rows.items():
        assert row_fault({key: row[key] for key in CORPUS_KEYS}) is None
        kept = row["provenance"]
        assert kept["sha256"] == text_sha256(text)
        assert (kept["readers"], kept["date"]) == (["nora"], "2026-03-05")
        assert kept["model"].startswith("letters/0.0.1+sha256:")
        assert kept["file"].endswith("scored.jsonl")
        assert kept["why"] in {"doubtful", "random", "confident"}
        assert POSTS[int(kept["row"]) - 1] == text


def test_prepare_trains_on_the_answers(sheet: Path, add, tiny_base: Path, tiny_corpus: Path, tmp_path: Path) -> None:
    add(fill_in(sheet, ANSWERS, tmp_path / "filled.csv"))
    sources = tmp_path / "sources.toml"
    sources.touch()
    made = prepare(
        tmp_path / "prepared", base=str(tiny_base), corpus=tiny_corpus, sources=sources, public=None, config=TINY,
        feedback=tmp_path / "answers",
    )  # fmt: skip
    posts = {post["text"]: post for post in made.posts if post["source"] == "feedback"}
    assert set(posts) == set(POSTS[:4])
    assert sum(made.facts["counts"]["feedback"].values()) == 4
    lure, honest, unread = posts[POSTS[0]], posts[POSTS[2]], posts[POSTS[3]]
    assert lure["allowed"] == [label == "scam_compound" for label in LABELS]
    assert lure["indicators"] == [code in {"travel_paid", "no_employer_identity"} for code in INDICATORS]
    assert {INDICATORS[quote["indicator"]] for quote in lure["quotes"]} == {"travel_paid"}
    # 'none' says that there are none; nothing says that nobody looked.
    assert (any(honest["indicators"]), len(honest["indicators"]), unread["indicators"]) == (False, len(INDICATORS), [])
    assert lure["split"] == posts[POSTS[1]]["split"]
    weights = post_weights(made.posts, TINY)
    ours = np.asarray(made.posts["source"]) == "feedback"
    assert weights[ours].min() > 0


def test_the_commands_close_the_loop(scored: Path, bundle: Bundle, tiny_corpus: Path, tmp_path: Path) -> None:
    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-m", *map(str, arguments)], capture_output=True, text=True, check=False)

    sheet = tmp_path / "queue.csv"
    assert run("detector", "review", scored, "-o", sheet, "--model", bundle.folder).returncode == 0
    filled = fill_in(sheet, ANSWERS | {"p4": {"label": "perhaps"}}, tmp_path / "filled.csv")
    done = run("training", "corpus", "add", filled, "--into", tmp_path / "answers", "--corpus", tiny_corpus)
    assert done.returncode == 2, done.stderr
    assert "added 3, known 0, unanswered 1, in conflict 0, refused 1" in done.stdout
    assert "expected a label out of scam_compound, other_job_fraud, legit_job, not_job, got 'perhaps'" in done.stdout
    # Two of the posts have one contact, and one of them was asked about.
    assert [example.why for example in read_feedback(tmp_path / "answers")] == [None] * 3


def test_label_studios_export_comes_back(scored: Path, bundle: Bundle, add, tmp_path: Path) -> None:
    tasks = queue(scored, tmp_path / "tasks.json", bundle)
    start = POSTS[1].index("tickets on us")
    results = {
        "p1": [{"result": [choice("scam_compound"), span(start, start + 13, "tickets on us", "travel_paid")]}],
        "p2": [{"result": [choice("legit_job"), choice("none", "absent")]}],
        "p3": [{"result": [span(0, 3, "Has", "travel_paid")]}],  # marked, but not answered
        "p4": [{"result": [choice("other_job_fraud"), choice("no_employer_identity", "absent"),
                           {"from_name": "comment", "type": "textarea", "value": {"text": ["deposit first"]}}]}],
    }  # fmt: skip
    report = add(annotate(tasks, results, tmp_path / "export.json"))
    assert (report.added, report.unanswered, report.faults) == (3, 3, [])
    rows = {row["text"]: row for row in read_rows(tmp_path / "answers")}
    assert rows[POSTS[1]]["evidence"] == [{"indicator": "travel_paid", "quote": "tickets on us"}]
    assert (rows[POSTS[1]]["author"], rows[POSTS[1]]["provenance"]["date"]) == ("ls-1", "2026-03-02")
    assert rows[POSTS[4]]["why"] == "deposit first"
    assert rows[POSTS[4]]["evidence"] == [{"indicator": "no_employer_identity", "quote": ""}]
    assert [rows[text]["provenance"]["indicators_read"] for text in (POSTS[1], POSTS[2])] == [True, True]


def test_words_behind_an_emoji_are_found_by_offsets_of_either_kind(scored: Path, bundle: Bundle, add, tmp_path: Path) -> None:
    tasks = queue(scored, tmp_path / "tasks.json", bundle)
    start = POSTS[1].index("tickets on us") + 1  # 🔥 is two units of UTF-16
    wrong = {"p1": [{"result": [choice("scam_compound"), span(start, start + 13, "tickets on us", "travel_paid")]}]}
    report = add(annotate(tasks, wrong, tmp_path / "export.json"))
    assert report.faults == []
    assert read_rows(tmp_path / "answers")[0]["evidence"] == [{"indicator": "travel_paid", "quote": "tickets on us"}]
    other = {"p1": [{"result": [choice("scam_compound"), span(start + 4, start + 17, "tickets on us", "travel_paid")]}]}
    (fault,) = _faults(annotate(tasks, other, tmp_path / "other.json"))
    assert "do not stand where their offsets say" in fault.reason


def _faults(path: Path) -> list[Fault]:
    return [each for each in read_answers(path) if isinstance(each, Fault)]


# Nothing twice, nothing lost, nothing that readers do not agree on.


def test_the_same_file_twice_adds_nothing(sheet: Path, add, tmp_path: Path) -> None:
    filled = fill_in(sheet, ANSWERS, tmp_path / "filled.csv")
    add(filled)
    before = (tmp_path / "answers" / FILE).read_bytes()
    again = add(filled)
    assert (again.added, again.known) == (0, 4)
    assert (tmp_path / "answers" / FILE).read_bytes() == before


def test_rows_that_fail_are_named_and_the_others_are_taken(sheet: Path, add, tmp_path: Path) -> None:
    wrong = {
        "p0": {"label": "scam_compound", "indicators": "travel_paid", "quotes": "free helicopter"},
        "p1": {"label": "scam_compound", "indicators": "travel_paid; leave_now", "quotes": "tickets on us"},
        "p2": {"label": "legit_job", "indicators": "friendly"},
        "p3": {"label": "not_job", "reader": ""},
        "p4": {"label": "other_job_fraud", "sha256": "0" * 63},
        "p5": {"label": "legit_job"},
    }
    report = add(fill_in(sheet, wrong, tmp_path / "filled.csv"))
    reasons = " / ".join(fault.reason for fault in report.faults)
    assert report.added == 1
    for expected in (
        "the quote for travel_paid does not occur in the text",
        "expected 2 quotes with '|' between, one for each indicator, got 1",
        "unknown indicator 'friendly'",
        "expected a reader; fill in the column, or name one with --writer",
        "expected the post's SHA-256",
    ):
        assert expected in reasons
    assert not any(piece in str(report) for piece in ("Poipet", "Bavet", "Barista", "cousin", "hotels"))
    # Once mended, the file adds what is new.
    mended = wrong | {"p3": {"label": "not_job"}, "p2": {"label": "legit_job", "indicators": "none"}}
    assert add(fill_in(sheet, mended, tmp_path / "filled.csv")).added == 2


def test_a_text_that_was_changed_is_not_taken_for_the_post(sheet: Path, add, scored: Path, tmp_path: Path) -> None:
    changed = fill_in(sheet, {"p5": {"label": "not_job", "text": POSTS[5].upper()}}, tmp_path / "filled.csv")
    assert "name the scored file with --original" in add(changed).faults[0].reason
    assert add(changed, originals=[scored]).added == 1
    assert [row["text"] for row in read_rows(tmp_path / "answers")] == [POSTS[5]]


def test_answers_on_masked_posts_are_joined_with_the_originals(scored: Path, bundle: Bundle, add, tmp_path: Path) -> None:
    tasks = queue(scored, tmp_path / "tasks.json", bundle, mask=True)
    masked = next(each["data"]["text"] for each in json.loads(tasks.read_text("utf-8")) if each["data"]["id"] == "p0")
    assert "lotus_hr" not in masked
    start = POSTS[0].index("@lotus_hr_kh")
    results = {
        "p0": [{"result": [choice("scam_compound"), span(start, start + 12, masked[start : start + 12], "messenger_only_contact")]}]
    }
    export = annotate(tasks, results, tmp_path / "export.json")
    assert "was masked or changed" in add(export).faults[0].reason
    assert add(export, originals=[scored]).added == 1
    (row,) = read_rows(tmp_path / "answers")
    assert (row["text"], row["evidence"]) == (POSTS[0], [{"indicator": "messenger_only_contact", "quote": "@lotus_hr_kh"}])


def test_readers_who_differ_are_reported_and_those_who_agree_are_joined(scored: Path, bundle: Bundle, add, tmp_path: Path) -> None:
    tasks = queue(scored, tmp_path / "tasks.json", bundle)
    flight = POSTS[0].index("free flight")
    results = {
        "p0": [{"result": [choice("scam_compound"), span(flight, flight + 11, "free flight", "travel_paid")]},
               {"result": [choice("scam_compound"), choice("no_employer_identity", "absent")]}],
        "p4": [{"result": [choice("other_job_fraud")]}, {"result": [choice("scam_compound")]}],
    }  # fmt: skip
    report = add(annotate(tasks, results, tmp_path / "export.json"))
    assert (report.added, report.read_twice) == (1, 2)
    (conflict,) = report.conflicts
    assert conflict.reason == "ls-1, ls-2 differ: other_job_fraud, scam_compound"
    (row,) = read_rows(tmp_path / "answers")
    assert [entry["indicator"] for entry in row["evidence"]] == ["travel_paid", "no_employer_identity"]
    assert row["provenance"]["readers"] == ["ls-1", "ls-2"]


def test_an_answer_that_differs_from_an_earlier_one_changes_nothing(sheet: Path, add, tmp_path: Path) -> None:
    add(fill_in(sheet, {"p4": {"label": "other_job_fraud"}}, tmp_path / "one.csv"))
    report = add(fill_in(sheet, {"p4": {"label": "legit_job", "reader": "sami"}}, tmp_path / "two.csv"))
    assert [fault.reason for fault in report.conflicts] == ["nora, sami differ: other_job_fraud, legit_job"]
    assert [row["label"] for row in read_rows(tmp_path / "answers")] == ["other_job_fraud"]


def test_a_near_duplicate_of_a_post_of_the_corpus_is_refused(add, tiny_corpus: Path, tmp_path: Path) -> None:
    known = json.loads((tiny_corpus / "en.jsonl").read_text("utf-8").splitlines()[-1])
    text = known["text"] + "!"
    cells = {"text": text, "sha256": text_sha256(text), "language": "en", "label": known["label"], "reader": "nora"}
    with (tmp_path / "filled.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([list(cells), list(cells.values())])
    report = add(tmp_path / "filled.csv")
    assert report.added == 0
    assert f"of its wording with {known['id']} of the corpus" in report.faults[0].reason


# Real posts stay out of the repository and out of the corpus.


def test_git_ignores_the_folder_wherever_it_lies(sheet: Path, add, tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    add(fill_in(sheet, ANSWERS, tmp_path / "filled.csv"))
    shown = subprocess.run(
        ["git", "status", "--porcelain", "-uall"], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout
    assert "filled.csv" in shown
    assert "answers" not in shown


def test_the_corpus_and_other_folders_of_posts_are_refused(sheet: Path, tiny_corpus: Path, tmp_path: Path) -> None:
    filled = fill_in(sheet, ANSWERS, tmp_path / "filled.csv")
    before = sorted(path.name for path in tiny_corpus.iterdir())
    for folder in (tiny_corpus, tiny_corpus / "more"):
        with pytest.raises(InputError, match="outside of the corpus"):
            add_answers(filled, folder, corpus=tiny_corpus)
    assert sorted(path.name for path in tiny_corpus.iterdir()) == before
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "en.jsonl").touch()
    with pytest.raises(InputError, match=r"for answers alone, got en\.jsonl"):
        add_answers(filled, tmp_path / "other", corpus=tiny_corpus)


def test_a_damaged_folder_is_named(sheet: Path, add, tmp_path: Path) -> None:
    add(fill_in(sheet, ANSWERS, tmp_path / "filled.csv"))
    path = tmp_path / "answers" / FILE
    path.write_text(path.read_text("utf-8").replace('"not_job"', '"no_job"'), "utf-8")
    with pytest.raises(RecordError, match=f"{FILE}: expected a label out of"):
        read_feedback(tmp_path / "answers")
    with pytest.raises(InputError, match="corpus add"):
        read_feedback(tmp_path / "none")


# What may not cross from one split to another.


def test_posts_with_one_contact_are_one_group(sheet: Path, add, tmp_path: Path) -> None:
    add(fill_in(sheet, ANSWERS, tmp_path / "filled.csv"))
    groups: Callable[[], dict[str, str]] = lambda: {each.text: each.group for each in read_feedback(tmp_path / "answers")}  # noqa: E731
    first = groups()
    assert first[POSTS[0]] == first[POSTS[1]]
    assert len(set(first.values())) == 3
    add(fill_in(sheet, {"p4": {"label": "other_job_fraud"}}, tmp_path / "more.csv"))
    # Answers that come later rename no group.
    assert groups().items() >= first.items()


def example(name: str, text: str, source: str) -> Example:
    return Example(name, text, "en", ("legit_job",), None, source, name if source == "feedback" else "en-b01")


def test_answers_are_dealt_to_training_and_test_alone_and_near_duplicates_follow_the_corpus() -> None:
    texts = ["".join(chr(97 + byte % 26) for byte in hashlib.sha512(bytes([n])).digest()) for n in range(250)]
    answered = [example(f"f-{n}", text, "feedback") for n, text in enumerate(texts)]
    places = split(answered, {})
    assert set(places) == {"train", "test"}
    assert 8 < places.count("test") < 60
    corpus = [example("en-1", POSTS[5], "corpus")]
    twins = [example(f"f-{n}", f"{POSTS[5]} {'!' * n}", "feedback") for n in range(20)]
    assert set(split([*corpus, *twins], {})) == set(split(corpus, {}))


def test_an_export_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "min.json").write_text(json.dumps([{"id": 1, "text": "x", "label": "not_job"}]))
    assert "not as JSON-MIN" in _faults(tmp_path / "min.json")[0].reason
    (tmp_path / "half.json").write_text('[{"id": 1,')
    with pytest.raises(InputError, match="broken JSON"):
        list(read_answers(tmp_path / "half.json"))
    (tmp_path / "other.csv").write_text("id,text\n1,x\n")
    with pytest.raises(InputError, match="no column 'sha256'"):
        list(read_answers(tmp_path / "other.csv"))


def test_an_annotation_that_was_cancelled_is_no_answer(scored: Path, bundle: Bundle, tmp_path: Path) -> None:
    tasks = queue(scored, tmp_path / "tasks.json", bundle)
    export = annotate(tasks, {"p0": [{"result": [choice("not_job")]}]}, tmp_path / "export.json")
    exported = json.loads(export.read_text("utf-8"))
    assert sum(isinstance(each, Answer) for each in read_answers(export)) == 1
    for task in exported:
        for given in task["annotations"]:
            given["was_cancelled"] = True
    export.write_text(json.dumps(exported), "utf-8")
    assert set(read_answers(export)) == {None}
