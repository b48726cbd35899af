"""What a report holds, and what the template is told of it: names instead of codes, shares, words for charts."""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from detector.dates import written
from detector.facts import UNKNOWN
from detector.glossary import BANDS, INDICATORS, LABELS, POINTING_AWAY, REASONS, Term
from detector.language_tags import canonical_tag, is_among
from detector.report.charts import Word, across, columns_chart, words_under
from detector.report.counting import BINS, NamedCounts, Tally, flagged_in
from detector.report.destinations import country_name
from detector.report.hiding import Hiding
from detector.report.language_names import language_name
from detector.report.limits import Knowledge
from detector.report.marking import mark, writable
from detector.report.samples import Sample
from detector.report.timeline import shown, timeline_of
from detector.scored import FLAGGED, evidence_of, indicators_of

_MOST_ROWS = 40
"""Rows of a table; the rest are summed up in one."""
_MOST_FILES = 40
_MOST_CONTACTS = 6
_MOST_NAMED = 6
_LONGEST_ID = 80
_LONGEST_TEMPLATE = 600
_SLOT = re.compile(r"\{\d+:(number|contact|text)\}")


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that was read: ``name`` without its folders, which are nobody's business where the report goes."""

    name: str
    sha256: str
    rows: int
    refused: int


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that is shown.

    :ivar known: Of the model that scored the posts; empty if its bundle is not at hand.
    :ivar campaigns: Records as ``campaigns.jsonl`` has them, the largest first; nothing if they were not looked for.
    :ivar n_campaigns: How many there are, the shown ones included.
    :ivar campaigns_note: Why they were not.
    """

    tally: Tally
    files: Sequence[SourceFile]
    known: Knowledge
    samples: Sequence[Sample]
    created: datetime
    version: str
    hiding: Hiding
    campaigns: Sequence[Mapping[str, Any]] | None = None
    n_campaigns: int = 0
    campaigns_note: str = ""


def contents_of(report: Report) -> dict[str, object]:
    """Return what the template is told."""
    tally = report.tally
    return {
        "title": f"{tally.posts:,} posts screened for scam-compound recruitment",
        "created": written(report.created),
        "version": report.version,
        "tally": tally,
        "known": report.known,
        "bands": BANDS,
        "n_languages": _n_names(tally.languages),
        "languages": _band_rows(tally.languages, tuple(BANDS), _language),
        "signs": _sign_rows(report),
        "destinations": _band_rows(tally.destinations, sorted(FLAGGED), _country),
        "campaigns": None if report.campaigns is None else [_campaign(each, report.hiding) for each in report.campaigns],
        "n_campaigns": report.n_campaigns,
        "campaigns_note": report.campaigns_note,
        "samples": [_sample(sample, report.hiding) for sample in report.samples],
        "show_contacts": report.hiding.shows_all,
        "blind_spots": list(_blind_spots(report)),
        "glossary": [
            ("Bands", BANDS.items()),
            ("What a post can be", LABELS.items()),
            ("Signs", INDICATORS.items()),
        ],
        "models": [(_clip(name), counts.total()) for name, counts in tally.models.by_size()[:_MOST_NAMED]],
        **_scores(report),
        **_times(tally),
        **_sources(report.files),
    }


def _scores(report: Report) -> dict[str, object]:
    bins, known = report.tally.bins, report.known
    words = [Word(across(place / 4), f"{place / 4:g}", ("start", "middle", "middle", "middle", "end")[place]) for place in range(5)]
    points = []
    if known.bundle is not None:
        at = known.bundle.manifest.operating_points
        named = (("high", at.high), ("review", at.review))
        points = [{"position": across(value), "text": f"{name} from {value:.3f}"} for name, value in named]
    posts = report.tally.posts
    mean = f"The mean score is {report.tally.score_sum / posts:.3f}." if posts else "No post has a score."
    return {
        "scores": columns_chart([[count] for count in bins], ["all"], words),
        "points": points,
        "score_text": mean,
        "score_rows": [(f"{place / BINS:.2f} to {(place + 1) / BINS:.2f}", count) for place, count in enumerate(bins)],
    }


def _times(tally: Tally) -> dict[str, object]:
    timeline = timeline_of(tally.days)
    names = [shown(start, timeline.step) for start, _ in timeline.periods]
    values = [[counts["high"], counts["review"]] for _, counts in timeline.periods]
    most = max(range(len(values)), key=lambda place: sum(values[place]), default=0)
    text = ""
    if sum(map(sum, values)):
        text = f"From {names[0]} to {names[-1]}; most in the {timeline.step} {names[most]}: {sum(values[most]):,} flagged."
    return {
        "timeline": timeline,
        "step_name": timeline.step.capitalize(),
        "times": columns_chart(values, ["high", "review"], words_under(names)) if values else None,
        "time_text": text or "No dated post is flagged.",
        "time_rows": list(zip(names, (counts for _, counts in timeline.periods), strict=True)),
    }


def _sources(files: Sequence[SourceFile]) -> dict[str, object]:
    rest = files[_MOST_FILES:]
    joined = hashlib.sha256("".join(f"{each.sha256}\n" for each in rest).encode()).hexdigest()
    more = SourceFile("", joined, sum(each.rows for each in rest), sum(each.refused for each in rest))
    return {
        "files": [SourceFile(_clip(each.name), each.sha256, each.rows, each.refused) for each in files[:_MOST_FILES]],
        "more_files": {"number": len(rest), "sha256": more.sha256, "rows": more.rows, "refused": more.refused} if rest else None,
    }


def _band_rows(counts: NamedCounts, bands: Sequence[str], name_of: Callable[[str], tuple[str, str]]) -> list[dict[str, object]]:
    """Return the rows of a table by band, the names with most posts first, the last row for all there is no room for."""
    named = counts.by_size(bands)
    rest: Counter[str] = sum((each for _, each in named[_MOST_ROWS:]), Counter()) + counts.beyond
    most = max((flagged_in(each) for _, each in named), default=0)
    rows = [_row(*name_of(name), each, most) for name, each in named[:_MOST_ROWS]]
    return [*rows, _row("All others", "", rest, most)] if rest else rows


def _row(name: str, code: str, counts: Counter[str], most: int) -> dict[str, object]:
    high, review = (min(100 * counts[band] / max(most, 1), 100) for band in ("high", "review"))
    return {
        "name": name,
        "code": code,
        "posts": counts.total(),
        "high": counts["high"],
        "review": counts["review"],
        "bars": [("high", 0, round(high, 2)), ("review", round(high, 2), round(min(review, 100 - high), 2))],
    }


def _language(tag: str) -> tuple[str, str]:
    name = writable(language_name(tag))
    return name, "" if name == tag else tag


def _country(code: str) -> tuple[str, str]:
    return country_name(code), "" if code == UNKNOWN else code


def _sign_rows(report: Report) -> list[dict[str, object]]:
    flagged = max(report.tally.flagged, 1)
    rows = []
    for code, counts in report.tally.indicators.by_size():
        measured = report.known.indicators.get(code)
        rows.append(
            {
                "term": INDICATORS.get(code, Term(code, "")),
                "away": code in POINTING_AWAY,
                "posts": counts.total(),
                "bars": [("all", 0, round(100 * counts.total() / flagged, 2))],
                "precision": "not measured" if measured is None else f"{measured.precision:.0%}",
            }
        )
    return rows


def _campaign(record: Mapping[str, Any], hiding: Hiding) -> dict[str, object]:
    contacts = [each for each in record["contacts"] if each["posts"] > 1 or record["size"] == 1] or list(record["contacts"])
    language = next(iter(record["languages"]), "und")
    first, last = record["first_seen"], record["last_seen"]
    return {
        "id": record["id"],
        "anchor": f"campaign-{_clip(record['id'])}",
        "size": record["size"],
        "wordings": "one wording" if record["wordings"] == 1 else f"{record['wordings']:,} wordings",
        "languages": _named(record["languages"], language_name),
        "lang": _lang(language),
        "seen": f"{first[:10]} to {last[:10]}" if first and last else "",
        "scores": f"{record['score_min']:.2f} to {record['score_max']:.2f}",
        "places": _named(record["places"], str),
        "contacts": [hiding.contact(each) for each in contacts[:_MOST_CONTACTS]],
        "more_contacts": max(len(contacts) - _MOST_CONTACTS, 0),
        "template": list(_template(record["template"], language, hiding)),
        "template_posts": record["template_posts"],
        "slots": bool(record["template"]["slots"]),
    }


def _template(template: Mapping[str, Any], language: str, hiding: Hiding) -> Iterator[tuple[str, str]]:
    """Yield the parts of a template: the name of what fills a slot, or nothing and the words themselves."""
    parts = _parts(template)
    # Masked with the slots filled: a handle of which only the end differs is no handle without it.
    shown_text = hiding.text("".join(words for _, words in parts), language)
    position = 0
    for name, words in parts:
        end = position + len(words)
        yield name, "" if name else writable(shown_text[position : min(end, _LONGEST_TEMPLATE)])
        if end > _LONGEST_TEMPLATE:
            yield "", " […]"
            return
        position = end


def _parts(template: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the words of a template, and between them its slots, each with the name and the text of what fills it."""
    # A doubled brace is one of the text itself and begins no slot.
    text = template["text"].replace("{{", "\0").replace("}}", "\1")
    parts, done = [], 0
    for match, values in zip(_SLOT.finditer(text), template["slots"], strict=False):
        parts += [("", text[done : match.start()]), (match[1], next(filter(None, values), ""))]
        done = match.end()
    return [(name, words.replace("\0", "{").replace("\1", "}")) for name, words in [*parts, ("", text[done:])]]


