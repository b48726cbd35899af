"""Flagged posts as STIX and MISP: what other tools read of them, and what a second export changes."""

import csv
import json
import re
import socket
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
import stix2
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft4Validator
from pymisp import MISPEvent, MISPObject
from pymisp import __file__ as pymisp_file
from stix2validator import ValidationOptions, validate_string

from detector.campaigns import Options
from detector.cli import USAGE, main
from detector.errors import SOME_REFUSED, ColumnError, InputError, OutputError
from detector.exchange import TLP, Sharing, Summary, export
from detector.exchange.misp import TEMPLATES
from detector.exchange.stix import EXTENSION, TLP_MARKINGS, account
from detector.records import Contact

README = Path(__file__).parents[2] / "detector" / "exchange" / "README.md"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = datetime(2026, 3, 2, 12, tzinfo=UTC)
MODEL = "scam-recruitment-detector/0.4.0+sha256:90b676eb83a8"

LURE = "Typists for Poipet via Bangkok, from Manila, salary $900 per month, free flight, telegram @Lotus_HR or +855 12 345 678"
REWORDED = LURE.replace("Typists", "Urgent: typists") + " !!"
OTHER = "Kitchen helpers wanted in Laos, good pay, passport held by the office, write to hr@lotus.example today please"
CONTACTS = [
    {"kind": "telegram", "value": "@Lotus_HR"},
    {"kind": "phone", "value": "+85512345678"},
    {"kind": "whatsapp", "value": "+85512345678"},
    {"kind": "url", "value": "lotus.example/jobs?a=1|2"},
    {"kind": "email", "value": "hr@lotus.example"},
    {"kind": "facebook", "value": "groups/lotusjobs"},
    {"kind": "facebook", "value": "lotus.hr"},
    {"kind": "facebook", "value": "100012345678"},
    {"kind": "zalo", "value": "0912345678"},
    {"kind": "line", "value": "@lotus"},
    {"kind": "telegram", "value": "t.me/+AbCdEfGh12"},
]
SECRETS = ("Lotus_HR", "lotus_hr", "345 678", "12345678", "lotus.example", "lotusjobs", "lotus.hr", "AbCdEfGh12")


def row(number: int, text: str, **more: object) -> dict[str, object]:
    evidence = [{"start": 0, "end": 7, "text": text[:7]}]
    plain: dict[str, object] = {
        "id": f"p{number}", "text": text, "score": 0.97, "label": "scam_compound", "band": "high", "language": "en", "contacts": [],
        "evidence": evidence, "indicators": [{"code": "travel_paid", "score": 0.9, "evidence": evidence}], "model": MODEL, "error": None,
    }  # fmt: skip
    return plain | more


ROWS = [
    row(0, LURE, contacts=CONTACTS, date="2026-01-02"),
    row(1, LURE, contacts=CONTACTS, date="2026-01-05T08:00:00+07:00"),
    row(2, REWORDED, contacts=CONTACTS, date="2026-01-03", score=0.7, band="review"),
    row(3, OTHER, language="id"),
    row(4, "Barista wanted in a quiet cafe", band="low", score=0.01),
]


def write(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(each) + "\n" for each in rows), "utf-8")
    return path


def exported(
    folder: Path, format: str, rows: list[dict[str, object]] = ROWS, *, options: Options | None = None, **how: object
) -> dict:
    sharing = Sharing(**({"now": NOW} | how))  # type: ignore[arg-type]
    export([write(folder / "scored.jsonl", rows)], folder / "out.json", format=format, sharing=sharing, options=options)
    document: dict = json.loads((folder / "out.json").read_bytes())
    return document


def bundle(folder: Path, rows: list[dict[str, object]] = ROWS, **how: object) -> list[dict]:
    objects: list[dict] = exported(folder, "stix", rows, **how)["objects"]  # type: ignore[arg-type]
    return objects


def event(folder: Path, rows: list[dict[str, object]] = ROWS, **how: object) -> dict:
    found: dict = exported(folder, "misp", rows, **how)["Event"]  # type: ignore[arg-type]
    return found


def of_type(objects: list[dict], kind: str) -> list[dict]:
    return [each for each in objects if each["type"] == kind]


def values(item: dict, relation: str) -> list[str]:
    return [each["value"] for each in item["Attribute"] if each["object_relation"] == relation]


