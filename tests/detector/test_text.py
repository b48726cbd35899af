"""What normalise() undoes, what it leaves alone, and where its characters came from."""

import time
from array import array

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from detector.errors import InputError
from detector.text import NormalisedText, normalise

ZWSP, ZWNJ, ZWJ = "\u200b", "\u200c", "\u200d"

UNCHANGED = {
    "english": "Hiring: chat support in Dubai, $1,200/month (18-35y). No fees! Call 012 345 6789.",
    "thai-sara-am-composed": "รับสมัครแอดมิน ทำงานที่กัมพูชา น้ำ ค่ำ รายได้ ๓๕,๐๐๐ บาท",
    "thai-four-in-a-row-across-words": "ใกล้ถนนนนทบุรี",
    "lao-am-and-digraphs": "ຮັບສະໝັກວຽກ ເຮັດວຽກຢູ່ຄຳມ່ວນ ໜ້າທີ່ ຮຽນພາສາຈີນ ໝາຍເລກ",
    "khmer-coeng": "ជ្រើសរើសបុគ្គលិក ធ្វើការនៅក្រុងព្រះសីហនុ ប្រាក់ខែ ៨០០ដុល្លារ",
    "burmese": "ကျွန်ုပ်တို့ အလုပ်ခေါ်စာ၊ ယောက်ျားလေး ၁၈ နှစ်၊ ထိုင်းဘတ် ၁၈၀၀၀ လစာ။ သင်္ဘော",
    "shan-is-not-zawgyi": "မႂ်ႇသုင်ၶႃႈ ၵူၼ်းတႆး",
    "karen-is-not-zawgyi": "ပှၤကညီဖိလၢကီၢ်ကယီၤပူၤ",
    "mon-is-not-zawgyi": "ဘာသာမန် ကၠောန်ဗဒှ်",
    "hindi-joiner-after-virama": f"नौकरी के लिए संपर्क करें, शक्{ZWJ}ति और रिक्{ZWNJ}शा",
    "nepali-joiner-after-virama": f"गर्{ZWJ}यो, वेतन रु ५०,००० मासिक",
    "bengali": "চাকরির সুযোগ, বেতন ৫০০ ডলার, থাকা-খাওয়া".replace("\u09df", "\u09af\u09bc"),
    "bengali-joiner-before-virama": f"র{ZWJ}্যাব",
    "tamil": "வேலை வாய்ப்பு, மாத சம்பளம் 50,000 ரூபாய்",
    "malayalam-old-chillu": f"അവന്{ZWJ} പറഞ്ഞു",
    "telugu": "ఉద్యోగం కావాలా? జీతం నెలకు 40,000",
    "sinhala-joiner": f"ශ්{ZWJ}රී ලංකාවේ රැකියා, වැටුප රු. 200,000",
    "urdu": "بیرون ملک نوکری، تنخواہ ۱۵۰۰ ڈالر ماہانہ، ویزا مفت۔",
    "persian-joiner": f"می{ZWNJ}خواهیم استخدام کنیم، حقوق ۱۵۰۰ دلار، آگهی{ZWNJ}ها",
    "arabic-with-vowel-signs": "وَظِيفَة شاغرة، راتب ٥٠٠٠ درهم شهريًّا",
    "hebrew-points": "שָׁלוֹם, דרושים עובדים",
    "amharic": "የሥራ ማስታወቂያ፣ ደመወዝ በወር ፩፭፻ ዶላር።",
    "korean": "고수익 알바 모집, 월 300만원 보장 ㅋㅋㅋ 텔레그램 문의",
    "japanese": "高収入バイト！詳細はＤＭで、ガイド付き。ディーラー募集～".replace("ＤＭ", "DM"),
    "chinese-simplified": "高薪招聘：柬埔寨客服，月薪8000起，包吃住！（机票报销）……",
    "chinese-traditional": "誠徵客服人員，月薪十萬，供膳宿；免經驗？請加賴。",
    "russian": "Требуются операторы чата № 5, зарплата от 1500 долларов, жильё и проезд. ИТ-отдел",
    "russian-acronym-inflected": "Оплата в USDTом, пишите SMSку",
    "uzbek-cyrillic": "Ишга таклиф қиламиз, ойлик 1200 доллар, ўқитамиз ва ҳаракат",
    "kazakh": "Жұмысқа шақырамыз, айлық төлем 500 000 теңге",
    "ukrainian": "Її запросили на роботу, ґанок, об'єкт",
    "greek": "Ζητείται προσωπικό, μισθός 1.500 ευρώ τον μήνα",
    "armenian-ligature": "Աշխատանք Երևանում և Դուբայում",
    "georgian": "ვაკანსია დუბაიში, ხელფასი 1500 დოლარი",
    "vietnamese": "Tuyển nhân viên chăm sóc khách hàng tại Campuchia, lương 20 triệu, bao ăn ở",
    "indonesian": "Lowongan kerja orang2 ke Kamboja, gaji 12jt-15jt, rp5jt bonus, tiket ditanggung",
    "swahili": "Nafasi za kazi ng'ambo, mshahara wa shilingi 150,000 kwa mwezi",
    "tagalog": "Hiring po kami ng CSR sa Cambodia, P50k sahod, libre tirahan",
    "turkish": "İş ilanı: aylık 1.500 dolar, konaklama ücretsiz, ığdır",
    "yoruba-tones": "Iṣẹ́ wà ní Dubai, owó oṣù tó pọ̀",
    "uzbek-latin": "O\u02bbzbekiston, g\u02bbalaba",
    "spanish-ordinals": "1º turno, 2ª vacante, ¡llámanos!",
    "redaction-marks": "Write to <EMAIL> or <PHONE>",
    "flags-and-emoji": "🇰🇭 🇲🇲🇹🇭 💰💰 ✈ 🅿 ™ ½",
    "numbers": "2x 5k 3G h264 B2B 18-35y 4th 1st mp3 mp3s usd800 P3MI H1B 24h 5555555 ٥٥٥٥٥",
    "codes": "S4HANA SIP3MI 0xff HDR7JN7 rm3k upto5k",
    "contacts": "t3l.me wa.me/62812 @j0bs4you http://x.co/w0rk----- a0b@m4il.com Line: j4ck3son",
    "ellipsis": "wait... what",
    "masked-number": "0812-xxxx-31 and 0979****65",
}


