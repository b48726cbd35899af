"""How sums of money are written: numbers, the words that multiply them, currencies, periods.

Currency codes are those of ISO 4217, and ``USDT`` for the coin.
"""

import re
from collections.abc import Sequence

from detector.facts.records import UNKNOWN, Period
from detector.facts.wordlists import alternatives, key_of

NUMBER = r"\d{1,3}(?:[,.'](?:\d{2}[,.'])*\d{3})+(?:[.,]\d{1,2})?(?!\d)|\d{1,3}(?: \d{3})+(?![\d.,])|\d+(?:[.,]\d+)?"
_GROUPED = re.compile(r"\d{1,3}(?:[,.' ](?:\d{2}[,.'])*\d{3})+(?:([.,])(\d{1,2}))?")
_TALLIES: dict[str, float] = {
    r"億|亿": 1e8,
    r"千万|천만": 1e7,
    r"crores?|करोड़|कोटी|কোটি|کروڑ": 1e7,
    r"million(?:s|es)?|milion|juta|jt\b|triệu|tr\b|củ\b|milhões|millón|milli?ones|mln\b|млн\b|миллион\w*|مليون|ล้าน|ລ້ານ|លាន|백만|milioni|සන්|মিলিয়ন": 1e6,
    r"lakhs?|lacs?|laakh|लाख|লাখ|লক্ষ|இலட்சம்|லட்சம்|லட்ச|لاکھ|ලක්ෂ|သိန်း|ແສນ|แสน|សែន|l\b(?= |/|$)": 1e5,
    r"万|萬|만|หมื่น|ໝື່ນ|ຫມື່ນ|ម៉ឺន|သောင်း|w(?![a-z])": 1e4,
    r"thousand|k(?![a-z])|rb\b|ribu|mil\b|ngàn|nghìn|elfu|hajar|hazaar|hazar|हजार|हज़ार|হাজার|ஆயிரம்|ہزار|දහස්|දාහක්|දාස්|ထောင်|พัน|ພັນ|ពាន់|千|천|тыс\w*\.?|тысяч\w*|ming\b|минг\b|ألف|الف|آلاف|ሺህ|ሺ\b|libo(?:ng)?\b": 1e3,
}  # fmt: skip
TALLY = "|".join(_TALLIES)
_TALLY_PATTERNS = tuple((re.compile(pattern), factor) for pattern, factor in _TALLIES.items())

DOLLAR = "dollar"
"""Stands for a dollar that the words before it do not name; the country says which it is."""
RIYAL = "riyal"
DIRHAM = "dirham"
RUPEE = "rupee"
PESO = "peso"
YUAN = "yuan"

