"""What posts say of route, role and pay: in each language, in disguise, and where they say nothing."""

import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.errors import InputError
from detector.facts import UNKNOWN, CaseFacts, find_facts
from detector.facts.folding import folded
from detector.facts.gazetteer import FIELDS, find_names, gazetteer, indexed, read_names
from detector.facts.records import JOBS
from detector.text import normalise

POSTS = [
    ("am", "ፖይፔት የዳታ ክለርክ እንፈልጋለን፣ ደመወዝ 900 ዶላር በወር", "KH", "clerk", (900, "USD", "month")),
    ("ar", "مطلوب خدمة عملاء في دبي، الراتب 4000 درهم شهريا", "AE", "customer_service", (4000, "AED", "month")),
    ("bn", "কম্বোডিয়ায় ডাটা এন্ট্রি, বেতন মাসে ৯০ হাজার টাকা", "KH", "clerk", (90_000, "BDT", "month")),
    ("en", "Chat support needed in Myawaddy, salary $1,200 per month", "MM", "customer_service", (1200, "USD", "month")),
    ("es", "Operador de chat en Camboya, sueldo 1.200 dólares al mes", "KH", "customer_service", (1200, "USD", "month")),
    ("hi", "दुबई में ड्राइवर चाहिए, वेतन 2,500 दिरहम महीना", "AE", "driver", (2500, "AED", "month")),
    ("id", "Butuh admin di Poipet, gaji 12 juta per bulan", "KH", "clerk", (12_000_000, "IDR", "month")),
    ("ja", "プノンペンで通訳を募集、月給28万円", "KH", "translator", (280_000, "JPY", "month")),
    ("km", "រើសអ្នកបកប្រែ ធ្វើការនៅបាវិត ប្រាក់ខែ ៨០០$", "KH", "translator", (800, "USD", "month")),
    ("ko", "캄보디아 콜센터 상담원 모집, 월급 300만원", "KH", "customer_service", (3_000_000, "KRW", "month")),
    ("lo", "ຮັບແມ່ບ້ານ ຢູ່ບໍ່ແກ້ວ ເງິນເດືອນ 15.000 ບາດ", "LA", "cleaner", (15_000, "THB", "month")),
    ("ms", "Cari typist di Poipet, gaji RM4,500 sebulan", "KH", "clerk", (4500, "MYR", "month")),
    ("my", "မြဝတီမှာ စာရိုက် အလုပ်၊ တစ်လ ၁၅ သိန်း", "MM", "clerk", (1_500_000, "MMK", "month")),
    ("ne", "दुबईमा ड्राइभर चाहियो, तलब मासिक रु. ९०,०००", "AE", "driver", (90_000, "NPR", "month")),
    ("pt", "Vaga de tradutor em Vientiane, salário de US$ 1.150 por mês", "LA", "translator", (1150, "USD", "month")),
    ("ru", "Нужен переводчик в Камбоджу, зарплата 1500 долларов в месяц", "KH", "translator", (1500, "USD", "month")),
    ("si", "ඩුබායි වල රියදුරු රැකියා, වැටුප මසකට රු. 250,000", "AE", "driver", (250_000, "LKR", "month")),
    ("sw", "Dereva anahitajika Doha, mshahara KSh 90,000 kwa mwezi", "QA", "driver", (90_000, "KES", "month")),
    ("ta", "கம்போடியாவில் டைப்பிங் வேலை, சம்பளம் மாதம் $900", "KH", "clerk", (900, "USD", "month")),
    ("th", "รับสมัครล่าม ที่ปอยเปต เงินเดือน 30,000 บาท", "KH", "translator", (30_000, "THB", "month")),
    ("tl", "Hiring encoder sa Poipet, sahod ₱45,000 kada buwan", "KH", "clerk", (45_000, "PHP", "month")),
    ("ur", "دبئی میں ڈرائیور چاہیے، تنخواہ 2500 درہم ماہانہ", "AE", "driver", (2500, "AED", "month")),
    ("uz", "Dubayga haydovchi kerak, oylik 1200$", "AE", "driver", (1200, "USD", "month")),
    ("vi", "Tuyển phiên dịch làm tại Mộc Bài, lương tháng 25 triệu", "VN", "translator", (25_000_000, "VND", "month")),
    ("zh-Hans", "西港招翻译，月薪8000元", "KH", "translator", (8000, "CNY", "month")),
    ("zh-Latn", "zhao pin: 西港, 翻译, 月薪8000元", "KH", "translator", (8000, "CNY", "month")),
    ("zh-Hant", "妙瓦底徵翻譯，月薪1,500美金", "MM", "translator", (1500, "USD", "month")),
]


@pytest.mark.parametrize(("language", "text", "country", "role", "pay"), POSTS, ids=[post[0] for post in POSTS])
def test_a_post_of_each_language_is_read(language: str, text: str, country: str, role: str, pay: tuple[float, str, str]) -> None:
    facts = find_facts(text, language=language)
    assert facts.countries("destination") == (country,)
    assert facts.role == role
    assert facts.pay is not None
    assert (facts.pay.low, facts.pay.high, facts.pay.currency, facts.pay.period) == (pay[0], *pay)
    assert_spans(text, facts)


