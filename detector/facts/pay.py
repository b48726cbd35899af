"""What the work is said to pay: of the sums of a post, the one whose surroundings speak of pay and not of fees."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from detector.facts.folding import folded
from detector.facts.money import CURRENCY, NUMBER, SIGNS, TALLY, currency, factor, number, period
from detector.facts.records import UNKNOWN, Pay
from detector.text import NormalisedText

_BETWEEN = r" ?(?:[-–—~～〜至到]| to | s/d | sampai | hingga | hadi | gacha |(?<=\d)dan | до | đến | tới | से | থেকে | முதல் | سے | إلى | الى | ل(?=\d)| لـ| ถึง | ຫາ | ដល់ | မှ | hanggang | a(?= \d)| até | hasta |から|에서 ) ?"
_SUM = re.compile(
    rf"(?<![a-z0-9@#+/.:])(?:(?P<sign>{CURRENCY}) ?)?(?P<low>{NUMBER})(?: ?(?P<small>{TALLY}))?(?P<rest>\d)?"
    rf"(?:(?: ?(?P<mid>{CURRENCY}))?{_BETWEEN}(?:{CURRENCY})? ?(?P<high>{NUMBER})(?: ?(?P<large>{TALLY}))?)?(?: ?(?P<unit>{CURRENCY}))?"
)
_APART = re.compile(r"\b(usdt|usd|sgd|aed|thb|php|myr)\b [^\d,.;()]+$")
_HAN = re.compile(
    r"(?P<ones>[一二两兩三四五六七八九])(?P<tally>[万萬千])(?P<rest>[一二两三四五六七八九])?(?P<unit>元|块|塊|美金|刀|u)?(?![千百十])"
)
_ORDER = "零一二三四五六七八九"

_PAY = re.compile(
    r"salar(?:y|io|ário)|sallary|\bwages?\b|\bpay\b|\bpaid\b|\bpays\b|\bincome\b|\bearn|stipend|\bbasic\b|\bbase\b|gross|\bgaji\b|\bgji\b|gapok|upah|honor\b|pendapatan|penghasilan|uang saku|mshahara|malipo|sahod|suweldo|sweldo|\bkita\b|bayad\b|ganancia|sueldo|\bpago\b|ganar|gana\b|ganha|pagamento|remunera|fijos?\b|limpo\b"
    r"|lương|thu nhập|薪|底|工资|工資|收入|到手|待遇|一个月|包吃住|給与|給料|時給|日給|月給|月収|基本|報酬|年収|급여|월급|연봉|기본|시급|일급|페이|월 ?$|เงินเดือน|รายได้|ค่าจ้าง|ค่าแรง|ค่าตัว|เดือนละ|วันละ|เริ่ม|ເງິນເດືອນ|ຄ່າຈ້າງ|ຄ່າແຮງ|ລາຍໄດ້|ເດືອນລະ|ប្រាក់ខែ|ចំណូល|ប្រាក់ឈ្នួល|បាត|សរុប|လစာ|လခ|ဝင်ငွေ|ရတယ်|တစ်လ|တလ|အခြေခံ|ကျသင့်"
    r"|वेतन|सैलरी|तनख्वाह|तनख़्वाह|तलब|पारिश्रमिक|कमाई|पगार|स्टाइपेंड|महीना|বেতন|স্যালারি|মজুরি|ইনকাম|আয়|সম্মানী|சம்பளம்|ஊதியம்|வருமானம்|sambalam|தருவா|تنخواہ|معاوضہ|اجرت|کمائی|سیلری|راتب|الراتب|المرتب|أجر|الأساسي|دخل|صافي|ደመወዝ|ደሞዝ|ክፍያ|ይከፈላል|በወር|зарплат|з/п|зп\b|оклад|оплата|доход|ставка|гонорар|plach|maosh|oylik|ish haqi|fiksa|to'lanadi|ойлик|маош|වැටුප|පඩි|ආදායම|දීමනා|basic|talab"
)
_FEE = re.compile(
    r"\bfees?\b|deposit|\bbond\b|advance\b|registration|\bmedical\b|processing|\bbiaya\b|administrasi|\bbayar\b|seragam|\bganti|\bada\b(?= ya)|kodi|\blipia|tarifa|apertura|trámite|inscrip|taxa|mensalidade|agendamento|\bkit\b|bayaran|\bphí\b|cọc\b|đặt cọc|押金|会费|會費|费用|費用|保证金|配套|认购|罚款|賠付|赔付|利用料|手数料|チャージ|渡航費|ご返還|선결제|보증금|위약금|수수료|이용권|ค่าธรรมเนียม|ค่าประกัน|มัดจำ|ค่าหัว|เติม|ຄ່າສະໝັກ|ຄ່າມັດຈຳ|ຄ່າຮັບຮອງ|ກະເປົາ|ໜີ້|បង់|ចំណាយ|កក់|បញ្ចុះ|စရံ|ကြေး|အခကြေး|ပေးသွင်း|လျော်ကြေး"
    r"|शुल्क|फीस|फ़ीस|जमा|एडवांस|धरौटी|बुकिङ|चलान|कर्ज|लोन|ফি\b|অগ্রিম|জামানত|খরচ|চার্জ|ফাইল|கட்டணம்|டெபாசிட்|கட்டி|فیس|ایڈوانس|ٹوکن|جمع|رسوم|عربون|ادفع|ክፍያ ቅድሚያ|የቪዛ|ማስያዣ|взнос|залог|депозит|пошлин|бронь|штраф|вычтут|yig'im|to'lov qil|бадал|ගාස්තු|තැන්පතු|බෝඩිම|loan|debt|hutang|dívida|deuda|nợ\b|赌|欠|债|債|cost\b|rent\b|sewa\b|ijara|аренд|штук|общежит|lodging|referral|refer|bonus|bónus|thưởng|komisen|komisi|allowance|elaun|tunjangan|incentive|commission|ज्वाइनिंग|bonuses|奖|獎|提成|ボーナス|手当|賞与|상여|인센티브|수당|โบนัส|ค่าคอม|ໂບນັດ|ဘောနပ်|বোনাস|بونس|بدل|ቦነስ|бонус|mukofot|පාරිතෝෂික|за человека|\bsavings|ransom|kasih ibu|ganti rugi"
)
_NO_SUM_BEHIND = re.compile(
    r" ?(?:%|٪|％|фоиз|foiz|процент|percent|persen|peratus|巴仙|시간|시\b|분\b|명(?!당)|年生|년|월(?!급)|일(?!급|당)|세\b|살\b|人(?!民)|名|歲|岁|歳|才\b|年(?!薪)|月(?!薪|入|給)|日(?!薪|元|給)|号|號|時(?!薪|給)|分(?!鐘?钱)|間|台|字|件|位|席|点|點|楼|樓|层|層|期|週|周|天|个|個(?!月)|km|kg|cm|mb|g\b|am\b|pm\b|h\b|hrs?\b|hours?|days?\b|weeks?\b|months?\b|years?\b|yrs?\b|thn|tahun|bulan|hari|jam\b|orang|org\b|pax|người|tuổi|nam\b|tháng|ngày|giờ|năm|ca\b|suất|watu|miaka|nafasi|siku|wiki|mwezi|años|meses|dias|días|horas|semanas|anos|vagas|personas|pessoas|personas|taon|araw|buwan|oras|katao"
    r"|คน|ปี|ขวบ|วัน|เดือน|ชั่วโมง|ชม|ตำแหน่ง|อัตรา|ຄົນ|ປີ|ມື້|ເດືອນ|ຊົ່ວໂມງ|ຊມ|នាក់|ឆ្នាំ|ខែ|ថ្ងៃ|ម៉ោង|រូប(?!ិយ)|បន្ទប់|ပေ|ယောက်|ဦး|နှစ်|လ(?!က်)|ရက်|နာရီ|လုံး|लड़के|लोग|पद|वर्ष|साल|दिन|महीने|घंटे|जना|वर्षे|सिट|জন|বছর|দিন|মাস|ঘণ্টা|পেরে|பேர்|வயது|நாள்|மாதம்|மாசம்|மணி|வருட|سال|دن|ماہ|گھنٹ|لڑک|سنة|سنوات|يوم|شهر|ساعة|ساعات|مقعد|ሰው|ዓመት|ቀን|ወር|ሰዓት|አመት|лет\b|год|дн|час|мес|человек|ночи|kishi|yosh|soat|kun\b|kunda|oy\b|yil|nafar|දෙන|අවුරුදු|දින|පැය|ක්\b|wpm|lpm|followers|k followers|タ|회|ヶ月|か月|カ月|回|本|万(?=人)|x\b|/\d|:\d)"
)
_CLAUSE = re.compile(r"[,;(+।、，。；、]|[.!?] ")
_SHORTEST_REACH, _REACH = 16, 34
_ENOUGH = 1.2
"""Weight from which a sum is taken for pay."""
_MOST_SUMS = 300
"""Sums that are looked at: a table of figures must not take long."""


@dataclass(frozen=True, slots=True)
class _Sum:
    """A sum as it stands in the text, and how much its surroundings speak for pay."""

    start: int
    end: int
    low: float
    high: float
    sign: str | None
    tally: str | None
    weight: float


def find_pay(text: NormalisedText, original: str, *, language: str | None = None, countries: Sequence[str] = ()) -> Pay | None:
    """Return what a post says the work pays: the sum that most speaks for being pay, of equals the first.

    :param text: The normalised text.
    :param original: The text as it was before.
    :param language: BCP-47 code, if known.
    :param countries: The destinations, which tell one country's dollar from another's.
    """
    reading = folded(text.text)
    best = max(islice(_sums(reading), _MOST_SUMS), key=lambda found: (found.weight, -found.start), default=None)
    if best is None or best.weight < _ENOUGH:
        return None
    start, end = text.original_span(best.start, best.end)
    code = currency(best.sign, best.tally, language=_spoken(language), countries=countries)
    before, behind = _line_around(reading, best.start, best.end, reach=_REACH)
    return Pay(best.low, best.high, code, period(before[-24:], behind[:_SHORTEST_REACH]), start, end, original[start:end])


def _spoken(language: str | None) -> str:
    """Return a language code without its script, but for Chinese, whose scripts are written in different countries."""
    code = (language or "").lower()
    return code if code.startswith("zh") else code.partition("-")[0]


def _sums(reading: str) -> Iterator[_Sum]:
    for match in _written_sums(reading):
        low, high, tally = _bounds(match)
        sign = match["unit"] or match["mid"] or match["sign"] or _sign_before(reading, match.start())
        if 0 < low <= high and (sign or not _NO_SUM_BEHIND.match(reading, match.end())) and not _is_share(reading, match.end()):
            yield _weighed(reading, match, low, high, sign, tally)
    for match in _HAN.finditer(reading):
        value = (_ORDER.find(match["ones"].replace("两", "二").replace("兩", "二"))) * factor(match["tally"])
        value += (_ORDER.find(match["rest"].replace("两", "二")) * factor(match["tally"]) / 10) if match["rest"] else 0
        if not _NO_SUM_BEHIND.match(reading, match.end()):
            yield _weighed(reading, match, value, value, match["unit"], match["tally"])


def _written_sums(reading: str) -> Iterator[re.Match[str]]:
    """Yield what ``_SUM.finditer`` does; the long pattern is tried only where a number or a currency can begin."""
    end = 0
    for position, char in enumerate(reading):
        if position < end or not (char.isdecimal() or char in SIGNS or reading[position : position + 2] in SIGNS):
            continue
        match = _SUM.match(reading, position)
        if match is not None:
            yield match
            end = match.end()


def _sign_before(reading: str, start: int) -> str | None:
    """Return the currency of a sum that stands apart from it: ``USDT a month 750``."""
    before, _ = _line_around(reading, start, start, reach=_SHORTEST_REACH)
    match = _APART.search(before)
    return match[1] if match is not None else None


def _is_share(reading: str, end: int) -> bool:
    return reading[end : end + 2].strip()[:1] in {"%", "٪", "％"}


def _bounds(match: re.Match[str]) -> tuple[float, float, str | None]:
    """Return both ends of a sum; a word behind the second number multiplies the first as well."""
    tally = match["small"] or match["large"]
    low = number(match["low"]) * factor(tally)
    if match["rest"] and match["small"]:
        low += int(match["rest"]) * factor(match["small"]) / 10
    if not match["high"]:
        return low, low, tally
    high = number(match["high"]) * factor(match["large"] or match["small"])
    return low, high, tally


def _weighed(reading: str, match: re.Match[str], low: float, high: float, sign: str | None, tally: str | None) -> _Sum:
    before, behind = _line_around(reading, match.start(), match.end(), reach=_REACH)
    weight = 2.0 * bool(sign) + 1.2 * bool(tally) + 0.5 * (high > low)
    weight += 2.5 * bool(_PAY.search(before)) + 0.8 * bool(_PAY.search(behind[:_SHORTEST_REACH]))
    weight += 1.3 * (period(before[-_SHORTEST_REACH:], behind[:_SHORTEST_REACH]) not in {UNKNOWN, "task"})
    weight -= 3.0 * bool(_FEE.search(_CLAUSE.split(before[-_SHORTEST_REACH - 6 :])[-1]))
    weight -= 0.5 * bool(_FEE.search(_CLAUSE.split(behind[:_SHORTEST_REACH])[0]))
    if not sign and not tally and (low < 100 or re.fullmatch(r"(?:19|20)\d\d", match.group().strip())):
        weight -= 3.5
    return _Sum(match.start(), match.start() + len(match.group().rstrip()), low, high, sign, tally, weight)


def _line_around(reading: str, start: int, end: int, *, reach: int) -> tuple[str, str]:
    before = reading[max(0, start - reach) : start].rpartition("\n")[2]
    return before, reading[end : end + reach].partition("\n")[0]