_CURRENCIES: Sequence[tuple[str, str]] = (
    ("USDT", r"usdt|tether|u(?![a-z])"),
    ("USD", r"us ?\$|u\.s\.\$|usd\$?|us dollars?|dólares|dolares|đô(?: la)?\b|美金|美元|美刀|刀|米ドル|ドル|미화|달러|불(?![가-힣])|\$ ?us\b|dola\b"),
    ("SGD", r"s\$|sgd|新币|新幣|坡币|坡幣"), ("HKD", r"hk ?\$|hkd|港币|港幣|港元|港紙"), ("TWD", r"nt ?\$|twd|ntd|台币|台幣|新台幣"),
    ("BRL", r"r ?\$|brl|reais|real\b"), ("AUD", r"a\$|aud"), ("NZD", r"nzd?\$|nzd"), ("CAD", r"c\$|cad\b"), ("PEN", r"s/\.?|soles\b|pen\b"),
    (DOLLAR, r"\$|dollars?|dolar|dólar|dollor|doller|ดอลลาร์|เหรียญ|ໂດລາ|ដុល្លារ|ដុល្លា|ဒေါ်လာ|डॉलर|डलर|डालर|ডলার|டாலர்|டொலர்|ڈالر|دولار|ዶላር|доллар\w*|долл\.?|бакс\w*|ඩොලර්"),
    ("EUR", r"€|eur(?:os?)?\b|euro|欧元|歐元|ユーロ|유로|ยูโร|ຢູໂຣ|អឺរ៉ូ|ယူရို|यूरो|युरो|ইউরো|யூரோ|یورو|يورو|أورو|ዩሮ|евро|yevro|යුරෝ"),
    ("GBP", r"£|gbp|pounds?\b|英镑|英鎊"),
    ("MYR", r"rm|myr|ringgit|马币|馬幣|令吉|林吉特|リンギット|링깃|ริงกิต|ຣິງກິດ|ရင်းဂစ်|रिंगेट|रिङ्गेट|रिंगिट|রিঙ্গিত|রিংগিত|ரிங்கிட்|رنگٹ|ринггит"),
    ("IDR", r"rp\.?|idr|rupiah|印尼盾|ルピア|루피아"), ("VND", r"vnđ?|vnd|₫|đồng|đ(?![a-zà-ỹ])|越南盾|ドン|동(?![가-힣])"),
    ("THB", r"฿|thb|baht|bath\b|泰铢|泰銖|铢|銖|バーツ|바트|밧|บาท|ບາດ|បាត|ဘတ်|बाट|बात|भाट|বাথ|ভাত|பாட்|بھات|بات|بات|بهت|ባት|бат\b|бата?\b|බාට්"),
    ("KHR", r"៛|រៀល|riel"), ("LAK", r"ກີບ|kip|lak\b|กีบ"), ("MMK", r"ကျပ်|kyats?|mmk|ks\b"),
    ("PHP", r"₱|php|piso|pesos? ng|披索|菲币|ペソ|페소|เปโซ"), (PESO, r"pesos?|比索"),
    ("INR", r"₹|inr|rupay[ae]|印度卢比"), ("LKR", r"lkr|slr"), ("NPR", r"npr|nrs\.?"), ("PKR", r"pkr"), ("BDT", r"৳|bdt|taka|টাকা|টেকা|টিকা"),
    (RUPEE, r"rs\.?|rupees?|रु\.?|रू\.?|रुपये|रुपए|रुपैयाँ|रूपैयाँ|रुपिया|রুপি|ரூபாய்|ரூபா|ரூ\.?|روپے|روپیہ|රුපියල්|රු\.?"),
    ("AED", r"aed|迪拉姆"), ("MAD", r"mad\b|dhs?\b"), (DIRHAM, r"dirhams?|dhm|درهم|دراهم|درہم|दिरहम|দিরহাম|திர்ஹம்|ድርሃም|дирхам\w*|ဒါရမ်|ดีแรห์ม"),
    ("QAR", r"qar"), ("SAR", r"sar\b"), ("OMR", r"omr"), (RIYAL, r"riyals?|rials?|ريال|ریال|रियाल|রিয়াল|ரியால்|ሪያል|риал\w*"),
    ("KWD", r"kwd"), ("BHD", r"bhd"), ("KRW", r"₩|krw|원|won\b"), ("JPY", r"円|jpy|¥(?=\d)|yen\b|เยน|엔(?![가-힣])|日元|日圓"),
    ("CNY", r"cny|rmb|人民币|人民幣|yuan|ຢວນ|หยวน|ยวน|យ័ន|យាន់|ယွမ်|युआन|ইউয়ান|யுவான்|یوآن|يوان|ዩዋን|юан\w*|위안|위엔|人民元"), (YUAN, r"元|块|塊|蚊"),
    ("KES", r"kes|ksh\.?|ksh|kshs\.?|shilingi za kenya"), ("TZS", r"tzs|tsh\.?|tshs\.?"), ("UGX", r"ugx|ush\.?"), ("RWF", r"rwf|frw"),
    ("ETB", r"etb|birr|bir\b|ብር"), ("NGN", r"₦|ngn|naira"), ("GHS", r"ghs|cedis?"), ("ZAR", r"zar\b|rand\b"), ("EGP", r"egp|جنيه|ج\.م"), ("TND", r"tnd|دينار تونسي"),
    ("UZS", r"uzs|so'm\w*|som\b|сўм\w*|сум\w*"), ("KZT", r"₸|kzt|тг\b|тенге"), ("KGS", r"kgs|сом\w*"), ("RUB", r"₽|rub|руб\w*\.?|р\.(?!\w)"), ("AZN", r"azn|₼|manat|манат"),
    ("GEL", r"₾|лари"), ("TRY", r"₺"), ("MXN", r"mxn|mx\$"), ("COP", r"cop\b"), ("UYU", r"uyu"), ("PLN", r"pln|zł"),
)  # fmt: skip
CURRENCY = "|".join(
    rf"(?:(?<![a-z])(?:{pattern}))" if pattern[0].isascii() and pattern[0].isalpha() else f"(?:{pattern})"
    for _, pattern in _CURRENCIES
)
SIGNS = frozenset(key_of(sign) for _, pattern in _CURRENCIES for sign in alternatives(pattern))
"""What a :data:`CURRENCY` begins with, in one or two characters."""
_CURRENCY_PATTERNS = tuple((code, re.compile(pattern)) for code, pattern in _CURRENCIES)

