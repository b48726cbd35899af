"""The model folder: the only contract between training and everything else.

``bundle.json`` names the files, their hashes, and every number that turns token scores into verdicts. Nothing in a bundle is
executable: JSON, an ONNX graph and raw weights.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from detector.calibration import OperatingPoints
from detector.errors import BundleError
from detector.text import TEXT_VERSION

FORMAT = 1
MANIFEST = "bundle.json"
TOKENIZER = "tokenizer.json"
GRAPH = "model.onnx"
EMBEDDINGS = "embeddings.bin"
DEFAULT_BUNDLE = Path(__file__).parent / "model"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What ``bundle.json`` says.

    :ivar labels: Names of the first outputs, the headline label first.
    :ivar indicators: Names of the outputs behind them.
    :ivar languages: BCP-47 codes the model was evaluated in.
    :ivar temperature: Divisor of the label logits.
    :ivar indicator_temperature: Divisor of the indicator logits.
    :ivar indicator_thresholds: Probability from which an indicator is shown, by its code.
    :ivar max_tokens: Longest window, special tokens included.
    :ivar overlap: Tokens that neighbouring windows share.
    :ivar base_model: The encoder that was fine-tuned.
    :ivar data_hash: Hash of the training examples.
    :ivar commit: Commit of this repository that exported the bundle.
    :ivar files: SHA-256 of each other file, by name.
    """

    name: str
    version: str
    labels: tuple[str, ...]
    indicators: tuple[str, ...]
    languages: tuple[str, ...]
    temperature: float
    indicator_temperature: float
    operating_points: OperatingPoints
    indicator_thresholds: Mapping[str, float]
    max_tokens: int
    overlap: int
    base_model: str
    data_hash: str
    commit: str
    text_version: int = TEXT_VERSION
    format: int = FORMAT
    files: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = (*self.labels, *self.indicators)
        if len(self.labels) < 2 or len(set(names)) < len(names):
            raise BundleError(f"expected two labels or more and no name twice, got {', '.join(map(str, names))}")
        for divisor in (self.temperature, self.indicator_temperature):
            if not 0 < divisor < math.inf:
                raise BundleError(f"expected temperatures above 0, got {divisor}")
        if not all(0 <= threshold <= 1 for threshold in self.indicator_thresholds.values()):
            raise BundleError(f"expected thresholds from 0 to 1, got {dict(self.indicator_thresholds)}")
        if not all(isinstance(number, int) for number in (self.max_tokens, self.overlap)):
            raise BundleError(f"expected whole numbers of tokens, got {self.max_tokens} and {self.overlap}")


@dataclass(frozen=True, slots=True)
class Bundle:
    """A model folder whose files are the ones it declares.

    :ivar folder: Where it lies.
    :ivar manifest: What it says.
    :ivar sha256: Hash of ``bundle.json``, which holds the hashes of the rest: one name for all the bytes.
    """

    folder: Path
    manifest: Manifest
    sha256: str

    @property
    def identity(self) -> str:
        """Name, version and hash, as verdicts carry them."""
        return f"{self.manifest.name}/{self.manifest.version}+sha256:{self.sha256[:12]}"


def read_bundle(folder: Path = DEFAULT_BUNDLE) -> Bundle:
    """Read a model folder and check every file against its hash.

    :raises BundleError: if a file is missing or differs, or the bundle was made for another format or normalisation.
    """
    path = folder / MANIFEST
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise BundleError(f"{folder}: no {MANIFEST}; is this a model folder?") from error
    manifest = _parse(raw, path)
    if missing := {TOKENIZER, GRAPH, EMBEDDINGS} - set(manifest.files):
        raise BundleError(f"{path}: expected the hash of every file, got none of {', '.join(sorted(missing))}")
    for name, expected in manifest.files.items():
        if Path(name).name != name or not isinstance(expected, str):
            raise BundleError(f"{path}: expected names of files beside it and their hashes, got {name!r}")
        _check(folder / name, expected)
    return Bundle(folder, manifest, hashlib.sha256(raw).hexdigest())


def write_bundle(folder: Path, manifest: Manifest, names: Iterable[str]) -> Bundle:
    """Write ``bundle.json`` beside the named files, with their hashes, and read it back.

    :param names: Files that already lie in ``folder`` and belong to the bundle.
    """
    plain = asdict(manifest)
    plain["files"] = {name: file_sha256(folder / name) for name in sorted(names)}
    (folder / MANIFEST).write_text(json.dumps(plain, indent=2, ensure_ascii=False) + "\n", "utf-8")
    return read_bundle(folder)


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal.

    :raises BundleError: if it cannot be read.
    """
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise BundleError(f"{path}: cannot be read: {error.strerror}") from error


def _check(path: Path, expected: str) -> None:
    found = file_sha256(path)
    if found != expected:
        raise BundleError(f"{path}: expected sha256 {expected[:12]}…, got {found[:12]}…; fetch it again")


def _parse(raw: bytes, path: Path) -> Manifest:
    try:
        plain: dict[str, Any] = json.loads(raw)
        for key, ours in (("format", FORMAT), ("text_version", TEXT_VERSION)):
            if plain[key] != ours:
                raise BundleError(
                    f"{path}: expected {key} {ours}, got {plain[key]}; use the bundle that belongs to this version of the package"
                )
        plain["operating_points"] = OperatingPoints(**plain["operating_points"])
        for key in ("labels", "indicators", "languages"):
            plain[key] = tuple(plain[key])
        return Manifest(**plain)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BundleError(f"{path}: expected a bundle manifest, got: {error!r}") from error
