"""What a task says no to: negations, how far they reach, and words that only look like one."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from cultivar.inference.reading import Reading, Word
from cultivar.inference.words import word_set

_NEGATORS: Final = word_set(
    "no nothing not without never don't dont doesn't doesnt isn't isnt aren't arent "
    "needn't won't wont can't cannot shouldn't mustn't wouldn't didn't haven't hasn't nor "
    "neither skip drop omit forget avoid disable exclude remove lacking minus except sans "
    "none ditch lose dispense skipping dropping omitting avoiding disabling excluding "
    "removing unnecessary w/o nix zero excluded disables avoids omits skips lacks ain't "
    "nobody"
)
_SAYING_MORE: Final = word_set(
    "else fancy but more less later fewer longer older wait doubt matter only just sure "
    "later sooner than problem worries rush because"
)
"""After `no` or `not`, they take the negation back: `no more than`, `not only`."""

_STOPS: Final = word_set(
    "below under before but with plus including yes instead that which who whose when "
    "once if because so while where however except only then than as unless though "
    "although since"
)
"""Words that a negation does not reach over."""

_DOING: Final = word_set(
    "use using add adding want need needs include including have has make made do bother "
    "like require put turn enable generate write give set be emit call see wish build "
    "know implement support supporting ship provide care add expose bring run create"
)
_REFUSING_PAIRS: Final = frozenset(
    {
        ("leave", "out"), ("leaving", "out"), ("left", "out"), ("leave", "off"), ("leave", "away"),
        ("turn", "off"), ("turned", "off"), ("switch", "off"), ("switched", "off"),
        ("keep", "out"), ("do", "without"), ("get", "rid"), ("free", "of"), ("instead", "of"),
        ("rather", "than"), ("stay", "away"), ("steer", "clear"), ("hold", "off"), ("opt", "out"),
        ("pass", "on"), ("rid", "of"), ("away", "with"), ("out", "of"),
    }
)  # fmt: skip
_AFTER_NO: Final = word_set(
    "forbidden prohibited banned taboo off unnecessary overkill needless superfluous "
    "skipped omitted dropped disabled excluded unneeded unwanted pointless out removed "
    "redundant"
)
_AFTER_NOT: Final = word_set(
    "not isn't aren't never needn't don't doesn't won't cannot can't shouldn't mustn't "
    "isnt wouldn't no"
)
_BE: Final = word_set("is are be was were will would should can could may might must")
_YES: Final = word_set("yes true on y enabled enable 1 please included needed required yep")
_NO: Final = word_set("no false off n none disabled disable never nope nein without 0")
_TRAILING: Final = word_set("out off away any anymore here at please now then either")
_REACH: Final = 9


def is_negator(word: str) -> bool:
    """Whether `word` negates something."""
    return word in _NEGATORS or word.endswith("n't")


def negated(reading: Reading, first: int, last: int) -> tuple[bool, int]:
    """Whether the words from `first` to `last` are negated, and where the evidence begins."""
    answer = answered(reading, last)
    if answer is not None:
        return not answer, first
    before = _before(reading, first)
    if before is not None and _limits(reading, last):
        return False, first
    if before is not None:
        return True, before
    return _after(reading, first, last) or _retracted(reading, last), first


def answered(reading: Reading, last: int) -> bool | None:
    """What is answered right after the word: `cache: yes`, `metrics = off`, `retries on`."""
    after = _word(reading, last + 1)
    if after is None:
        return None
    gap = after.gap.strip()
    if gap in ("", "-") and after.lower in ("on", "off", "yes", "none", "no"):
        ends = _ends(reading, last + 1)
        return (after.lower in _YES) if ends else None
    if gap in (":", "=", "?", "->", "=>", "\u2013", "—", "-") and after.lower in _YES | _NO:
        return after.lower in _YES if gap != "-" or _ends(reading, last + 1) else None
    return None


def _ends(reading: Reading, index: int) -> bool:
    """Whether the clause ends after the word, or goes on with an `and`."""
    word, after = reading.words[index], _word(reading, index + 1)
    return after is None or after.clause != word.clause or after.lower in ("and", "or", "please")


def _retracted(reading: Reading, last: int) -> bool:
    """Whether the words are taken back by a pronoun: `…, but I don't need them any more`."""
    words, sentence = reading.words, reading.words[last].sentence
    for at in range(last + 2, min(last + 14, len(words))):
        if words[at].sentence != sentence:
            return False
        if words[at].lower in ("it", "them", "those") and _closes(reading, at):
            led = [word.lower for word in words[max(last + 1, at - 3) : at]]
            refused = any(is_negator(word) for word in led)
            left = led[-1:] in (["leave"], ["cut"], ["take"]) and words[at + 1 : at + 2]
            if refused or (left and words[at + 1].lower in ("out", "away", "off")):
                return True
    return False


def _closes(reading: Reading, at: int) -> bool:
    """Whether the statement ends with the pronoun at `at`, small words aside."""
    after = _word(reading, at + 1)
    ends = after is None or after.clause != reading.words[at].clause
    return ends or (after is not None and after.lower in _TRAILING)


def _limits(reading: Reading, last: int) -> bool:
    """Whether only too much of it is refused: `don't cache for longer than a minute`."""
    near, clause = reading.words[last + 1 : last + 7], reading.words[last].clause
    said = [word.lower for word in near if word.clause == clause]
    more = {"more", "longer", "fewer", "less", "later", "bigger", "larger", "greater"}
    return any(one in more and two == "than" for one, two in pairwise(said))


def _before(reading: Reading, first: int) -> int | None:
    """Where the negation begins that reaches the word from before; None without one."""
    listed = _in_list(reading, first)
    clause, at, steps = reading.words[first].clause, first - 1, 0
    while at >= 0 and steps < _REACH and _same(reading, at, clause, listed):
        word = reading.words[at].lower
        pair = _pair(reading, at)
        if pair is not None:
            return at - 1
        if word in _NEGATORS:
            return None if _pseudo(reading, at) else at
        if word.endswith("n't"):
            return at
        if _stops(reading, at, listed):
            return None
        at, steps = at - 1, steps + 1
    return None


def _same(reading: Reading, at: int, clause: int, listed: int) -> bool:
    word = reading.words[at]
    return word.clause == clause or (
        at >= listed and word.sentence == reading.words[listed].sentence
    )


def _pair(reading: Reading, at: int) -> tuple[str, str] | None:
    """`leave out`, also with the words between the two that negate."""
    if at < 1:
        return None
    pair = (reading.words[at - 1].lower, reading.words[at].lower)
    if pair == ("out", "of") and not (at > 1 and reading.words[at - 2].lower in ("leave", "keep")):
        return None
    return pair if pair in _REFUSING_PAIRS else None


def _pseudo(reading: Reading, at: int) -> bool:
    after = _word(reading, at + 1)
    if after is None:
        return False
    if reading.words[at].lower in ("no", "not", "nothing") and after.lower in _SAYING_MORE:
        return True
    if reading.words[at].lower == "no" and after.gap.strip().startswith((",", ".")):
        return True
    return reading.words[at].lower in ("forget", "drop") and after.lower in (
        "after",
        "to",
        "entries",
    )


def _stops(reading: Reading, at: int, listed: int) -> bool:
    word = reading.words[at].lower
    before = reading.words[at - 1].lower if at else ""
    if word in ("with", "of", "about") and before in ("bother", "mess", "away", "dispense", "need"):
        return False
    if word == "with":
        return not _ordered_not_to(reading, at)
    if word in _STOPS:
        return True
    if word in ("and", "&", "or"):
        return at < listed and word != "or" and not _carried(reading, at)
    if word in _DOING:
        return not _refused(reading, at)
    return False


def _ordered_not_to(reading: Reading, at: int) -> bool:
    """Whether a verb that is not to be done leads to the `with` at `at`."""
    near = [word.lower for word in reading.words[max(0, at - 5) : at]]
    return any(word.endswith("n't") or word in ("never", "dont") for word in near)


def _refused(reading: Reading, at: int) -> bool:
    """Whether the verb at `at` has a `not`, `never`, `to` or the like near before it."""
    near = [word.lower for word in reading.words[max(0, at - 4) : at]]
    return any(word in _NEGATORS or word.endswith("n't") for word in near)


def _carried(reading: Reading, at: int) -> bool:
    """Whether a negation goes on after the `and` at `at`: `without a cache and metrics`."""
    after = _word(reading, at + 1)
    if after is None or after.lower in ("a", "an", "the", "with", "use", "add", "do", "make", "it"):
        return False
    near = [word.lower for word in reading.words[max(0, at - 4) : at]]
    return any(
        word in ("without", "neither", "w/o", "skip", "omit", "drop", "sans") for word in near
    )


def _in_list(reading: Reading, first: int) -> int:
    """Where the list begins that the word is in, if an `or` or `nor` closes it; else `first`."""
    words, begin, joined = reading.words, first, False
    sentence = words[first].sentence
    ahead = first
    while ahead < len(words) and words[ahead].sentence == sentence and ahead - first < 8:
        joined = joined or words[ahead].lower in ("or", "nor")
        ahead += 1
    at, run = first, 0
    while at > 0 and words[at].sentence == sentence and run < 4:
        gap = words[at].gap.strip()
        if gap not in ("", ",", "-", "/"):
            break
        joined = joined or words[at].lower in ("or", "nor")
        at, run = at - 1, 0 if gap == "," else run + 1
        begin = at
    return begin if joined else first


def _after(reading: Reading, first: int, last: int) -> bool:
    """Whether what follows the words negates them: `is not needed`, `can be left out`."""
    clause = reading.words[last].clause
    led = [word.lower for word in reading.words[max(0, first - 3) : first]]
    seen: list[str] = []
    for word in reading.words[last + 1 : last + 7]:
        if word.clause != clause or word.lower in _STOPS or word.lower in ("and", "or", "to"):
            break
        if word.lower == "out" and seen == []:
            return bool({"leave", "leaving", "keep", "cut", "left", "take"} & set(led))
        if word.lower in _AFTER_NO and (seen == [] or set(seen) & _BE):
            return True
        if word.lower in _AFTER_NOT and (word.lower != "no" or word.gap.strip() == ":"):
            return not _pseudo(reading, last + 1 + len(seen)) and _refers(seen, word)
        seen.append(word.lower)
    after = _word(reading, last + 1)
    return after is not None and after.gap == "-" and after.lower == "free"


def _refers(seen: list[str], word: Word) -> bool:
    return not seen or bool(set(seen) & _BE) or len(seen) < 3 or word.lower.endswith("n't")


def _word(reading: Reading, index: int) -> Word | None:
    return reading.words[index] if 0 <= index < len(reading.words) else None