_BY_COUNTRY: dict[str, dict[str, str]] = {
    DOLLAR: {"SG": "SGD", "HK": "HKD", "TW": "TWD", "AU": "AUD", "NZ": "NZD", "CA": "CAD", "BN": "BND", "MX": "MXN", "CO": "COP", "CL": "CLP", "AR": "ARS", "UY": "UYU"},
    RIYAL: {"SA": "SAR", "QA": "QAR", "OM": "OMR", "YE": "YER"},
    DIRHAM: {"AE": "AED", "MA": "MAD"},
    RUPEE: {"IN": "INR", "NP": "NPR", "PK": "PKR", "LK": "LKR", "MU": "MUR", "MV": "MVR"},
    PESO: {"PH": "PHP", "MX": "MXN", "CO": "COP", "CL": "CLP", "AR": "ARS", "UY": "UYU", "DO": "DOP"},
    YUAN: {"TW": "TWD", "HK": "HKD"},
}  # fmt: skip
_BY_LANGUAGE: dict[str, dict[str, str]] = {
    RUPEE: {"hi": "INR", "ne": "NPR", "ur": "PKR", "si": "LKR"},
    PESO: {"tl": "PHP", "fil": "PHP"},
    # At home the dollars of Hong Kong and Taiwan are written with the bare sign.
    DOLLAR: {"zh-hant": UNKNOWN, "zh-tw": "TWD", "zh-hk": "HKD"},
    YUAN: {"zh-hans": "CNY", "zh": "CNY", "zh-cn": "CNY", "zh-latn": "CNY"},
}
_TALLY_CURRENCY = (
    (re.compile(r"juta|jt\b|rb\b|ribu"), "id", "IDR"),
    (re.compile(r"triệu|tr\b|củ\b"), "vi", "VND"),
    (re.compile(r"သိန်း"), "my", "MMK"),
    (re.compile(r"万|萬"), "ja", "JPY"),
)
"""Words that multiply, and are said of one currency only in a language."""

