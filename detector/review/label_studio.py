"""A queue as tasks for Label Studio, and the labelling interface that goes with them.

A task has the text in ``data``, with what identifies the post, and in ``meta`` where it comes from. Offsets count code points, as
Label Studio's do.

Source: https://labelstud.io/guide/task_format, https://labelstud.io/guide/predictions, https://labelstud.io/tags
"""

import json
from collections.abc import Iterable, Mapping
from typing import BinaryIO
from xml.sax.saxutils import quoteattr

from detector.records import ABSENCES, INDICATORS, LABELS
from detector.review.sheet import origin
from detector.review.shown import Shown

TEXT, LABEL, EVIDENCE, ABSENT, COMMENT = "text", "label", "evidence", "absent", "comment"
"""Names of the parts of the interface: the post, its label, the words that show an indicator, what is missing, a remark."""
NO_INDICATORS = "none"
"""Choice of a reader who looked for indicators and saw none."""

_HINTS: Mapping[str, str] = {
    "scam_compound": "recruits, sells or moves people for work that looks like an online-scam operation",
    "other_job_fraud": "another fraudulent offer: paid tasks, advance fees, money mules, fake visas",
    "legit_job": "an honest vacancy, however it looks",
    "not_job": "no vacancy: a warning, a survivor's or a family's post, a question, a job seeker, something else",
}


def write_tasks(stream: BinaryIO, queue: Iterable[Shown], *, with_verdict: bool) -> None:
    """Write a queue as one JSON list of tasks.

    :param with_verdict: Give what the model holds as predictions; readers follow such suggestions.
    """
    tasks = [_task(shown, with_verdict=with_verdict) for shown in queue]
    stream.write(json.dumps(tasks, ensure_ascii=False, indent=1).encode("utf-8", "replace") + b"\n")


def _task(shown: Shown, *, with_verdict: bool) -> dict[str, object]:
    post = shown.pick.candidate
    data = {TEXT: shown.text, "id": post.id, "sha256": post.sha256, "language": post.language}
    task: dict[str, object] = {"data": data, "meta": {"rank": shown.rank} | origin(shown)}
    return task | ({"predictions": [_prediction(shown)]} if with_verdict else {})


def _prediction(shown: Shown) -> dict[str, object]:
    post = shown.pick.candidate
    result: list[dict[str, object]] = []
    if post.label:
        result.append(_choices("m-label", LABEL, post.label))
    for finding in shown.findings:
        if finding.code in ABSENCES:
            result.append(_choices(f"m-{finding.code}", ABSENT, finding.code))
        for place, piece in enumerate(finding.evidence):
            value = {"start": piece.start, "end": piece.end, "text": piece.text, "labels": [finding.code]}
            name = f"m-{finding.code}-{place}"
            result.append({"id": name, "from_name": EVIDENCE, "to_name": TEXT, "type": "labels", "value": value})
    return {"model_version": post.model, "score": round(post.score, 6), "result": result}


def _choices(name: str, part: str, choice: str) -> dict[str, object]:
    return {"id": name, "from_name": part, "to_name": TEXT, "type": "choices", "value": {"choices": [choice]}}


def labelling_config() -> str:
    """Return the labelling interface with the project's labels and indicators, as Label Studio's XML."""
    labels = "".join(f"\n    <Choice value={quoteattr(each)} hint={quoteattr(_HINTS.get(each, each))}/>" for each in LABELS)
    spans = "".join(f"\n    <Label value={quoteattr(each)}/>" for each in INDICATORS if each not in ABSENCES)
    absent = "".join(f"\n    <Choice value={quoteattr(each)}/>" for each in (*sorted(ABSENCES), NO_INDICATORS))
    return f"""<View>
  <!-- Without this, blanks and line breaks are not counted, and offsets are off. -->
  <Style>.htx-text {{ white-space: pre-wrap; }}</Style>
  <Header value="What is this post?"/>
  <Choices name="{LABEL}" toName="{TEXT}" choice="single" required="true" showInline="true">{labels}
  </Choices>
  <Header value="Mark the shortest words that show an indicator"/>
  <Labels name="{EVIDENCE}" toName="{TEXT}" choice="multiple">{spans}
  </Labels>
  <Text name="{TEXT}" value="${TEXT}" granularity="symbol"/>
  <Header value="What is missing from the post, or that you looked for indicators and saw none"/>
  <Choices name="{ABSENT}" toName="{TEXT}" choice="multiple" showInline="true">{absent}
  </Choices>
  <TextArea name="{COMMENT}" toName="{TEXT}" rows="2" maxSubmissions="1" placeholder="Why?"/>
</View>
"""
