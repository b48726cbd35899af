"""The dashboard and the alert rules: every expression is PromQL, and asks for what the service shows."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

import serve
from detector import Verdict
from detector.bundle import Bundle
from serve.batches.store import Standing
from serve.drift import EDGES, Reference
from serve.metrics import RECENT, Metrics

HERE = Path(serve.__file__).parent
DASHBOARD = json.loads((HERE / "dashboard.json").read_text())
RULES = [rule for group in yaml.safe_load((HERE / "alerts.yml").read_text())["groups"] for rule in group["rules"]]
# What the agent that scrapes adds.
OUTSIDE = {"up": {"job", "instance"}}
ADDED = {"job", "instance"}


def expressions() -> Iterator[Any]:
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            yield pytest.param(target["expr"].replace("$__rate_interval", "5m"), id=f"panel: {panel['title']}")
    for rule in RULES:
        yield pytest.param(rule["expr"], id=f"alert: {rule['alert']}")


@pytest.fixture(scope="module")
def samples(bundle: Bundle) -> dict[str, set[str]]:
    """Return the names of all samples of a service at work, and their labels."""
    reference = Reference(bundle.identity, "a test", EDGES, (1,) * len(EDGES))
    metrics = Metrics(reference=reference, batches=lambda: Standing({"running": 1}, 20, 3.0))
    metrics.serves(bundle)
    metrics.started()
    metrics.answered("/v1/score", 200, 0.1)
    metrics.scored([Verdict("p-1", score=0.5, language="en", band="low")] * RECENT)
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(metrics.exposition().decode()):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def selectors(node: object) -> Iterator[Any]:
    """Yield what an expression reads."""
    if isinstance(node, promql_parser.VectorSelector):
        yield node
    for name in ("lhs", "rhs", "expr", "vector_selector"):
        if (inner := getattr(node, name, None)) is not None:
            yield from selectors(inner)
    for argument in getattr(node, "args", ()):
        yield from selectors(argument)


def grouped_by(node: object) -> Iterator[str]:
    """Yield the labels that an expression keeps."""
    if isinstance(node, promql_parser.AggregateExpr) and node.modifier is not None:
        yield from node.modifier.labels
    for name in ("lhs", "rhs", "expr"):
        if (inner := getattr(node, name, None)) is not None:
            yield from grouped_by(inner)
    for argument in getattr(node, "args", ()):
        yield from grouped_by(argument)


@pytest.mark.parametrize("expression", list(expressions()))
def test_an_expression_asks_for_what_is_shown(expression: str, samples: dict[str, set[str]]) -> None:
    parsed = promql_parser.parse(expression)
    read = list(selectors(parsed))
    assert read
    known: set[str] = set(ADDED)
    for selector in read:
        labels = OUTSIDE.get(selector.name) or samples[selector.name] | ADDED
        assert {matcher.name for matcher in selector.matchers.matchers} <= labels
        known |= labels
    assert set(grouped_by(parsed)) <= known


def test_every_metric_but_those_of_one_call_is_on_the_dashboard(samples: dict[str, set[str]]) -> None:
    shown = json.dumps(DASHBOARD)
    families = {name.removesuffix("_bucket") for name in samples if not name.endswith(("_sum", "_count"))}
    assert len(families) > 12
    assert not [name for name in families if name not in shown]


def test_the_dashboard_is_one_that_grafana_can_load() -> None:
    assert DASHBOARD["schemaVersion"] >= 36
    assert {"uid", "title", "panels", "templating", "time"} <= DASHBOARD.keys()
    numbers = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(numbers)) == len(numbers)
    places: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        assert panel["type"] in {"timeseries", "table"}
        assert panel["title"]
        assert panel["description"]
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
        grid = panel["gridPos"]
        assert grid["x"] + grid["w"] <= 24
        cells = {(grid["x"] + x, grid["y"] + y) for x in range(grid["w"]) for y in range(grid["h"])}
        assert not cells & places
        places |= cells
    variables = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
    assert variables == {"source", "instance"}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_a_rule_says_what_is_wrong_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule.keys() == {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert rule["annotations"].keys() == {"summary", "description"}
