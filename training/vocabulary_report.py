"""What trimming the vocabulary costs: tokens of each language's text before and after, and pieces that fall to unknown.

Bounds: 3 % more tokens in a language this project names, 30 % in any other the encoder knows, no new unknown piece.

How ``kept_pieces.json`` was chosen. What share of a language's tokens a piece makes up was estimated from three kinds of sources:
word lists (wordfreq, Hunspell, a romanised Hindi one) with translated messages (LibreOffice, VLC, GTK, GNOME, Sphinx, Django);
half of this project's posts, of the Universal Declaration of Human Rights and of ISO names; and the piece's own log-probability,
credited to the languages whose letter n-grams it is made of, which stands for the web text that XLM-RoBERTa's vocabulary was
fitted on. A dropped piece costs its share times the further tokens that it is then cut into. The pieces of least summed cost were
dropped, languages weighted until all were equally far from their bound; in scripts of this project's languages other than Latin
and Cyrillic, the rarest pieces, up to 1.2 % of tokens. It is measured on the halves that were not used and on GNOME help, the
Debian installation guide and fortunes.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from detector.errors import InputError
from training.vocabulary import choose_pieces, read_base, trim_tokenizer

NAMED = frozenset(
    "id ms tl th vi my km lo en zh zh-Hans zh-Hant hi hi-Latn ta bn ne ur si sw am ar ru uz uz-Cyrl pt es ko ja".split()
)
"""Languages that this project names; a text file is of one if its name is, or begins with, the code and an underscore."""
NAMED_PERCENT = 3
OTHER_PERCENT = 30
HEADER = f"{'language':<20}{'before':>10}{'after':>10}{'growth %':>10}{'unknown':>9}"


@dataclass(frozen=True, slots=True)
class Growth:
    """How one text is cut before and after trimming.

    :ivar name: Name of the text's file without its ending: a language code, or ``<code>_<source>``.
    :ivar before: Tokens with the whole vocabulary.
    :ivar after: Tokens with the trimmed one.
    :ivar unknown: Unknown pieces that only the trimmed vocabulary gives.
    """

    name: str
    before: int
    after: int
    unknown: int

    @property
    def share(self) -> float:
        """Further tokens, as a share of those before."""
        return self.after / self.before - 1 if self.before else 0.0

    @property
    def bounded(self) -> bool:
        """Whether the text keeps the bounds of its language."""
        percent = NAMED_PERCENT if self.name.split("_")[0] in NAMED else OTHER_PERCENT
        # In whole numbers: 103 / 100 - 1 is above 0.03.
        return 100 * self.after <= (100 + percent) * self.before and self.unknown <= 0

    def __str__(self) -> str:
        """Return the text's row of the table; an exclamation mark where it breaks a bound."""
        row = f"{self.name:<20}{self.before:>10}{self.after:>10}{100 * self.share:>10.2f}{self.unknown:>9}"
        return row if self.bounded else f"{row}  !"


def measure_growth(whole: Tokenizer, trimmed: Tokenizer, name: str, texts: Sequence[str]) -> Growth:
    """Cut texts with both tokenizers and count."""
    before, after = _count(whole, texts), _count(trimmed, texts)
    return Growth(name, before[0], after[0], after[1] - before[1])


def read_texts(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Read ``<language>.txt`` files: each one's name and its lines that are not empty.

    :raises InputError: if the folder has none.
    """
    paths = sorted(folder.glob("*.txt"))
    if not paths:
        raise InputError(f"{folder}: no .txt file; expected one <language>.txt a language")
    for path in paths:
        yield path.stem, [line for line in path.read_text("utf-8").splitlines() if line.strip()]


def report(base: str | Path, folder: Path, *, used: Sequence[int] = (), say: Callable[[str], Any] = print) -> list[Growth]:
    """Trim a base encoder's tokenizer and say, for each language, how many more tokens its text has.

    :param base: Folder or Hugging Face id of an encoder with a unigram tokenizer.
    :param folder: Folder of ``<language>.txt`` files.
    :param used: As in :func:`choose_pieces`; without it the growth is what a project with no text of its own would see.
    :param say: Called with each line of the table.
    :return: One row a file, in order of name.
    """
    whole, plain, pieces = read_base(base)
    kept = choose_pieces(pieces, used)
    trimmed = trim_tokenizer(plain, kept)
    say(f"{len(kept)} of {len(pieces)} pieces kept")
    say(HEADER)
    rows = []
    for name, texts in read_texts(folder):
        rows.append(measure_growth(whole, trimmed, name, texts))
        say(str(rows[-1]))
    return rows


def _count(tokenizer: Tokenizer, texts: Sequence[str]) -> tuple[int, int]:
    unknown = tokenizer.token_to_id("<unk>")
    ids = [encoding.ids for encoding in tokenizer.encode_batch(list(texts), add_special_tokens=False)]
    return sum(map(len, ids)), sum(row.count(unknown) for row in ids)
