"""Handles, numbers and links as people write them, and what only looks like one."""

import time

import pytest

from detector.contacts import MAX_CONTACTS, find_contacts
from detector.records import Contact
from detector.text import normalise


def found(text: str, language: str | None = None) -> list[tuple[str, str]]:
    return [(contact.kind, contact.value) for contact in find_contacts(normalise(text).text, language)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Contact @example_hr today", ("telegram", "@example_hr")),
        ("ทักเทเล @example_hr", ("telegram", "@example_hr")),
        ("想来的飞机私 @example_hr，先聊", ("telegram", "@example_hr")),
        ("纸飞机：example_hr9", ("telegram", "@example_hr9")),
        ("小編飛機：example_hr", ("telegram", "@example_hr")),
        ("TG: example_hr\nsalary 900", ("telegram", "@example_hr")),
        ("Telegram:examplehr", ("telegram", "@examplehr")),
        ("តេឡេក្រាម @example_hr។", ("telegram", "@example_hr")),
        ("see https://t.me/example_hr", ("telegram", "@example_hr")),
        ("频道t.me/example_hr", ("telegram", "@example_hr")),
        ("join t.me/+AbCdEf123456", ("telegram", "t.me/+AbCdEf123456")),
        ("https://t.me/joinchat/AbCdEf123456", ("telegram", "t.me/joinchat/AbCdEf123456")),
        ("https://wa.me/85512345678", ("whatsapp", "85512345678")),
        ("https://api.whatsapp.com/send?phone=85512345678&text=hi", ("whatsapp", "85512345678")),
        ("LINE: example.hr", ("line", "example.hr")),
        ("LINE ID : @example-hr", ("line", "@example-hr")),
        ("ทักไลน์ example_hr", ("line", "example_hr")),
        ("ติดต่อออนไลน์ก่อนนะคะ LINE: @example-hr", ("line", "@example-hr")),
        ("加LINE官方 @example_hr 傳訊息", ("line", "@example_hr")),
        ("https://line.me/R/ti/p/@example", ("line", "@example")),
        ("加微信 example_88，发照片", ("wechat", "example_88")),
        ("微信yyj1799", ("wechat", "yyj1799")),
        ("WeChat: example_hr", ("wechat", "example_hr")),
        ("IG @example_hr", ("handle", "@example_hr")),
        ("DM @example.shop.id ya", ("handle", "@example.shop.id")),
        ("Mail hr@example.com", ("email", "hr@example.com")),
        ("投递：hr.kh@example-group.com。", ("email", "hr.kh@example-group.com")),
        ("简历发邮件hr@example.com", ("email", "hr@example.com")),
        ("see https://example.com/jobs?id=3.", ("url", "https://example.com/jobs?id=3")),
        ("官网www.example.com/jobs，报名", ("url", "www.example.com/jobs")),
        ("लिंक: www.example.com।", ("url", "www.example.com")),
        ("apply at jobs.example.com", ("url", "jobs.example.com")),
        ("form: bit.ly/3vA8L7T", ("url", "bit.ly/3vA8L7T")),
    ],
)
def test_a_contact_is_found_in_its_usual_form(text: str, expected: tuple[str, str]) -> None:
    assert found(text) == [expected]


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("call +855 12 345 678", "en", "+85512345678"),
        ("call +855 12 345 678", None, "+85512345678"),
        ("WA 0812-3456-7890", "id", "+6281234567890"),
        ("Wasap 012-345 6789", "ms", "+60123456789"),
        ("text 0917 123 4567 po", "tl", "+639171234567"),
        ("โทร 081-234-5678 ครับ", "th", "+66812345678"),
        ("sđt 0912.345.678", "vi", "+84912345678"),
        ("ဖုန်း 09 421 234 567", "my", "+959421234567"),
        ("ဖုန်း ၀၉ ၄၂၁ ၂၃၄ ၅၆၇", "my", "+959421234567"),
        ("ទូរស័ព្ទ 012 345 678", "km", "+85512345678"),
        ("ໂທ 020 5551 2345", "lo", "+8562055512345"),
        ("电话13912345678", "zh-Hans", "+8613912345678"),
        ("電話 0912-345-678", "zh-Hant", "+886912345678"),
        ("फ़ोन 98765 43210", "hi", "+919876543210"),
        ("call karo 9876543210", "hi-Latn", "+919876543210"),
        ("फोन 9841234567", "ne", "+9779841234567"),
        ("рақам 90 123 45 67", "uz-Cyrl", "+998901234567"),
    ],
)
def test_a_phone_number_is_read_as_in_the_countries_of_the_language(text: str, language: str | None, expected: str) -> None:
    assert found(text, language) == [("phone", expected)]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Write to hr@example.com or hr.kh@mail.example.com only", "en"),
        ("rate @usd1200, @RM50 and @php18k a day, 5pcs @10k", "en"),
        ("Salary 8000-9000, 35,000 - 45,000 baht, 2025-2026, 12.500.000 VND", "vi"),
        ("薪资 8000-12000 元，每天 09:00-18:00，18-35 岁，2025.11.26 面试", "zh-Hans"),
        ("gaji 7.000.000-12.000.000 per bulan, 18-35 thn, 08.00-17.00", "id"),
        ("เงินเดือน 18,000-25,000 บาท อายุ 18-35 ปี", "th"),
        ("Line Leader for a production line no.12 of 32 operators", "en"),
        ("Telegram Sokha, LINE me, WeChat please", "en"),
        ("งานออนไลน์ wfh2024", "th"),
        ("B.Com, ASP.NET, VB.net and Node.js wanted, e.g. and/or etc.", "en"),
        ("meet @ 5 pm, dinner @home, ping @all @everyone", "en"),
        ("a@b and c@d", "en"),
        ("the plane: 坐飞机 from 10:30", "zh-Hans"),
    ],
)
def test_what_only_looks_like_a_contact_is_left_alone(text: str, language: str) -> None:
    assert [contact for contact in found(text, language) if contact[0] != "email"] == []


