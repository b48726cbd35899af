"""Campaigns as a graph for Gephi, Cytoscape or networkx: wordings and contacts, and what joins them.

Written element by element: a graph of two hundred thousand posts as objects, and its XML as a tree, would take gigabytes.

Source: GraphML 1.0, http://graphml.graphdrawing.org/specification.html
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO
from xml.sax.saxutils import XMLGenerator
from xml.sax.xmlreader import AttributesImpl

from detector.campaigns.collected import Collection, Member
from detector.campaigns.summary import Campaign
from detector.masking import mask_contact
from detector.records import Contact

_SHOWN_IDS = 5
_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no way to write."""
_TYPES = {str: "string", int: "int", float: "double"}
_NODE = {
    "kind": str, "campaign": str, "posts": int, "ids": str, "language": str, "max_score": float, "contact_kind": str, "value": str,
}  # fmt: skip
_EDGE = {"kind": str, "weight": float}


@dataclass(slots=True)
class Graph:
    """Wordings and contacts by name, and edges by the names of both ends, the lower first.

    Nodes are wordings (``kind`` ``wording``, with ``posts``, ``ids`` of the first few, ``language``, ``max_score``) and contacts
    that join them (``kind`` ``contact``, with ``contact_kind``, ``value``); each has its ``campaign``. Edges are ``wording``, with
    the similarity as ``weight``, or ``contact``, with the number of posts as ``weight``. Copies are one node.
    """

    nodes: dict[str, Mapping[str, object]] = field(default_factory=dict)
    edges: dict[tuple[str, str], tuple[str, float]] = field(default_factory=dict)


def graph_of(
    collection: Collection,
    campaigns: Iterable[Campaign],
    alike: Mapping[tuple[int, int], float],
    common: frozenset[str],
) -> Graph:
    """Return the graph of some campaigns.

    :param alike: Similarity of pairs of wordings.
    :param common: Keys of contacts that join nothing.
    """
    graph = Graph()
    campaign_of = {(member.file, member.row): campaign.id for campaign in campaigns for member in campaign.members}
    posts: dict[int, list[Member]] = defaultdict(list)
    for member in collection.members:
        if (member.source, member.number) in campaign_of:
            posts[member.wording].append(member)
    for wording, members in posts.items():
        members.sort(key=lambda member: (-member.score, member.digest, member.id))
        name, campaign = _name(collection, wording), campaign_of[members[0].source, members[0].number]
        graph.nodes[name] = _wording_node(members, campaign)
        for key in _linking_keys(collection, members, common):
            kind, _, value = key.partition(":")
            graph.nodes[key] = {"kind": "contact", "campaign": campaign, "contact_kind": kind, "value": value}
            _, weight = graph.edges.get(_ends(name, key), ("contact", 0.0))
            graph.edges[_ends(name, key)] = ("contact", weight + 1)
    for (one, other), similarity in alike.items():
        # A pair of two wordings of which one is in a campaign is in it as a whole.
        if one in posts:
            graph.edges[_ends(_name(collection, one), _name(collection, other))] = ("wording", round(similarity, 3))
    return graph


def masked_graph(graph: Graph) -> Graph:
    """Return a graph whose contacts are hidden: the same nodes and edges, also where two contacts have the same tag."""
    names: dict[str, str] = {}
    nodes: dict[str, Mapping[str, object]] = {}
    for name, node in sorted(graph.nodes.items()):
        shown = name
        if node["kind"] == "contact":
            hidden = mask_contact(Contact(str(node["contact_kind"]), str(node["value"])))
            node, shown = {**node, "value": hidden.value}, f"{hidden.kind}:{hidden.value}"
            while shown in nodes:
                shown += "+"
        names[name], nodes[shown] = shown, node
    return Graph(nodes, {_ends(names[one], names[other]): edge for (one, other), edge in graph.edges.items()})


def write_graph(graph: Graph, stream: BinaryIO) -> None:
    """Write a graph as GraphML, nodes and edges sorted by name."""
    xml = XMLGenerator(stream, "utf-8", short_empty_elements=True)
    xml.startDocument()
    xml.startElement("graphml", AttributesImpl({"xmlns": "http://graphml.graphdrawing.org/xmlns"}))
    for target, columns in (("node", _NODE), ("edge", _EDGE)):
        for name, kind in columns.items():
            key = {"id": f"{target}_{name}", "for": target, "attr.name": name, "attr.type": _TYPES[kind]}
            xml.startElement("key", AttributesImpl(key))
            xml.endElement("key")
    xml.startElement("graph", AttributesImpl({"edgedefault": "undirected"}))
    for name in sorted(graph.nodes):
        _element(xml, "node", {"id": _writable(name)}, graph.nodes[name])
    for (one, other), (linked_by, weight) in sorted(graph.edges.items()):
        _element(xml, "edge", {"source": _writable(one), "target": _writable(other)}, {"kind": linked_by, "weight": weight})
    xml.endElement("graph")
    xml.endElement("graphml")
    xml.endDocument()


def _element(xml: XMLGenerator, target: str, attributes: dict[str, str], data: Mapping[str, object]) -> None:
    xml.startElement(target, AttributesImpl(attributes))
    for name, value in data.items():
        xml.startElement("data", AttributesImpl({"key": f"{target}_{name}"}))
        xml.characters(_writable(str(value)))
        xml.endElement("data")
    xml.endElement(target)
    xml.characters("\n")


def _name(collection: Collection, wording: int) -> str:
    return f"w-{collection.wordings[wording].digest.hex()[:16]}"


def _wording_node(members: list[Member], campaign: str) -> dict[str, object]:
    return {
        "kind": "wording",
        "campaign": campaign,
        "posts": len(members),
        "ids": " ".join(member.id for member in members[:_SHOWN_IDS]),
        "language": members[0].language,
        "max_score": members[0].score,
    }


def _linking_keys(collection: Collection, members: Iterable[Member], common: frozenset[str]) -> Iterator[str]:
    """Yield the keys of the contacts that posts may be joined by: of each post, each of them once."""
    for member in members:
        keys = {collection.keys[place] for place in member.contacts}
        yield from (key for key in keys if key is not None and key not in common)


def _ends(one: str, other: str) -> tuple[str, str]:
    return (one, other) if one < other else (other, one)


def _writable(text: str) -> str:
    return _UNWRITABLE.sub("\ufffd", text)