def _sample(sample: Sample, hiding: Hiding) -> dict[str, object]:
    post = sample.post
    # Numbered as a reader meets them; those without words come last.
    findings = sorted(indicators_of(post), key=lambda each: min((piece.start for piece in each.evidence), default=len(post.text)))
    shown_text = hiding.text(post.text, post.language)
    terms = [INDICATORS[finding.code] for finding in findings]
    return {
        "id": writable(_clip(hiding.text(post.id, None))),
        "band": post.band,
        "score": post.score,
        "language": writable(_clip(language_name(post.language))),
        "lang": _lang(post.language),
        "seen": (written(post.seen) or "")[:10],
        "row": post.number,
        "file": writable(_clip(post.source.rpartition("/")[2])),
        "why": sample.why,
        "text": mark(shown_text, evidence_of(post), [finding.evidence for finding in findings]),
        "signs": [{"name": term.name, "meaning": term.meaning} for term in terms],
        "contacts": [hiding.contact(asdict(each) | {"posts": 1}) for each in islice(post.contacts or (), _MOST_CONTACTS)],
    }


def _blind_spots(report: Report) -> Iterator[str]:
    """Yield what of these files the model or the report did not see."""
    tally, known = report.tally, report.known
    if known.bundle is not None:
        yield _unevaluated(tally, known.bundle.manifest.languages)
    for note, counts in tally.notes.by_size()[:_MOST_NAMED] if known.bundle is None else []:
        yield f"{_posts(counts.total())} with the note “{writable(note)}”"
    reasons = [(REASONS.get(code, Term(code, "")), counts.total()) for code, counts in tally.abstained.by_size()[:_MOST_NAMED]]
    for term, number in reasons:
        yield f"{_posts(number)} not judged: {writable(term.name).lower()}. {term.meaning}"
    if not reasons:
        yield "No post was too short or unreadable."
    unscored, unread = _rows(tally.unscored.total()), _rows(tally.refused.total())
    yield f"{unscored} that had been refused when the posts were scored, and {unread} of the scored files that could not be read."
    if tally.posts:
        yield (
            f"How common lures are here. The mean score, {tally.score_sum / tally.posts:.3f}, is the share of them only if they "
            "are as common as in the data that the scores were fitted on; where they are rarer, scores overstate."
        )
    yield "Images, voice, and anything behind a link in these posts."


