"""What a contact is elsewhere: an address on the web, or the name of an account."""

import re

from detector.records import Contact


def address_of(contact: Contact) -> str | None:
    """Return the address of a link or an invitation, which posts write with and without its scheme; nothing for a name."""
    if contact.kind == "facebook" and "/" in contact.value:
        return f"https://www.facebook.com/{contact.value}"
    if contact.kind != "url" and "/" not in contact.value:
        return None
    return contact.value if re.match(r"https?://", contact.value, re.IGNORECASE) else f"https://{contact.value}"


def login(contact: Contact) -> str:
    """Return a name without the sign before it; Telegram's in lower case, since it does not tell cases apart."""
    bare = contact.value.lstrip("~" if contact.kind == "line" else "~@") or contact.value
    return bare.casefold() if contact.kind == "telegram" else bare
