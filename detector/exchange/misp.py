"""Findings and campaigns as a MISP event.

Source: MISP core format, https://www.misp-standard.org/rfc/misp-standard-core.html, and the object templates of
https://github.com/MISP/misp-objects; ``estimative-language`` and ``tlp`` are taxonomies of https://github.com/MISP/misp-taxonomies.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from uuid import UUID

from detector.dates import written
from detector.exchange.accounts import address_of, login
from detector.exchange.document import Case, Linked, Object, opened
from detector.exchange.findings import Finding, observable
from detector.exchange.identifiers import name_of
from detector.exchange.prose import campaign_summary, headline, verdict
from detector.exchange.sharing import Sharing
from detector.records import Contact


@dataclass(frozen=True, slots=True)
class Template:
    """The template that an object keeps to.

    :ivar uuid: Its name in misp-objects.
    :ivar category: The kind of object.
    """

    uuid: str
    version: int
    category: str


TEMPLATES = {
    "file": Template("688c46fb-5edb-40a3-8273-1af7923e2215", 25, "file"),
    "microblog": Template("8ec8c911-ddbe-4f5b-895b-fbff70c42a60", 20, "misc"),
    "annotation": Template("5d8dc046-15a1-4ca3-a09f-ed4ede7c4487", 3, "misc"),
    "telegram-account": Template("06f02ecf-5afb-42c5-9cb0-b362e222f52c", 2, "misc"),
    "facebook-account": Template("b9862b95-7d78-4938-a2b5-13e45c60f25a", 1, "misc"),
    "user-account": Template("49606b06-22f0-4ac8-8eee-2f12ad46f3d3", 6, "misc"),
    "geolocation": Template("cd6f2238-ba55-4888-82c4-104e6e1acf21", 8, "misc"),
    "ai-model-component": Template("e5162e7f-ca79-49b4-b997-9873521f05d9", 1, "file"),
}
ESTIMATES = (
    (0.05, "almost-no-chance"), (0.20, "very-unlikely"), (0.45, "unlikely"), (0.55, "roughly-even-chance"), (0.80, "likely"),
    (0.95, "very-likely"), (1.0, "almost-certain"),
)  # fmt: skip
"""Words for a probability up to each value. Source: taxonomy ``estimative-language``, after US directive ICD 203."""

_TELLING = frozenset({"sha256", "username", "user-id", "account-name"})
"""Attributes by which one event is found from another; that two texts name one country or were judged by one model says nothing."""
_UNDEFINED, _INITIAL, _OWN_ORGANISATION, _AS_THE_EVENT = "4", "0", "0", "5"
_IDENTITY = re.compile(r"(?P<name>[^/]+)/(?P<version>[^+]+)(?:\+.+)?")


class MispEvent:
    """An event of one producer and case. Its objects are named within it: MISP takes no object that is in another event already."""

    closing = b"}}\n"

    def __init__(self, sharing: Sharing, case: Case) -> None:
        self._sharing = sharing
        self._timestamp = str(int(sharing.now.timestamp()))
        named = ("case", sharing.case) if sharing.case else ("text", case.first[0] or "")
        self.id = name_of(sharing.producer, "event", *named)
        self._namespace = UUID(self.id)
        self._known: set[str] = set()
        self._later: list[Object] = []
        self._attributes: list[Object] = []
        self.opening = b'{"Event":' + opened(self._event(case))

    def lists(self, findings: Iterable[Finding], campaigns: Iterable[Linked]) -> Iterator[tuple[str, Iterable[Object]]]:
        """Yield the objects, and behind them the attributes that stand alone."""
        texts = chain.from_iterable(map(self._finding, findings))
        yield "Object", chain(texts, map(self._campaign, campaigns), self._later)
        yield "Attribute", self._attributes

    def _event(self, case: Case) -> Object:
        return {
            "uuid": self.id,
            "info": f"Posts that may recruit into online-scam compounds: {case.posts} posts, {case.texts} texts",
            "date": (case.first[1] or written(self._sharing.now) or "")[:10],
            "timestamp": self._timestamp,
            "threat_level_id": _UNDEFINED,
            "analysis": _INITIAL,
            "distribution": _OWN_ORGANISATION,
            "published": False,
            "Orgc": {"name": self._sharing.producer, "uuid": name_of("identity", self._sharing.producer)},
            "Tag": [{"name": f"tlp:{self._sharing.tlp}"}],
        }

    def _finding(self, finding: Finding) -> Iterator[Object]:
        """Yield the objects of one text: its hash, the text, the verdict."""
        file = self._object("file", finding.sha256, seen=(finding.first, finding.last))
        yield self._filled(
            file,
            [
                ("sha256", "sha256", "External analysis", finding.sha256),
                ("size-in-bytes", "size-in-bytes", "Other", str(finding.size)),
            ],
            self._mentions(finding),
        )
        if finding.text is not None:
            yield self._post(finding)
        yield self._verdict(finding)

    def _post(self, finding: Finding) -> Object:
        cells = [("post", "text", "Social network", finding.text), ("type", "text", "Other", "Other")]
        if finding.language:
            cells.append(("language", "text", "Other", finding.language))
        if finding.first is not None:
            cells.append(("creation-date", "datetime", "Other", written(finding.first)))
        file = self._uuid("file", finding.sha256)
        return self._filled(self._object("microblog", finding.sha256), cells, [("characterized-by", file, "")])

    def _verdict(self, finding: Finding) -> Object:
        return self._filled(
            self._object("annotation", "verdict", finding.sha256, comment=headline(finding)),
            [
                ("text", "text", "Other", verdict(finding)),
                ("type", "text", "Other", "Annotation"),
                ("format", "text", "Other", "text"),
            ],
            [("annotates", self._uuid("file", finding.sha256), "")],
            tags=_estimate(finding),
        )

    def _mentions(self, finding: Finding) -> Iterator[tuple[str, str, str]]:
        """Yield what a text's object refers to: contacts, places, the model."""
        for contact in finding.observables:
            yield "mentions", self._contact(contact), ""
        for place in finding.route:
            yield "mentions", self._place(place.country, place.place, city=place.kind != "country"), place.part
        yield "analysed-with", self._model(finding.model), ""

    def _campaign(self, linked: Linked) -> Object:
        """Return a campaign; it is an annotation, since a lead is no attribution."""
        campaign = linked.campaign
        texts = [("annotates", self._uuid("file", text), "") for text in linked.texts]
        accounts = [] if self._sharing.mask else [Contact(each.kind, each.value) for each in campaign.contacts if each.links]
        return self._filled(
            self._object("annotation", "campaign", campaign.id, comment=campaign.id),
            [
                ("text", "text", "Other", campaign_summary(campaign, self._sharing)),
                ("type", "text", "Other", "Annotation"),
                ("format", "text", "Other", "text"),
            ],
            [*texts, *(("mentions", self._contact(each), "") for each in observable(tuple(accounts)))],
        )

    def _contact(self, contact: Contact) -> str:
        """Return the UUID of a contact, which is written at the end."""
        value, address = contact.value, address_of(contact)
        if contact.kind == "email":
            return self._alone("email", "Social network", value)
        if address is not None:
            return self._alone("url", "Network activity", address)
        if value.startswith("+"):
            return self._alone("phone-number", "Other", value, comment=contact.kind)
        if contact.kind == "telegram":
            return self._once("telegram-account", [("username", "text", "Other", login(contact))])
        if contact.kind == "facebook":
            return self._once("facebook-account", [("account-name", "text", "Other", login(contact))])
        name = "user-id" if value.isdecimal() else "username"
        return self._once(
            "user-account", [("account-type", "text", "Other", contact.kind), (name, "text", "Other", login(contact))]
        )

    def _place(self, country: str, name: str, *, city: bool) -> str:
        return self._once(
            "geolocation", [("countrycode", "text", "Other", country), ("city" if city else "country", "text", "Other", name)]
        )

    def _model(self, identity: str) -> str:
        match = _IDENTITY.fullmatch(identity)
        name, version = (match["name"], match["version"]) if match else (identity, "unknown")
        cells = [("model-name", name), ("model-version", version), ("model-identifier", identity)]
        return self._once("ai-model-component", [(relation, "text", "Other", value) for relation, value in cells])

    def _once(self, template: str, cells: "list[Cell]") -> str:
        """Return the UUID of an object that stands for something named; it is written once."""
        key = [value or "" for *_, value in cells]
        uuid = self._uuid(template, *key)
        if uuid not in self._known:
            self._known.add(uuid)
            self._later.append(self._filled(self._object(template, *key), cells, []))
        return uuid

    def _alone(self, kind: str, category: str, value: str, comment: str = "") -> str:
        """Return the UUID of an attribute that is part of no object."""
        uuid = self._uuid("attribute", kind, value)
        if uuid not in self._known:
            self._known.add(uuid)
            self._attributes.append(self._attribute(uuid, kind, category, value) | {"comment": comment})
        return uuid

    def _object(
        self, template: str, *key: str, comment: str = "", seen: tuple[datetime | None, datetime | None] = (None, None)
    ) -> Object:
        kept = TEMPLATES[template]
        times = {name: written(time) for name, time in zip(("first_seen", "last_seen"), seen, strict=True) if time is not None}
        return {
            "name": template,
            "meta-category": kept.category,
            "template_uuid": kept.uuid,
            "template_version": str(kept.version),
            "uuid": self._uuid(template, *key),
            "timestamp": self._timestamp,
            "distribution": _AS_THE_EVENT,
            "comment": comment,
            **times,
        }

    def _filled(
        self, item: Object, cells: "Iterable[Cell]", references: Iterable[tuple[str, str, str]], tags: Iterable[Object] = ()
    ) -> Object:
        """Return an object with its attributes and references.

        :param cells: Relation, type, category and value of each attribute.
        :param references: Relation, UUID of the other and comment of each reference.
        :param tags: Of the first attribute: MISP has none of objects.
        """
        owner = str(item["uuid"])
        attributes = [
            self._attribute(self._uuid(owner, relation), kind, category, value or "")
            | {"object_relation": relation, "disable_correlation": relation not in _TELLING}
            for relation, kind, category, value in cells
        ]
        if tags := list(tags):
            attributes[0]["Tag"] = tags
        return item | {
            "Attribute": attributes,
            "ObjectReference": [
                {
                    "uuid": self._uuid(owner, relation, other, comment),
                    "timestamp": self._timestamp,
                    "object_uuid": owner,
                    "referenced_uuid": other,
                    "relationship_type": relation,
                    "comment": comment,
                }
                for relation, other, comment in dict.fromkeys(references)
            ],
        }

    def _attribute(self, uuid: str, kind: str, category: str, value: str) -> Object:
        return {
            "uuid": uuid,
            "type": kind,
            "category": category,
            "value": value,
            # Nothing that a model says is to be blocked or searched for before a person has looked at it.
            "to_ids": False,
            "distribution": _AS_THE_EVENT,
            "timestamp": self._timestamp,
            "disable_correlation": False,
        }

    def _uuid(self, *key: str) -> str:
        return name_of(*key, namespace=self._namespace)


Cell = tuple[str, str, str, str | None]


def _estimate(finding: Finding) -> list[Object]:
    if finding.confidence is None:
        return []
    word = next(word for limit, word in ESTIMATES if finding.score <= limit)
    return [{"name": f'estimative-language:likelihood-probability="{word}"'}]
