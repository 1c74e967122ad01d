"""Smart defaults at once, however much was counted: what follows from the counts is kept.

Two things are kept for a question: what each earlier answer changes, and what is suggested under
those that change most. Neither changes much while little is added to the counts.

The invariant: on the same counts what is kept says what `default_for` says, and what is kept is
never older than `USABLE` allows. How much was counted is measured as it weighs: no instance makes
what is kept look newer or older than it is by what it sends. Where little was counted nothing is
kept: it is worked out anew.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from hashlib import sha256
from typing import Final

from cultivar.errors import UnavailableError
from cultivar.learning.defaults.bodies import Found, Stamp, body_of, effect_in, found_in, stamp_in
from cultivar.learning.defaults.renewing import Renewals
from cultivar.learning.defaults.suggesting import Evidence, conditions_of, default_for, told
from cultivar.learning.defaults.suggestion import AskedFor, Suggestion
from cultivar.learning.evidence.conditions import Effect, Under, effect_of, under_of
from cultivar.learning.evidence.counts import Counts
from cultivar.learning.evidence.weighing import bounded
from cultivar.ledger.tallying import Extent, Judgement, TallyStore
from cultivar.model import Json
from cultivar.record import Record, asdict

_LOG = logging.getLogger(__name__)

FRESH: Final = 0.01
"""How much more may have been counted before what is kept is renewed, as a share of it."""

USABLE: Final = 0.1
"""How much more may have been counted before what is kept is used no more."""

LONGEST: Final = 86_400.0
"""Seconds after which what is kept is renewed, however little was counted since."""

AFFORDABLE: Final = 100
"""Up to so many strata, those under each given answer counted again, nothing is kept."""

_RULES: Final = 1
"""Which rules judgements are made by; other rules do not know those of these."""


def heard_of(extent: Extent) -> int:
    """How often a template was used, each instance's uses bounded as they weigh."""
    return round(sum(bounded(extent.told)))


class _Wanted(Record):
    """A question as it is asked."""

    asked: AskedFor
    before: Mapping[str, Json]
    """The given answers under which others are counted."""
    template_id: str

    @property
    def key(self) -> str:
        """What tells it from others."""
        return json.dumps([self.template_id, asdict(self.asked), self.before], sort_keys=True)


