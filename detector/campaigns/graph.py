"""Campaigns as a graph for Gephi, Cytoscape or networkx: wordings and contacts, and what joins them."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, BinaryIO

from detector.campaigns.collected import Collection, Member
from detector.campaigns.summary import Campaign

if TYPE_CHECKING:
    import networkx as nx

_SHOWN_IDS = 5
_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no way to write."""


def graph_of(
    collection: Collection,
    campaigns: Iterable[Campaign],
    alike: Mapping[tuple[int, int], float],
    common: frozenset[str],
) -> "nx.Graph[str]":
    """Return the graph of some campaigns.

    Nodes are wordings (``kind`` ``wording``, with ``posts``, ``ids`` of the first few, ``language``, ``max_score``) and contacts
    that join them (``kind`` ``contact``, with ``contact_kind``, ``value``); each has its ``campaign``. Edges are ``wording``, with
    the similarity as ``weight``, or ``contact``, with the number of posts as ``weight``.

    Copies are one node: a graph of two hundred thousand posts is one that no program draws.

    :param alike: Similarity of pairs of wordings.
    :param common: Keys of contacts that join nothing.
    """
    import networkx

    graph: nx.Graph[str] = networkx.Graph()
    campaign_of = {(member.file, member.row): campaign.id for campaign in campaigns for member in campaign.members}
    posts: dict[int, list[Member]] = defaultdict(list)
    for member in collection.members:
        if (member.source, member.number) in campaign_of:
            posts[member.wording].append(member)
    for wording, members in posts.items():
        members.sort(key=lambda member: (-member.score, member.digest, member.id))
        campaign = campaign_of[members[0].source, members[0].number]
        graph.add_node(_wording(collection, wording), **_wording_node(members, campaign))
        _add_contacts(graph, collection, wording, members, campaign, common)
    for (one, other), similarity in alike.items():
        if one in posts:
            graph.add_edge(_wording(collection, one), _wording(collection, other), kind="wording", weight=round(similarity, 3))
    return graph


def write_graph(graph: "nx.Graph[str]", stream: BinaryIO) -> None:
    """Write a graph as GraphML, nodes and edges sorted by name."""
    import networkx

    ordered: nx.Graph[str] = networkx.Graph()
    ordered.add_nodes_from(sorted(graph.nodes(data=True), key=lambda node: node[0]))
    edges = ((min(one, other), max(one, other), data) for one, other, data in graph.edges(data=True))
    ordered.add_edges_from(sorted(edges, key=lambda edge: edge[:2]))
    networkx.write_graphml_xml(ordered, stream, encoding="utf-8")


def _wording(collection: Collection, wording: int) -> str:
    return f"w-{collection.wordings[wording].digest.hex()[:16]}"


def _wording_node(members: list[Member], campaign: str) -> dict[str, object]:
    return {
        "kind": "wording",
        "campaign": campaign,
        "posts": len(members),
        "ids": _writable(" ".join(member.id for member in members[:_SHOWN_IDS])),
        "language": _writable(members[0].language),
        "max_score": members[0].score,
    }


def _add_contacts(
    graph: "nx.Graph[str]", collection: Collection, wording: int, members: list[Member], campaign: str, common: frozenset[str]
) -> None:
    for member in members:
        for place in member.contacts:
            key = collection.keys[place]
            if key is None or key in common:
                continue
            name, node = _writable(key), _wording(collection, wording)
            kind, _, value = name.partition(":")
            graph.add_node(name, kind="contact", campaign=campaign, contact_kind=kind, value=value)
            weight = graph.edges[node, name]["weight"] + 1 if graph.has_edge(node, name) else 1
            graph.add_edge(node, name, kind="contact", weight=weight)


def _writable(text: str) -> str:
    return _UNWRITABLE.sub("\ufffd", text)