_PERIODS: Sequence[tuple[Period, str]] = (
    ("hour", r"per hour|/ ?h(?:r|our)?\b|an hour|hourly|\bsejam|/ ?jam\b|per jam|kwa saa\b|por hora|/hora|một giờ|/giờ|时薪|時薪|小时|小時|時給|시급|시간당|ชั่วโมงละ|ต่อชั่วโมง|ຕໍ່ຊົ່ວໂມງ|ក្នុងមួយម៉ោង|/ម៉ោង|တစ်နာရီ|प्रति घंटा|घंटे|ঘণ্টায়|மணிக்கு|فی گھنٹہ|بالساعة|በሰዓት|в час|/час|soatiga|පැයකට"),
    ("day", r"per day|/ ?day|a day|daily|everyday|\bsehari|per hari|/ ?hari|harian|sapoe|kwa siku|per siku|al día|por d[ií]a|/dia|diario|kada araw|isang araw|a day|công nhật|/ngày|một ngày|ngày\b|日薪|一天|每天|/天|日結|日结|日給|/日|일급|하루|일당|/일|วันละ|ต่อวัน|ມື້ລະ|ຕໍ່ມື້|ក្នុងមួយថ្ងៃ|/ថ្ងៃ|មួយថ្ងៃ|တစ်ရက်|တစ်နေ့|တရက်|တနေ့|रोज़|रोज\b|प्रतिदिन|दिन का|दैनिक|দিনে|প্রতিদিন|রোজ|நாளைக்கு|நாளுக்கு|தினம்|روزانہ|دیہاڑی|يوميا|كل يوم|باليوم|نهار\b|በቀን|в день|за смену|/смена|kuniga|кунига|දිනකට|දවසකට|දවසට"),
    ("week", r"per week|/ ?week|a week|weekly|seminggu|per minggu|/minggu|kwa wiki|por semana|semanal|kada linggo|/tuần|một tuần|每周|一周|周薪|每週|週薪|週給|주급|สัปดาห์ละ|อาทิตย์ละ|ຕໍ່ອາທິດ|ຕໍ່ອາທິດ|ក្នុងមួយសប្ដាហ៍|တစ်ပတ်|प्रति सप्ताह|हफ्ते|साप्ताहिक|সপ্তাহে|வாரம்|வாரத்துக்கு|vaaram|ہفتہ وار|ہفتے|أسبوعيا|في الأسبوع|በሳምንት|в неделю|haftasiga|haftada|සතියකට"),
    ("month", r"per month|/ ?mo(?:nth)?\b|a month|monthly|p\.?m\.?\b(?!\w)|\bsebulan|per ?bulan|/ ?bln|/ ?bulan|sebln|perbulan|bulanan|kwa mwezi|per mwezi|/mwezi|al mes|por m[eê]s|/mes|/mês|mensual|mensal|mensuales|kada buwan|buwanan|isang buwan|/buwan|/tháng|một tháng|lương tháng|mỗi tháng|tháng\b|月薪|月入|月给|月給|一个月|一個月|每月|每个月|/月|月(?=\d)|月額|毎月|ヶ月で|월급|매달|월 ?(?=\d)|한달|한 달|เดือนละ|ต่อเดือน|เงินเดือน|/เดือน|ເດືອນລະ|ຕໍ່ເດືອນ|ເງິນເດືອນ|ເດືອນ(?= \d)|ប្រាក់ខែ|ក្នុងមួយខែ|/ខែ|មួយខែ|ក្នុង១ខែ|1ខែ|លុយខែ|တစ်လ|တလ|လစာ|လခ|လပေး|महीने|महीना|महिना|महिनाको|मासिक|माह|प्रतिमाह|/माह|মাসে|মাসিক|প্রতি মাসে|মাস শেষে|மாதம்|மாசம்|மாதத்துக்கு|மாத சம்பளம்|masam\b|maasam|ماہانہ|مہینہ|مہینے|ماہوار|شهريا|شهرياً|في الشهر|بالشهر|كل شهر|f ?shher|ف الشهر|فالشهر|በወር|ወርሃዊ|/ወር|в мес\w*|/мес|ежемесячно|oyiga|oylik|bir oyda|ойига|ойлик|masakata|මසකට|මාසෙකට|මාසිකව|මාසයට|මාසයකට|mahina|mahine"),
    ("year", r"per year|/ ?y(?:ea)?r\b|a year|annual|p\.?a\.?\b|per annum|setahun|/tahun|kwa mwaka|al año|por ano|anual|lương năm|/năm|年薪|年収|年俸|연봉|ต่อปี|ປີລະ|ក្នុងមួយឆ្នាំ|တစ်နှစ်|सालाना|वार्षिक|বছরে|வருடம்|سالانہ|سنويا|በዓመት|в год|yiliga|වසරකට"),
    ("task", r"per (?:head|person|task|order|page|piece|account|referral|account|item|click|post|lead)|each\b|a ?piece|/ ?(?:head|pax|person|task|order|page|pcs|kepala|đầu|lượt|người)|per orang|satu orang|por cada|por persona|por pessoa|por cabeza|kada account|kada (?:piraso|isa)|isang account|một lượt|mỗi (?:đơn|lượt)|/đầu|一个(?!月)|一個(?!月)|一单|一張|一张|每单|每單|每次|一次|千字|一個頭|人头|人頭|1本|1件|건당|명당|/명|คนละ|ชิ้นละ|หน้าละ|รีวิวละ|คลิก|ຄລິກ|ຄົນລະ|ក្នុងមួយនាក់|/នាក់|មួយនាក់|តែមួយ|တစ်ယောက်|တစ်မျက်နှာ|प्रति (?:स्वीकृत )?(?:पृष्ठ|पीस|पिस|व्यक्ति|टास्क)|हर टास्क|প্রতি (?:জন|টাস্ক|পিস)|ஒன்னுக்கு|ஒருத்தருக்கு|فی (?:بندہ|ٹاسک|کس)|لكل (?:شخص|مهمة)|በአንድ|за человека|за штуку|за задание|har bir|ෙකුට|報酬"),
)  # fmt: skip
_PERIOD_PATTERNS = tuple((period, re.compile(pattern)) for period, pattern in _PERIODS)


