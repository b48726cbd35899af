"""Which texts say too little to be judged."""

import time

import pytest

from detector.readability import MIN_LETTERS, abstain_reason


@pytest.mark.parametrize(
    "text",
    [
        "Typists wanted",
        "x" * MIN_LETTERS,
        "急招客服",  # four characters count as twelve letters
        "채팅알바",
        "รับแอดมินตอบแชท",
        "စာရိုက်သမားလိုသည်",
        "ត្រូវការបុគ្គលិកវាយអក្សរ",
        "Hiring typists https://example.com/jobs",
        "Donaudampfschifffahrtsgesellschaftskapitän",
        "加微信wxid_7f3k2j9d8s7a6f5d4s3a 急招打字员包吃住机票报销",
        "WORKINCAMBODIANOEXPERIENCENEEDED",
        "dicari krywn utk toko hp, gj 3jt/bln, lbr mggu, hub wa sgr, yg srs aja, blm nikah, dkt kmps, jgn lp bwa ktp",
        "Przyjmę do pracy szczególnie chętnych, grzeczność i czystość, wszystkie szczegóły przez telefon",
        "Urgent!Hiring/typist/800usd/mo t.me/example_hr1",
        "Admin:$900/bln Kamboja: wa.me/6281234567",
        "Poipet CS:$800/mo TL:$1500/mo HR:t.me/xx_1",
        "[2026-01-05 10:22:31] Rina: butuh 5 orang admin, tiket ditanggung",
        "qzkfw vbxjh trpdq wkzzf ghqxv bnmcd " * 100
        + "typists wanted in Poipet, free ticket and visa, 900 dollars, leave this week",
        "qzkfw vbxjh trpdq wkzzf ghqxv bnmcd " * 100 + "รับแอดมินตอบแชทปอยเปต",
    ],
)
def test_a_text_that_says_something_is_judged(text: str) -> None:
    assert abstain_reason(text) is None


@pytest.mark.parametrize(
    "text", ["hi", "dm me", "x" * (MIN_LETTERS - 1), "急招!", "聊", "🔥 job 🔥", "job https://example.com/a-very-long-path"]
)
def test_a_text_of_few_letters_is_too_short(text: str) -> None:
    assert abstain_reason(text) == "too_short"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "1234567890 $$$ !!!",
        "🙂🙂🙂🔥🔥",
        "https://example.com/jobs-in-cambodia",
        "www.example.com",
        "aGVsbG8gd29ybGQgdGhpcyBpcyBiYXNlNjQgdGV4dA==",
        "d41d8cd98f00b204e9800998ecf8427e",
        "qzkfw vbxjh trpdq wkzzf ghqxv bnmcd plkjq wrtzx cvbnq",
        "hqzvkxwjfqpdbtrgzxkvqmwhjfkdqzpt",
        '10.20.30.40 - - [12/Mar/2026:10:11:12 +0000] "GET /static/17.png HTTP/1.1" 200 5123',
    ],
)
def test_a_text_without_words_is_not_readable(text: str) -> None:
    assert abstain_reason(text) == "nothing_readable"


@pytest.mark.parametrize("unit", ["a", "aB", "a1", "=", "https://", "a ", "急"])
def test_a_long_text_takes_little_time(unit: str) -> None:
    start = time.process_time()
    abstain_reason(unit * (100_000 // len(unit)))
    assert time.process_time() - start < 1