class KeptDefaults:
    """Smart defaults, with what is kept of them.

    Args:
        store: Where the counts are, and what is kept.
        renewals: Keeps, and works out anew what is no longer fresh.
        affordable: Up to how many strata all is worked out each time.
        now: The time, in seconds since 1970.
    """

    def __init__(
        self,
        store: TallyStore,
        renewals: Renewals,
        affordable: int = AFFORDABLE,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.store = store
        self._renewals, self._affordable, self._now = renewals, affordable, now

    def find(
        self, asked: AskedFor, given: Mapping[str, Json], template_id: str
    ) -> Suggestion | None:
        """What earlier generations speak for, as the answer to a question.

        Args:
            asked: The question.
            given: The closed answers that are already there, by question.
            template_id: The template that asks.
        """
        before = conditions_of(asked, given)
        wanted = _Wanted(asked=asked, before=before, template_id=template_id)
        answering = _Answering(wanted, self.store, self._now())
        if answering.strata * (1 + len(before)) <= self._affordable:
            return default_for(asked, given, self.store, template_id)
        found, under = answering.answer()
        if answering.made or answering.is_stale:
            self._renewals.ask(wanted.key, partial(self._renew, answering, wanted))
        return found and told(found, under, given)

    def _renew(self, answering: _Answering, wanted: _Wanted) -> None:
        """Keep what was worked out, and work out anew what is stale; nobody waits for it."""
        try:
            answering.keep()
            if answering.is_stale:
                anew = _Answering(wanted, self.store, self._now(), only_fresh=True)
                anew.answer()
                anew.keep()
        except UnavailableError as error:  # or the ledger is closed by now
            _LOG.debug("what is kept stays as it was: %s", error)


class _Answering:
    """One question being answered from what is kept, and where nothing is, from the counts.

    Args:
        wanted: The question.
        store: Where the counts are, and what is kept.
        now: The time, in seconds since 1970.
        only_fresh: Whether nothing is used that should be renewed.
    """

    def __init__(
        self, wanted: _Wanted, store: TallyStore, now: float, *, only_fresh: bool = False
    ) -> None:
        self._wanted, self._store, self._now, self._only_fresh = wanted, store, now, only_fresh
        self._evidence = Evidence(wanted.asked, store, wanted.template_id)
        self._values = sorted(map(_text, wanted.asked.values))
        self._keys = {name: self._effect_key(name) for name in wanted.before}
        # Before anything else of the counts: what is made of them may be newer, never older.
        self._known = store.known(wanted.template_id, wanted.asked.name, tuple(self._keys.values()))
        self.made: dict[str, Judgement] = {}
        """What was worked out, by its key."""
        self.is_stale = False
        """Whether something was used that should be renewed."""

    @property
    def strata(self) -> int:
        """In how many versions and instances the template was used."""
        return self._known.extent.strata

    @cached_property
    def _heard(self) -> int:
        return heard_of(self._known.extent)

    def answer(self) -> tuple[Suggestion | None, Under]:
        """What the evidence speaks for, and what it was judged under."""
        under = under_of(self._effects())
        key = self._suggestion_key(under)
        body = self._usable(self._kept(key))
        found = found_in(body) if body else None
        if found is None:
            found = Found(suggestion=self._evidence.suggestion(under, self._wanted.before))
            self._make(key, found)
        return found.suggestion, under

    def keep(self) -> None:
        """Keep what was worked out; not of questions that nobody answers, which have no end."""
        if self.made and self._evidence.speaks:
            self._store.keep(self._wanted.template_id, self._wanted.asked.name, self.made)

    def _effects(self) -> dict[str, Effect]:
        """What each earlier answer changes, in the order in which they were given."""
        kept = self._known.kept
        found = {name: self._kept_effect(kept.get(key)) for name, key in self._keys.items()}
        missing = {n: self._wanted.before[n] for n, effect in found.items() if effect is None}
        parts = self._evidence.parts(missing)
        return {name: each or self._new_effect(name, parts[name]) for name, each in found.items()}

    def _kept_effect(self, judgement: Judgement | None) -> Effect | None:
        body = self._usable(judgement)
        return effect_in(body) if body else None

    def _new_effect(self, name: str, part: Counts) -> Effect:
        effect = effect_of(part, self._evidence.whole)
        self._make(self._keys[name], effect)
        return effect

    def _make(self, key: str, value: Found | Effect) -> None:
        stamp = Stamp(at=self._now, heard=self._heard)
        self.made[key] = Judgement(body=body_of(value, stamp), uses=self._known.extent.uses)

    def _usable(self, judgement: Judgement | None) -> str | None:
        """What was kept, if it is not too old."""
        if judgement is None:
            return None
        stamp = stamp_in(judgement.body)
        then = stamp.heard if stamp else judgement.uses
        passed = abs(self._heard - then)
        is_fresh = stamp and passed <= FRESH * then and abs(self._now - stamp.at) <= LONGEST
        if not is_fresh and (self._only_fresh or passed > USABLE * then):
            return None
        self.is_stale = self.is_stale or not is_fresh
        return judgement.body

    def _kept(self, key: str) -> Judgement | None:
        wanted = self._wanted
        return self._store.judgements(wanted.template_id, wanted.asked.name, [key]).get(key)

    def _effect_key(self, name: str) -> str:
        return _key("effect", self._values, name, _text(self._wanted.before[name]))

    def _suggestion_key(self, under: Under) -> str:
        before, default = self._wanted.before, _text(self._wanted.asked.default)
        named = [[each, each and _text(before[each])] for each in (under.success, under.use)]
        return _key("suggestion", self._values, default, *named)


def _text(value: Json) -> str:
    return json.dumps(value, sort_keys=True)


def _key(*parts: object) -> str:
    """What tells a judgement from others: all that it depends on, but for the counts."""
    return sha256(json.dumps([_RULES, *parts]).encode()).hexdigest()[:32]