@pytest.mark.parametrize("text", UNCHANGED.values(), ids=UNCHANGED.keys())
def test_ordinary_writing_is_left_as_it_is(text: str) -> None:
    result = normalise(text)
    assert result.text == text
    assert result.starts == array("I", range(len(text)))
    assert result.ends == array("I", range(1, len(text) + 1))


DISGUISES = {
    "zero-width-space": (f"tele{ZWSP}gram", "telegram"),
    "joiners-between-latin-letters": (f"te{ZWJ}le{ZWNJ}gram", "telegram"),
    "joiner-between-hindi-letters": (f"वे{ZWJ}तन", "वेतन"),
    "joiner-run-in-persian": (f"می{ZWNJ}{ZWNJ}{ZWNJ}خواهم", f"می{ZWNJ}خواهم"),
    "word-joiner-and-bom": ("\ufeffsal\u2060ary", "salary"),
    "khmer-word-break": (f"ធ្វើ{ZWSP}ការ", "ធ្វើការ"),
    "bidirectional-controls": ("\u202ework\u202c \u2066now\u2069\u200f", "work now"),
    "soft-hyphen": ("sal\u00adary", "salary"),
    "variation-selectors": ("w\ufe00o\ufe0fr\U000e0100k", "work"),
    "tag-characters": ("wo\U000e0041\U000e007frk", "work"),
    "hangul-filler": ("wo\u3164rk", "work"),
    "control-characters": ("w\x00o\x07r\x1bk", "work"),
    "lone-surrogates": ("wo\ud83drk\udc00", "work"),
    "surrogate-pair": ("go \ud83d\ude00", "go 😀"),
    "tatweel": ("وظيـــفة", "وظيفة"),
    "full-width": ("Ｗｏｒｋ　１２００＄", "Work 1200$"),
    "full-width-link-in-chinese": ("加ｔ．ｍｅ／ａｂ：", "加t.me/ab："),
    "full-width-punctuation-in-latin": ("Salary：1200，call！", "Salary:1200,call!"),
    "circled": ("ⓌⓄⓇⓀ ⓦⓞⓡⓚ ③", "WORK work 3"),
    "parenthesised": ("⒲⒪⒭⒦ 🄦", "work W"),
    "squared": ("🅆🄾🅁🄺 🅹🅾🅱 🅦🅞🅡🅚", "WORK JOB WORK"),
    "regional-indicators": ("🇯🇴🇧 🇼🇴🇷🇰", "JOB WORK"),
    "spaced-regional-indicators": ("🇯 🇴 🇧 🇸", "JOBS"),
    "mathematical-bold": ("𝐰𝐨𝐫𝐤 𝟏𝟓", "work 15"),
    "mathematical-others": ("𝓌ℴ𝓇𝓀 𝖜𝖔𝖗𝖐 𝚠𝚘𝚛𝚔 𝕨𝕠𝕣𝕜", "work work work work"),
    "small-capitals": ("ʜɪɢʜ ꜱᴀʟᴀʀʏ", "high salary"),
    "superscript-and-subscript": ("ʷᵒʳᵏ ₓₒ", "work xo"),
    "ligatures": ("oﬃce ﬁrm", "office firm"),
    "keycaps": ("1️⃣ 2️⃣", "1 2"),
    "struck-out": ("w\u0336o\u0336r\u0336k\u0336", "work"),
    "zalgo": ("w" + "\u0301\u0323\u0316\u0334\u0353\u0327" * 3 + "ork", "work"),
    "cyrillic-in-latin-words": ("tеlеgrаm раypal", "telegram paypal"),
    "latin-in-cyrillic-words": ("рaбoта Cпециалист", "работа Специалист"),
    "greek-in-latin-words": ("Κamboja sαlαry", "Kamboja salary"),
    "armenian-in-latin-words": ("cօmpaոy", "company"),
    "cherokee-in-latin-words": ("Ꮤork ᎢELEGRAM", "Work TELEGRAM"),
    "look-alikes-that-need-goodwill": ("sкypе pаyтm", "skype paytm"),
    "disguised-whole-word-beside-mixed-ones": ("hіgh рау", "high pay"),
    "spaced-latin": ("h i g h  p a y e r now", "high payer now"),
    "spaced-by-dots": ("s.a.l.a.r.y", "salary"),
    "spaced-by-hyphens": ("s-a-l-a-r-y!", "salary!"),
    "spaced-by-stars": ("s * a * l * a * r * y", "salary"),
    "spaced-by-emoji": ("s🔥a🔥l🔥a🔥r🔥y", "salary"),
    "spaced-with-digits": ("t 3 l 3 g r a m", "telegram"),
    "spaced-cyrillic": ("р а б о т а", "работа"),
    "spaced-chinese": ("招 高 薪 客 服", "招高薪客服"),
    "spaced-thai": ("ง า น ด ี", "งานดี"),
    "spaced-lao": ("ເ ຊົ່ າ ບັ ນ", "ເຊົ່າບັນ"),
    "three-letters-are-not-enough": ("A B C is plan B", "A B C is plan B"),
    "spaced-digits-stay": ("call 0 1 2 3 4 5", "call 0 1 2 3 4 5"),
    "hindi-short-words-stay": ("जो है सो है तो ये भी", "जो है सो है तो ये भी"),
    "korean-short-words-stay": ("나 는 이 일 을", "나 는 이 일 을"),
    "repeated-letters": ("saaaaaaalary", "saalary"),
    "repeated-marks": ("now!!!!!! 高薪！！！！！ 💰💰💰💰💰", "now!! 高薪！！ 💰💰"),
    "three-stay": ("sooo www !!!", "sooo www !!!"),
    "many-dots": ("wait......", "wait..."),
    "leet": ("t3l3gram w0rk p4ssport j0b s4l4ry", "telegram work passport job salary"),
    "leet-capitals": ("T3L3GRAM W0RK PINJ4M4N", "TELEGRAM WORK PINJAMAN"),
    "leet-one": ("te1egram v1sa", "telegram visa"),
    "leet-signs": ("$alary ca$h c@sh", "salary cash cash"),
    "arabic-presentation-forms": ("ﻣﺮﺣﺒﺎ ﻻ", "مرحبا لا"),
    "half-width-kana": ("ﾃﾚｸﾞﾗﾑ ﾊﾟｽ", "テレグラム パス"),
    "spacing-voiced-mark": ("か゛", "が"),
    "half-width-hangul": ("\uffa1\uffbe\uffc7", "\u3131\u314e\u3154"),
    "thai-am-in-two-signs": ("น\u0e4d\u0e49\u0e32 ท\u0e4d\u0e32", "น้ำ ทำ"),
    "lao-am-in-two-signs": ("ຄ\u0ecd\u0eb2", "ຄຳ"),
    "decomposed-hangul": ("\u1112\u1161\u11ab\u1100\u116e\u11a8", "한국"),
    "decomposed-vietnamese": ("lu\u031bo\u031bng ti\u00ea\u0301ng", "lương tiếng"),
    "emoji-simplified": ("👍🏽 ❤️ 👩‍💻", "👍 ❤ 👩💻"),
    "whitespace": ("  a\u00a0\u2003b \t c \r\n\r\n\r\n \n d\u2028e ", "a b c\n\nd\ne"),
    "redaction-mark-between-disguises": ("ｃａｌｌ <PHONE>!!!!!", "call <PHONE>!!"),
}