def named(found: dict, name: str) -> list[dict]:
    return [each for each in found["Object"] if each["name"] == name]


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("went to the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


# STIX, as its own tools read it.


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("how", [{}, {"mask": True, "texts": False, "tlp": "amber+strict", "producer": "Lotus Desk"}])
def test_a_bundle_is_valid_to_the_letter_but_for_two_recommendations(tmp_path: Path, how: dict[str, object]) -> None:
    document = exported(tmp_path, "stix", **how)  # type: ignore[arg-type]
    strict = ValidationOptions(version="2.1", strict=True, strict_properties=True, disabled="103,244")
    result = validate_string(json.dumps(document), strict)
    assert result.is_valid, [str(error) for each in result.object_results for error in each.errors or []]
    assert len(stix2.parse(document).objects) == len(document["objects"])
    assert len({each["id"] for each in document["objects"]}) == len(document["objects"])


def test_only_these_objects_are_made_and_none_of_them_accuses(tmp_path: Path) -> None:
    objects = bundle(tmp_path)
    assert {each["type"] for each in objects} == {
        "marking-definition", "identity", "extension-definition", "file", "user-account", "url", "email-addr", "observed-data", "note",
        "location", "relationship", "grouping",
    }  # fmt: skip
    assert [each["name"] for each in of_type(objects, "identity")] == ["scam-recruitment-detector"]
    assert {each["context"] for each in of_type(objects, "grouping")} == {"suspicious-activity"}


def test_every_reference_leads_to_an_object_of_the_bundle(tmp_path: Path) -> None:
    objects = bundle(tmp_path, producer="Lotus Desk")
    ids = {each["id"] for each in objects}
    one = {each[name] for each in objects for name in ("created_by_ref", "source_ref", "target_ref") if name in each}
    many = {ref for each in objects for name in ("object_refs", "object_marking_refs") for ref in each.get(name, [])}
    assert len(one | many) > 20
    assert one | many <= ids


def test_copies_are_one_observation_that_was_made_several_times(tmp_path: Path) -> None:
    objects = bundle(tmp_path)
    observed = {each["number_observed"]: each for each in of_type(objects, "observed-data") if each["first_observed"] < "2026-02"}
    assert sorted(observed) == [1, 2]
    assert (observed[2]["first_observed"], observed[2]["last_observed"]) == ("2026-01-02T00:00:00.000Z", "2026-01-05T01:00:00.000Z")
    note = next(each for each in of_type(objects, "note") if each["object_refs"] == [observed[2]["id"]])
    assert note["extensions"][EXTENSION]["post_ids"] == ["p0", "p1"]
    assert note["extensions"][EXTENSION]["first_seen"] == "2026-01-02T00:00:00.000Z"


def test_a_note_says_what_the_model_says_and_offsets_fit_the_text_in_it(tmp_path: Path) -> None:
    note = next(each for each in of_type(bundle(tmp_path), "note") if each["confidence"] == 70)
    _, _, text = note["content"].partition("\nText:\n")
    said = note["extensions"][EXTENSION]
    assert text == REWORDED
    assert (said["score"], said["band"], note["authors"], note["labels"]) == (0.7, "review", [MODEL], ["travel_paid"])
    assert [text[each["start"] : each["end"]] for each in said["evidence"]] == [REWORDED[:7]]
    assert said["indicators"] == [{"code": "travel_paid", "score": 0.9, "evidence": said["evidence"]}]
    assert {(each["part"], each["country"]) for each in said["places"]} == {
        ("origin", "PH"),
        ("transit", "TH"),
        ("destination", "KH"),
    }


def test_where_the_detector_abstains_no_confidence_is_given(tmp_path: Path) -> None:
    rows = [row(0, LURE, band="abstain", reason="too short", score=0.4)]
    note = of_type(bundle(tmp_path, rows, options=Options(all_bands=True)), "note")[0]
    assert "confidence" not in note
    assert "abstain (too short)" in note["content"]
    verdict = next(each for each in named(event(tmp_path, rows, options=Options(all_bands=True)), "annotation"))
    assert not [each for each in verdict["Attribute"] if "Tag" in each]


def test_a_campaign_groups_its_texts_and_the_contacts_that_join_them(tmp_path: Path) -> None:
    objects = bundle(tmp_path)
    (grouping,) = of_type(objects, "grouping")
    kinds = [ref.partition("--")[0] for ref in grouping["object_refs"]]
    assert (kinds.count("observed-data"), kinds.count("note")) == (2, 2)
    telegram = next(each for each in objects if each.get("account_login") == "lotus_hr")
    assert telegram["id"] in grouping["object_refs"]
    assert grouping["extensions"][EXTENSION]["posts"] == 3


@pytest.mark.parametrize("level", TLP)
def test_everything_that_is_said_carries_the_official_marking(tmp_path: Path, level: str) -> None:
    objects = bundle(tmp_path, tlp=level)
    (marking,) = of_type(objects, "marking-definition")
    assert (marking["id"], marking["name"]) == (TLP_MARKINGS[level], f"TLP:{level.upper()}")
    unmarked = {each["type"] for each in objects if each.get("object_marking_refs") != [marking["id"]]}
    assert unmarked == {"marking-definition", "identity", "extension-definition"}
    assert event(tmp_path, tlp=level)["Tag"] == [{"name": f"tlp:{level}"}]


@given(
    kind=st.sampled_from(["telegram", "facebook", "line", "phone", "whatsapp", "email", "url", "handle"]),
    value=st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=30),
)
@settings(max_examples=150, deadline=None)
def test_observables_have_the_ids_that_the_standards_library_gives_them(kind: str, value: str) -> None:
    ours = account(Contact(kind, value))
    theirs = stix2.parse({name: each for name, each in ours.items() if name != "id"})
    assert theirs.id == ours["id"]