def assert_spans(text: str, facts: CaseFacts) -> None:
    """Every finding shows the piece of the original that its offsets bound."""
    found = [*facts.places, *(each for each in (facts.work, facts.pay) if each is not None)]
    for each in found:
        assert 0 <= each.start < each.end <= len(text)
        assert text[each.start : each.end] == each.text


def test_the_route_is_told_by_the_words_around_the_places() -> None:
    facts = find_facts("We fly you from Manila via Bangkok to Sihanoukville", language="en")
    assert [(place.place, place.part) for place in facts.places] == [
        ("Manila", "origin"),
        ("Bangkok", "transit"),
        ("Sihanoukville", "destination"),
    ]


@pytest.mark.parametrize(
    ("language", "text", "origin", "transit", "destination"),
    [
        ("id", "Berangkat dari Medan lewat Hat Yai ke Myawaddy", "ID", "TH", "MM"),
        ("vi", "Đi từ Hà Nội qua cửa khẩu Mộc Bài tới Bavet", "VN", "VN", "KH"),
        ("th", "รถออกจากเชียงราย ไปบ่อแก้ว", "TH", "", "LA"),
        ("zh-Hans", "厦门飞，经曼谷，到妙瓦底", "CN", "TH", "MM"),
        ("ja", "大阪からバンコク経由でポイペトへ", "JP", "TH", "KH"),
        ("uz", "Toshkentdan Dubayga", "UZ", "", "AE"),
        ("ne", "काठमाडौंबाट बैंकक हुँदै म्यानमार", "NP", "TH", "MM"),
        ("en", "Work site: Cambodia. Shortlisting from Chennai, Hyderabad, Pune", "IN", "", "KH"),
    ],
)
def test_the_parts_of_the_route_are_told_in_several_languages(
    language: str, text: str, origin: str, transit: str, destination: str
) -> None:
    facts = find_facts(text, language=language)
    parts = (facts.countries("origin"), facts.countries("transit"), facts.countries("destination"))
    assert [";".join(countries) for countries in parts] == [origin, transit, destination]


def test_a_place_at_home_beside_a_job_abroad_is_no_destination() -> None:
    facts = find_facts("Kerja di Kamboja. Medan, Binjai merapat", language="id")
    assert (facts.countries("origin"), facts.countries("destination")) == (("ID",), ("KH",))


def test_offsets_count_the_original_with_its_invisible_characters_and_look_alikes() -> None:
    text = "Jоb in P\u200boi\u200dp\u00adet, t\u200bypist, ｓａｌａｒｙ ＄９００ per month"
    facts = find_facts(text)
    assert [place.text for place in facts.places] == ["P\u200boi\u200dp\u00adet"]
    assert facts.pay is not None
    assert facts.pay.text == "＄９００"
    assert_spans(text, facts)


@pytest.mark.parametrize(
    "text",
    [
        "Belajar bahasa Thailand dan bahasa Indonesia",
        "Tôi nói tiếng Lào",
        "คนลาวพูดภาษาพม่า",
        "找中国人，会越南语",
        "日本人のタイプ",  # the Thailand of タイ is in タイプ
        "lima orang, surat lamaran, kota lama",
        "maglaospa ang omanan",
        "Mail jobs@dubai.example or @bangkok_hr",
    ],
)
def test_peoples_languages_and_parts_of_other_words_are_no_places(text: str) -> None:
    assert find_facts(text).places == ()


def test_where_customers_are_is_no_part_of_the_route() -> None:
    facts = find_facts("Office in Poipet, you talk to Canada customers")
    assert [(place.place, place.part) for place in facts.places] == [("Poipet", "destination"), ("Canada", "unspecified")]


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("gaji 8-12 juta", "id", (8_000_000, 12_000_000, "IDR")),
        ("Salary INR 1.8L to 3.2L a month", "en", (180_000, 320_000, "INR")),
        ("sahod 90-120k PHP", "tl", (90_000, 120_000, "PHP")),
        ("वेतन 1,05,000 महीना", "hi", (105_000, 105_000, UNKNOWN)),
        ("底薪5千2", "zh-Hans", (5200, 5200, UNKNOWN)),
        ("一个月八千", "zh-Hans", (8000, 8000, UNKNOWN)),
        ("salary 1,600.50 EUR", "en", (1600.5, 1600.5, "EUR")),
        ("3-4k USDT", "ru", (3000, 4000, "USDT")),
        ("راتب 2500 ريال في الدوحة", "ar", (2500, 2500, "QAR")),
        ("sueldo 18,000 pesos, Tijuana", "es", (18_000, 18_000, "MXN")),
        ("연봉 3,100만~3,600만원", "ko", (31_000_000, 36_000_000, "KRW")),
    ],
)
def test_sums_are_read_as_they_are_written(text: str, language: str, expected: tuple[float, float, str]) -> None:
    pay = find_facts(text, language=language).pay
    assert pay is not None
    assert (pay.low, pay.high, pay.currency) == expected


