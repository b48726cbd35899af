"""Codes of languages as people and programs write them, in the one form that BCP-47 gives them.

Source: RFC 5646 (BCP-47), sections 2.1.1 (case) and 2.2.1 (the shortest code of a language is its code); ISO 639.
"""

import re
from collections.abc import Iterable

_MOST = 35
"""Characters of the longest tag that RFC 5646, section 4.4.1 wants to be kept whole."""
_SHAPE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{1,8})*")
_USUAL = re.compile(r"([a-z]{2,3})(?:-[A-Z][a-z]{3})?(?:-(?:[A-Z]{2}|[0-9]{3}))?")

_ISO_639 = (
    "aar:aa abk:ab afr:af aka:ak amh:am ara:ar arg:an asm:as ava:av ave:ae aym:ay aze:az bak:ba bam:bm bel:be ben:bn bis:bi "
    "bod:bo bos:bs bre:br bul:bg cat:ca ces:cs cha:ch che:ce chu:cu chv:cv cor:kw cos:co cre:cr cym:cy dan:da deu:de div:dv "
    "dzo:dz ell:el eng:en epo:eo est:et eus:eu ewe:ee fao:fo fas:fa fij:fj fin:fi fra:fr fry:fy ful:ff gla:gd gle:ga glg:gl "
    "glv:gv grn:gn guj:gu hat:ht hau:ha heb:he her:hz hin:hi hmo:ho hrv:hr hun:hu hye:hy ibo:ig ido:io iii:ii iku:iu ile:ie "
    "ina:ia ind:id ipk:ik isl:is ita:it jav:jv jpn:ja kal:kl kan:kn kas:ks kat:ka kau:kr kaz:kk khm:km kik:ki kin:rw kir:ky "
    "kom:kv kon:kg kor:ko kua:kj kur:ku lao:lo lat:la lav:lv lim:li lin:ln lit:lt ltz:lb lub:lu lug:lg mah:mh mal:ml mar:mr "
    "mkd:mk mlg:mg mlt:mt mon:mn mri:mi msa:ms mya:my nav:nv nbl:nr nde:nd ndo:ng nep:ne nld:nl nno:nn nob:nb nor:no nya:ny "
    "oci:oc oji:oj ori:or orm:om oss:os pan:pa pli:pi pol:pl por:pt pus:ps que:qu roh:rm ron:ro run:rn rus:ru sag:sg san:sa "
    "sin:si slk:sk slv:sl sme:se smo:sm sna:sn snd:sd som:so sot:st spa:es sqi:sq srd:sc srp:sr ssw:ss sun:su swa:sw swe:sv "
    "tah:ty tam:ta tat:tt tel:te tgk:tg tgl:tl tha:th tir:ti ton:to tsn:tn tso:ts tuk:tk tur:tr twi:tw uig:ug ukr:uk urd:ur "
    "uzb:uz ven:ve vie:vi vol:vo wln:wa wol:wo xho:xh yid:yi yor:yo zha:za zho:zh zul:zu"
)
"""Codes of three letters with those of two. Nauruan is left out: in a table ``na`` is a value that is missing."""
_OTHER_CODES = (
    "alb:sq arm:hy baq:eu bur:my chi:zh cze:cs dut:nl fre:fr geo:ka ger:de gre:el ice:is mac:mk mao:mi may:ms per:fa rum:ro "
    "slo:sk tib:bo wel:cy in:id iw:he ji:yi fil:tl cmn:zh zsm:ms swh:sw arb:ar npi:ne uzn:uz pes:fa"
)
"""Bibliographic and withdrawn codes, and those of the usual form of a language, which most programs name by the wider code."""
_SHORT = dict(pair.split(":") for pair in f"{_ISO_639} {_OTHER_CODES}".split())
_KNOWN = frozenset(_SHORT.values()) | frozenset(
    "ace awa ban bcl bho bik bjn blk brx bug ceb ckb cnh doi hil hmn hne ilo kac kha kmr kok kri ksw luo lus mad mag mai min "
    "mni mnw mww pam pcm pwo raj rki sat shn war yue".split()
)
"""Languages that a table may name; of those with no code of two letters, the ones spoken where the posts come from."""

_PLAIN_SCRIPTS = dict(
    pair.split(":")
    for pair in (
        "am:Ethi ar:Arab bn:Beng en:Latn es:Latn hi:Deva id:Latn ja:Jpan km:Khmr ko:Kore lo:Laoo ms:Latn my:Mymr ne:Deva pt:Latn "
        "ru:Cyrl si:Sinh ta:Taml th:Thai tl:Latn ur:Arab vi:Latn sw:Latn uz:Latn"
    ).split()
)
"""The script that need not be named, of the languages that bundles know: Suppress-Script of IANA's registry of subtags, which
leaves out the last two."""


_SAME_SCRIPTS = {"Aran": "Arab", "Hang": "Kore", "Hira": "Jpan", "Kana": "Jpan", "Hrkt": "Jpan", "Hani": ""}
"""Scripts of ISO 15924 that other identifiers name and that are part of another, or leave open which of several it is."""


def canonical_tag(tag: str) -> str | None:
    """Return a language tag as BCP-47 writes it: ``pt_br`` is ``pt-BR``, ``eng`` is ``en``; nothing if it has not that form.

    A name such as ``Tamil`` is no tag: no language has a code of more than three letters.
    """
    tag = tag.strip()
    if len(tag) > _MOST or not _SHAPE.fullmatch(tag):
        return None
    first, *others = tag.lower().replace("_", "-").split("-")
    parts = [_SHORT.get(first, first)]
    for part in others:
        # Behind a single letter stand extensions and private parts, which have no case.
        parts.append(part if any(len(before) == 1 for before in parts) else _cased(part))
    return "-".join(parts)


def hinted_tag(value: object) -> str | None:
    """Return the language that a cell of a table names by its code, if it does: one that is known, with script and region at most.

    Cells hold all kinds of things: names, ``und``, ``N/A``, notes. None of them is taken for a language.
    """
    tag = canonical_tag(value) if isinstance(value, str) else None
    usual = _USUAL.fullmatch(tag) if tag is not None else None
    return tag if usual is not None and usual[1] in _KNOWN else None


def is_among(tag: str, languages: Iterable[str]) -> bool:
    """Return whether a tag's language is one of those named, in a script they name; a region makes no difference.

    :param tag: As :func:`canonical_tag` writes it.
    :param languages: Tags; one without a script stands for the script its language is mostly written in.
    """
    language, script = _written_in(tag)
    known = {_written_in(other) for other in languages}
    # Chinese without a script, and a language whose usual script is not known here, are in any of those named, and mean any if
    # they are named so.
    return bool({(language, script), (language, "")} & known) or (not script and any(language == other for other, _ in known))


def _written_in(tag: str) -> tuple[str, str]:
    """Return a tag's language and script, which is empty if it is neither named nor known."""
    language, *others = tag.split("-")
    named = others[0] if others and len(others[0]) == 4 and others[0].isalpha() else ""
    named = _SAME_SCRIPTS.get(named, named)
    return language.lower(), named or _PLAIN_SCRIPTS.get(language.lower(), "")


def _cased(part: str) -> str:
    if len(part) == 2:
        return part.upper()
    return part.title() if len(part) == 4 and part.isalpha() else part
