"""What a question for a text asks for: a name, a person, an address, a version, plain words."""

from __future__ import annotations

import re
from typing import Final, Literal

from cultivar.inference.lexicon import FUNCTION_WORDS
from cultivar.inference.profiles import Profile, plain_help
from cultivar.inference.shapes import Style, style_wanted
from cultivar.inference.words import split, stem

TextKind = Literal["identifier", "person", "mail", "url", "version", "prose", "plain"]
"""What a text is, as far as its question tells."""
_KINDS: Final[tuple[tuple[TextKind, frozenset[str]], ...]] = (
    ("mail", frozenset({"email", "mail"})),
    ("url", frozenset({"url", "homepage", "website", "repository_url", "link"})),
    ("prose", frozenset({"description", "summary", "tagline", "purpose", "title", "about"})),
    ("person", frozenset({"author", "maintainer", "owner", "creator", "holder", "contact"})),
    ("version", frozenset({"version"})),
)
_SAME: Final = tuple(
    frozenset(stem(word) for word in line.split())
    for line in (
        "project library lib package repo repository gem crate tool app application program "
        "distribution libary",
        "module file",
        "class type struct",
        "component widget button",
        "service server api app application daemon microservice backend",
        "package namespace import imported",
        "function hook",
        "stack system infrastructure",
    )
)


def kind_of(profile: Profile) -> TextKind:
    """What kind of text answers the question of `profile`."""
    name = {part.lower() for part in split(profile.name)}
    for kind, words in _KINDS:
        if name & words:
            return kind
    text = plain_help(profile.question).lower()
    if "who " in text or "author" in text:
        return "person"
    if (
        "name" in name
        or text.startswith(("name of", "what is the name", "what should"))
        or ("name" in text.split()[:6])
    ):
        return "identifier"
    return "plain"


def naming_words(profile: Profile) -> dict[str, frozenset[str]]:
    """The words for the thing that a question names: its own, others for it, those of its help."""
    own = frozenset(
        stem(part) for part in split(profile.name) if part.lower() not in ("name", "id")
    )
    like = {stem(word) for group in _SAME if own & group for word in group}
    help_words = frozenset(
        stem(part)
        for word in re.findall(r"[^\W\d_]+", plain_help(profile.question))
        for part in [word]
    )
    telling = help_words - FUNCTION_WORDS - {stem("name"), stem("like"), "call"} - own
    return {"own": own, "like": frozenset(like - own), "help": telling}


def wanted_style(profile: Profile) -> Style:
    """How the name that the question of `profile` asks for is written."""
    question = profile.question
    spoken = f"{question.help} {question.validator} {question.placeholder}"
    default = question.default if "{{" not in str(question.default) else None
    return style_wanted(default, spoken)