@pytest.mark.parametrize(("text", "expected"), DISGUISES.values(), ids=DISGUISES.keys())
def test_a_disguise_is_undone(text: str, expected: str) -> None:
    assert normalise(text).text == expected


ENCODINGS = {
    "french": "café à Genève",
    "vietnamese": "tuyển dụng lương cao",
    "thai": "งานดีรายได้ดี",
    "chinese": "工作高薪",
    "arabic": "وظيفة شاغرة",
    "quotes": "it’s “free”",
}


@pytest.mark.parametrize("text", ENCODINGS.values(), ids=ENCODINGS.keys())
def test_mojibake_is_repaired(text: str) -> None:
    assert normalise(text.encode().decode("latin-1")).text == text


def test_mojibake_of_cyrillic_in_windows_1251_is_repaired() -> None:
    assert normalise("РїСЂРёРІРµС‚, СЂР°Р±РѕС‚Р°").text == "привет, работа"


def test_only_the_broken_line_is_repaired() -> None:
    assert normalise("Ação, já\ncafÃ© â€“ ok").text == "Ação, já\ncafé – ok"


ZAWGYI = {
    "myanmar": ("ျမန္မာႏိုင္ငံ", "မြန်မာနိုင်ငံ"),
    "thank-you": ("ေက်းဇူးတင္ပါတယ္", "ကျေးဇူးတင်ပါတယ်"),
    "have-you-eaten": ("ထမင္းစားၿပီးၿပီလား", "ထမင်းစားပြီးပြီလား"),
    "kinzi": ("အဂၤလိပ္စာ", "အင်္ဂလိပ်စာ"),
    "stacked": ("သတၱဝါ ဝန္ႀကီး", "သတ္တဝါ ဝန်ကြီး"),
    "killed-consonant-before-medial": ("ေယာက္်ားမ်ား", "ယောက်ျားများ"),
    "wa-typed-as-zero": ("ဝန္ေဆာင္မႈ ၀န္ေဆာင္မႈ ၁၅၀၀", "ဝန်ဆောင်မှု ဝန်ဆောင်မှု ၁၅၀၀"),
    "news": (
        "ႏိုင္ငံေတာ္၏အတုိင္ပင္ခံပုဂၢိဳလ္ ေဒၚေအာင္ဆန္းစုၾကည္",
        "နိုင်ငံတော်၏အတိုင်ပင်ခံပုဂ္ဂိုလ် ဒေါ်အောင်ဆန်းစုကြည်",
    ),
}


