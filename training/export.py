"""From the best run to a bundle, refused if it does not say what the trained network says."""

import json
import logging
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx.external_data_helper import set_external_data
from sklearn.metrics import average_precision_score

from detector.bundle import EMBEDDINGS, GRAPH, MANIFEST, TOKENIZER, Bundle, Manifest, write_bundle
from detector.calibration import OperatingPoints, label_probabilities
from detector.encoder import SPECIAL_TOKENS
from detector.errors import BundleError
from detector.records import INDICATORS, LABELS
from detector.scoring import Detector
from training.config import FLOAT_LAYERS
from training.finetune import UNCHANGED, load_network, predict, window_table
from training.fit_calibration import Calibration, Validation, fit
from training.network import POSITION_OFFSETS, Network
from training.onnx_graph import EncoderShape, build_graph
from training.prepare import Prepared, load_prepared
from training.rounding import round_products

MAX_BYTES = 60_000_000
MAX_SCORE_GAP = 0.03
MAX_PRECISION_LOSS = 0.003
ROUNDING_POSTS = 600
NAME = "scam-recruitment-detector"
FloatArray = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Parity:
    """How far the bundle is from the trained network, on validation posts.

    :ivar gap: 99th percentile of the absolute difference of the score.
    :ivar loss: Average precision that the bundle loses.
    """

    gap: float
    loss: float
    bundle: str

    def __str__(self) -> str:
        return (
            f"{self.bundle}: score differs from torch by {self.gap:.4f} at the 99th percentile "
            f"(limit {MAX_SCORE_GAP}), average precision lower by {self.loss:.4f} (limit {MAX_PRECISION_LOSS})"
        )


def export(run: Path, out: Path, *, version: str, float_layers: int = FLOAT_LAYERS) -> Parity:
    """Write the best seed of a run as a bundle.

    The bundle is made beside ``out`` and takes its place only when it has passed the gate; a bundle that is refused, or fails to be
    made, leaves what lay there as it was.

    :param run: Run folder with ``prepared`` and ``finetune``.
    :param out: Folder for the bundle.
    :param float_layers: Lower layers whose arithmetic stays in float32; those above run in 8 bits.
    :raises BundleError: if the weights were trained on other posts than the run holds, the run made nothing better than what it
        went on from, or the bundle is too large or fails the parity gate.
    """
    prepared = load_prepared(run / "prepared")
    _same_data(run / "finetune", prepared)
    best = best_seed(run / "finetune")
    if best.name == UNCHANGED:
        # They never read the posts that the manifest and the card would name.
        raise BundleError(f"{run}: what it went on from is better than all it made; keep the bundle of {prepared.facts['start']}")
    network = load_network(prepared, best)
    reference = _torch_logits(prepared, network, run / "finetune")
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as made:
        draft = Path(made)
        _write_files(network, prepared, draft, float_layers)
        bundle = write_bundle(draft, _manifest(prepared, version, _UNFITTED), FILES)
        validation = _validation(prepared, bundle)
        calibration = fit(validation)
        bundle = write_bundle(draft, _manifest(prepared, version, calibration), FILES)
        parity = _gate(bundle, validation, reference, calibration)
        # The manifest last: until then the hashes of the old one tell that the folder is not whole.
        for name in (*FILES, MANIFEST):
            (draft / name).replace(out / name)
    return parity


def _same_data(folder: Path, prepared: Prepared) -> None:
    """Refuse weights that were trained before the posts were prepared anew."""
    path = folder / "config.json"
    found = json.loads(path.read_text("utf-8"))["fingerprint"] if path.exists() else None
    if found not in (None, prepared.facts["fingerprint"]):
        raise BundleError(f"{folder}: trained on posts {found}, the run holds {prepared.facts['fingerprint']}; run finetune again")


def best_seed(folder: Path) -> Path:
    """Return the folder of the seed that validation chose.

    :raises BundleError: if the run has not ended.
    """
    path = folder / "runs.json"
    if not path.exists():
        raise BundleError(f"{folder}: no runs.json; run: python -m training finetune")
    return folder / json.loads(path.read_text("utf-8"))["best"]


FILES = (GRAPH, EMBEDDINGS, TOKENIZER)
_UNFITTED = Calibration(1.0, 1.0, OperatingPoints(0.5, 0.5), {})


