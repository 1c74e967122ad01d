"""What words mean in talk about software: synonyms, degrees, negations, who loads what.

It knows the trade's vocabulary in general and no template in particular. An entry with `=` before
it stands for that very form; any other stands for all forms of its words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

from cultivar.inference.words import stem, stem_set, stems, word_set
from cultivar.record import Record

Phrase: TypeAlias = tuple[str, ...]
"""The stems of some words in a row; a form that must stand as it is begins with `=`."""


class Concept(Record):
    """Words for one thing, and words for its opposite."""

    words: frozenset[Phrase]
    opposites: frozenset[Phrase]


_CONCEPTS: Final = """
async, asynchronous, asynchron, asyncio, coroutine, awaitable, await, non-blocking, \
nonblocking, aio, event loop | sync, synchronous, synchron, blocking
cache, caching, memoize, memoise, lru, read-through, cached, reuse, reused
metric, metrics, =counters, observability, prometheus, statsd, grafana, datadog, hit rate, \
telemetry, instrument, instrumented, instrumentation, opentelemetry, measure, measurement
tracing, trace, spans, opentelemetry, distributed tracing, jaeger
logging, =log, =logs, logger, structured logging, =logged
retry, try again, tried again, trying again, back off, backoff, reattempt, re-try, \
second attempt, exponential back off, attempt, =tries
circuit breaker, breaker, trip, fuse, half-open, stop calling, leave alone
rate limit, rate limiting, limiter, throttle, throttling
cli, =shell, command line, command-line, terminal, console script, executable command, \
shell command, console command, command-line interface
ci, continuous integration, build pipeline, pipeline, ci pipeline
documentation, document everything, document it, document all, document thoroughly, =docs, \
=doc, docstring, =documented, mkdocs, docs site, documentation site
license, licensed
type checker, type check, typecheck, static typing, =typing, type hint, checking type, \
static type, =types
typescript, =ts, =typed
test, tests, unit test, test suite, =tested, pytest
docker, dockerfile, container, containerize, container image, docker image
kubernetes, k8s, helm
tls, https, ssl, encrypted connection
authentication, auth, login, jwt, oauth, sign in, authenticate, authenticated
database, db, persistence, sql
health check, healthcheck, healthz, liveness, readiness, health endpoint, health probe
graceful shutdown, shut down gracefully, drain connection, drain, sigterm
cors, cross-origin
pagination, paging, paginate, paginated
accessibility, a11y, aria, accessible, screen reader
internationalization, i18n, localization, l10n, multilingual
storybook, stories
style, styling, css
dark mode, dark theme
encryption, encrypt, encrypted, encrypted at rest, kms | unencrypted
versioning, versioned, keep old version | unversioned
backup, backups, snapshot
monitoring, alarm, alert, cloudwatch
public, public access, publicly accessible, internet-facing | private, internal
redis, valkey
queue, message queue, broker
genserver, gen_server, stateful process, server process, actor, otp process | stateless, \
pure function, plain function, just function, only function, process-free, no state
ets, ets table, in-memory table
supervisor, supervise, supervision, restart, restart child
pre-commit, precommit, git hook, commit hook
lint, linter, linting, eslint
format, formatter, prettier
release, publish, publishing
dependency injection, di, ioc
validation, validate, validated, validating
websocket, ws, web socket
compression, compress, gzip, gzipped
multi-az, highly available, high availability, multiple availability zone
read-only, readonly, immutable | mutable, writable
ttl, time to live, expire, expiry, expiration, lifetime, live, valid, stale, fresh, forget, \
forgotten, drop, dropped, delete, evict, =kept, =keep, =keeps, retain, remember, outdated, \
good for
timeout, time out, give up, deadline
interval, every, period, frequency, periodically, refresh
entry, item, element, record, result, answer, response
failure, fail, error, failed call
attempt, =tries, try, trial
reset, recover, recovery, half-open, probe, leave alone, cool down, cooldown, stop calling, pause
size, capacity, room, hold
retention, retain, keep, =kept
replica, instance, =copies
worker, thread, goroutine
concurrency, parallel, concurrent, at once, simultaneous
connection, client
port, listen
memory, ram
disk, storage, volume
author, written by, maintainer, maintained by, creator
email, e-mail, mail, contact, reached
homepage, website
repository, repo
region, datacenter
environment, env
production, prod, live system
development, dev
staging, stage, preprod, pre-production
postgres, postgresql, pg, psql
mongodb, mongo
javascript, =js
golang, =go
tailwind, tailwindcss
markdown, =md
lazy, lazy loading, lazily, on demand, load lazily, loaded lazily
"""

_DEGREES: Final = (
    "minimal minimum minimalist minimally least little small sparse sparsely brief briefly short "
    "terse tersely bare light lightweight basic low lean few compact quiet rudimentary skimpy",
    "standard normal normally regular medium moderate moderately usual ordinary average middling",
    "comprehensive comprehensively full fully thorough thoroughly extensive extensively detailed "
    "complete completely rich richly verbose exhaustive exhaustively high heavy heavily maximum "
    "maximal in-depth well everywhere everything generous generously elaborate elaborately plenty "
    "large big detail lots every",
)
"""Words for little, middling and much."""

_PARAPHRASES: Final = {
    "rest for one": "after it/after that one/after the/rest/later/following/subsequent/remaining",
    "one for one": "only/itself/alone/just/individually/separately/on its own",
    "one for all": "all/together/every/everything/whole",
    "blue green": "switch over/side by side",
    "rolling": "gradually/one by one/one after another",
}
"""What well-known names of strategies are told as."""

ARTIFACTS: Final = stem_set(
    "class module library lib package project program app application service server "
    "script tool client loader component widget function code thing something one file "
    "worker process api backend frontend site stack bucket cluster repo repository "
    "skeleton plugin wrapper handler cache genserver job daemon microservice crate gem "
    "hook button form page implementation version solution system infrastructure resource "
    "instance def method fetcher reader lookup gateway adapter proxy facade"
)
"""What a task may ask to be made."""

HEADS: Final = stem_set(
    "support logic mechanism pattern behaviour handling strategy layer mode feature "
    "functionality capability option table event counter code system site page style "
    "integration pipeline level flag file output endpoint image attribute annotation "
    "store setup config configuration plugin middleware based backed enabled driven ready "
    "capable aware friendly protected guarded included style interface tool command job "
    "runner workflow check checking checker license licence licensed decorator wrapper "
    "compatible powered built semantics instrumentation header-free"
)
"""Nouns and participles that leave what stands before them what it is: `retry logic`."""

ACTIONS: Final = stem_set(
    "load fetch read parse decode track compute calculate convert turn list format render "
    "analyse analyze search display show handle manage process collect import migrate "
    "talk wrap query monitor find inspect visualise browse index archive look get build "
    "generate tell help compare sort validate transform translate count extract describe "
    "draw plot scrape stream send receive write decide match simulate model maps "
    "summarise retrieve access edit store download upload deal speak sells sell serve "
    "resize teach explain study check verify"
)
"""What the thing that is made does to its subject: the object of these is not an option."""

FEATURING: Final = stem_set(
    "with including include plus using use via has have having add want need needs enable "
    "enabled support provide emit expose behind through guard guarded protect protected "
    "by require required should must make featuring offer ship come contain contains "
    "wants please prefer like love"
)
"""Words after which an option is named."""

FUNCTION_WORDS: Final = word_set(
    "pls plz a an the this that these those it its it's and or nor but so then than as at "
    "by for from in into of off on onto out over per to under until up via when where "
    "which while who whose why how with within without if is are am be been being was "
    "were do does did has have had having will would shall should can could may might "
    "must not no yes n't don't doesn't isn't i we you he she they them us me my our your "
    "their his her i'd i'm we'd we're let lets let's please also too just only still "
    "already once there here all any both each every some such more most much many few "
    "because since though although however after before during again very quite rather "
    "instead else etc ok okay thanks anyway though like behind around about between "
    "through enough needed required included wanted welcome fine good great nice possible "
    "necessary unnecessary against plus minus versus w anything everything nothing "
    "something anyone everyone nobody what whatever throughout yet maybe perhaps"
)
"""Words that no compound noun is made of."""

VERBS: Final = stem_set(
    "open expire trip keep hold size live go stay remain work run start begin stop make "
    "give take come set put use need want add drop skip forget leave call try fail cache "
    "retry reset restart crash die wait return ask guard protect emit expose write end "
    "close apply happen mean allow exist enable disable turn switch count measure record "
    "sized opens kept going made having talk look seem become get"
)
"""Common verbs: where one follows, a noun phrase is over."""

QUALIFIERS: Final = stem_set(
    "simple basic built-in in-memory local small proper full good exponential automatic "
    "automated exponential memory built circuit strict plain real nice decent solid "
    "robust optional mandatory modern new single separate dedicated own usual some bit "
    "standard minimal comprehensive thorough complete detailed fancy extra other default "
    "lru ttl structured json static unit integration distributed internal external public "
    "private read through style consecutive failed first second third non half of pure "
    "generated"
)
"""Modifiers that leave a noun what it is: `a simple cache`."""

NOISE: Final = word_set(
    "use uses using include includes enable enabled with has have is are add want wants "
    "need needs should support supports generate create make allow allows do does it on "
    "the a an of for to in and or any be as at its by from your this that will must can "
    "you which what how where when who many much under run runs keep keeps called they "
    "them if so only into there after before come comes get not per we our"
)
"""Words of a name or a help text that say nothing of what is asked."""

GENERIC: Final = stem_set(
    "name type kind level mode strategy style format value option setting number count "
    "max min maximum minimum limit default size threshold total amount num version file "
    "path site system tool support code module class project package library template one "
    "thing time item initial base target enabled seconds minutes hours days ms "
    "milliseconds bytes mb gb kb percent percentage url id key text string list provider "
    "backend engine call length window checker endpoint endpoints page create"
)
"""Words of a name that are too common to speak of a question alone."""

NONE_VALUES: Final = word_set("none no off nowhere disabled never nothing false n/a - without")
"""Choices that stand for the absence of what is asked."""

EVERYDAY: Final = stem_set(
    "standard full basic simple strict loose small medium large low high fast slow light "
    "dark text plain memory file local remote public private internal external single "
    "multi always never on off auto manual default custom dev prod staging production "
    "test debug info warning error daily weekly monthly hourly primary secondary outlined "
    "contained left right top bottom open closed read write push pull get post api web "
    "cli library app application service class function module minimal maximal "
    "comprehensive normal rest go make none all one two first last next react flask "
    "spring click rich path chart play express beam swift rust token session page list "
    "table grid card inline block static dynamic server client spot shared dedicated "
    "regional global zone actions fluent fixed rolling blue green ghost solid link danger "
    "warning success micro nano development console monthly yearly stream batch"
)
"""Words of choices that plain talk uses, too: they count only where their question is spoken of."""

CORRECTIONS: Final = tuple(
    tuple(phrase.split())
    for phrase in (
        "actually",
        "sorry",
        "correction",
        "scratch that",
        "no wait",
        "wait",
        "i mean",
        "i meant",
        "on second thought",
        "on second thoughts",
        "second thoughts",
        "on reflection",
        "rather not",
        "or rather",
        "make that",
        "make it",
        "instead",
        "forget that",
        "strike that",
        "changed my mind",
        "oh no",
        "hmm",
        "better",
    )
)
"""What people say before they say something else."""


def phrase_of(entry: str) -> Phrase:
    """The phrase that an entry of the lexicon stands for."""
    entry = entry.strip()
    return (entry,) if entry.startswith("=") else stems(entry)


def _phrases(entries: str) -> frozenset[Phrase]:
    return frozenset(phrase_of(entry) for entry in entries.split(",") if entry.strip())


def _concept(line: str) -> Concept:
    words, _, opposites = line.partition("|")
    return Concept(words=_phrases(words), opposites=_phrases(opposites))


_ALL: Final = tuple(_concept(line) for line in _CONCEPTS.strip().splitlines())


def _indexed(concepts: Iterable[Concept]) -> Mapping[Phrase, tuple[Concept, ...]]:
    found: dict[Phrase, tuple[Concept, ...]] = {}
    for concept in concepts:
        for phrase in concept.words:
            found[phrase] = (*found.get(phrase, ()), concept)
            joined = (stem("".join(phrase)),)
            if joined != phrase and not joined[0].startswith("="):
                found[joined] = (*found.get(joined, ()), concept)
    return found


_CONCEPTS_OF: Final = _indexed(_ALL)


def concepts_of(phrase: Phrase) -> tuple[Concept, ...]:
    """The concepts that `phrase` is a word for."""
    found = _CONCEPTS_OF.get(phrase, ())
    if len(phrase) == 1:
        found = (*found, *_CONCEPTS_OF.get((f"={phrase[0]}",), ()))
    return found


DEGREES: Final[Mapping[str, int]] = {
    stem(part): degree for degree, line in enumerate(_DEGREES) for part in line.split()
}
"""Stems of words for little (0), middling (1) and much (2)."""

PARAPHRASES: Final[Mapping[Phrase, tuple[str, ...]]] = {
    stems(name): tuple(cues.split("/")) for name, cues in _PARAPHRASES.items()
}
"""What tells a well-known strategy by its effect, by the strategy's name; the first are surest."""

_MARKS: Final = """
python: pip pytest asyncio pypi pyproject pydantic django flask fastapi def async venv wheel mypy
elixir: defmodule mix exunit otp beam hex iex genserver phoenix ecto ets liveview
go: golang goroutine gofmt gin chi grpc
javascript: npm node react jsx express yarn vue js
typescript: npm node react tsx angular yarn vue ts component
rust: cargo crate tokio serde
java: maven gradle spring jvm kotlin
ruby: gem rails bundler rspec
terraform: hcl tf aws module infrastructure cloud s3 bucket vpc provider terragrunt
hcl: terraform tf aws infrastructure cloud s3 bucket vpc provider
csharp: dotnet nuget net
"""

MARKS: Final[Mapping[str, tuple[str, ...]]] = {
    language: tuple(words.split())
    for language, _, words in (line.partition(":") for line in _MARKS.strip().splitlines())
}
"""Words that only those say who mean a language or its tools."""
