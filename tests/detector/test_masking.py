"""What is hidden of a post, and what an analyst must still see."""

import json
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.contacts import find_contacts
from detector.draft import Draft
from detector.masking import HIDDEN, is_masked, mask_contact, mask_text, mask_verdict
from detector.records import Contact, Evidence, IndicatorFinding, Verdict
from detector.spelled_out import rewrite, spell_plainly
from detector.text import normalise

CORPUS = Path(__file__).parents[2] / "data" / "corpus"


@pytest.mark.parametrize(
    ("text", "language", "masked"),
    [
        ("Contact @example_hr today", "en", "Contact ••••••••••• today"),
        ("see https://t.me/example_hr now", "en", "see https://t.me/•••••••••• now"),
        ("join t.me/+AbCdEf123456", "en", "join t.me/•••••••••••••"),
        ("t e l e g r a m : @ a b c d e!", "en", "t e l e g r a m : •••••••••••!"),
        ("hr (at) example (dot) com, ok", "en", "•••••••••••••••••••••••••, ok"),
        ("zero nine one seven, one two three, double four 67 po", "tl", "•" * 50 + " po"),
        ("โทร ๐๘๑-๒๓๔-๕๖๗๘ ครับ", "th", "โทร •••••••••••• ครับ"),
        ("电话：一三九一二三四五六七八。", "zh-Hans", "电话：•••••••••••。"),
        ("พิกัด LINE: lotus_hr แล้ว lotus_hr อีก", "th", "พิกัด LINE: •••••••• แล้ว •••••••• อีก"),
        ("\u200bcall +855\u00ad 12 345\u200b 678 now", "en", "\u200bcall ••••••••••••••••• now"),
        ("𝗧𝗚: 𝗲𝘅𝗮𝗺𝗽𝗹𝗲_𝗵𝗿\nok", "en", "𝗧𝗚: ••••••••••\nok"),
    ],
)
def test_a_contact_is_hidden_where_it_stands_in_the_original(text: str, language: str, masked: str) -> None:
    assert mask_text(text, language) == masked


@pytest.mark.parametrize(
    "number",
    [
        "N1234567", "AB 123456", "P1234567A", "A123456(7)",  # passports and cards with letters
        "1-2345-67890-12-3", "3201234509870001", "11010119900307123X", "900101-1234567", "1234 5678 9012",  # identity cards
        "12/ABCDEF(N)123456", "၁၂/ဥကမ(နိုင်)၁၂၃၄၅၆",
        "012-3-45678-9", "1234567", "0011 2233 4455 6677", "GB29 NWBK 6016 1331 9268 19",  # accounts
        "ABCDE1234F",
        "081.234.567", "0812000000",  # a leading zero is no sum
    ],
)  # fmt: skip
def test_a_personal_number_is_hidden_though_it_is_no_contact(number: str) -> None:
    assert mask_text(f"send {number}, please") == f"send {HIDDEN * len(number)}, please"


@pytest.mark.parametrize(
    "text",
    [
        "pay 15,000-20,000 baht",
        "35,000 - 45,000 บาท",
        "薪资 8000-12000 元",
        "gaji 7.000.000-12.000.000 per bulan",
        "12.500.000 VND, 15000000 đ, 1 500 000 тг",
        "1800 - 2500 USD, 1250-1850 USD, RM150000, Rp8.500.000",
        "from 800 - 1000 USD",
        "25,000,000 - 38,000,000",
        "2025-2026, 2025.11.26, 26/11/2025, 26-11-2025, 20251126",
        "2025-11-26 09:00:00 to 2025-11-27T18:30",
        "08.00-17.00, 09:00-18:00, 24/7, 18-35 yrs",
        "score 0.987654 at 13.756331",
        "room 1204, 6 months, 350000 kyat",
    ],
)
def test_pay_dates_and_times_stay(text: str) -> None:
    assert mask_text(text) == text


@pytest.mark.parametrize("text", ["5123-4567", "9500-6100", "+66 8000-9000", "8000-9000-1000", "12.500.001", "8005-9000"])
def test_what_is_no_plain_sum_is_hidden(text: str) -> None:
    assert set(mask_text(text)) == {HIDDEN}


