"""Where a task speaks of something: phrases found among its words, slips of the finger forgiven."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, Generic, TypeVar

from cultivar.inference.lexicon import FUNCTION_WORDS, Phrase
from cultivar.inference.reading import Reading, Word
from cultivar.inference.words import is_typo, stem, word_set
from cultivar.record import Record

Key = TypeVar("Key")

_LONGEST: Final = 5
_NOT_A_SLIP: Final = word_set(
    "http html retire retires retired cash cashes cashed catch catches caught match matches "
    "batch coach matrix matrices meter meters metre metres sink tables cable steal stable "
    "reader leader trial trials serve server serves service services state static station "
    "stations rating rated counts country county count contest context content port post "
    "posts part parts text test tests best rest types tapes typed times timer tiers items "
    "terms teams steams form forms color colors colour full fuel fill file files filed field "
    "fields line lines link links like likes mine mind main mail mails male mode model modes "
    "module modules node nodes note notes path paths patch pack page pages pause past paste "
    "plan plane plain plant price prize prices print prints point points public publish queue "
    "quite quiet rate rates read reads ready real route router routers root roots role roles "
    "rule rules scale scales scope score scores seal seat sheet shift ship shop shops short "
    "show shows side sides site sites size sizes slot slots sort sorts source sources space "
    "spare speed spend split spot stack stage staff start starts stay step steps stock stop "
    "stops store stores storm story style table task tasks tell then there these thing things "
    "think those three token tokens tool tools total touch track tracks trade train trains "
    "tree trees truck trust truth unit units user users value values view views visit voice "
    "wait want watch water week weeks wheel where which while white whole word words work "
    "works world write wrote year years yield young brake breaks broken break baker breaker "
    "bakers brewer trips trap traps trail latter later letter letters ladder loader loaders "
    "lock locks clock clocks block blocks black bucket bracket locker logger longer larger "
    "login logging lagging lodging tagging timing timings mining meaning"
)
"""Words that are near to a word of the trade, and mean what they say."""


class Mention(Record, Generic[Key]):
    """A phrase at a place of a task."""

    key: Key
    """What it was found for."""
    first: int
    last: int
    typo: bool = False


class Index(Generic[Key]):
    """Phrases to look for, each with what it is looked for."""

    def __init__(self, phrases: Iterable[tuple[Phrase, Key]]) -> None:
        self._phrases: dict[Phrase, list[Key]] = {}
        self._words: dict[str, set[str]] = {}
        for phrase, key in phrases:
            self._add(phrase, key)

    def _add(self, phrase: Phrase, key: Key) -> None:
        self._phrases.setdefault(phrase, []).append(key)
        joined = (stem("".join(phrase)),)
        if len(phrase) > 1:
            self._phrases.setdefault(joined, []).append(key)
        for word in (*phrase, *joined):
            word = word.removeprefix("=")
            if len(word) > 3:
                self._words.setdefault(word[0], set()).add(word)

    def slips(self, reading: Reading) -> dict[str, str]:
        """The stems in `reading` that are slips of the finger, with what was meant."""
        forms = ((word.stem, self._form(word)) for word in reading.words)
        return {stem: meant for stem, (meant, typo) in forms if typo}

    def find(self, reading: Reading) -> Iterator[Mention[Key]]:
        """All mentions in `reading`, in the order of the words."""
        forms = [self._form(word) for word in reading.words]
        for at in range(len(forms)):
            for length in range(1, _LONGEST + 1):
                if at + length > len(forms) or not _whole(reading, at, at + length - 1):
                    continue
                yield from self._at(reading, forms, at, length)

    def _at(
        self, reading: Reading, forms: list[tuple[str, bool]], at: int, length: int
    ) -> Iterator[Mention[Key]]:
        words = reading.words[at : at + length]
        if length > 1 and not _together(words):
            return
        slip = any(typo for _, typo in forms[at : at + length])
        keys = list(self._phrases.get(tuple(form for form, _ in forms[at : at + length]), ()))
        if length == 1:
            keys += self._phrases.get((f"={words[0].lower}",), ())
        elif length == 2:
            keys += self._phrases.get((stem(words[0].lower + words[1].lower),), ())
        for key in dict.fromkeys(keys):
            yield Mention(key=key, first=at, last=at + length - 1, typo=slip)

    def _form(self, word: Word) -> tuple[str, bool]:
        """The stem to look up, and whether the word had to be set right for it."""
        known = self._words.get(word.lower[:1], ())
        if word.stem in known or not 3 < len(word.lower) < 20 or word.kind != "word":
            return word.stem, False
        if word.lower in _NOT_A_SLIP or word.lower in FUNCTION_WORDS or word.stem in _NOT_A_SLIP:
            return word.stem, False
        near = sorted(meant for meant in known if is_typo(word.stem, meant))
        return (near[0], True) if near else (word.stem, False)


def _whole(reading: Reading, first: int, last: int) -> bool:
    """Whether a span takes identifiers and quotations as wholes."""
    words = reading.words
    if words[first].kind == "word" == words[last].kind:
        return True
    begins = first == 0 or words[first - 1].token != words[first].token
    ends = last + 1 == len(words) or words[last + 1].token != words[last].token
    return begins and ends


def _together(words: tuple[Word, ...]) -> bool:
    """Whether the words stand in a row, with nothing between but a space, a hyphen or a dot."""
    return all(word.gap.strip() in ("", "-", "/", ".") for word in words[1:]) and (
        words[0].sentence == words[-1].sentence
    )


def longest(
    mentions: Iterable[Mention[Key]],
    strength: Mapping[Key, float],
    allied: Callable[[Key, Key], bool] = lambda one, other: False,
) -> list[Mention[Key]]:
    """The mentions that no longer, and no stronger, mention covers, but of what is `allied`."""
    found = sorted(mentions, key=lambda each: (each.first - each.last, -strength[each.key]))
    best: dict[int, list[Mention[Key]]] = {}
    kept: list[Mention[Key]] = []
    for mention in found:
        above = [m for i in range(mention.first, mention.last + 1) for m in best.get(i, ())]
        rivals = [other for other in above if not allied(other.key, mention.key)]
        if any(_covers(other, mention, strength) for other in rivals):
            continue
        kept.append(mention)
        for i in range(mention.first, mention.last + 1):
            best.setdefault(i, []).append(mention)
    return sorted(kept, key=lambda each: (each.first, each.last))


def _covers(one: Mention[Key], other: Mention[Key], strength: Mapping[Key, float]) -> bool:
    longer = one.last - one.first > other.last - other.first
    return longer or strength[one.key] > strength[other.key] + 0.04
