"""Findings and campaigns as a STIX 2.1 bundle.

Plain dictionaries are written: through the classes of the library ``stix2`` it takes four times as long; the tests read with them.

Source: OASIS, "STIX Version 2.1", 10 June 2021, https://docs.oasis-open.org/cti/stix/v2.1/os/stix-v2.1-os.html; for TLP 2.0,
https://github.com/oasis-open/cti-stix-common-objects, extension-definition-specifications/tlp-2.0.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import chain
from urllib.parse import quote

from detector.exchange.accounts import address_of, login
from detector.exchange.document import Case, Linked, Object, opened
from detector.exchange.findings import Finding, Shown, observable
from detector.exchange.identifiers import name_of, observable_id
from detector.exchange.prose import campaign_headline, campaign_summary, headline, verdict
from detector.exchange.sharing import BEGINNING, TOOL, Sharing
from detector.facts import UNKNOWN
from detector.records import Contact, Evidence

TLP_EXTENSION = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"
TLP_MARKINGS = {
    "clear": "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487",
    "green": "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
    "amber": "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421",
    "amber+strict": "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003",
    "red": "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1",
}
_TLP_CREATED = "2022-10-01T00:00:00.000Z"
EXTENSION = f"extension-definition--{name_of('extension-definition', 'verdict')}"
"""Of what this project adds to a note and a grouping, for programs."""
_VERSION = "1.0.0"
_TEXT = "\nText:\n"
"""Stands between what is known of a text and the text."""
_MOST_OBSERVED = 999_999_999
_IN_A_URL = "%/:=&?~#+!$,;'@()*[]-._"


def stamp(time: datetime) -> str:
    """Return a time as STIX writes it, with three digits behind the second."""
    return f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03d}Z"


class StixBundle:
    """A bundle of one producer."""

    closing = b"}\n"

    def __init__(self, sharing: Sharing, case: Case) -> None:
        self._sharing = sharing
        self._now = stamp(sharing.now)
        self._producer = _identity_id(sharing.producer)
        self._marking = TLP_MARKINGS[sharing.tlp]
        self._known: set[str] = set()
        self.id = f"bundle--{name_of('bundle', sharing.producer, sharing.case or '', case.first[0] or '')}"
        self.opening = opened({"type": "bundle", "id": self.id})

    def lists(self, findings: Iterable[Finding], campaigns: Iterable[Linked]) -> Iterator[tuple[str, Iterable[Object]]]:
        """Yield the one list of a bundle."""
        yield (
            "objects",
            chain(
                self._preamble(),
                chain.from_iterable(map(self._finding, findings)),
                chain.from_iterable(map(self._campaign, campaigns)),
            ),
        )

    def _preamble(self) -> Iterator[Object]:
        """Yield what the other objects refer to."""
        yield {
            "type": "marking-definition",
            "spec_version": "2.1",
            "id": self._marking,
            "created": _TLP_CREATED,
            "name": f"TLP:{self._sharing.tlp.upper()}",
            "extensions": {TLP_EXTENSION: {"extension_type": "property-extension", "tlp_2_0": self._sharing.tlp}},
        }
        yield _identity(TOOL, "system")
        if self._sharing.producer != TOOL:
            yield _identity(self._sharing.producer, "organization")
        yield {
            "type": "extension-definition",
            "spec_version": "2.1",
            "id": EXTENSION,
            "created": stamp(BEGINNING),
            "modified": stamp(BEGINNING),
            "created_by_ref": _identity_id(TOOL),
            "name": "Verdict on a post, and posts that belong together",
            "description": "What a model says of a post that may recruit into an online-scam compound, for programs to read.",
            "schema": f"Described in detector/exchange/README.md of {TOOL}, version {_VERSION}",
            "version": _VERSION,
            "extension_types": ["property-extension"],
        }

    def _finding(self, finding: Finding) -> Iterator[Object]:
        """Yield the objects of one text, without those that are in the bundle already."""
        file = _file(finding)
        contacts = [account(contact) for contact in finding.observables]
        yield self._marked(file)
        yield from map(self._marked, self._new(contacts))
        yield self._observed(finding, [file, *contacts])
        yield self._note(finding)
        yield from self._route(finding)

    def _observed(self, finding: Finding, observables: list[Object]) -> Object:
        first = finding.first or self._sharing.now
        return self._object("observed-data", finding.sha256) | {
            "first_observed": stamp(first),
            "last_observed": stamp(finding.last or first),
            "number_observed": min(finding.posts, _MOST_OBSERVED),
            "object_refs": list(dict.fromkeys(each["id"] for each in observables)),
        }

    def _note(self, finding: Finding) -> Object:
        note = self._object("note", finding.sha256)
        if finding.confidence is not None:
            note["confidence"] = finding.confidence
        if finding.indicators:
            note["labels"] = [each.code for each in finding.indicators]
        text = "" if finding.text is None else f"{_TEXT}{finding.text}"
        return note | {
            "abstract": headline(finding),
            "content": f"{verdict(finding)}{text}",
            "authors": [finding.model],
            "object_refs": [self._id("observed-data", finding.sha256)],
            "extensions": {EXTENSION: _extension(finding)},
        }

    def _route(self, finding: Finding) -> Iterator[Object]:
        """Yield the places on the way, and what each is to the post."""
        observed = self._id("observed-data", finding.sha256)
        for place in finding.route:
            location = self._object("location", place.country, place.place) | {"name": place.place, "country": place.country}
            if place.kind != "country":
                location["city"] = place.place
            yield from self._new([location])
            yield self._object("relationship", observed, place.part, place.country, place.place) | {
                "relationship_type": "related-to",
                "description": f"{place.part} named in the post",
                "source_ref": observed,
                "target_ref": location["id"],
            }

    def _campaign(self, linked: Linked) -> Iterator[Object]:
        """Yield a campaign; a grouping says that posts belong together, and not that anybody is behind them."""
        campaign = linked.campaign
        contacts = observable(tuple(Contact(each.kind, each.value) for each in campaign.contacts if each.links))
        accounts = [] if self._sharing.mask else [account(contact) for contact in contacts]
        yield from map(self._marked, self._new(accounts))
        texts = [(self._id("observed-data", text), self._id("note", text)) for text in linked.texts]
        yield self._object("grouping", campaign.id) | {
            "name": campaign_headline(campaign),
            "description": campaign_summary(campaign, self._sharing),
            "context": "suspicious-activity",
            "object_refs": list(dict.fromkeys([*chain.from_iterable(texts), *(str(each["id"]) for each in accounts)])),
            "extensions": {EXTENSION: _campaign_extension(linked, self._sharing)},
        }

    def _object(self, kind: str, *key: str) -> Object:
        """Return what all objects have that say something."""
        return {
            "type": kind,
            "spec_version": "2.1",
            "id": self._id(kind, *key),
            "created_by_ref": self._producer,
            "created": stamp(BEGINNING),
            "modified": self._now,
            "object_marking_refs": [self._marking],
        }

    def _id(self, kind: str, *key: str) -> str:
        return f"{kind}--{name_of(self._sharing.producer, kind, *key)}"

    def _marked(self, item: Object) -> Object:
        return item | {"object_marking_refs": [self._marking]}

    def _new(self, items: Iterable[Object]) -> Iterator[Object]:
        """Yield the objects that are not in the bundle yet."""
        for item in items:
            if (name := str(item["id"])) not in self._known:
                self._known.add(name)
                yield item


def _identity_id(name: str) -> str:
    return f"identity--{name_of('identity', name)}"


def _identity(name: str, kind: str) -> Object:
    return {
        "type": "identity",
        "spec_version": "2.1",
        "id": _identity_id(name),
        "created": stamp(BEGINNING),
        "modified": stamp(BEGINNING),
        "name": name,
        "identity_class": kind,
    }


def _file(finding: Finding) -> Object:
    hashes = {"SHA-256": finding.sha256}
    return {
        "type": "file",
        "spec_version": "2.1",
        "id": observable_id("file", {"hashes": hashes}),
        "hashes": hashes,
        "size": finding.size,
        "mime_type": "text/plain",
    }


def account(contact: Contact) -> Object:
    """Return the observable of a contact: an address, or an account on the platform that its kind names.

    A phone number is an account of type ``phone``: the standard has no object for one, and in these posts it is one to write to.
    A number is the account's ``user_id``; a name is its ``account_login``, which is how MISP's converter writes Telegram's.
    """
    value = contact.value
    if contact.kind == "email":
        return _observable("email-addr", {"value": value})
    address = address_of(contact)
    if address is not None:
        return _observable("url", {"value": quote(address, safe=_IN_A_URL)})
    is_number = value.startswith("+") or value.isdecimal()
    name: Object = {"user_id": value} if is_number else {"account_login": login(contact)}
    return _observable("user-account", {"account_type": contact.kind} | name)


def _observable(kind: str, contributing: Object) -> Object:
    return {"type": kind, "spec_version": "2.1", "id": observable_id(kind, contributing)} | contributing


def _extension(finding: Finding) -> Object:
    """Return a verdict for programs; lists that hold nothing are left out, as the standard asks."""
    facts = finding.facts
    return _filled(
        {
            "extension_type": "property-extension",
            "score": round(finding.score, 6),
            "band": finding.band,
            "label": finding.label,
            "language": finding.language,
            "remark": finding.note,
            "model": finding.model,
            "sha256": finding.sha256,
            "posts": finding.posts,
            "post_ids": list(finding.ids),
            "first_seen": stamp(finding.first) if finding.first else None,
            "last_seen": stamp(finding.last) if finding.last else None,
            "evidence": _pieces(finding.evidence),
            "indicators": [
                _filled(
                    {
                        "code": each.code,
                        "score": round(each.score, 6) if finding.rated else None,
                        "evidence": _pieces(each.evidence),
                    }
                )
                for each in finding.indicators
            ],
            "places": [
                {"place": place.place, "country": place.country, "kind": place.kind, "part": place.part} for place in finding.route
            ],
            "role": None if facts.role == UNKNOWN else facts.role,
            "pay": _pay(finding),
        }
    )


def _pieces(evidence: Iterable[Evidence]) -> list[Object]:
    return [_filled({"start": each.start, "end": each.end, "text": each.text or None}) for each in evidence]


def _pay(finding: Finding) -> Object | None:
    pay = finding.facts.pay
    return None if pay is None else {"low": pay.low, "high": pay.high, "currency": pay.currency, "period": pay.period}


def _campaign_extension(linked: Linked, sharing: Sharing) -> Object:
    campaign = linked.campaign
    return _filled(
        {
            "extension_type": "property-extension",
            "campaign": campaign.id,
            "posts": campaign.size,
            "wordings": campaign.wordings,
            "first_seen": campaign.first_seen,
            "last_seen": campaign.last_seen,
            "languages": list(campaign.languages),
            "score_median": round(campaign.score_median, 6),
            "template": Shown(campaign.template.text, None, sharing).text if sharing.texts else None,
        }
    )


def _filled(record: Object) -> Object:
    return {name: value for name, value in record.items() if value is not None and value != []}
