"""The files of the review page: who gets them, and that they have the same words in each language."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from detector import Detector, glossary, report
from detector.records import INDICATORS
from serve import pages
from serve.app import create_app
from serve.headers import SECURITY_HEADERS
from serve.security import Gate, guards
from serve.settings import Settings

FOLDER = Path(pages.__file__).parent
COLOURS = Path(report.__file__).parent / "page" / "colours.css"
TEXTS = {path.suffixes[0][1:]: json.loads(path.read_text("utf-8")) for path in sorted(FOLDER.glob("texts.*.json"))}


@pytest.mark.parametrize("language", TEXTS)
def test_every_language_has_all_words_with_the_same_places(language: str) -> None:
    def shape(texts: dict[str, str]) -> dict[str, list[str]]:
        return {key: sorted(re.findall(r"\{\w+\}|#", text)) for key, text in texts.items()}

    assert shape(TEXTS[language]) == shape(TEXTS["en"])
    assert list(TEXTS[language]) == list(TEXTS["en"])
    assert all(text.strip() for text in TEXTS[language].values())
    if language != "en":
        same = {key for key, text in TEXTS[language].items() if text == TEXTS["en"][key]}
        assert same <= {"card.colon", "contact.email"}


def test_the_words_cover_what_the_detector_says_and_agree_with_its_glossary() -> None:
    english = TEXTS["en"]
    assert sorted(TEXTS) == ["en", "id", "th", "vi", "zh"]
    assert {f"sign.{code}" for code in INDICATORS} == {key for key in english if re.fullmatch(r"sign\.\w+", key)}
    assert {f"sign.{code}.meaning" for code in INDICATORS} == {key for key in english if re.fullmatch(r"sign\.\w+\.meaning", key)}
    for kind, terms in (("sign", glossary.INDICATORS), ("label", glossary.LABELS), ("band", glossary.BANDS)):
        assert {code: english[f"{kind}.{code}"] for code in terms} == {code: term.name for code, term in terms.items()}
    assert {f"abstain.{reason}" for reason in glossary.REASONS} <= set(english)


def test_every_text_that_the_files_name_is_there() -> None:
    source = "".join(path.read_text("utf-8") for path in FOLDER.iterdir() if path.suffix in {".html", ".js"})
    named = set(re.findall(r'(?:text\(|data-text=|data-label=|say\(|return )"([a-z_]+(?:\.[a-z_]+)*)"', source))
    assert len(named) > 80
    assert {key for key in named if "." in key or key in TEXTS["en"]} <= set(TEXTS["en"])


def test_the_page_and_its_files_need_no_key_and_keep_the_policy(load: Callable[[], Detector], tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, anonymous="no")
    gate = Gate(settings)
    with TestClient(create_app(load, settings, guards=guards(gate))) as client:
        answers = {
            name: client.get(f"/page/{name}") for name in ("colours.css", "page.css", "page.js", "texts.th.json", "icon.svg")
        }
        answers["index.html"] = client.get("/")
        again = client.get("/", headers={"if-none-match": answers["index.html"].headers["etag"]})
        absent = [
            client.get(f"/page/{name}").status_code for name in ("__init__.py", "absent.js", "..%2fkeys.py", "../keys.py", "")
        ]
        refused = client.get("/v1/model").status_code
        head = client.head("/")
    gate.close()
    assert refused == 401
    assert (again.status_code, again.content) == (304, b"")
    assert (head.status_code, head.content) == (200, b"")
    assert absent == [404] * 5
    kinds = {name: answer.headers["content-type"].partition(";")[0] for name, answer in answers.items()}
    assert kinds == {
        "index.html": "text/html",
        "colours.css": "text/css",
        "page.css": "text/css",
        "page.js": "text/javascript",
        "texts.th.json": "application/json",
        "icon.svg": "image/svg+xml",
    }
    for name, answer in answers.items():
        assert answer.content == (COLOURS if name == COLOURS.name else FOLDER / name).read_bytes()
        assert answer.headers["content-security-policy"] == SECURITY_HEADERS["Content-Security-Policy"]
        assert answer.headers["cache-control"] == "no-cache"