def _write_files(network: Network, prepared: Prepared, out: Path, float_layers: int) -> None:
    """Write graph, embeddings and tokenizer; the embeddings apart, because training never changes them."""
    settings = network.encoder.config
    shape = EncoderShape(
        layers=settings.num_hidden_layers,
        heads=settings.num_attention_heads,
        epsilon=settings.layer_norm_eps,
        position_offset=POSITION_OFFSETS[settings.model_type],
    )
    products = round_products(network, sample_windows(prepared), first=float_layers)
    model = build_graph(_state(network), shape, max_tokens=prepared.config.max_tokens, products=products)
    with (out / EMBEDDINGS).open("wb") as stream:
        for weight in model.graph.initializer:
            if weight.name.startswith("embeddings.word_embeddings.weight"):
                start = stream.tell()
                stream.write(weight.raw_data)
                set_external_data(weight, EMBEDDINGS, offset=start, length=stream.tell() - start)
                weight.ClearField("raw_data")
    onnx.save(model, str(out / GRAPH))
    (out / TOKENIZER).write_bytes((prepared.base / TOKENIZER).read_bytes())


def sample_windows(prepared: Prepared) -> list[NDArray[np.int64]]:
    """Return the first windows of posts spread over the train split, to choose the rounding of the weights by."""
    posts = prepared.part("train")
    ours = np.flatnonzero(np.asarray(posts["source"]) == "corpus")
    chosen = ours[np.linspace(0, len(ours) - 1, min(ROUNDING_POSTS, len(ours))).astype(np.int64)]
    windows = [np.asarray(row["windows"][0], dtype=np.int64) for row in posts.select(chosen)]
    return [window for window in windows if len(window) > SPECIAL_TOKENS]


def _state(network: Network) -> dict[str, FloatArray]:
    state = network.encoder.state_dict() | {f"heads.{k}": v for k, v in network.heads.state_dict().items()}
    return {name: tensor.detach().float().numpy() for name, tensor in state.items()}


def _manifest(prepared: Prepared, version: str, calibration: Calibration) -> Manifest:
    return Manifest(
        name=NAME,
        version=version,
        labels=LABELS,
        indicators=INDICATORS,
        languages=tuple(prepared.facts["languages"]),
        temperature=calibration.temperature,
        indicator_temperature=calibration.indicator_temperature,
        operating_points=calibration.operating_points,
        indicator_thresholds=calibration.indicator_thresholds,
        max_tokens=prepared.config.max_tokens,
        overlap=prepared.config.overlap,
        base_model=Path(prepared.facts["base"]).name,
        data_hash=prepared.facts["data_hash"],
        commit=_commit(),
    )


def _validation(prepared: Prepared, bundle: Bundle) -> Validation:
    """Score the validation posts with the exported graph, the way they will be served."""
    posts = prepared.part("validation")
    with Detector.load(bundle.folder) as detector:
        logits = detector.logits(posts["text"])
    truth = [row or [False] * len(INDICATORS) for row in posts["indicators"]]
    return Validation(
        logits=logits,
        allowed=np.asarray(posts["allowed"], dtype=bool),
        indicators=np.asarray(truth, dtype=bool),
        written=np.asarray(posts["source"]) == "corpus",
    )


def _torch_logits(prepared: Prepared, network: Network, run: Path) -> FloatArray:
    device = torch.device("cpu")
    table = window_table(prepared, "validation", run, logging.getLogger(__name__).info)
    return predict(network, table, device, prepared.config, exact=True)


def _gate(bundle: Bundle, validation: Validation, reference: FloatArray, calibration: Calibration) -> Parity:
    size = sum((bundle.folder / name).stat().st_size for name in bundle.manifest.files)
    if size > MAX_BYTES:
        raise BundleError(f"{bundle.folder}: expected at most {MAX_BYTES} bytes, got {size}")
    n_labels, temperature = len(LABELS), calibration.temperature
    ours, theirs = (
        label_probabilities(logits[:, :n_labels], temperature=temperature)[:, 0] for logits in (validation.logits, reference)
    )
    lures = validation.allowed[:, 0]
    parity = Parity(
        gap=float(np.quantile(np.abs(ours - theirs), 0.99)),
        loss=float(average_precision_score(lures, theirs) - average_precision_score(lures, ours)),
        bundle=bundle.identity,
    )
    if parity.gap > MAX_SCORE_GAP or parity.loss > MAX_PRECISION_LOSS:
        raise BundleError(f"refused: {parity}")
    return parity


def _commit() -> str:
    """Return the commit of this checkout, or ``unknown`` outside one."""
    try:
        found = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return found.stdout.strip()
