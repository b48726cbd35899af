"""The model, tried: its files, the runtime, the score of a post, and the languages."""

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from detector.bundle import DEFAULT_BUNDLE, Bundle, read_bundle
from detector.doctor.findings import Finding, fault, ok, warning
from detector.errors import BackendError, BundleError, DetectorError, exit_code
from detector.language import identify
from detector.records import Post, Verdict
from detector.scored import FLAGGED
from detector.scoring import Detector

POST = (
    "URGENT hiring, chat support in Poipet, Cambodia! No experience, $1500 a month, free flight and visa, room and meals. "
    "We fly tonight, tell nobody. Telegram @example_hr"
)
"""Invented, and as plain as a lure can be: the bundled model flags it on every machine on which it computes what it should."""

LANGUAGES = {
    "en": "Kitchen help wanted for a small restaurant by the river",
    "id": "Lowongan admin di kota, gaji dibayar setiap bulan, makan dan tempat tinggal",
    "th": "รับสมัครพนักงานร้านกาแฟ",
    "zh-Hans": "餐厅招聘厨师，包吃住，每月八千元",
}
_PROVIDER = "CPUExecutionProvider"
_ROUNDS = 5
_SLOW_S = 0.5
_REINSTALL = "pip install --force-reinstall"
_MODEL_ADVICE = f"get the model again, or all of the package: {_REINSTALL} --no-deps scam-recruitment-detector"


def check_working(folder: Path, *, tried: bool = True) -> Iterator[Finding]:
    """Yield whether posts can be scored with a model folder.

    :param tried: Whether a post is scored; without a temporary folder none can be.
    """
    try:
        bundle = read_bundle(folder)
    except BundleError as error:
        yield fault("model", str(error), _MODEL_ADVICE, BundleError)
        return
    yield ok("model", f"{bundle.identity}, {len(bundle.manifest.files)} files as their hashes say, in {folder}")
    runtime = _runtime()
    yield runtime
    if tried and runtime.state != "fault":
        yield _scoring(bundle)
        yield _languages()


def _runtime() -> Finding:
    advice = f"{_REINSTALL} onnxruntime"
    try:
        import onnxruntime
    except (ImportError, OSError) as error:
        return fault("runtime", f"onnxruntime cannot be imported: {error}", advice, BackendError)
    providers = onnxruntime.get_available_providers()
    found = f"ONNX Runtime {onnxruntime.__version__} with {', '.join(providers)}"
    if _PROVIDER not in providers:
        return fault("runtime", f"{found}; {_PROVIDER} is needed", advice, BackendError)
    return ok("runtime", f"{found}; {_PROVIDER} is used")


def _scoring(bundle: Bundle) -> Finding:
    """Score the built-in post several times."""
    began = time.perf_counter()
    try:
        with closing(Detector.load(bundle.folder, threads=1)) as detector:
            loaded = time.perf_counter() - began
            verdicts, times = zip(*(_timed(detector) for _ in range(_ROUNDS)), strict=True)
    except DetectorError as error:
        return Finding("scoring", "fault", str(error), _MODEL_ADVICE, exit_code(error))
    except (ImportError, OSError) as error:
        # Packages that are imported when the first post is read.
        return fault("scoring", f"cannot be tried: {error}", "see to the packages first", BackendError)
    return _judged(bundle, verdicts, loaded, min(times))


def _timed(detector: Detector) -> tuple[Verdict, float]:
    began = time.perf_counter()
    verdict = detector.score([Post(POST)])[0]
    return verdict, time.perf_counter() - began


def _judged(bundle: Bundle, verdicts: tuple[Verdict, ...], load_s: float, post_s: float) -> Finding:
    verdict = verdicts[0]
    found = f"loaded in {load_s:.1f} s; an invented lure of {len(POST)} characters scores {verdict.score or 0:.3f} ({verdict.band})"
    report = "report it with the output of: scam-detector doctor --json"
    if verdict.error is not None or any(each != verdict for each in verdicts):
        return fault("scoring", f"{found}, and another verdict each time", report, BackendError)
    if bundle.folder == DEFAULT_BUNDLE and verdict.band not in FLAGGED:
        return fault("scoring", f"{found}; expected high or review", report, BackendError)
    found += f" in {1000 * post_s:.0f} ms on one core"
    if post_s > _SLOW_S:
        return warning("scoring", found, "end what else uses the processor; scoring large files will take long here")
    return ok("scoring", found)


def _languages() -> Finding:
    advice = f"{_REINSTALL} py3langid"
    try:
        told = {language: identify(text) for language, text in LANGUAGES.items()}
    except (ImportError, OSError, ValueError) as error:
        return fault("languages", f"cannot be identified: {error}", advice, BackendError)
    wrong = [f"{language} taken for {other}" for language, other in told.items() if language != other]
    if wrong:
        return fault("languages", ", ".join(wrong), advice, BackendError)
    return ok("languages", f"identified: {', '.join(told)}")
