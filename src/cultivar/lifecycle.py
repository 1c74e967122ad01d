"""The life of what improves: artifact, opportunity, candidate, trial, verdict, release.

One life for every kind. Like `model`, these are types that a checkpoint or the ledger may hold;
they hold hashes of trees, never their bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final, Literal

from cultivar.model import Edit, Json, Verdict
from cultivar.record import Record, field

Kind = Literal["template", "tool", "prompt"]
"""What may improve: a template's folder, a tool's file, an agent's prompt."""

Alias = Literal["current", "canary"]
"""What is used, and what is tried on a share of the uses."""

CURRENT: Final = "current"
CANARY: Final = "canary"

MODEL: Final = "model"
"""Who made a version that a model wrote; its code is never trusted."""

KNOWN_FIX: Final = "known-fix"
"""Who made a version with a fix that was learned: an edit of a model's, of an earlier draft."""

OF_MODELS: Final = frozenset({MODEL, KNOWN_FIX})
"""Who makes versions with code that a model wrote, now or earlier."""


class Artifact(Record):
    """Something that improves."""

    kind: Kind
    name: str
    """A template's id, a tool's name, or `AGENT/PROMPT`."""

    @property
    def id(self) -> str:
        """Kind and name in one word, like `tool:calculator`."""
        return f"{self.kind}:{self.name}"


class ArtifactVersion(Record):
    """An artifact as it once was: its files, which never change."""

    artifact: Artifact
    tree_hash: str
    """Of its files, in the content store; it is what the version is known by."""
    version: str
    """What people call it (PEP 440); a template's is in its own file."""
    parent: str = ""
    """The tree hash that it was made from; empty of the first."""
    made_by: str = "person"
    """`person`, `model`, or the operator's name."""
    why: str = ""
    made_at: datetime


OpportunityKind = Literal["failing", "degrading", "slow", "costly"]


class PatternShare(Record):
    """A failure pattern among an artifact's failures."""

    pattern_id: str
    check: str
    kind: str
    """Of the failure: a rule's code, an exception's type."""
    seen: int
    """In how many of the failed uses."""
    example: str = ""
    """The end of one real output."""


class BadAnswers(Record):
    """Answers that go with failure, more than chance lets them."""

    answers: Mapping[str, Json]
    uses: int
    failed: int
    lift: float
    """The share of failures with them, over that without them."""
    p_value: float
    """After the correction for how many were looked at."""


class Opportunity(Record):
    """Something about an artifact that could be better, with the evidence for it."""

    artifact: Artifact
    tree_hash: str
    """The version that it is about."""
    version: str
    kind: OpportunityKind
    uses: int
    measured: float
    """The success rate; of `slow` seconds, of `costly` US dollars, of one use."""
    low: float
    high: float
    """The interval around `measured`, at 95 %."""
    against: float
    """What it is held against: the threshold, or its own past."""
    gain: float
    """What mending it would gain: uses that would succeed, or seconds, or dollars, all in all."""
    patterns: tuple[PatternShare, ...] = ()
    bad_answers: tuple[BadAnswers, ...] = ()
    examples: tuple[str, ...] = ()
    """Ids of generations or executions that show it, the latest first."""
    why: str = ""
    """All that in a sentence."""


class Candidate(Record):
    """A version that may be better, and is not proven yet."""

    artifact: Artifact
    parent: str
    """The tree hash of the version that it changes."""
    tree_hash: str
    version: str
    operator: str
    """What made it: the operator's name, or `model`."""
    description: str
    """What it changes, in a sentence."""
    aims_at: tuple[str, ...] = ()
    """The ids of the failure patterns that it is meant to mend."""
    edits: tuple[Edit, ...] = ()
    """How it differs from its parent, where that is a few edits."""
    money: float = 0.0
    """US dollars, for making it: its share of what the model was paid."""


AssertionKind = (
    Literal["contains", "equals", "regex", "is-json", "file-exists", "succeeds", "python"]
    | Literal["raises", "checks", "quality", "cost", "latency"]
)
"""What is looked at. `succeeds` runs a command; `checks` are the template's own."""


class Assertion(Record):
    """What must hold of a result."""

    kind: AssertionKind
    value: Json = None
    """What it is held against: a text, a pattern, a schema, a command, an expression, a limit."""
    path: str = ""
    """The file that it looks at, relative to the tree; empty: the whole output."""
    negate: bool = False
    """Whether it must not hold."""
    weight: float = 1.0
    required: bool = True
    """Whether the case fails where it does not hold; else it only counts for the score."""


CaseOrigin = Literal["suite", "failure", "regression", "covering", "sealed"]
"""Where a case came from; `sealed` ones are never shown to what makes candidates."""


class TrialCase(Record):
    """One thing that a version is tried on: an input, and what must come of it."""

    id: str
    """Of its content, so that the same case is the same everywhere."""
    origin: CaseOrigin = "suite"
    name: str = ""
    """What people call it."""
    task: str = ""
    """Of a template: what is wanted, in words."""
    inputs: Mapping[str, Json] = field(default_factory=dict[str, Json])
    """Of a template the answers, of a tool the arguments, of a prompt its variables."""
    assertions: tuple[Assertion, ...] = ()
    slice: str = ""
    """Which part of all uses it stands for; nothing may get worse in any slice."""
    threshold: float = 1.0
    """The least score, 0 to 1, with which it passes."""
    repeats: int = 1
    """How often it is tried, where its result is noisy."""
    recorded_from: str = ""
    """The tree hash of the version that was in use when it was first a case."""


