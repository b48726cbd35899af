"""The queue for readers: doubtful posts that are unlike each other, one of each campaign, and samples that measure."""

import csv
import json
import math
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wordings import LURE, REWORDS, UNLIKE

from detector.bundle import Bundle
from detector.cli import main
from detector.errors import SOME_REFUSED, InputError, OutputError
from detector.records import INDICATORS, LABELS
from detector.review import Options, Outcome, make_queue
from detector.review.candidates import Candidate, doubt, text_sha256
from detector.review.pools import DoubtfulPool, Sample
from detector.scored import ScoredPost

EVEN = dict.fromkeys(LABELS, 0.25)
SURE_LURE = dict(zip(LABELS, (0.97, 0.01, 0.01, 0.01), strict=True))
SURE_OTHER = dict(zip(LABELS, (0.01, 0.01, 0.01, 0.97), strict=True))
NO_SAMPLES = {"random_share": 0.0, "confident_share": 0.0}


def row(number: int, text: str, shares: dict[str, float] = EVEN, **more: object) -> dict[str, object]:
    band = "high" if shares[LABELS[0]] > 0.9 else "review" if shares[LABELS[0]] > 0.2 else "low"
    label = max(shares, key=lambda name: shares[name])
    verdict = {"score": shares[LABELS[0]], "label": label, "label_scores": shares, "band": band, "language": "en"}
    return {"id": f"p{number}", "text": text, **verdict, "indicators": [], "contacts": [], "model": "m/1", "error": None} | more


def write(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(each) + "\n" for each in rows), "utf-8")
    return path


@pytest.fixture
def queue(tmp_path: Path, bundle: Bundle):
    """Make a queue of some rows, and return what became of them and the tasks."""

    def make(rows: list[dict[str, object]], **options: object) -> tuple[Outcome, list[dict]]:
        source = write(tmp_path / "scored.jsonl", rows)
        made = make_queue([source], tmp_path / "queue.json", options=Options(model=bundle.folder, **options))  # type: ignore[arg-type]
        return made, json.loads((tmp_path / "queue.json").read_text("utf-8"))

    return make


def ids(tasks: list[dict]) -> list[str]:
    return [task["data"]["id"] for task in tasks]


# What is asked about.


def scored_post(score: float, shares: dict[str, float], band: str = "review") -> ScoredPost:
    return ScoredPost("f", 1, "p", "text", band, score, "en", (), None, False, (), {"label_scores": shares})


def test_doubt_matches_values_worked_by_hand() -> None:
    points = (0.9, 0.3, 0.5)
    assert doubt(scored_post(0.3, EVEN), points) == pytest.approx(1.0)
    # Odds of 3 to 1 are log 3 from even ones, and log 3 from odds of 9 to 1.
    certain = {"scam_compound": 0.75, "not_job": 0.25, "legit_job": 0.0, "other_job_fraud": 0.0}
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25)) / math.log(4)
    assert doubt(scored_post(0.75, certain), points) == pytest.approx((1 / 3 + entropy) / 2)


@given(st.floats(0, 1), st.lists(st.floats(0.01, 1), min_size=4, max_size=4))
def test_doubt_lies_between_0_and_1_and_grows_towards_a_threshold(score: float, weights: list[float]) -> None:
    shares = {label: weight / sum(weights) for label, weight in zip(LABELS, weights, strict=True)}
    found = doubt(scored_post(score, shares), (0.5,))
    assert 0 <= found <= 1
    assert found <= doubt(scored_post(0.5, shares), (0.5,))


def test_of_a_campaign_one_post_is_asked_about(queue) -> None:
    texts = [*REWORDS, *UNLIKE]
    contact = [{"kind": "telegram", "value": "@lotus_hr"}]
    rows = [row(n, text, contacts=contact if n in (5, 6) else []) for n, text in enumerate(texts)]
    made, tasks = queue(rows, **NO_SAMPLES)
    # Five reworded copies are one campaign, two unlike posts of one contact another.
    assert len(tasks) == 1 + 1 + 4
    assert sum(each in {f"p{n}" for n in range(5)} for each in ids(tasks)) == 1
    assert made.reasons == {"doubtful": 6}


def test_the_most_doubtful_comes_first_and_then_what_is_unlike_it(queue) -> None:
    close = {"scam_compound": 0.4, "other_job_fraud": 0.2, "legit_job": 0.2, "not_job": 0.2}
    rows = [
        row(0, UNLIKE[0], EVEN),
        *(row(n, UNLIKE[n], close) for n in (1, 2, 3)),
        row(4, UNLIKE[4], close, language="th"),
        row(5, UNLIKE[5], SURE_OTHER),
    ]
    made, tasks = queue(rows, **NO_SAMPLES)
    doubts = {pick.candidate.id: pick.candidate.doubt for pick in made.picks}
    first = max(doubts, key=lambda name: doubts[name])
    assert ids(tasks)[0] == first
    assert "p4" in ids(tasks)[:2]
    assert ids(tasks)[-1] == "p5"