@pytest.mark.parametrize(("text", "expected"), ZAWGYI.values(), ids=ZAWGYI.keys())
def test_zawgyi_becomes_unicode(text: str, expected: str) -> None:
    assert normalise(text).text == expected


def test_a_post_in_both_burmese_encodings_is_told_apart_by_line() -> None:
    unicode_line, zawgyi_line = "ကျေးဇူးတင်ပါတယ်", "ေက်းဇူးတင္ပါတယ္"
    result = normalise(f"{unicode_line}\n{zawgyi_line}")
    assert result.text == f"{unicode_line}\n{unicode_line}"


def test_a_syllable_of_zawgyi_stands_for_the_whole_syllable() -> None:
    result = normalise("ျမန္မာ")  # RA + MA, NA + asat, MA + AA
    assert result.text == "မြန်မာ"
    assert list(result.starts) == [0, 0, 2, 2, 4, 5]
    assert list(result.ends) == [2, 2, 4, 4, 5, 6]


def test_offsets_skip_what_was_dropped() -> None:
    result = normalise(f"a{ZWSP}b\u00adc")
    assert result == NormalisedText("abc", array("I", [0, 2, 4]), array("I", [1, 3, 5]))


def test_offsets_of_an_expanded_character_all_point_at_it() -> None:
    result = normalise("oﬃce")
    assert result.text == "office"
    assert list(zip(result.starts, result.ends, strict=True)) == [
        (0, 1),
        (1, 2),
        (1, 2),
        (1, 2),
        (2, 3),
        (3, 4),
    ]