def test_a_handle_belongs_to_the_platform_named_last_before_it_on_its_line() -> None:
    text = "Telegram or IG @first_name, LINE @second-name\n@third_name"
    assert found(text) == [("handle", "@first_name"), ("line", "@second-name"), ("telegram", "@third_name")]


def test_a_number_of_one_country_is_not_read_again_as_one_of_the_next() -> None:
    assert found("電話 0912-345-678", "zh-Hant") == [("phone", "+886912345678")]
    assert found("電話 5123 4567", "zh-Hant") == [("phone", "+85251234567")]


def test_each_contact_is_given_once() -> None:
    assert found("@example_hr @example_hr t.me/example_hr +855 12 345 678, +85512345678") == [
        ("telegram", "@example_hr"),
        ("phone", "+85512345678"),
    ]


def test_the_contacts_of_a_real_post_are_all_found() -> None:
    text = "Hiring typists! TG @lotus_hr, WhatsApp +66 81 234 5678 or mail jobs@lotus-kh.com. Form: https://forms.gle/AbC123"
    assert found(text, "en") == [
        ("email", "jobs@lotus-kh.com"),
        ("telegram", "@lotus_hr"),
        ("url", "https://forms.gle/AbC123"),
        ("phone", "+66812345678"),
    ]


@pytest.mark.parametrize(
    ("text", "language", "number"),
    [
        ("微信同号 13812345678", "zh", "+8613812345678"),
        ("微信同号 13812345678", "zh-Hans-CN", "+8613812345678"),
        ("意者請洽 0912-345-678", "zh-TW", "+886912345678"),
        ("意者請洽 0912-345-678", "zh-Hant-TW", "+886912345678"),
        ("chama no 11 91234-5678", "pt-BR", "+5511912345678"),
    ],
)
def test_a_local_number_is_one_of_the_countries_of_the_nearest_language(text: str, language: str, number: str) -> None:
    assert ("phone", number) in found(text, language)


def test_a_text_without_contacts_has_none() -> None:
    assert find_contacts("") == find_contacts("Typists wanted in Poipet") == ()


def test_no_more_than_the_limit_are_given() -> None:
    contacts = find_contacts(" ".join(f"@name_{number}" for number in range(200)))
    assert len(contacts) == MAX_CONTACTS
    assert contacts[0] == Contact("telegram", "@name_0")


@pytest.mark.parametrize("language", ["th", "zh-Hans"])
@pytest.mark.parametrize(
    "unit",
    [
        "1",
        "1 ",
        "12-",
        "+1",
        "(1)",
        "0812-345 ",
        "+66812345678 ",
        "@",
        "@a",
        "@abcde ",
        "a.",
        "ab.",
        "a-",
        "a@b.",
        "http://",
        "line id: ",
    ],
)
def test_a_text_made_to_take_long_takes_no_longer_than_two_seconds(unit: str, language: str) -> None:
    text = unit * (100_000 // len(unit))
    find_contacts("0812345678", language)  # loads what is loaded once
    start = time.process_time()
    find_contacts(text, language)
    assert time.process_time() - start < 2