def test_copies_of_a_random_row_are_counted_with_it(queue) -> None:
    rows = [row(n, f"{LURE} {n}") for n in range(30)] + [row(30 + n, text) for n, text in enumerate(UNLIKE)]
    made, tasks = queue(rows, number=36, random_share=1.0, confident_share=0.0)
    assert made.reasons == {"random": 7}
    assert sorted(task["meta"]["stands_for"] for task in tasks) == [1, 1, 1, 1, 1, 1, 30]


def test_of_confident_verdicts_half_are_flagged(queue) -> None:
    rows = [row(n, f"{text} {kind}", SURE_LURE if kind else SURE_OTHER) for n, text in enumerate(UNLIKE) for kind in [n % 2]]
    rows += [row(10, LURE)]
    made, _ = queue(rows, number=4, random_share=0.0, confident_share=1.0)
    assert made.reasons == {"confident": 4}
    assert sorted(pick.candidate.band for pick in made.picks) == ["high", "high", "low", "low"]


def test_a_post_that_the_model_abstains_on_is_asked_about_and_one_without_letters_is_not(queue) -> None:
    rows = [row(0, "Call me", band="abstain", reason="too_short"), row(1, "👍👍 12", band="abstain"), row(2, UNLIKE[0], SURE_OTHER)]
    made, tasks = queue(rows, **NO_SAMPLES)
    assert [(task["data"]["id"], task["meta"]["why"]) for task in tasks] == [("p0", "abstained"), ("p2", "doubtful")]
    assert made.left_out == 1


def test_what_was_asked_before_is_not_asked_again(queue, tmp_path: Path) -> None:
    rows = [row(n, text) for n, text in enumerate(UNLIKE)]
    _, first = queue(rows, number=3)
    (tmp_path / "queue.json").rename(tmp_path / "earlier.json")
    made, second = queue(rows, number=6, leave_out=[tmp_path / "earlier.json"])
    assert sorted([*ids(first), *ids(second)]) == [f"p{n}" for n in range(6)]
    assert made.left_out == 3


def test_the_same_file_gives_the_same_queue(queue, tmp_path: Path) -> None:
    rows = [row(n, f"{text} {n}") for n, text in enumerate(UNLIKE * 5)]
    queue(rows, number=5)
    before = (tmp_path / "queue.json").read_bytes()
    queue(rows, number=5)
    assert (tmp_path / "queue.json").read_bytes() == before


def test_scored_csv_gives_the_posts_that_jsonl_gives(queue, bundle: Bundle, tmp_path: Path) -> None:
    rows = [row(n, text, SURE_OTHER if n % 2 else EVEN) for n, text in enumerate(UNLIKE)]
    _, tasks = queue(rows, number=3, **NO_SAMPLES)
    with (tmp_path / "scored.csv").open("w", encoding="utf-8", newline="") as stream:
        flat = [{**each, **{f"score_{label}": share for label, share in each["label_scores"].items()}} for each in rows]  # type: ignore[attr-defined]
        writer = csv.DictWriter(
            stream, [name for name in flat[0] if name not in {"label_scores", "indicators", "contacts"}], extrasaction="ignore"
        )
        writer.writeheader()
        writer.writerows(flat)
    made = make_queue([tmp_path / "scored.csv"], tmp_path / "q.csv", options=Options(number=3, model=bundle.folder, **NO_SAMPLES))
    assert [pick.candidate.id for pick in made.picks] == ids(tasks)


# What is kept while a file is read.


def candidate(number: int, how_much: float) -> Candidate:
    """A post that is like no other."""
    name = f"{number:032}".encode()
    return Candidate("f", number, str(number), text_sha256(str(number)), "", "en", "", "low", 0.5, how_much, "", (), name, None, ())


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 1)), max_size=60))
def test_the_pool_keeps_the_most_doubtful_of_each_kind_and_no_more_than_there_is_room_for(posts: list[tuple[str, float]]) -> None:
    pool = DoubtfulPool(9)
    for number, (kind, how_much) in enumerate(posts):
        if pool.wants((kind, ""), how_much, str(number)):
            pool.add((kind, ""), candidate(number, how_much))
    kept = pool.candidates()
    assert len(kept) == min(9, len(posts))
    for kind in {kind for kind, _ in posts}:
        of_kind = [(how_much, number) for number, (name, how_much) in enumerate(posts) if name == kind]
        left = sorted((each.doubt for each in kept if posts[each.number][0] == kind), reverse=True)
        # A third of the room for each of the three.
        assert len(left) >= min(len(of_kind), 2)
        assert left == sorted((how_much for how_much, _ in of_kind), reverse=True)[: len(left)]


@given(st.lists(st.integers(0, 2**64 - 1), unique=True, max_size=40), st.integers(0, 10))
def test_a_sample_is_the_rows_with_the_lowest_hashes(orders: list[int], capacity: int) -> None:
    sample = Sample(capacity)
    for place, order in enumerate(orders):
        sample.offer(order, place, lambda place=place: candidate(place, 0.5))
    expected = sorted(range(len(orders)), key=lambda place: orders[place])[:capacity]
    assert [each.number for each in sample.candidates()] == expected


# What readers see.