@pytest.mark.parametrize(
    ("text", "period"),
    [
        ("$19 per hour", "hour"), ("₱380 a day", "day"), ("£480 weekly", "week"), ("日薪300元", "day"), ("年薪90万元", "year"),
        ("500 USD per head", "task"), ("salary 900 USD", UNKNOWN),
    ],
)  # fmt: skip
def test_what_a_sum_is_paid_for_is_told_by_the_words_near_it(text: str, period: str) -> None:
    pay = find_facts(text).pay
    assert pay is not None
    assert pay.period == period


@pytest.mark.parametrize(
    "text",
    [
        "Age 18-30, call 0812 345 678, 9 am",
        "Registration fee $50, deposit 100 USD",
        "10 orang, 3 shift, 30 wpm",
        "since 2019, 40% off",
    ],
)
def test_fees_ages_and_numbers_of_other_things_are_no_pay(text: str) -> None:
    assert find_facts(text).pay is None


def test_pay_is_preferred_to_a_fee_named_before_it() -> None:
    pay = find_facts("Visa fee $300, salary $1,500 monthly").pay
    assert pay is not None
    assert pay.low == 1500


def test_what_is_not_said_is_unknown() -> None:
    assert find_facts("Hello, who is there?").to_dict() == {
        "places": [],
        "origin": UNKNOWN,
        "transit": UNKNOWN,
        "destination": UNKNOWN,
        "role": UNKNOWN,
        "pay": {"low": None, "high": None, "currency": UNKNOWN, "period": UNKNOWN, "start": None, "end": None, "text": None},
    }


NAMES = sorted({name.name for names in gazetteer().values() for name in names})
PIECES = st.one_of(
    st.sampled_from(NAMES), st.sampled_from(["$", "900", "k", "-", " ", "RM", "月薪", "from ", "\u200b", "万"]), st.text(max_size=6)
)


@settings(max_examples=80, deadline=None)
@given(st.lists(PIECES, max_size=14).map("".join), st.sampled_from([None, "", "id", "zh-Hant", "th", "uz-Cyrl", "xx"]))
def test_any_text_is_read_and_every_span_lies_within_it(text: str, language: str | None) -> None:
    facts = find_facts(text, language=language)
    assert_spans(text, facts)
    assert facts.role in {*JOBS, UNKNOWN}
    assert facts.pay is None or 0 < facts.pay.low <= facts.pay.high
    starts = [place.start for place in facts.places]
    assert starts == sorted(starts)


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="bdfghjmqvwxz ,.!?", max_size=80))
def test_a_text_that_names_nothing_has_unknown_facts(text: str) -> None:
    assert find_facts(text) == CaseFacts()


@given(st.text(max_size=60))
def test_folding_keeps_every_position(text: str) -> None:
    assert len(folded(text)) == len(text)


def test_every_name_of_the_gazetteer_is_found_in_a_text_of_its_own() -> None:
    missed = [name for name in NAMES if next((found.end for found in find_names(name)), 0) == 0]
    assert missed == []


def test_every_name_of_the_gazetteer_is_in_the_form_that_texts_are_read_in() -> None:
    sampled = NAMES[::9]
    assert [name for name in sampled if folded(normalise(name).text) != name and unicodedata.is_normalized("NFC", name)] == []


def test_hotspots_and_countries_are_known_in_the_scripts_of_the_posts() -> None:
    known = [name for names in gazetteer().values() for name in names]
    assert len({(name.country, name.place) for name in known}) > 1000
    written = {name.name for name in known}
    for name in ("西港", "柬", "ปอยเปต", "sihanouk", "မြဝတီ", "ប៉ោយប៉ែត", "妙瓦底", "тбилиси", "ዱባይ", "دبئی"):
        assert name in written, name


def test_the_longest_name_wins() -> None:
    found = [(f.name.name, f.name.country) for f in find_names(folded("柬埔寨 Golden Triangle SEZ"))]
    assert found == [("柬埔寨", "KH"), ("golden triangle sez", "LA")]


def test_a_gazetteer_with_other_columns_is_refused() -> None:
    with pytest.raises(InputError, match="expected the columns country, kind"):
        list(read_names("name\tplace\nX\tY"))
    with pytest.raises(InputError, match="line 3: expected 7 cells, got 2"):
        list(read_names("\t".join(FIELDS) + "\n" + "KH\tcity\tX\tXville\ten\t\town\n" + "KH\tX"))


def test_names_of_another_gazetteer_can_be_looked_for() -> None:
    source = "\t".join(FIELDS) + "\nKH\tcity\tNewtown\tNewtown\ten\t\town"
    assert [found.name.place for found in find_names("in newtown.", indexed(read_names(source)))] == ["Newtown"]


@pytest.mark.parametrize("piece", ["9 ", "1.", "k ", "西港", "Lào, ", "1,000", " to 5", "$", "ta", "dola 1 hadi "])
def test_a_long_text_does_not_take_long(piece: str) -> None:
    text = piece * (10_000 // len(piece))
    started = time.process_time()
    find_facts(text)
    assert time.process_time() - started < 4
