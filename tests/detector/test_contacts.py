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
        ("https://wa.me/85512345678", ("whatsapp", "+85512345678")),
        ("https://api.whatsapp.com/send?phone=85512345678&text=hi", ("whatsapp", "+85512345678")),
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
        ("https://chat.whatsapp.com/AbCdEf1234567890", ("whatsapp", "chat.whatsapp.com/AbCdEf1234567890")),
        ("https://zalo.me/0912345678", ("zalo", "+84912345678")),
        ("zalo.me/g/abcxyz123", ("zalo", "abcxyz123")),
        ("카톡 example88", ("kakaotalk", "example88")),
        ("카카오톡 ID: examplehr", ("kakaotalk", "examplehr")),
        ("Kakao: example_hr", ("kakaotalk", "example_hr")),
        ("오픈채팅 https://open.kakao.com/o/sAbC123", ("kakaotalk", "open.kakao.com/o/sAbC123")),
        ("텔레그램 example_hr", ("telegram", "@example_hr")),
        ("テレグラム→ example_hr", ("telegram", "@example_hr")),
        ("LINE「example_hr」", ("line", "example_hr")),
        ("viber://chat?number=%2B85512345678", ("viber", "+85512345678")),
        ("Viber @example_hr", ("viber", "example_hr")),
        ("https://www.facebook.com/example.jobs.kh", ("facebook", "example.jobs.kh")),
        ("facebook.com/profile.php?id=100012345678", ("facebook", "100012345678")),
        ("fb.com/groups/123456", ("facebook", "groups/123456")),
        ("m.me/examplejobs", ("facebook", "examplejobs")),
        ("加V：example88", ("wechat", "example88")),
        ("+v example88", ("wechat", "example88")),
        ("薇❤信：example88", ("wechat", "example88")),
        ("卫星example88", ("wechat", "example88")),
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
    ("text", "expected"),
    [
        ("t e l e g r a m : @ a b c d e", ("telegram", "@abcde")),
        ("t e l e g r a m : @ l o t u s _ h r", ("telegram", "@lotus_hr")),
        ("tele gram: lotus_hr", ("telegram", "@lotus_hr")),
        ("Te|egram - lotus_hr", ("telegram", "@lotus_hr")),
        ("telegram @ lotus_hr", ("telegram", "@lotus_hr")),
        ("telegram username is lotus_hr", ("telegram", "@lotus_hr")),
        ("telegram👉lotus_hr", ("telegram", "@lotus_hr")),
        ("t . me / lotus_hr", ("telegram", "@lotus_hr")),
        ("t[.]me/lotus_hr", ("telegram", "@lotus_hr")),
        ("wa . me / 6281234567890", ("whatsapp", "+6281234567890")),
        ("ไ ล น์ : lotus_hr", ("line", "lotus_hr")),
        ("hr (at) example (dot) com", ("email", "hr@example.com")),
        ("hr[at]example[dot]com", ("email", "hr@example.com")),
        ("hr at example dot com", ("email", "hr@example.com")),
        ("hxxps://lotus-jobs[.]com/apply", ("url", "https://lotus-jobs.com/apply")),
    ],
)
def test_a_contact_in_disguise_is_found_as_if_written_plainly(text: str, expected: tuple[str, str]) -> None:
    assert found(text) == [expected]


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("WhatsApp plus eight five five one two three four five six seven eight", "en", "+85512345678"),
        ("zero nine one seven, one two three, double four 67", "tl", "+639171234467"),
        ("nol delapan satu dua tiga empat lima enam tujuh delapan", "id", "+62812345678"),
        ("kosong satu dua tiga empat lima enam tujuh lapan sembilan", "ms", "+60123456789"),
        ("không chín một hai ba bốn năm sáu bảy tám", "vi", "+84912345678"),
        ("โทรศูนย์แปดหนึ่งสองสามสี่ห้าหกเจ็ดแปด", "th", "+66812345678"),
        ("ទូរស័ព្ទ សូន្យ មួយ ពីរ បី បួន ប្រាំ ប្រាំមួយ ប្រាំពីរ ប្រាំបី", "km", "+85512345678"),
        ("သုည ကိုး လေး နှစ် တစ် နှစ် သုံး လေး ငါး ခြောက် ခုနစ်", "my", "+959421234567"),
        ("电话：一三九一二三四五六七八", "zh-Hans", "+8613912345678"),
        ("幺三九 一二三四 五六七八", "zh-Hans", "+8613912345678"),
        ("공일공 일이삼사 오육칠팔", "ko", "+821012345678"),
        ("0 8 1 - 2 3 4 - 5 6 7 8", "th", "+66812345678"),
        ("โทร 0.8.1.2.3.4.5.6.7.8", "th", "+66812345678"),
        ("o81-234-5678", "th", "+66812345678"),
        ("O81 234 567B", "th", "+66812345678"),
        ("+855 l2 345 678", "en", "+85512345678"),
    ],
)
def test_a_number_in_disguise_is_found_as_if_written_plainly(text: str, language: str, expected: str) -> None:
    assert found(text, language) == [("phone", expected)]


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
        ("one two three four five, count with me: 1 2 3 4 5 6 7 8 9", "en"),
        ("三五个人，一二十岁，二三四五月份发工资", "zh-Hans"),
        ("meet at home dot, Kim at Reception or (at) noon", "en"),
        ("telegram is great, LINE - good, viber: call me", "en"),
        ("看卫星电视 channel 5, 公司+V奖金 1000", "zh-Hans"),
        ("เฟส 2 โครงการ phase2, line 2 production", "th"),
        ("2 Bl 300 ml, SOS 1101 B0 1S", "en"),
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
        "one ",
        "double ",
        "一",
        "0 ",
        "O0",
        "hr at x dot ",
        "@ a_ b",
        "[at]",
        "t . me / ",
    ],
)
def test_a_text_made_to_take_long_takes_no_longer_than_two_seconds(unit: str, language: str) -> None:
    text = unit * (100_000 // len(unit))
    find_contacts("0812345678", language)  # loads what is loaded once
    start = time.process_time()
    find_contacts(text, language)
    assert time.process_time() - start < 2
