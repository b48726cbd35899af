"""The slow part of reading posts - normalising, hashing, finding contacts - on several processor cores."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from detector.campaigns.wording import MIN_CHARACTERS, fold, signature
from detector.contacts import find_contacts
from detector.processes import answered
from detector.records import Contact
from detector.scored import ScoredPost
from detector.text import normalise


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is computed of one post alone.

    :ivar text: Its normalised text.
    :ivar folded: What of it is compared.
    :ivar signature: MinHash signature; nothing for a text too short to be recognised.
    :ivar contacts: As the file names them, or else as found in the text.
    """

    text: str
    folded: str
    signature: bytes | None
    contacts: tuple[Contact, ...]


Asked = tuple[str, str, tuple[Contact, ...] | None]
"""Text, language and known contacts of a post: all that another process is sent of it."""


def prepare(post: Asked) -> Prepared:
    """Return what is computed of a post."""
    original, language, known = post
    text = normalise(original).text
    folded = fold(text)
    contacts = find_contacts(text, language) if known is None else known
    return Prepared(text, folded, None if len(folded) < MIN_CHARACTERS else signature(folded), contacts)


def prepared_posts(
    posts: Iterable[ScoredPost], *, is_known: Callable[[ScoredPost], bool], workers: int
) -> Iterator[tuple[ScoredPost, Prepared | None]]:
    """Yield posts in order with what is computed of them; nothing of that for a post that is known.

    :param is_known: Whether a post needs no computing, being the copy of an earlier one.
    :param workers: Processes; with one, or few posts, all is done in this one.
    :raises BackendError: if a process is killed.
    """
    return answered(posts, lambda post: None if is_known(post) else asked(post), prepare, workers=workers)


def asked(post: ScoredPost) -> Asked:
    """Return what of a post is needed to prepare it."""
    return post.text, post.language, post.contacts
