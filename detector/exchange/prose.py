"""What is known of a text or a campaign in words, the same ones in every format."""

from collections.abc import Iterator

from detector.campaigns.summary import Campaign
from detector.dates import written
from detector.exchange.findings import PARTS, Finding, Shown
from detector.exchange.sharing import Sharing
from detector.facts import UNKNOWN
from detector.records import Contact, Evidence

CAVEAT = "Judged by a model and not checked by a person. It says nothing of who wrote or passed on the text; that may be a victim."
_SHOWN_CONTACTS = 20


def headline(finding: Finding) -> str:
    """Return the verdict in one line."""
    return f"Possible recruitment into an online-scam compound: {finding.band}, {finding.score:.2f}"


def verdict(finding: Finding) -> str:
    """Return all that is known of a text but the text, a line each."""
    return "\n".join(filter(None, _verdict(finding)))


def _verdict(finding: Finding) -> Iterator[str]:
    yield CAVEAT
    yield f"Score: {finding.score:.3f}, the calibrated probability of recruitment into an online-scam compound"
    yield f"Band: {finding.band}" + (f" ({finding.note})" if finding.note else "")
    if finding.label:
        yield f"Likeliest label: {finding.label}"
    if finding.language:
        yield f"Language: {finding.language}"
    yield f"Model: {finding.model}"
    if quotes := _quotes(finding.evidence):
        yield f"Words that raised the score: {quotes}"
    for each in finding.indicators:
        chance = f" {each.score:.2f}" if finding.rated else ""
        yield f"Indicator {each.code}{chance}" + (f": {quotes}" if (quotes := _quotes(each.evidence)) else "")
    if finding.contacts:
        yield f"Contacts named: {', '.join(map(_contact, finding.contacts))}"
    yield from _facts(finding)
    yield f"Seen: {_seen(finding)}"
    yield f"SHA-256 of the text: {finding.sha256}"
    if finding.ids:
        more = ", …" if finding.posts > len(finding.ids) else ""
        yield f"Ids of the posts: {', '.join(finding.ids)}{more}"


def _quotes(evidence: tuple[Evidence, ...]) -> str:
    return "; ".join(f"“{each.text}”" for each in evidence if each.text)


def _contact(contact: Contact) -> str:
    return f"{contact.kind} {contact.value}"


def _facts(finding: Finding) -> Iterator[str]:
    for part in PARTS:
        places = [f"{place.place} ({place.country})" for place in finding.route if place.part == part]
        if places:
            yield f"{part.capitalize()} named: {', '.join(places)}"
    if finding.facts.role != UNKNOWN:
        yield f"Work offered: {finding.facts.role}"
    if (pay := finding.facts.pay) is not None:
        high = f" to {pay.high:g}" if pay.high != pay.low else ""
        yield f"Pay named: {pay.low:g}{high} {pay.currency}, period {pay.period}"


def _seen(finding: Finding) -> str:
    if finding.first is None:
        return f"{finding.posts} posts, time unknown"
    return f"{finding.posts} posts, first {written(finding.first)}, last {written(finding.last)}"


def campaign_headline(campaign: Campaign) -> str:
    """Return a campaign in one line."""
    return f"Posts that share wording or contacts: {campaign.id}, {campaign.size} posts"


def campaign_summary(campaign: Campaign, sharing: Sharing) -> str:
    """Return what is known of a campaign, a line each."""
    shown = Shown(campaign.template.text, None, sharing)
    contacts = shown.contacts(tuple(Contact(each.kind, each.value) for each in campaign.contacts if each.links))
    lines = [
        "A lead for a person to check: posts of nearly one wording, or with a common contact. No proof that one hand wrote them.",
        f"Campaign: {campaign.id}",
        f"Posts: {campaign.size}, wordings: {campaign.wordings}",
        f"Seen: first {campaign.first_seen}, last {campaign.last_seen}" if campaign.first_seen else "Seen: time unknown",
        f"Languages: {', '.join(campaign.languages)}",
        f"Scores: {campaign.score_min:.2f} to {campaign.score_max:.2f}, median {campaign.score_median:.2f}",
        f"Contacts shared: {', '.join(map(_contact, contacts[:_SHOWN_CONTACTS]))}" if contacts else "",
        f"Template of {campaign.template_posts} posts:\n{shown.text}" if sharing.texts else "",
    ]
    return "\n".join(filter(None, lines))