def number(written: str) -> float:
    """Return the value of a :data:`NUMBER`; points and commas that set off three digits at a time only group them."""
    grouped = _GROUPED.fullmatch(written)
    if grouped is None:
        return float(written.replace(",", "."))
    whole = written[: grouped.start(1)] if grouped[1] else written
    return float(re.sub(r"\D", "", whole) + (f".{grouped[2]}" if grouped[2] else ""))


def factor(tally: str | None) -> float:
    """Return what a :data:`TALLY` multiplies a number by; 1 if there is none."""
    if not tally:
        return 1.0
    return next((value for pattern, value in _TALLY_PATTERNS if pattern.fullmatch(tally)), 1.0)


def currency(written: str | None, tally: str | None, *, language: str, countries: Sequence[str]) -> str:
    """Return the currency that a sum is written in, or ``unknown``.

    :param written: The sign or word of the currency, if there is one.
    :param tally: The word that multiplies the number, if there is one.
    :param language: BCP-47 code in lower case, or nothing.
    :param countries: Of the destinations; they tell one country's rupee from another's.
    """
    if not written:
        return next(
            (code for pattern, spoken, code in _TALLY_CURRENCY if language == spoken and pattern.fullmatch(tally or "")), UNKNOWN
        )
    code = next((code for code, pattern in _CURRENCY_PATTERNS if pattern.fullmatch(written)), UNKNOWN)
    if code not in _BY_COUNTRY:
        return code
    named = [_BY_COUNTRY[code][country] for country in countries if country in _BY_COUNTRY[code]]
    if len(set(named)) == 1 and (code != DOLLAR or len(countries) == 1):
        return named[0]
    return _BY_LANGUAGE.get(code, {}).get(language, "USD" if code == DOLLAR else UNKNOWN)


def period(before: str, behind: str) -> Period:
    """Return what a sum is paid for, by the words nearest to it.

    :param before: What stands before the sum, up to the line's start.
    :param behind: What stands behind it.
    """
    near: list[tuple[int, Period]] = []
    for name, pattern in _PERIOD_PATTERNS:
        near += [(match.start(), name) for match in [pattern.search(behind)] if match is not None]
        near += [(len(before) - match.end() + 1, name) for match in pattern.finditer(before)]
    return min(near)[1] if near else "unknown"
