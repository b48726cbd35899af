"""Data of the text normaliser: look-alike letters, fancy alphabets, flags and leet digits.

The look-alikes are a small part of confusables.txt (Unicode UTS #39, version 16), cut down to the
pairs met in scam advertisements: letters that pass for ASCII letters in common fonts. A pair of
strings ``("ao", "ao")`` maps the first string onto the second, character by character.
"""

# Same glyph in nearly every font: enough on their own to make a mixed-script word suspicious.
_EXACT_LATIN: tuple[tuple[str, str], ...] = (
    ("аеорсухіјѕһԁԛԝѵӏү", "aeopcyxijshdqwvly"),  # Cyrillic, lower case
    ("АВЕЅІЈКМНОРСТХУҮԌԚԜѴӀҮ", "ABESIJKMHOPCTXYYGQWVIY"),  # Cyrillic, upper case
    ("οανριυγϲϳ", "oavpiuycj"),  # Greek, lower case
    ("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹͿ", "ABEZHIKMNOPTYXCJ"),  # Greek, upper case
    ("օոսհցզյլռ", "onuhgqjln"),  # Armenian, lower case
    ("ՕՏԼՍ", "OSLU"),  # Armenian, upper case
    ("ᎪᏴᏟᎠᎬᏀᎻᎥᎫᏦᏞᎷᏢᏒᏚᎢᏙᎳᏃᏔ", "ABCDEGHiJKLMPRSTVWZW"),  # Cherokee
    ("ꓐꓑꓓꓔꓖꓗꓙꓚꓜꓝꓟꓠꓡꓢꓣꓦꓧꓪꓫꓬꓮꓰꓲꓳꓴ", "BPDTGKJCZFMNLSRVHWXYAEIOU"),  # Lisu
    ("ⲟⲣⲥⲭⲞⲎⲒⲔⲘⲚⲢⲤⲦⲨⲬ", "opcxOHIKMNPCTYX"),  # Coptic
    ("ᗩᗷᑕᗪᖴᘜᕼᒍᒪᗰᑎᑭᖇᔕᑌᐯᗯ᙭ᘔ", "ABCDFGHJLMNPRSUVWXZ"),  # Canadian syllabics
    ("ⴹⵏⵔⵝ", "EIOX"),  # Tifinagh
)

# Alike only to a willing eye: trusted where scripts alternate inside one word.
_LOOSE_LATIN: tuple[tuple[str, str], ...] = (
    ("гкмнптвьияцшщ", "rkmhntbbnruww"),  # Cyrillic
    ("εκτηωχμσςβ", "ektnwxuocb"),  # Greek
    ("ПИЯФГ", "NNRFR"),  # Cyrillic, upper case
    ("ΣΛΠ", "EAN"),  # Greek, upper case
)

# The way back, for Cyrillic words into which Latin letters were slipped.
_CYRILLIC: tuple[tuple[str, str], ...] = (
    ("aeopcyxijskmtnu", "аеорсухіјѕкмтпи"),
    ("ABEKMHOPCTXYISJ", "АВЕКМНОРСТХУІЅЈ"),
)

# Fancy alphabets without a compatibility decomposition in the Unicode Character Database.
_FANCY: tuple[tuple[str, str], ...] = (
    ("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘꞯʀꜱᴛᴜᴠᴡʏᴢɑɡ", "abcdefghijklmnopqrstuvwyzag"),  # small capitals
    ("℮", "e"),  # estimated sign
)


def _pairs(*tables: tuple[tuple[str, str], ...]) -> dict[str, str]:
    return {
        source: target for table in tables for sources, targets in table for source, target in zip(sources, targets, strict=True)
    }


EXACT_LATIN = _pairs(_EXACT_LATIN)
LOOSE_LATIN = _pairs(_LOOSE_LATIN, _EXACT_LATIN)
CYRILLIC = _pairs(_CYRILLIC)
FANCY = _pairs(_FANCY)

# Negative circled (U+1F150) and negative squared (U+1F170) capitals have no decomposition either.
# A, B, O and P of the latter are emoji of their own; text.py folds those beside a letter only.
FANCY.update({chr(0x1F150 + i): chr(0x41 + i) for i in range(26)})
FANCY.update({chr(0x1F170 + i): chr(0x41 + i) for i in range(26) if chr(0x41 + i) not in "ABOP"})
# Parenthesised letters (U+249C, U+1F110) would become "(a)"; the bare letter spells the word.
FANCY.update({chr(0x249C + i): chr(0x61 + i) for i in range(26)})
FANCY.update({chr(0x1F110 + i): chr(0x41 + i) for i in range(26)})

BLOOD_TYPES = {"🅰": "A", "🅱": "B", "🅾": "O", "🅿": "P"}

LEET = {"0": "o", "3": "e", "4": "a", "5": "s", "7": "t", "$": "s", "@": "a"}

# The pairs of regional indicators that are flags: emoji-sequences.txt, Unicode Emoji 16.
FLAGS = frozenset(
    "AC AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ "
    "BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CP CQ CR CU CV CW CX CY CZ DE DG DJ "
    "DK DM DO DZ EA EC EE EG EH ER ES ET EU FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP "
    "GQ GR GS GT GU GW GY HK HM HN HR HT HU IC ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH "
    "KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO "
    "MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL "
    "PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV "
    "SX SY SZ TA TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM UN US UY UZ VA VC VE VG "
    "VI VN VU WF WS XK YE YT ZA ZM ZW".split()
)

# What stands before or after a digit that counts something: "rp5jt", "upto5k", "mp3player".
AMOUNT_BEFORE = frozenset(
    "rp rm rs usd usdt us php hkd sgd inr vnd idr myr thb mp ps web log upto to for from gaji age "
    "over no id ver top day week min max sampai hingga tren luong lương salary pay".split()
)
AMOUNT_UNITS = frozenset(
    "k m g h d s x jt juta rb ribu rbu tr trieu triệu hr hrs hour hours day days week weeks month "
    "months year years yr yrs th bln bulan thn tahun hari jam am pm usd usdt php rm rp baht star "
    "stars to gb mb kg km mil lakh lakhs crore".split()
)
