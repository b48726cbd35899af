"""The model folder: what is written is read back, and whatever is not as declared is refused."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from detector.bundle import EMBEDDINGS, GRAPH, MANIFEST, TOKENIZER, Bundle, file_sha256, read_bundle, write_bundle
from detector.errors import BundleError
from detector.text import TEXT_VERSION

FILES = (TOKENIZER, GRAPH, EMBEDDINGS)


@pytest.fixture
def folder(bundle: Bundle, tmp_path: Path) -> Path:
    """Return a copy of a bundle that a test may break."""
    return Path(shutil.copytree(bundle.folder, tmp_path / "model"))


def rewrite(folder: Path, **changes: Any) -> None:
    """Change fields of the manifest; ``None`` takes one away."""
    plain = json.loads((folder / MANIFEST).read_text("utf-8")) | changes
    (folder / MANIFEST).write_text(json.dumps({key: value for key, value in plain.items() if value is not None}), "utf-8")


def test_what_is_written_is_read_back(bundle: Bundle) -> None:
    found = read_bundle(bundle.folder)
    assert found == bundle
    assert set(found.manifest.files) == set(FILES)
    assert found.manifest.text_version == TEXT_VERSION


def test_writing_again_gives_the_same_bytes(bundle: Bundle, folder: Path) -> None:
    again = write_bundle(folder, bundle.manifest, FILES)
    assert again.sha256 == bundle.sha256


def test_file_sha256_is_the_standard_s(tmp_path: Path) -> None:
    path = tmp_path / "abc"
    path.write_bytes(b"abc")
    # FIPS 180-2, appendix B.1
    assert file_sha256(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_the_identity_names_all_the_bytes(bundle: Bundle, folder: Path) -> None:
    assert bundle.identity == f"letters/0.0.1+sha256:{bundle.sha256[:12]}"
    (folder / GRAPH).write_bytes(b"another graph")
    assert write_bundle(folder, bundle.manifest, FILES).identity != bundle.identity


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_missing_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(BundleError, match=f"{name}: cannot be read"):
        read_bundle(folder)


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_was_changed_is_named(folder: Path, name: str) -> None:
    with (folder / name).open("ab") as stream:
        stream.write(b" ")
    with pytest.raises(BundleError, match=f"{name}: expected sha256"):
        read_bundle(folder)


def test_a_file_that_is_not_listed_is_no_part_of_the_bundle(bundle: Bundle, folder: Path) -> None:
    (folder / "README.md").write_text("A model card", "utf-8")
    assert read_bundle(folder).sha256 == bundle.sha256


def test_a_folder_without_a_manifest_is_no_model_folder(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(BundleError, match="is this a model folder"):
            read_bundle(folder)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b'"text"', b"{}", b"\xff\xfe", b"[" * 100_000, b'{"format": 1, "text_version": 1}'],
    ids=["empty", "half", "list", "null", "string", "no-keys", "not-utf-8", "nested", "few-keys"],
)
def test_a_manifest_that_is_none_is_refused(folder: Path, content: bytes) -> None:
    (folder / MANIFEST).write_bytes(content)
    with pytest.raises(BundleError):
        read_bundle(folder)


@pytest.mark.parametrize(
    ("key", "value"), [("format", 2), ("format", "1"), ("text_version", TEXT_VERSION + 1), ("text_version", 0)]
)
def test_a_bundle_for_another_version_is_refused_and_the_way_out_named(folder: Path, key: str, value: object) -> None:
    rewrite(folder, **{key: value})
    with pytest.raises(BundleError, match=f"expected {key} .*, got {value}; use the bundle that belongs to this version"):
        read_bundle(folder)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"temperature": None}, id="missing-field"),
        pytest.param({"surprise": 1}, id="unknown-field"),
        pytest.param({"labels": ["scam_compound"]}, id="one-label"),
        pytest.param({"labels": ["a", "b", "a"]}, id="label-twice"),
        pytest.param({"labels": 3}, id="labels-not-a-list"),
        pytest.param({"labels": [["a"], ["b"]]}, id="labels-not-names"),
        pytest.param({"indicators": ["scam_compound"]}, id="indicator-named-as-a-label"),
        pytest.param({"temperature": 0}, id="temperature-0"),
        pytest.param({"temperature": float("nan")}, id="temperature-nan"),
        pytest.param({"temperature": float("inf")}, id="temperature-infinite"),
        pytest.param({"indicator_temperature": -1}, id="temperature-below-0"),
        pytest.param({"temperature": "1"}, id="temperature-not-a-number"),
        pytest.param({"operating_points": {"high": 0.4, "review": 0.9}}, id="points-out-of-order"),
        pytest.param({"operating_points": {"high": 0.4}}, id="half-the-points"),
        pytest.param({"operating_points": [0.4, 0.9]}, id="points-not-named"),
        pytest.param({"indicator_thresholds": {"secrecy": 1.5}}, id="threshold-above-1"),
        pytest.param({"indicator_thresholds": [0.5]}, id="thresholds-not-named"),
        pytest.param({"max_tokens": 64.5}, id="half-a-token"),
        pytest.param({"overlap": "8"}, id="overlap-not-a-number"),
        pytest.param({"files": []}, id="files-not-named"),
        pytest.param({"files": {}}, id="no-files"),
        pytest.param({"files": {name: 1 for name in FILES}}, id="hashes-not-strings"),
    ],
)
def test_a_manifest_with_a_field_at_fault_is_refused(folder: Path, change: dict[str, Any]) -> None:
    rewrite(folder, **change)
    with pytest.raises(BundleError):
        read_bundle(folder)


@pytest.mark.parametrize("name", FILES)
def test_a_manifest_must_vouch_for_every_file_that_is_loaded(folder: Path, name: str) -> None:
    files = json.loads((folder / MANIFEST).read_text("utf-8"))["files"]
    rewrite(folder, files={key: value for key, value in files.items() if key != name})
    with pytest.raises(BundleError, match=name):
        read_bundle(folder)


@pytest.mark.parametrize("name", ["../outside", "sub/inside", "..", ".", "", "/etc/hostname"])
def test_a_manifest_names_no_file_outside_its_folder(folder: Path, name: str) -> None:
    (folder.parent / "outside").write_bytes(b"abc")
    (folder / "sub").mkdir()
    (folder / "sub/inside").write_bytes(b"abc")
    files = json.loads((folder / MANIFEST).read_text("utf-8"))["files"]
    rewrite(folder, files=files | {name: file_sha256(folder.parent / "outside")})
    with pytest.raises(BundleError):
        read_bundle(folder)


def test_a_bundle_of_missing_files_is_not_written(bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="cannot be read"):
        write_bundle(tmp_path, replace(bundle.manifest, files={}), FILES)
    assert not (tmp_path / MANIFEST).exists()
