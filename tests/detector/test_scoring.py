"""From posts to verdicts: the same alone and together, in order, whatever stands beside them."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from letters import LetterBackend
from numpy.typing import NDArray

from detector import INDICATORS, LABELS, BackendError, BundleError, Detector, InputError, Post, Verdict
from detector.backends import Backend
from detector.bundle import TOKENIZER, Bundle, read_bundle
from detector.scoring import MAX_CHARACTERS, find_fault, usable_cores

ZWSP = "\u200b"
N_OUTPUTS = len(LABELS) + len(INDICATORS)
POSTS = [
    "typists wanted in poipet, ticket and passport paid by us",
    "a chef for a small cafe, call before friday",
    "zzz",
    "staff for a tour of the zoo " * 30,
    f"{ZWSP}ｔｙｐｉｓｔｓ wanted{ZWSP}",
    "lowongan kerja admin, gaji besar, tiket ditanggung",
]
FAULTY = [
    pytest.param(Post(""), "nothing but blanks", id="empty"),
    pytest.param(Post(" \n\t"), "nothing but blanks", id="blanks"),
    pytest.param(Post("type\0write"), "NUL character at position 4", id="nul"),
    pytest.param(Post("type\ud800write"), "half a surrogate pair at position 4", id="half-a-surrogate-pair"),
    pytest.param(Post("a" * (MAX_CHARACTERS + 1)), "at most 100000 characters, got 100001", id="too-long"),
    pytest.param(Post(text=5), "expected a text, got int", id="number"),
    pytest.param(Post(text=None), "expected a text, got NoneType", id="nothing"),
    pytest.param(Post(text=b"chef"), "expected a text, got bytes", id="bytes"),
    pytest.param(Post("chef", language=5), "expected a language code, got int", id="language-a-number"),
    pytest.param(Post("chef", language="Tamil"), "expected a BCP-47 code such as ta or zh-Hant, got 'Tamil'", id="language-a-name"),
    pytest.param({"text": "chef"}, "expected a text, got dict", id="no-post"),
    pytest.param(None, "expected a text, got NoneType", id="none"),
]


class ConstantBackend:
    """Says the same of every token."""

    def __init__(self, *scores: float) -> None:
        self.row = np.array([*scores, *[0.0] * (N_OUTPUTS - len(scores))], dtype=np.float32)

    def token_scores(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        return np.tile(self.row, (len(ids), 1))


class BrokenBackend:
    """Fails on every window."""

    def token_scores(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        raise BackendError(f"failed on {len(ids)} tokens")


def verdict(bundle: Bundle, backend: Backend, post: Post | str) -> Verdict:
    with Detector(bundle, backend, threads=1) as detector:
        return detector.score([post])[0]


def test_a_post_scores_the_same_alone_and_in_a_batch(detector: Detector) -> None:
    alone = [detector.score([post])[0] for post in POSTS]
    assert detector.score(POSTS) == alone
    assert detector.score(POSTS[::-1]) == alone[::-1]
    assert list(detector.stream(POSTS, batch_size=2)) == alone


def test_one_text_is_no_list_of_posts(detector: Detector) -> None:
    for score in (detector.score, lambda text: list(detector.stream(text))):
        with pytest.raises(InputError, match="expected posts, got one text; put it into a list"):
            score("a driver is wanted")


def test_a_second_detector_does_not_read_the_tokenizer_that_is_in_use(bundle: Bundle, tmp_path: Path) -> None:
    folder = shutil.copytree(bundle.folder, tmp_path / "copy")
    copy = read_bundle(folder)
    (folder / TOKENIZER).unlink()
    with Detector(bundle, LetterBackend(), threads=1) as one, Detector(copy, LetterBackend(), threads=1) as two:
        assert two.score(POSTS) == one.score(POSTS)


def test_verdicts_come_in_the_order_of_the_posts(detector: Detector) -> None:
    posts = [Post(text, id=str(number)) for number, text in enumerate(POSTS * 20)]
    assert [verdict.id for verdict in detector.score(posts)] == [post.id for post in posts]


@pytest.mark.parametrize("threads", [2, 4])
def test_any_number_of_threads_gives_the_same_verdicts(bundle: Bundle, detector: Detector, threads: int) -> None:
    with Detector(bundle, detector._backend, threads=threads) as other:
        assert other.score(POSTS * 5) == detector.score(POSTS * 5)


def test_a_text_scores_as_a_post_of_that_text(detector: Detector) -> None:
    assert detector.score(POSTS) == detector.score([Post(text) for text in POSTS])


@pytest.mark.parametrize(("post", "reason"), FAULTY)
def test_a_post_at_fault_gets_an_error_and_disturbs_no_other(detector: Detector, post: Post, reason: str) -> None:
    first, found, last = detector.score([POSTS[0], post, POSTS[1]])
    assert reason in str(found.error)
    assert found == Verdict(getattr(post, "id", None), model=detector.bundle.identity, error=found.error)
    assert [first, last] == detector.score([POSTS[0], POSTS[1]])


def test_an_error_never_shows_the_text(detector: Detector) -> None:
    faulty = [param.values[0] for param in FAULTY]
    assert not any("type" in str(found.error) or "chef" in str(found.error) for found in detector.score(faulty))


def test_a_post_of_the_longest_length_is_read(bundle: Bundle) -> None:
    found = verdict(bundle, ConstantBackend(), "ab " * (MAX_CHARACTERS // 3) + "a")
    assert found.error is None
    assert found.windows > 1000


@given(st.text(max_size=40))
@settings(deadline=None, max_examples=100)
def test_any_text_gets_a_whole_verdict_or_an_error(detector: Detector, text: str) -> None:
    (found,) = detector.score([text])
    if found.error is not None:
        assert found.score is None
        return
    assert 0 <= found.score <= 1
    assert found.score == found.label_scores["scam_compound"]
    assert sum(found.label_scores.values()) == pytest.approx(1, abs=1e-6)
    assert found.label_scores[found.label] == max(found.label_scores.values())
    assert found.band in {"high", "review", "low", "abstain"}
    assert (found.band == "abstain") == (found.reason is not None)
    for piece in [*found.evidence, *(piece for finding in found.indicators for piece in finding.evidence)]:
        assert text[piece.start : piece.end] == piece.text
    json.dumps(found.to_dict())


def test_label_scores_match_values_worked_by_hand(bundle: Bundle) -> None:
    found = verdict(bundle, ConstantBackend(np.log(7), 0.0, 0.0, 0.0), POSTS[0])
    assert found.label_scores == pytest.approx({"scam_compound": 0.7, "other_job_fraud": 0.1, "legit_job": 0.1, "not_job": 0.1})
    assert (found.label, found.score, found.band) == ("scam_compound", pytest.approx(0.7), "review")


@pytest.mark.parametrize(("logit", "band"), [(np.log(3 * 0.91 / 0.09), "high"), (0.0, "low"), (np.log(3 * 0.41 / 0.59), "review")])
def test_the_band_follows_the_operating_points_of_the_bundle(bundle: Bundle, logit: float, band: str) -> None:
    assert verdict(bundle, ConstantBackend(logit), POSTS[0]).band == band


@pytest.mark.parametrize(
    ("text", "reason"),
    [("hi zzz", "too_short"), ("急招", "too_short"), ("123 🙂🙂", "nothing_readable"), (f"{ZWSP}{ZWSP}", "nothing_readable")],
)
def test_a_text_that_says_too_little_abstains_with_a_reason_and_still_has_a_score(
    detector: Detector, text: str, reason: str
) -> None:
    (found,) = detector.score([text])
    assert (found.band, found.reason, found.error) == ("abstain", reason, None)
    assert found.score is not None
    assert found.label_scores


def test_contacts_of_a_text_that_says_too_little_are_read_as_its_language_writes_them(detector: Detector) -> None:
    (found,) = detector.score(
        ["รับแอดมิน เงินเดือน 30000 โทร 0812345678 #3f8a9c1e7b2d4f6a8c0e1b3d5f7a9c2e4b6d8f0a1c3e5b7d9f2a4c6e8b0d1f3a5c7e9b2d4f6a8c0e"]
    )
    assert (found.reason, found.language, found.note) == ("nothing_readable", "und", None)
    assert [contact.value for contact in found.contacts] == ["+66812345678"]


@pytest.mark.parametrize(("text", "shown"), [("zuz", False), ("zuz zuz zuz zuz zuz", True)])
def test_only_a_judged_text_shows_what_speaks_for_it(detector: Detector, text: str, shown: bool) -> None:
    (found,) = detector.score([text])
    assert (found.band != "abstain") == bool(found.evidence) == bool(found.indicators) == shown


@pytest.mark.parametrize(("language", "told"), [("en", "en"), ("id", "id"), ("en-GB", "en-GB"), ("ID", "id"), ("eng", "en")])
def test_an_evaluated_language_has_no_note(detector: Detector, language: str, told: str) -> None:
    (found,) = detector.score([Post(POSTS[0], language=language)])
    assert (found.language, found.note) == (told, None)


def test_a_language_that_was_not_evaluated_keeps_its_band_and_carries_a_note(detector: Detector) -> None:
    (noted,) = detector.score([Post(POSTS[0], language="fr")])
    (plain,) = detector.score([Post(POSTS[0], language="en")])
    assert "not evaluated in language 'fr'" in str(noted.note)
    assert (noted.band, noted.score) == (plain.band, plain.score)


@pytest.mark.parametrize(("language", "noted"), [("en-Latn", False), ("en-Cyrl", True), ("id-Arab-MY", True)])
def test_another_script_of_an_evaluated_language_carries_a_note(detector: Detector, language: str, noted: bool) -> None:
    (found,) = detector.score([Post(POSTS[0], language=language)])
    assert (found.note is not None) == noted


@pytest.mark.parametrize("text", ["\U0001f600", "dGhpcyBpcyBub3QgYSBwb3N0LCBpdCBpcyBiYXNlNjQ=" * 2])
def test_what_is_not_language_is_not_said_to_be_in_one(detector: Detector, text: str) -> None:
    (found,) = detector.score([text])
    assert (found.band, found.language, found.note) == ("abstain", "und", None)


def test_a_language_that_nothing_here_can_name_carries_a_note(detector: Detector) -> None:
    """Maldivian, whose script no language here has."""
    (found,) = detector.score(["ވަޒީފާއެއް ހުސްވެއެބަހުރި މާލެ"])
    assert (found.language, found.reason) == ("und", None)
    assert found.note


def test_the_language_is_identified_if_the_caller_does_not_say(detector: Detector) -> None:
    assert [found.language for found in detector.score([POSTS[0], POSTS[5]])] == ["en", "id"]


def test_contacts_are_found_in_the_text_without_its_disguise(detector: Detector) -> None:
    (found,) = detector.score([f"write to @exam{ZWSP}ple_hr or ＠other_hr today"])
    assert [contact.value for contact in found.contacts] == ["@example_hr", "@other_hr"]


def test_evidence_of_a_long_disguised_post_lies_where_it_says(detector: Detector) -> None:
    text = f"a b{ZWSP} c ａ " * 40 + "ｚｕｚ" + " a bcab a " * 40
    (found,) = detector.score([text])
    assert found.windows > 3
    assert found.evidence
    assert all(text[piece.start : piece.end] == piece.text for piece in found.evidence)
    assert "ｚｕｚ" in found.evidence[0].text


def test_indicators_over_their_threshold_are_found_the_surest_first(bundle: Bundle) -> None:
    scores = [0.0] * N_OUTPUTS
    scores[len(LABELS) + INDICATORS.index("secrecy")] = 1.0
    scores[len(LABELS) + INDICATORS.index("travel_paid")] = 2.0
    scores[len(LABELS) + INDICATORS.index("debt_lure")] = -0.01
    found = verdict(bundle, ConstantBackend(*scores), POSTS[0]).indicators
    codes = [finding.code for finding in found]
    assert codes[:2] == ["travel_paid", "secrecy"]
    assert "debt_lure" not in codes
    assert [finding.score for finding in found[:2]] == pytest.approx([1 / (1 + np.exp(-2)), 1 / (1 + np.exp(-1))])
    assert len(found) == len(INDICATORS) - 1  # the others stand at one half, the threshold


def test_an_indicator_of_something_missing_shows_no_words(detector: Detector) -> None:
    (found,) = detector.score(["trust your tutor, two towns vow to try: a bad cab"])
    evidence = {finding.code: finding.evidence for finding in found.indicators}
    assert evidence["travel_paid"]
    assert evidence["no_employer_identity"] == ()


def test_a_stream_reads_no_further_ahead_than_a_batch(detector: Detector) -> None:
    taken = []

    def posts() -> Iterator[str]:
        for number in range(10):
            taken.append(number)
            yield POSTS[0]

    stream = detector.stream(posts(), batch_size=3)
    next(stream)
    assert taken == [0, 1, 2]
    assert len(list(stream)) == 9


def test_no_posts_give_no_verdicts(detector: Detector) -> None:
    assert detector.score([]) == list(detector.stream([])) == []


def test_logits_are_the_uncalibrated_outputs_in_order(bundle: Bundle, detector: Detector) -> None:
    with Detector(bundle, ConstantBackend(3.0, 1.0), threads=1) as constant:
        np.testing.assert_allclose(constant.logits(POSTS[:2]), [[3.0, 1.0, *[0.0] * (N_OUTPUTS - 2)]] * 2)
    found = detector.logits(POSTS)
    assert found.shape == (len(POSTS), N_OUTPUTS)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found[3], detector.logits([POSTS[3]])[0])


def test_logits_of_no_texts_are_an_empty_table(detector: Detector) -> None:
    assert detector.logits([]).shape == (0, N_OUTPUTS)


def test_a_failing_runtime_is_the_runtime_s_fault(bundle: Bundle) -> None:
    with pytest.raises(BackendError, match="failed on"):
        verdict(bundle, BrokenBackend(), POSTS[0])


def test_a_runtime_that_returns_no_numbers_is_found_out(bundle: Bundle) -> None:
    with pytest.raises(BackendError, match="not finite"):
        verdict(bundle, ConstantBackend(float("nan")), POSTS[0])


def test_a_detector_of_no_threads_is_refused(bundle: Bundle) -> None:
    with pytest.raises(InputError, match="threads must be at least 1"):
        Detector(bundle, ConstantBackend(), threads=0)


def test_batches_of_no_posts_are_refused(detector: Detector) -> None:
    with pytest.raises(InputError, match="batch_size must be at least 1"):
        list(detector.stream(POSTS, batch_size=0))


def test_by_default_a_detector_has_a_thread_for_each_core_it_may_use(bundle: Bundle) -> None:
    assert usable_cores() >= 1
    with Detector(bundle, ConstantBackend()) as detector:
        assert detector.threads == usable_cores()


def test_a_closed_detector_scores_no_more(bundle: Bundle) -> None:
    with Detector(bundle, ConstantBackend(), threads=1) as detector:
        assert len(detector.score(POSTS)) == len(POSTS)
    detector.close()  # once more does no harm
    for use in (detector.score, detector.logits, lambda posts: list(detector.stream(posts))):
        with pytest.raises(InputError, match="closed"):
            use(POSTS)


def test_a_saved_bundle_scores_as_before_wherever_it_lies(runnable_bundle: Path, tmp_path: Path, detector: Detector) -> None:
    copy = Path(shutil.copytree(runnable_bundle, tmp_path / "copy"))
    with Detector.load(runnable_bundle, threads=1) as first, Detector.load(str(copy), threads=2) as second:
        assert first.score(POSTS) == second.score(POSTS)
        np.testing.assert_allclose(first.logits(POSTS), detector.logits(POSTS), rtol=1e-5, atol=1e-5)


def test_a_folder_that_is_no_bundle_is_not_loaded(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="is this a model folder"):
        Detector.load(tmp_path)


@pytest.mark.parametrize("text", ["chef", " chef", "急招", "🙂", "a" * MAX_CHARACTERS])
def test_a_text_that_can_be_read_has_no_fault(text: str) -> None:
    assert find_fault(text) is None


def test_the_language_model_is_loaded_beside_the_rest_of_a_bundle_and_for_no_other_folder(runnable_bundle: Path) -> None:
    code = f"""
from pathlib import Path
from detector import BundleError, Detector
from detector.language import _loading
try:
    Detector.load(Path({str(runnable_bundle)!r}) / "nowhere")
except BundleError:
    pass
assert _loading.cache_info().currsize == 0
Detector.load(Path({str(runnable_bundle)!r}))
assert _loading.cache_info().currsize == 1
"""
    subprocess.run([sys.executable, "-c", code], check=True)