class AssertionResult(Record):
    """What one assertion said."""

    kind: AssertionKind
    passed: bool
    score: float
    """0 to 1."""
    required: bool
    weight: float
    said: str = ""
    """Why it does not hold."""


class TrialResult(Record):
    """What came of one version on one case, once."""

    case_id: str
    tree_hash: str
    """The version that was tried."""
    repeat: int
    """Counted from 0."""
    verdict: Verdict
    """`not_verified`: its place was down, which says nothing of the version."""
    score: float = 0.0
    """0 to 1: the weighted share of assertions that hold."""
    assertions: tuple[AssertionResult, ...] = ()
    output: str = ""
    """The end of what it gave, or why it could not be tried."""
    output_hash: str = ""
    """Of all that it gave: two versions agree where these are equal."""
    seconds: float = 0.0
    """Wall-clock time of the use itself."""
    money: float = 0.0
    """US dollars."""
    quality: float | None = None
    """0 to 1, of the checks that could be run; None where there are none."""
    cached: bool = False
    """It was known from an earlier trial."""
    limited: bool = False
    """A limit ended something in it, which a busy machine may be to blame for."""
    batch: str = ""
    """Of the trials that were made side by side; only their times are compared."""
    refused: bool = False
    """It made nothing, because it does not take an answer that the case gives, and said so."""


Strategy = Literal["SHADOW", "REPLAY", "SYNTHETIC", "MANUAL"]
"""How a version is tried before it is released."""

Decision = Literal["release", "reject", "continue", "no_verdict"]
"""`continue`: more trials may tell; `no_verdict`: the place of the trials was down."""


class GateVerdict(Record):
    """Whether a candidate is better, in words and in numbers."""

    decision: Decision
    sentence: str
    """What a person reads."""
    pairs: int = 0
    """On how many cases (with their repeats) both versions were tried."""
    wins: int = 0
    """Pairs where the candidate passed and the old version did not."""
    losses: int = 0
    before: float = 0.0
    """The old version's success rate on them."""
    after: float = 0.0
    confidence: float = 0.0
    """That it is better, 0 to 1, as far as the trials can say."""
    reasons: tuple[str, ...] = ()
    """What spoke against it: a lost case, a slice, cost, time, quality."""
    numbers: Mapping[str, float] = field(default_factory=dict[str, float])
    """What was measured, by name."""


ExperimentStatus = (
    Literal["running", "refused", "rejected", "waiting"]
    | Literal["canary", "released", "rolled_back", "stopped"]
)
"""`refused`: before any trial; `waiting`: for a person's word; `canary`: a share of the uses gets
it; `stopped`: no verdict."""


class Experiment(Record):
    """All trials of one candidate, and what became of it."""

    id: str
    campaign: str
    """The run of `improve` that it belongs to; its candidates share one error rate."""
    number: int
    """Which candidate of the campaign it is, from 1."""
    candidate: Candidate
    opportunity: Opportunity
    strategy: Strategy
    status: ExperimentStatus
    verdict: GateVerdict | None = None
    reason: str = ""
    """Why it stands as it does."""
    simulated: bool = True
    """Whether nothing on the disk may change for it."""
    decided_by: str = ""
    """`gate`, `watch`, or the name of a person."""
    money: float = 0.0
    """US dollars, for making and trying it."""
    started_at: datetime
    updated_at: datetime


ReleaseStatus = Literal["preparing", "canary", "watching", "kept", "rolled_back"]
"""`preparing`: being written; `watching`: used by all, and looked after; `kept`: proven in use."""


class Release(Record):
    """A version that is used, and how it does."""

    id: str
    experiment: str
    """Its id; empty where a person released it."""
    artifact: Artifact
    before: str
    """The tree hash that was current until then."""
    after: str
    status: ReleaseStatus
    share: float = 1.0
    """Of the uses that get it, 0 to 1."""
    backup: str = ""
    """The absolute path of the backup beside the file; empty where nothing was on the disk."""
    reason: str = ""
    released_at: datetime
    updated_at: datetime


class Execution(Record):
    """One use of a tool or a prompt, as `execution_logs` keeps it."""

    id: str
    artifact: Artifact
    tree_hash: str
    """The version that was used; empty where it is not known."""
    inputs: Mapping[str, Json]
    output: Json = None
    error: str = ""
    """The exception's class; empty where there was none."""
    message: str = ""
    """The exception's text."""
    seconds: float = 0.0
    money: float = 0.0
    instance_id: str = ""
    executed_at: datetime

    @property
    def succeeded(self) -> bool:
        """Whether it came to its end."""
        return not self.error


class ImproveOrder(Record):
    """What a user asked of `improve`."""

    artifacts: tuple[Artifact, ...] = ()
    """What to look at; empty: all that was used."""
    real: bool = False
    """Whether what is found better is put on the disk; else it is only told."""
    automatic: bool = False
    """Whether it is released without a person's word, where that is safe."""
    most: int = 3
    """How many opportunities to take up."""
    unconfined: bool = False
    """Whether untrusted code may run without a wall."""
    repeated: bool = False
    """Whether it is one look of many: what waits, or was tried in vain of late, is left alone."""

    @property
    def task(self) -> str:
        """What is wanted, in words."""
        return f"improve {', '.join(each.id for each in self.artifacts) or 'what fails'}"