_PIECES = st.sampled_from(
    "@lotus_hr|+855 12 345 678|hr (at) example (dot) com|t . me / lotus_hr|081-234-5678|zero eight one two three four five six"
    "|LINE: example88|加微信 example_88|https://example.com/a?b=1|N1234567|15,000 baht|2025-11-26|a@b@example.com|\u200b|é|\ud83d\ude00"
    "|hxxps://lotus-jobs[.]com| |\n|-|.|@|/|7|telegram|work".split("|")
)


@settings(deadline=None)
@given(st.lists(_PIECES, max_size=12).map("".join) | st.text(max_size=40))
def test_a_masked_text_is_as_long_and_holds_no_contact(text: str) -> None:
    masked = mask_text(text, "en")
    assert len(masked) == len(text)
    assert all(new in (old, HIDDEN) for old, new in zip(text, masked, strict=True))
    assert [contact for contact in find_contacts(normalise(masked).text, "en") if HIDDEN not in contact.value] == []
    assert mask_text(masked, "en") == masked


@settings(deadline=None)
@given(st.lists(_PIECES, max_size=12).map("".join))
def test_a_text_is_spelled_the_same_with_and_without_its_offsets(text: str) -> None:
    draft = Draft(text)
    rewrite(draft)
    assert draft.text == spell_plainly(text)
    assert len(draft.starts) == len(draft.ends) == len(draft.text)


@pytest.mark.parametrize("path", sorted(CORPUS.glob("*.jsonl")), ids=lambda path: path.stem)
def test_no_contact_of_the_corpus_is_left(path: Path) -> None:
    for line in path.read_text("utf-8").splitlines()[:40]:
        text = json.loads(line)["text"]
        masked = mask_text(text, path.stem)
        assert len(masked) == len(text)
        assert find_contacts(normalise(masked).text, path.stem) == ()


def test_contacts_beyond_the_limit_of_a_verdict_are_hidden_too() -> None:
    text = " ".join(f"@name_{number}" for number in range(200))
    assert set(mask_text(text)) == {HIDDEN, " "}


def test_a_masked_contact_keeps_its_kind_and_can_be_told_from_another() -> None:
    one, other = mask_contact(Contact("phone", "+85512345678")), mask_contact(Contact("phone", "+85512345679"))
    assert one != other
    assert one.kind == "phone"
    assert one.value.startswith("••••#")
    assert one == mask_contact(Contact("phone", "+85512345678")) == mask_contact(one)
    assert is_masked(one)
    assert not is_masked(Contact("phone", "+85512345678"))


def test_the_tag_of_a_masked_contact_is_no_way_back() -> None:
    target = mask_contact(Contact("phone", "+85512345678"))
    # Among a million numbers of one prefix about fifteen have the same tag: 2,000,000 / 65,536 is 30, and never one alone.
    alike = sum(mask_contact(Contact("phone", f"+855{number}")) == target for number in range(11_300_000, 13_300_000, 10))
    assert alike > 0


def test_evidence_and_contacts_of_a_verdict_are_hidden_and_offsets_stay() -> None:
    text = "Typists! TG @lotus_hr, free ticket"
    verdict = Verdict(
        "p-1",
        score=0.9,
        band="high",
        language="en",
        evidence=(Evidence(9, 21, "TG @lotus_hr"),),
        indicators=(IndicatorFinding("travel_paid", 0.8, (Evidence(18, 34, "s_hr, free ticket"[1:]),)),),
        contacts=(Contact("telegram", "@lotus_hr"),),
    )
    masked = mask_verdict(verdict, text)
    assert masked.evidence == (Evidence(9, 21, "TG •••••••••"),)
    assert masked.indicators[0].evidence == (Evidence(18, 34, "•••, free ticket"),)
    assert masked.contacts == (mask_contact(Contact("telegram", "@lotus_hr")),)
    assert (masked.id, masked.score, masked.band) == ("p-1", 0.9, "high")


@pytest.mark.parametrize(
    "unit", ["1", "1 ", "12-", "8000-9000 ", "(1)", "@abcde ", "a@b.", "AB", "AB12 ", "12/a(", "0.", "1.000", "2025-"]
)
def test_a_text_made_to_take_long_takes_no_longer_than_four_seconds(unit: str) -> None:
    text = unit * (100_000 // len(unit))
    find_contacts("0812345678", "th")  # loads what is loaded once
    start = time.process_time()
    mask_text(text, "th")
    assert time.process_time() - start < 4
