"""The only text preprocessing of the detector: one form for every way of writing the same words.

Recruiters of scam compounds dodge keyword filters with invisible characters, look-alike letters,
fancy alphabets, s p a c i n g and d1g1ts. :func:`normalise` undoes these and repairs broken
encodings, and leaves the spelling of every script alone. Each character of the result knows which
characters of the original it came from, so that evidence can be shown in the post as written.

Raise ``TEXT_VERSION`` with every change of what :func:`normalise` returns.
"""

from array import array
from dataclasses import dataclass

from detector import characters, disguise, mojibake, zawgyi
from detector.draft import Draft
from detector.errors import InputError

TEXT_VERSION = 1

# One step can uncover work for another, so the steps run until nothing changes. Two passes are
# the rule; the bound keeps a text made to unfold layer by layer from taking long.
_MAX_PASSES = 8


@dataclass(frozen=True, slots=True)
class NormalisedText:
    """A normalised text and its way back to the original.

    ``starts[i]`` and ``ends[i]`` bound the code points ``[start, end)`` of the original that
    character ``i`` of ``text`` came from; neither ever decreases.
    """

    text: str
    starts: "array[int]"
    ends: "array[int]"

    def original_span(self, start: int, end: int) -> tuple[int, int]:
        """Return the code points of the original behind a part of the normalised text.

        :param start: First character of the part, 0 to ``len(text)``.
        :param end: One past its last character, ``start`` to ``len(text)``.
        :return: ``[start, end)`` in the original; empty if the part is empty.
        :raises InputError: if the part does not lie within the text.
        """
        if not 0 <= start <= end <= len(self.text):
            raise InputError(f"expected a span within 0 and {len(self.text)}, got {start} to {end}")
        if start < end:
            return self.starts[start], self.ends[end - 1]
        if start < len(self.text):
            return self.starts[start], self.starts[start]
        last = self.ends[-1] if self.ends else 0
        return last, last


def normalise(text: str) -> NormalisedText:
    """Return a text in the one form that the detector reads.

    Case, digits, accents and emoji are kept, and so is every letter, mark and joiner that a
    script spells words with. A normalised text is left as it is.

    :param text: Any string, lone surrogates and control characters included.
    :return: The normalised text with its offsets; empty if nothing visible is in ``text``.
    """
    draft = Draft(text)
    for _ in range(_MAX_PASSES):
        before = draft.text
        _pass(draft)
        if draft.text == before:
            break
    return NormalisedText(draft.text, draft.starts, draft.ends)


def _pass(draft: Draft) -> None:
    if not draft.text.isascii():
        characters.join_surrogates(draft)
        # Before anything is stripped: the bytes of broken text show as controls and soft hyphens.
        draft.edit(mojibake.edits(draft.text))
    characters.fold(draft)
    if not draft.text.isascii():
        characters.drop_stray_joiners(draft)
        draft.edit(zawgyi.edits(draft.text), whole=True)
        characters.fold_symbols(draft)
        characters.compose(draft)
    # Before blanks are folded: a wider blank is what tells s p a c e d  w o r d s apart.
    disguise.join_spaced_letters(draft)
    disguise.unmix_scripts(draft)
    disguise.replace_leet(draft)
    disguise.shorten_repeats(draft)
    characters.fold_blanks(draft)