# A second export.


def test_a_second_export_of_the_same_posts_is_the_same_but_for_its_time(tmp_path: Path) -> None:
    for format in ("stix", "misp"):
        first, again, later = (exported(tmp_path, format, now=now) for now in (NOW, NOW, LATER))
        assert first == again != later
        stamps = re.compile(r"2026-03-0\d(?:T12:00:00.000Z)?|17723\d{5}|17724\d{5}")
        assert stamps.sub("", json.dumps(first)) == stamps.sub("", json.dumps(later))


def test_a_store_that_reads_two_exports_holds_each_thing_once_in_its_newest_version(tmp_path: Path) -> None:
    store = stix2.MemoryStore()
    store.add(stix2.parse(exported(tmp_path, "stix")))
    before = {each["id"] for each in bundle(tmp_path)}
    more = [
        *ROWS[:2],
        ROWS[2] | {"score": 0.99, "band": "high"},
        *ROWS[3:],
        row(9, f"{LURE} 🔥", contacts=CONTACTS, date="2026-02-01"),
    ]
    store.add(stix2.parse(exported(tmp_path, "stix", more, now=LATER)))
    after = {each["id"] for each in bundle(tmp_path, more)}
    # One text more: its hash, that it was seen, what is said of it, and its three places.
    assert before < after
    assert sorted(each.partition("--")[0] for each in after - before) == ["file", "note", "observed-data", *["relationship"] * 3]
    held = [each for each in store.query() if "modified" in each and each["type"] not in {"identity", "extension-definition"}]
    assert {store.get(each["id"])["modified"] for each in held} == {LATER}
    changed = next(each for each in bundle(tmp_path) if each.get("confidence") == 70)
    assert store.get(changed["id"])["confidence"] == 99
    assert store.get(changed["id"])["created"] == stix2.parse(changed)["created"]
    assert len(store.query([stix2.Filter("type", "=", "file")])) == 4
    (grouping,) = {each["id"] for each in store.query([stix2.Filter("type", "=", "grouping")])}
    assert store.get(grouping)["extensions"][EXTENSION]["posts"] == 4


def things(found: dict) -> dict[str, dict]:
    """Return everything with a UUID in an event, as a MISP server keeps it."""
    attributes = [*found["Attribute"], *(each for item in found["Object"] for each in item["Attribute"])]
    references = [each for item in found["Object"] for each in item["ObjectReference"]]
    everything = [found, *found["Object"], *attributes, *references]
    by_uuid = {each["uuid"]: each for each in everything}
    assert len(by_uuid) == len(everything)
    return by_uuid


