"""Slugs: texts made fit for addresses and file names."""

import re
import unicodedata

_OTHERS = re.compile(r"[^a-z0-9]+")


def slugify(text: str, *, separator: str = "-", max_length: int | None = None) -> str:
    """Return `text` in lower-case ASCII letters and digits, its words joined by `separator`.

    Accents are dropped; what has no likeness in ASCII is left out.

    Args:
        text: What to make a slug of.
        separator: What stands between two words.
        max_length: How many characters the slug may have. Whole words are kept as long as they
            fit; a first word that does not fit is cut.

    Raises:
        ValueError: `max_length` is less than one.
    """
    if max_length is not None and max_length < 1:
        raise ValueError(f"max_length must be at least 1, not {max_length}")
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")
    words = _OTHERS.sub(" ", plain.lower()).split()
    if max_length is None:
        return separator.join(words)
    return _fitting(words, separator, max_length)


def _fitting(words: list[str], separator: str, max_length: int) -> str:
    slug = words[0][:max_length] if words else ""
    for word in words[1:]:
        longer = slug + separator + word
        if len(longer) > max_length:
            break
        slug = longer
    return slug