def test_offsets_of_a_composed_letter_span_its_marks() -> None:
    result = normalise("xe\u0301y")
    assert result.text == "xéy"
    assert result.original_span(1, 2) == (1, 3)


def test_offsets_of_repaired_mojibake_follow_the_bytes() -> None:
    result = normalise("cafÃ© ok")
    assert result.text == "café ok"
    assert result.original_span(3, 4) == (3, 5)
    assert result.original_span(5, 7) == (6, 8)


@pytest.mark.parametrize(
    ("text", "word", "written"),
    [
        ("good s a l a r y  now", "salary", "s a l a r y"),
        ("the 𝐬𝐚𝐥𝐚𝐫𝐲 now", "salary", "𝐬𝐚𝐥𝐚𝐫𝐲"),
        ("the $4l4ry", "$4l4ry", "$4l4ry"),
        (f"  sa{ZWSP}laaaaaary", "salaary", f"sa{ZWSP}laaaaaary"),
        ("via tеlеgrаm!!!!", "telegram", "tеlеgrаm"),
    ],
    ids=["spaced", "mathematical", "too-many-signs", "stretched", "look-alikes"],
)
def test_a_word_is_found_in_the_post_as_written(text: str, word: str, written: str) -> None:
    result = normalise(text)
    start = result.text.index(word)
    begin, end = result.original_span(start, start + len(word))
    assert text[begin:end] == written


def test_the_span_of_nothing_is_empty_and_within_the_text() -> None:
    result = normalise("ab ")
    assert [result.original_span(i, i) for i in range(3)] == [(0, 0), (1, 1), (2, 2)]
    assert normalise("").original_span(0, 0) == (0, 0)


@pytest.mark.parametrize(("start", "end"), [(-1, 1), (0, 3), (2, 1)])
def test_a_span_outside_the_text_is_refused(start: int, end: int) -> None:
    with pytest.raises(InputError, match="within 0 and 2"):
        normalise("ab").original_span(start, end)


@pytest.mark.parametrize("text", ["", " ", "\n\t\r", ZWSP * 3, "\x00", "\ud800", "\u3164\ufeff"])
def test_nothing_visible_leaves_nothing(text: str) -> None:
    assert normalise(text) == NormalisedText("", array("I"), array("I"))


