"""The text of ``/metrics``, read back."""

from prometheus_client.parser import text_string_to_metric_families

Numbers = dict[tuple[str, frozenset[tuple[str, str]]], float]


def numbers(text: str) -> Numbers:
    """Return each sample by its name and labels."""
    families = text_string_to_metric_families(text)
    return {(sample.name, frozenset(sample.labels.items())): sample.value for family in families for sample in family.samples}


def number(text: str, sample: str, /, **labels: str) -> float | None:
    """Return one sample; a label called ``class`` is asked for as ``class_``."""
    return numbers(text).get((f"scam_detector_{sample}", frozenset((key.rstrip("_"), value) for key, value in labels.items())))


def total(text: str, name: str) -> float:
    """Return the sum over all labels."""
    return sum(value for (found, _), value in numbers(text).items() if found == f"scam_detector_{name}")
