"""English names of languages.

Source: ISO 639 and Unicode CLDR 46, for the languages that :mod:`detector.language` can name and those that tables usually do.
"""

import re

_NAMES = dict(
    line.split(" ", 1)
    for line in """
af Afrikaans|am Amharic|ar Arabic|as Assamese|az Azerbaijani|be Belarusian|bg Bulgarian|bn Bangla|bo Tibetan|bs Bosnian|ca Catalan
ceb Cebuano|ckb Central Kurdish|cs Czech|cy Welsh|da Danish|de German|el Greek|en English|eo Esperanto|es Spanish|et Estonian
eu Basque|fa Persian|fi Finnish|fr French|ga Irish|gl Galician|gu Gujarati|ha Hausa|he Hebrew|hi Hindi|hr Croatian
ht Haitian Creole|hu Hungarian|hy Armenian|id Indonesian|ig Igbo|ilo Iloko|is Icelandic|it Italian|ja Japanese|jv Javanese
ka Georgian|kk Kazakh|km Khmer|kn Kannada|ko Korean|ksw S’gaw Karen|ku Kurdish|ky Kyrgyz|ln Lingala|lo Lao|lt Lithuanian
lv Latvian|mg Malagasy|mk Macedonian|ml Malayalam|mn Mongolian|mnw Mon|mr Marathi|ms Malay|mt Maltese|my Burmese|ne Nepali
nl Dutch|no Norwegian|or Odia|pa Punjabi|pcm Nigerian Pidgin|pl Polish|ps Pashto|pt Portuguese|qu Quechua|ro Romanian|ru Russian
rw Kinyarwanda|shn Shan|si Sinhala|sk Slovak|sl Slovenian|so Somali|sq Albanian|sr Serbian|su Sundanese|sv Swedish|sw Swahili
ta Tamil|te Telugu|tg Tajik|th Thai|ti Tigrinya|tk Turkmen|tl Tagalog|tr Turkish|tt Tatar|ug Uyghur|uk Ukrainian|ur Urdu|uz Uzbek
vi Vietnamese|xh Xhosa|yo Yoruba|yue Cantonese|zh Chinese|zu Zulu|und not identified
""".strip().replace("\n", "|").split("|")
)  # fmt: skip
_SCRIPTS = {
    "Latn": "in Latin letters", "Cyrl": "in Cyrillic", "Arab": "in Arabic letters", "Deva": "in Devanagari",
    "Hans": "simplified", "Hant": "traditional",
}  # fmt: skip


def language_name(tag: str) -> str:
    """Return the English name of a language, with its script where the tag names one; the tag itself if it is not known."""
    language, *others = re.split("[-_]", tag)
    name = _NAMES.get(language.lower())
    if name is None:
        return tag
    return " ".join([name, *(_SCRIPTS.get(part.title(), part) for part in others)])