def test_an_event_of_a_second_export_updates_the_first(tmp_path: Path) -> None:
    first = things(event(tmp_path))
    more = [
        *ROWS[:2],
        ROWS[2] | {"score": 0.99, "band": "high"},
        *ROWS[3:],
        row(9, f"{LURE} 🔥", contacts=CONTACTS, date="2026-02-01"),
    ]
    second = things(event(tmp_path, more, now=LATER))
    assert first.keys() < second.keys()
    # A server keeps what has the later timestamp.
    kept = {uuid: max((first.get(uuid), second[uuid]), key=lambda each: int(each["timestamp"]) if each else 0) for uuid in second}
    assert kept == second
    verdicts = {uuid for uuid, each in first.items() if each.get("object_relation") == "text" and "Score: 0.700" in each["value"]}
    assert [re.search(r"Score: (\S+),", kept[uuid]["value"])[1] for uuid in verdicts] == ["0.990"]  # type: ignore[index]
    tags = [each["Tag"] for uuid, each in kept.items() if uuid in verdicts]
    assert tags == [[{"name": 'estimative-language:likelihood-probability="almost-certain"'}]]


def test_what_a_producer_says_is_its_own_and_what_was_observed_is_everybodys(tmp_path: Path) -> None:
    one, other = ({each["id"] for each in bundle(tmp_path, producer=name)} for name in ("Lotus Desk", "River Desk"))
    shared = {each.partition("--")[0] for each in one & other}
    assert shared == {"marking-definition", "identity", "extension-definition", "file", "user-account", "url", "email-addr"}
    events = [things(event(tmp_path, producer=name, case=case)) for name, case in (("a", "x"), ("b", "x"), ("a", "y"))]
    assert not set(events[0]) & set(events[1]) | set(events[0]) & set(events[2])


def test_a_case_with_a_name_stays_one_event_when_an_earlier_post_is_found(tmp_path: Path) -> None:
    earlier = [*ROWS, row(9, "Receptionists for Bavet, ask the boss", date="2025-12-01")]
    assert event(tmp_path, case="march")["uuid"] == event(tmp_path, earlier, case="march")["uuid"]
    assert event(tmp_path)["uuid"] != event(tmp_path, earlier)["uuid"]


def test_a_campaign_without_dates_keeps_its_id_as_copies_and_other_prices_come(tmp_path: Path) -> None:
    def grouping(count: int) -> str:
        rows = [row(n, LURE.replace("900", str(900 + n)) + "!" * n) for n in range(count)]
        return str(of_type(bundle(tmp_path, rows), "grouping")[0]["id"])

    assert grouping(2) == grouping(3) == grouping(12)


# MISP, as its own library reads it.


def test_an_event_loads_and_its_objects_keep_to_the_templates(tmp_path: Path) -> None:
    found = event(tmp_path)
    loaded = MISPEvent()
    loaded.load_file(tmp_path / "out.json")
    assert (len(loaded.objects), len(loaded.attributes)) == (len(found["Object"]), len(found["Attribute"]))
    for each in found["Object"]:
        strict = MISPObject(each["name"], strict=True)
        strict.from_dict(**json.loads(json.dumps(each)))
        assert strict.to_json()
    assert {each["name"] for each in found["Object"]} == set(TEMPLATES)
    assert not [each for each in things(found).values() if each.get("to_ids")]
    uuids = {each["uuid"] for each in [*found["Object"], *found["Attribute"]]}
    assert {each["referenced_uuid"] for item in found["Object"] for each in item["ObjectReference"]} <= uuids


def test_an_event_has_the_form_types_and_categories_that_misp_knows(tmp_path: Path) -> None:
    data = Path(pymisp_file).parent / "data"
    found = event(tmp_path)
    # The strict one is older than objects.
    for schema, left_out in (("schema-lax.json", ()), ("schema.json", ("Object",))):
        part = {name: value for name, value in found.items() if name not in left_out}
        Draft4Validator(json.loads((data / schema).read_text("utf-8"))).validate({"Event": part})
    known = json.loads((data / "describeTypes.json").read_text("utf-8"))["result"]["category_type_mappings"]
    attributes = [*found["Attribute"], *(each for item in found["Object"] for each in item["Attribute"])]
    assert [(each["type"], each["category"]) for each in attributes if each["type"] not in known[each["category"]]] == []
    relations = json.loads((data / "misp-objects" / "relationships" / "definition.json").read_text("utf-8"))["values"]
    used = {each["relationship_type"] for item in found["Object"] for each in item["ObjectReference"]}
    assert used == {"mentions", "annotates", "characterized-by", "analysed-with"} <= {each["name"] for each in relations}


