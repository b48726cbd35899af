"""Checks of the corpus: format, near-duplicates, balance, and give-aways.

A give-away is something that tells the label without being about it: if lures were longer, or had more emoji, a model would learn
that. So a classifier that sees only surface statistics must stay near chance.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from detector.contacts import find_contacts
from detector.errors import RecordError
from detector.records import LABELS
from training.duplicates import NEAR, near_duplicates
from training.examples import Example, corpus_example, corpus_files, corpus_rows, file_of
from training.variety import LanguageVariety, variety, variety_table

MAX_SURFACE_AUC = 0.70
FOLDS = 5
SHARES = dict(zip(LABELS, (0.37, 0.15, 0.30, 0.18), strict=True))
MAX_SHARE_OFF = 0.05
MIN_POSTS_FOR_SHARES = 100
MESSENGER = re.compile(
    r"telegram|телеграм|whats ?app|вотсап|ватсап|wasap|(?<![a-z])(?:wa|line|tele|tg|pm|dm|inbox)(?![a-z])|(?<!\w)(?:тг|лс)(?!\w)|zalo|kakao|카톡|we ?chat|"
    r"微信|飞机|飛機|messenger|viber|вайбер|zap\b|ไลน์|เทเลแกรม|टेलीग्राम|टेलिग्राम|व्हाट्स|ह्वाट्स|भाइबर|इनबक्स|তেলিগ্রাম|টেলিগ্রাম|হোয়াটস|হোয়াটস|ইনবক্স|"
    r"ٹیلی ?گرام|واٹس|انباکس|واتس|تيليجرام|تلغرام|تليجرام|تيليغرام|ቴሌግራም|ዋትስአፕ|ኢንቦክስ|டெலிகிராம|வாட்ஸ்|ටෙලිග්‍?රෑ?ම්?|වට්ස්|텔레|위챗|라인|오픈채팅|"
    r"ライン|テレグラム|カカオ|តេឡេក្រាម|តេលេក្រាម|តយ်လီ|တယ်လီ|ဗိုင်ဘာ|ເທເລ|ວອດແອັບ",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Audit:
    """What the checks found.

    :ivar faults: Everything that must be mended, one sentence each.
    :ivar counts: Posts by language and label.
    :ivar surface_auc: Cross-validated AUC of ``scam_compound`` against the rest from surface statistics, by classifier.
    :ivar variety: How varied the posts are, by language; reported, not limited.
    """

    faults: tuple[str, ...]
    counts: dict[str, Counter[str]]
    surface_auc: dict[str, float]
    variety: dict[str, LanguageVariety]

    def __str__(self) -> str:
        lines = [f"{'language':10}" + "".join(f"{label:>18}" for label in LABELS) + f"{'all':>8}"]
        for language, row in sorted(self.counts.items()):
            lines.append(f"{language:10}" + "".join(f"{row[label]:18}" for label in LABELS) + f"{row.total():8}")
        lines += [
            f"AUC of scam_compound from surface statistics, {name}: {auc:.3f} (limit {MAX_SURFACE_AUC})"
            for name, auc in self.surface_auc.items()
        ]
        lines.append(variety_table(self.variety))
        lines += [f"FAULT {fault}" for fault in self.faults] or ["no faults"]
        return "\n".join(lines)


def audit(folder: Path) -> Audit:
    """Check a corpus folder."""
    examples, faults = _read(folder)
    faults += _repeated_ids(examples) + _duplicates(examples) + _split_pairs(examples) + _imbalances(examples)
    counts: dict[str, Counter[str]] = {}
    for example in examples:
        counts.setdefault(example.language, Counter())[str(example.label)] += 1
    aucs = surface_auc(examples)
    faults += [
        f"surface statistics tell the lures apart: {name} reaches AUC {auc:.3f}, limit {MAX_SURFACE_AUC}"
        for name, auc in aucs.items()
        if auc >= MAX_SURFACE_AUC
    ]
    return Audit(tuple(faults), counts, aucs, variety(examples, labels=()))


def surface_statistics(text: str) -> list[float]:
    """Return what can be seen of a post without reading it: lengths, signs, layout, digits, contacts."""
    length = max(len(text), 1)
    kinds = Counter(unicodedata.category(character) for character in text)
    lines = text.split("\n")
    digits = sum(kinds[kind] for kind in ("Nd", "Nl", "No"))
    signs = sum(number for kind, number in kinds.items() if kind.startswith("P"))
    contacts = Counter(contact.kind for contact in find_contacts(text))
    return [
        np.log(length), len(text.split()), len(lines), max(map(len, lines)) / length, kinds["So"], kinds["So"] / length,
        digits, digits / length, signs, signs / length, kinds["Lu"] / length, kinds["Sc"], text.count("#"), text.count("!"),
        text.count("?"), text.count("+"), text.count("/"), text.count(":"), text.count("\""), text.count("@"),
        float(bool(MESSENGER.search(text))), contacts["phone"], contacts["url"], contacts["email"], contacts["telegram"],
    ]  # fmt: skip


def surface_auc(examples: Sequence[Example]) -> dict[str, float]:
    """Return how well surface statistics alone tell ``scam_compound`` from the rest, by classifier; batches never cross folds.

    Nothing is returned for a corpus of fewer than five batches, or of one kind of post: it cannot be told.
    """
    table = np.array([surface_statistics(example.text) for example in examples])
    lures = np.array([example.label == LABELS[0] for example in examples])
    groups = [example.group for example in examples]
    if len(set(groups)) < FOLDS or len(set(lures.tolist())) < 2:
        return {}
    models = {
        "logistic regression": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
        "gradient boosting": HistGradientBoostingClassifier(max_iter=100, random_state=0),
    }
    return {name: float(roc_auc_score(lures, _chances(model, table, lures, groups))) for name, model in models.items()}


def _chances(model: object, table: NDArray[np.float64], lures: NDArray[np.bool_], groups: list[str]) -> NDArray[np.float64]:
    folds = GroupKFold(n_splits=FOLDS)
    return cross_val_predict(model, table, lures, groups=groups, cv=folds, method="predict_proba")[:, 1]


def _read(folder: Path) -> tuple[list[Example], list[str]]:
    examples: list[Example] = []
    faults = []
    for path in corpus_files(folder):
        try:
            examples.extend(corpus_example(row) for row in corpus_rows(path))
        except RecordError as error:
            faults.append(str(error))
    return examples, faults


def _repeated_ids(examples: Sequence[Example]) -> list[str]:
    seen = Counter(example.id for example in examples)
    return [f"id {name} is used {number} times" for name, number in seen.items() if number > 1]


def _duplicates(examples: Sequence[Example]) -> list[str]:
    found = near_duplicates([example.text for example in examples], threshold=NEAR)
    return [
        f"{examples[i].id} and {examples[j].id} share {share:.0%} of their wording"
        for i, j, share in found
        if examples[i].pair is None or examples[i].pair != examples[j].pair
    ]


def _split_pairs(examples: Sequence[Example]) -> list[str]:
    groups: dict[str, set[str]] = {}
    for example in examples:
        if example.pair:
            groups.setdefault(example.pair, set()).add(example.group)
    return [f"pair {pair} lies in {len(found)} groups" for pair, found in groups.items() if len(found) > 1]


def _imbalances(examples: Sequence[Example]) -> list[str]:
    """Return the files whose labels are not in the proportions that ``data/README.md`` gives."""
    counts: dict[str, Counter[str]] = {}
    for example in examples:
        counts.setdefault(file_of(example.group), Counter())[str(example.label)] += 1
    return [
        f"{name}: expected about {share:.0%} {label}, got {row[label] / row.total():.0%}"
        for name, row in counts.items()
        if row.total() >= MIN_POSTS_FOR_SHARES
        for label, share in SHARES.items()
        if abs(row[label] / row.total() - share) > MAX_SHARE_OFF
    ]