FRAGMENTS = [
    *"a1 0.-!@$_\n\r\t<>:/s3xX*",
    *(
        ZWSP,
        ZWNJ,
        ZWJ,
        "\u00ad",
        "\u0301",
        "\u0323",
        "\u0336",
        "\u202e",
        "\ufe0f",
        "\ud83d",
        "\ude00",
    ),
    *"еаріκαօ高工！：～ุกำ็່ຳ្ក်္ေြ်ျॎ्कরাع\u0640\ufefb\u3099か゛ﾊﾟ각\u1112\u1161\u11abㅎ",
    *"Ã©â€œÐ\x9dÂ à¸",
    "â€œ",
    "Ã©",
    "à¸‡",
    "\u00a0",
    "РїСЂ",
    "ျမန္မာ",
    "ေက်း",
    *"🇹🇭🅰🅱👍🏽𝐰ⓦʜ",
    "s p a m",
    "t3l3",
    "w0rk",
    "e . g . a . b",
    "  ",
    "aaaa",
    "!!!!",
    "tg: ",
]
anything = st.lists(st.sampled_from(FRAGMENTS) | st.characters(), max_size=24).map("".join)


@settings(max_examples=300, deadline=None)
@given(anything)
@example("a. a. a. a")
@example("\u0301" * 9)
def test_a_normalised_text_is_left_as_it_is(text: str) -> None:
    once = normalise(text).text
    assert normalise(once).text == once


@settings(max_examples=300, deadline=None)
@given(anything)
def test_offsets_never_decrease_and_stay_within_the_original(text: str) -> None:
    result = normalise(text)
    starts, ends = list(result.starts), list(result.ends)
    assert len(starts) == len(ends) == len(result.text)
    assert starts == sorted(starts)
    assert ends == sorted(ends)
    assert all(0 <= start < end <= len(text) for start, end in zip(starts, ends, strict=True))


@settings(max_examples=200, deadline=None)
@given(anything, st.data())
def test_the_span_of_a_part_covers_the_spans_of_its_characters(text: str, data: st.DataObject) -> None:
    result = normalise(text)
    end = data.draw(st.integers(0, len(result.text)))
    start = data.draw(st.integers(0, end))
    begin, stop = result.original_span(start, end)
    assert 0 <= begin <= stop <= len(text)
    for i in range(start, end):
        assert begin <= result.starts[i]
        assert result.ends[i] <= stop


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(exclude_categories=())))
def test_no_text_is_refused_and_the_result_can_be_encoded(text: str) -> None:
    normalise(text).text.encode()


LONG = {
    "one-letter": "a",
    "blanks": " ",
    "blank-lines": " \n",
    "spaced": "a ",
    "dotted": "a.",
    "handles": "@a",
    "links": "http://",
    "contacts": "tg: ",
    "leet": "a0",
    "one-long-leet-word": "abc3",
    "one-mixed-word": "teлe",
    "mixed-scripts": "aа",
    "marks": "\u0301\u0323",
    "marks-beyond-the-basic-plane": "\U0001d165\u0323",
    "joiners": f"ب{ZWNJ}",
    "flags": "🇹",
    "wide": "，",
    "mojibake": "Ã©",
    "zawgyi-prefixes": "\u1031",
    "zawgyi": "ျမန္မာ",
    "surrogates": "\ud83d",
    "digits": "1 ",
}


@pytest.mark.parametrize("unit", LONG.values(), ids=LONG.keys())
def test_time_grows_with_the_length_of_the_text(unit: str) -> None:
    # A quadratic step takes minutes on a megabyte; the linear ones take seconds at worst.
    began = time.process_time()
    normalise(unit * (1_000_000 // len(unit.encode("utf-8", "surrogatepass"))))
    assert time.process_time() - began < 30


def test_a_post_takes_well_under_a_millisecond_per_hundred_characters() -> None:
    post = "Tеlеgrаm w0rk s a l a r y  1500\u200bUSD!!!!! Ｆｒｅｅ 𝐭𝐢𝐜𝐤𝐞𝐭 " * 20
    normalise(post)
    began = time.process_time()
    for _ in range(10):
        normalise(post)
    assert (time.process_time() - began) / 10 < len(post) / 100 * 1e-3