def test_an_event_holds_hash_text_verdict_contacts_places_and_model(tmp_path: Path) -> None:
    found = event(tmp_path)
    lure = next(each for each in named(found, "file") if each["first_seen"] == "2026-01-02T00:00:00Z")
    (post,) = [each for each in named(found, "microblog") if each["ObjectReference"][0]["referenced_uuid"] == lure["uuid"]]
    assert values(post, "post") == [LURE]
    assert values(post, "creation-date") == ["2026-01-02T00:00:00Z"]
    assert [values(each, "username") for each in named(found, "telegram-account")] == [["lotus_hr"]]
    assert {each["type"] for each in found["Attribute"]} == {"phone-number", "email", "url"}
    places = {each["uuid"]: values(each, "countrycode")[0] for each in named(found, "geolocation")}
    named_places = {(each["comment"], places[each["referenced_uuid"]]) for each in lure["ObjectReference"] if each["comment"]}
    assert named_places == {("origin", "PH"), ("transit", "TH"), ("destination", "KH")}
    (model,) = named(found, "ai-model-component")
    assert [values(model, name)[0] for name in ("model-name", "model-version", "model-identifier")] == [
        "scam-recruitment-detector", "0.4.0", MODEL,
    ]  # fmt: skip
    assert found["date"] == "2026-01-02"


def test_campaigns_are_annotations_of_their_texts(tmp_path: Path) -> None:
    found = event(tmp_path)
    (campaign,) = [each for each in named(found, "annotation") if each["comment"].startswith("c-")]
    files = {each["uuid"] for each in named(found, "file")}
    assert len({each["referenced_uuid"] for each in campaign["ObjectReference"]} & files) == 2


# What is not to be seen.


@pytest.mark.parametrize("format", ["stix", "misp"])
@pytest.mark.parametrize("texts", [True, False])
def test_masked_contacts_are_nowhere(tmp_path: Path, format: str, texts: bool) -> None:
    shown = json.dumps(exported(tmp_path, format), ensure_ascii=False)
    hidden = json.dumps(exported(tmp_path, format, mask=True, texts=texts), ensure_ascii=False)
    assert [secret for secret in SECRETS if secret not in shown] == []
    assert [secret for secret in SECRETS if secret in hidden] == []
    # Nor the ids of what they are, which could be found by trying numbers.
    ids = {str(account(Contact(each["kind"], each["value"]))["id"]).partition("--")[2] for each in CONTACTS}
    assert not [each for each in ids if each in hidden]
    assert "••••" in hidden


@pytest.mark.parametrize("format", ["stix", "misp"])
def test_without_texts_their_hashes_and_offsets_are_left(tmp_path: Path, format: str) -> None:
    document = exported(tmp_path, format, texts=False)
    written = json.dumps(document, ensure_ascii=False)
    assert not [words for words in ("Typists", "typists", "Kitchen", "free flight", "passport held") if words in written]
    assert len(set(re.findall(r"\b[0-9a-f]{64}\b", written))) == 3
    if format == "stix":
        assert {
            piece["end"] for each in of_type(document["objects"], "note") for piece in each["extensions"][EXTENSION]["evidence"]
        } == {7}


def test_contacts_that_came_masked_are_no_observables(tmp_path: Path) -> None:
    rows = [row(0, LURE, contacts=[{"kind": "phone", "value": "••••#3f2a"}, {"kind": "telegram", "value": "@lo***"}])]
    assert {each["type"] for each in bundle(tmp_path, rows)}.isdisjoint({"user-account", "url"})


# Files in, and what cannot be used.