def _unevaluated(tally: Tally, evaluated: Iterable[str]) -> str:
    known = tuple(evaluated)
    named = [(tag, counts) for tag, counts in tally.readable.by_size() if not is_among(canonical_tag(tag) or tag, known)]
    number = sum(counts.total() for _, counts in named) + tally.readable.beyond.total()
    if not number:
        return "Every post is in a language that the model was evaluated in."
    names = _named({tag: counts.total() for tag, counts in named}, language_name)
    return f"{_posts(number)} in languages that the model was never evaluated in; their scores may be off: {names}."


def _named(counts: Mapping[str, int], name_of: Callable[[str], str]) -> str:
    shown_counts = [f"{writable(_clip(name_of(name)))} {number:,}" for name, number in list(counts.items())[:_MOST_NAMED]]
    more = len(counts) - _MOST_NAMED
    return ", ".join([*shown_counts, *([f"{more:,} more"] if more > 0 else [])])


def _n_names(counts: NamedCounts) -> str:
    number = len(counts.by_size())
    return f"over {number:,}" if counts.beyond else f"{number:,}"


def _posts(number: int) -> str:
    return "1 post" if number == 1 else f"{number:,} posts"


def _rows(number: int) -> str:
    return "1 row" if number == 1 else f"{number:,} rows"


def _lang(tag: str) -> str:
    """Return what stands in an attribute ``lang``: a language tag, or nothing."""
    known = canonical_tag(tag)
    return known if known is not None and known != "und" else ""


def _clip(text: str) -> str:
    return text if len(text) <= _LONGEST_ID else f"{text[:_LONGEST_ID]}…"