FLIGHT = LURE.index("free flight")
FOUND = [{"code": "travel_paid", "score": 0.97, "evidence": [{"start": FLIGHT, "end": FLIGHT + 11, "text": "free flight"}]},
         {"code": "no_employer_identity", "score": 0.9, "evidence": []}]  # fmt: skip


def test_tasks_do_not_show_what_the_model_holds_unless_asked(queue) -> None:
    _, plain = queue([row(0, LURE, indicators=FOUND)])
    assert plain[0].keys() == {"data", "meta"}
    assert not {"score", "band", "label"} & (plain[0]["data"].keys() | plain[0]["meta"].keys())
    _, shown = queue([row(0, LURE, SURE_LURE, indicators=FOUND)], with_verdict=True)
    (prediction,) = shown[0]["predictions"]
    assert (prediction["score"], prediction["model_version"]) == (0.97, "m/1")
    values = {each["from_name"]: each["value"] for each in prediction["result"]}
    assert values["label"] == {"choices": ["scam_compound"]}
    assert values["evidence"] == {"start": FLIGHT, "end": FLIGHT + 11, "text": "free flight", "labels": ["travel_paid"]}
    assert values["absent"] == {"choices": ["no_employer_identity"]}


def test_the_interface_has_every_label_and_indicator_and_the_parts_that_predictions_name(queue, tmp_path: Path) -> None:
    _, tasks = queue([row(0, LURE, indicators=FOUND)], with_verdict=True)
    root = ET.parse(tmp_path / "queue.xml").getroot()
    parts = {each.get("name"): each for each in root.iter() if each.get("name")}
    values = [choice.get("value") for name in ("label", "evidence", "absent") for choice in parts[name]]
    assert set(values) == {*LABELS, *INDICATORS, "none"}
    assert parts["text"].get("value") == "$text"
    assert "text" in tasks[0]["data"]
    for each in tasks[0]["predictions"][0]["result"]:
        assert parts[each["from_name"]].get("toName") == each["to_name"] == "text"
        assert parts[each["from_name"]].tag.lower() == each["type"]


def test_a_sheet_has_columns_to_fill_in_and_no_cell_that_runs(bundle: Bundle, tmp_path: Path) -> None:
    source = write(tmp_path / "scored.jsonl", [row(0, f"=HYPERLINK {LURE}", indicators=FOUND)])
    for shown in (False, True):
        make_queue([source], tmp_path / "queue.csv", options=Options(with_verdict=shown, model=bundle.folder))
        with (tmp_path / "queue.csv").open(encoding="utf-8-sig", newline="") as lines:
            (cells,) = csv.DictReader(lines)
        assert [cells[name] for name in ("label", "indicators", "quotes", "comment", "reader")] == [""] * 5
        assert cells["text"] == f"'=HYPERLINK {LURE}"
        assert cells["sha256"] == text_sha256(f"=HYPERLINK {LURE}")
        assert cells.get("model_indicators") == ("travel_paid;no_employer_identity" if shown else None)


def test_contacts_are_hidden_on_request_and_offsets_stay(queue) -> None:
    text = f"{LURE}, write to @lotus_hr_kh on Telegram or +855 12 345 678"
    found = [
        {
            "code": "messenger_only_contact",
            "score": 0.9,
            "evidence": [{"start": text.index("@"), "end": len(text), "text": text[text.index("@") :]}],
        }
    ]
    _, tasks = queue([row(0, text, indicators=found)], mask=True, with_verdict=True)
    masked = tasks[0]["data"]["text"]
    assert len(masked) == len(text)
    assert "lotus_hr" not in json.dumps(tasks)
    assert "345 678" not in json.dumps(tasks)
    assert masked.startswith(LURE)
    assert tasks[0]["data"]["sha256"] == text_sha256(text)
    value = tasks[0]["predictions"][0]["result"][-1]["value"]
    assert value["text"] == masked[value["start"] : value["end"]]


# The command.


def test_the_command_counts_refused_rows_and_shows_no_text(bundle: Bundle, tmp_path: Path) -> None:
    source = write(tmp_path / "scored.jsonl", [row(0, LURE), row(1, UNLIKE[0], band="odd")])
    command = [sys.executable, "-m", "detector", "review", source, "-o", tmp_path / "q.csv", "--model", bundle.folder]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    assert done.returncode == SOME_REFUSED, done.stderr
    assert "asked       1: 1 random" in done.stderr
    assert "row 2: expected a band" in done.stderr
    assert "Barista" not in done.stderr
    assert done.stdout == ""


def test_what_makes_no_sense_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"ends in \.csv"):
        make_queue(["scored.jsonl"], tmp_path / "queue.xlsx")
    with pytest.raises(InputError, match="make 1 at most"):
        make_queue(["scored.jsonl"], tmp_path / "q.csv", options=Options(random_share=0.7, confident_share=0.7))
    source = write(tmp_path / "scored.csv", [])
    with pytest.raises(OutputError, match="is an input and the output"):
        make_queue([source], source)


def test_help_shows_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["review", "--help"]) == 0
    assert "scam-detector review scored.jsonl -o queue.csv" in capsys.readouterr().out