def test_csv_and_parquet_give_what_jsonl_gives(tmp_path: Path) -> None:
    expected = bundle(tmp_path)
    table = [{name: each.get(name) for name in dict.fromkeys(key for other in ROWS for key in other)} for each in ROWS]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(table), tmp_path / "scored.parquet")
    export([tmp_path / "scored.parquet"], tmp_path / "parquet.json", format="stix", sharing=Sharing(NOW))
    assert json.loads((tmp_path / "parquet.json").read_bytes())["objects"] == expected
    with (tmp_path / "scored.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(table[0]))
        writer.writeheader()
        for each in table:
            contacts = " ".join(f"{contact['kind']}:{contact['value']}" for contact in each["contacts"])  # type: ignore[attr-defined]
            flat = {"contacts": contacts, "evidence": str(each["text"])[:7], "indicators": "travel_paid"}
            writer.writerow(each | flat)
    export([tmp_path / "scored.csv"], tmp_path / "csv.json", format="stix", sharing=Sharing(NOW))
    from_csv = json.loads((tmp_path / "csv.json").read_bytes())["objects"]
    assert [each["id"] for each in from_csv] == [each["id"] for each in expected]
    # A spreadsheet has no probabilities of indicators, and none are made up.
    assert of_type(from_csv, "note")[0]["extensions"][EXTENSION]["indicators"] == [{"code": "travel_paid"}]


def test_several_files_are_one_export_and_the_last_verdict_on_a_text_counts(tmp_path: Path) -> None:
    old, new = write(tmp_path / "old.jsonl", [row(0, LURE, score=0.7)]), write(tmp_path / "new.jsonl", [row(0, LURE, score=0.98)])
    summary = export([old, new], tmp_path / "out.json", format="stix", sharing=Sharing(NOW))
    (note,) = of_type(json.loads((tmp_path / "out.json").read_bytes())["objects"], "note")
    assert (summary.posts, summary.texts, note["confidence"]) == (2, 1, 98)


def test_nothing_flagged_is_a_document_of_nothing(tmp_path: Path) -> None:
    assert {each["type"] for each in bundle(tmp_path, ROWS[4:])} == {"marking-definition", "identity", "extension-definition"}
    found = event(tmp_path, ROWS[4:])
    assert (found["Object"], found["Attribute"]) == ([], [])


@settings(max_examples=25, deadline=None)
@given(text=st.text(min_size=1), id=st.text(max_size=8))
def test_whatever_stands_in_a_post_is_written_so_that_others_read_it(
    tmp_path_factory: pytest.TempPathFactory, text: str, id: str
) -> None:
    folder = tmp_path_factory.mktemp("any")
    rows = [row(0, text, id=id, evidence=[], indicators=[])]
    assert [each["content"].partition("\nText:\n")[2] for each in of_type(bundle(folder, rows), "note")] == [text]
    assert [values(each, "post") for each in named(event(folder, rows), "microblog")] == [[text]]


def test_rows_that_cannot_be_used_are_counted_and_the_others_shared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write(tmp_path / "scored.jsonl", ROWS)
    with source.open("a", encoding="utf-8") as stream:
        stream.write('{"id": "broken", "text": "secret words\n')
    status = main(["export", "stix", str(source), "-o", str(tmp_path / "out.json"), "--now", "2026-03-01T12:00:00Z"])
    shown = capsys.readouterr().err
    assert status == SOME_REFUSED
    assert "4 posts, 3 different texts, 1 campaigns" in shown
    assert "row 6: " in shown
    assert "secret" not in shown
    assert json.loads((tmp_path / "out.json").read_bytes())["objects"] == bundle(tmp_path)


def test_the_command_runs_in_a_process_of_its_own_and_takes_the_time_of_reproducible_builds(tmp_path: Path) -> None:
    source = write(tmp_path / "scored.jsonl", ROWS)
    command = [sys.executable, "-m", "detector", "export", "misp", str(source), "-o", str(tmp_path / "cli.json"), "--case", "march"]
    environment = {"SOURCE_DATE_EPOCH": str(int(NOW.timestamp())), "PYTHONPATH": str(README.parents[2]), "PATH": "/usr/bin:/bin"}
    subprocess.run(command, capture_output=True, check=True, env=environment)
    assert json.loads((tmp_path / "cli.json").read_bytes())["Event"] == event(tmp_path, case="march")


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["export", "csv", "x.jsonl", "-o", "out.json"], USAGE),
        (["export", "stix", "x.jsonl", "-o", "out.json", "--now", "03/04/2026"], USAGE),
        (["export", "stix", "x.jsonl", "-o", "out.json", "--now", "2001-01-01"], 3),
        (["export", "stix", "missing.jsonl", "-o", "out.json"], 3),
        (["export", "stix", "x.jsonl", "-o", "out.csv"], 6),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], status: int
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "x.jsonl", ROWS)
    assert main(arguments) == status
    assert [each.name for each in tmp_path.iterdir()] == ["x.jsonl"]


def test_errors_say_what_was_expected(tmp_path: Path) -> None:
    source = write(tmp_path / "scored.json", ROWS)
    with pytest.raises(OutputError, match="is an input and the output"):
        export([source], source, format="stix", sharing=Sharing(NOW))
    with pytest.raises(InputError, match="-: expected a file, which is read twice"):
        export(["-"], tmp_path / "out.json", format="stix", sharing=Sharing(NOW))
    with pytest.raises(InputError, match="amber\\+strict, red\\), got 'white'"):
        Sharing(NOW, tlp="white")
    posts = write(tmp_path / "posts.jsonl", [{"id": "1", "text": LURE}])
    with pytest.raises(ColumnError, match="no column 'band'"):
        export([posts], tmp_path / "out.json", format="stix", sharing=Sharing(NOW))
    assert not (tmp_path / "out.json").exists()


def test_a_file_that_changes_while_it_is_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write(tmp_path / "scored.jsonl", ROWS)
    from detector.exchange import job

    def link(posts: object, *, options: Options) -> object:
        linked = original(posts, options=options)  # type: ignore[arg-type]
        write(source, [row(0, "another text")])
        return linked

    original = job.link_posts
    monkeypatch.setattr(job, "link_posts", link)
    with pytest.raises(InputError, match="scored.jsonl: was changed while it was read"):
        export([source], tmp_path / "out.json", format="stix", sharing=Sharing(NOW))
    assert not (tmp_path / "out.json").exists()


def test_the_summary_counts_every_row_once(tmp_path: Path) -> None:
    rows = [*ROWS, row(7, LURE, error="too long"), row(8, LURE, band="none")]
    summary = export([write(tmp_path / "s.jsonl", rows)], tmp_path / "out.json", format="misp", sharing=Sharing(NOW))
    assert isinstance(summary, Summary)
    counts = (summary.rows, summary.posts, summary.unflagged, summary.unscored, summary.refused)
    assert counts == (7, 4, 1, 1, 1)


# The tables in the documentation.


def test_the_tables_name_what_is_written_and_nothing_else(tmp_path: Path) -> None:
    tables = "\n".join(line for line in README.read_text("utf-8").splitlines() if line.startswith("|"))
    documented = set(re.findall(r"`([^`]+)`", tables))
    common = {"type", "spec_version", "id", "created", "modified", "created_by_ref", "object_marking_refs"}
    objects = bundle(tmp_path)
    in_stix = {f"{each['type']}.{name}" for each in objects for name in each if name not in common}
    in_stix |= {f"*.{name}" for each in objects for name in each if name in common}
    found = event(tmp_path)
    in_misp = {f"{item['name']}/{each['object_relation']}" for item in found["Object"] for each in item["Attribute"]}
    in_misp |= {f"{item['name']}.{name}" for item in found["Object"] for name in item if name.endswith("_seen")}
    in_misp |= {each["type"] for each in found["Attribute"]} | {"Event.Orgc"}
    in_misp |= {each["relationship_type"] for item in found["Object"] for each in item["ObjectReference"]}
    tags = [each for thing in things(found).values() for each in thing.get("Tag", [])]
    in_misp |= {"tlp" if each["name"].startswith("tlp:") else each["name"].partition("=")[0] for each in tags}
    asides = {"--with" + "out-text", "Text:", "abstain", "phone", "https://", "extensions"}
    assert documented - asides == in_stix | in_misp


def test_what_the_extensions_hold_is_documented(tmp_path: Path) -> None:
    (line,) = re.findall(r"- \*\*`extensions`\*\* .*?(?=\n- )", README.read_text("utf-8"), re.DOTALL)
    rows = [*ROWS, row(9, "Chat agents in Bavet", note="the model was not evaluated in this language")]
    held = {name for each in bundle(tmp_path, rows) for name in each.get("extensions", {}).get(EXTENSION, {})}
    assert set(re.findall(r"`(\w+)`", line)) - {"extensions", "note", "grouping"} == held - {"extension_type"}
