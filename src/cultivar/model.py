"""The domain's types: all that a checkpoint, an event or the ledger may hold.

They live here because a type that is declared in a path-loaded file comes back from a checkpoint
as a plain dict. They hold hashes of trees, never their bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Literal, TypeAlias

from cultivar.record import Record

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
"""A value as JSON has it."""

Source = Literal["user", "task", "model", "learned", "default"]
"""Where an answer came from, the strongest first."""

Verdict = Literal["passed", "failed", "not_verified"]
"""What is known of a check; `not_verified` is neither success nor failure."""

EndedBy = Literal["exit", "signal", "wall", "cpu", "memory", "output", "disk", "processes"]
"""What ended a command: itself, or the limit it ran into."""

RunStatus = Literal["running", "waiting", "done", "failed"]
"""Where a run stands; `waiting` is for a person."""


class Answer(Record):
    """The value of one question, and why it is that."""

    name: str
    value: Json
    """Of a secret: the placeholder that stands for it, never the secret."""
    source: Source
    confidence: float
    """0 to 1; of a user's own word, 1."""
    evidence: str = ""
    """What it went by: the words of the task, or a sentence."""
    secret: bool = False
    computed: bool = False
    """Its `when` was false: it has a value for rendering, but was not asked and is not kept."""
    closed: bool = False
    """It is yes or no, a number, or one of choices: what others answered can speak for it."""

    @property
    def given(self) -> bool:
        """Whether a person said it."""
        return self.source == "user"


Answers: TypeAlias = tuple[Answer, ...]
"""One answer a question, in the order of the questions."""


class TemplateRef(Record):
    """A template at one version, with all that it takes to load it again."""

    id: str
    version: str
    tree_hash: str
    """Of the template's own files, which the content store keeps."""
    origin: str
    """Where it came from: a folder, a git address, or `builtin`."""
    ref: str = ""
    """The git tag or commit, where it came from git."""
    trusted: bool = False
    """Whether its tasks and extensions may run (in the sandbox)."""
    language: str = ""


class Check(Record):
    """A command with a verdict."""

    name: str
    run: str
    """A shell command, run in the root of the tree."""
    required: bool = False
    weight: float = 1.0
    flaky: bool = False
    """Its verdict is never taken from the cache."""
    timeout: float = 120.0
    """Wall-clock seconds."""
    expect: str = ""
    """A regular expression that its output must match, since exit code 0 alone is easy to fake."""
    fix: str = ""
    """A shell command that may mend what the check complains of, like `ruff check --fix .`"""


class CheckResult(Record):
    """What one check said of one tree."""

    check: str
    verdict: Verdict
    required: bool
    weight: float
    output: str = ""
    """The end of what it printed, or why it could not be verified."""
    exit_code: int | None = None
    ended_by: EndedBy = "exit"
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_bytes: int = 0
    cached: bool = False


class Proof(Record):
    """What all checks said of one tree."""

    results: tuple[CheckResult, ...]
    sandbox: str = ""
    """Where they ran: `bubblewrap`, `container` or `process`."""

    @property
    def verdict(self) -> Verdict:
        """`passed` if all required checks passed, `failed` if one failed; else unknown."""
        required = [r.verdict for r in self.results if r.required] or [
            r.verdict for r in self.results
        ]
        if "failed" in required:
            return "failed"
        return "passed" if required and set(required) == {"passed"} else "not_verified"

    @property
    def quality(self) -> float | None:
        """The weighted share of passed checks among the verified ones; None without any."""
        verified = [r for r in self.results if r.verdict != "not_verified"]
        total = sum(r.weight for r in verified)
        if not total:
            return None
        return sum(r.weight for r in verified if r.verdict == "passed") / total


class SlotBody(Record):
    """What stands in a slot: a region of a rendered file that a model may write."""

    path: str
    slot: str
    body: str


class Edit(Record):
    """Replace `search`, which stands once in the file at `path`, with `replace`."""

    path: str
    search: str
    replace: str


class Fix(Record):
    """What made a failure go away: edits to files, or a command run in the sandbox."""

    id: str
    description: str
    edits: tuple[Edit, ...] = ()
    command: str = ""
    tried: int = 0
    worked: int = 0


class FailurePattern(Record):
    """What failures with one cause have in common."""

    id: str
    signature: str
    """The output with paths, numbers and addresses taken out."""
    check: str
    language: str
    kind: str
    """The structure that says most: a rule's code, an exception's type."""
    example: str
    """The end of one real output."""
    seen: int = 0
    """In how many recorded attempts."""
    fixes: tuple[Fix, ...] = ()
    score: float = 1.0
    """Of a recalled pattern: how near it is to what was asked, 0 to 1."""


class Draft(Record):
    """One attempt of the generator: the tree that it made and how."""

    tree_hash: str
    slots: tuple[SlotBody, ...] = ()
    """The bodies that a model wrote and that were taken."""
    refused: tuple[str, ...] = ()
    """Why other bodies of the model's were not."""
    fixes: tuple[str, ...] = ()
    """The ids of the known fixes that were applied."""


class Attempt(Record):
    """A draft with its proof."""

    number: int
    draft: Draft
    proof: Proof
    patterns: tuple[str, ...] = ()
    """The ids of the failure patterns that its failures joined."""


class Delivery(Record):
    """What writing a tree did, or would do, in paths relative to its folder."""

    folder: str
    """Absolute."""
    added: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    """They exist, and the template leaves such files alone."""
    secret: tuple[str, ...] = ()
    """Which of them hold secrets, so that no diff may show them."""
    answers_file: str = ""
    """Which of them says what was answered."""


class Trial(Record):
    """One try of a fix, after an attempt that failed in a pattern's way."""

    pattern_id: str
    fix_id: str
    worked: bool


class Usage(Record):
    """What model calls took."""

    calls: int = 0
    tokens: int = 0
    money: float = 0.0
    """US dollars."""
    seconds: float = 0.0


class Order(Record):
    """What a user asked of `generate`."""

    task: str
    template: str = ""
    """An id, a folder or a git address; empty: chosen from the task."""
    ref: str = ""
    output: str = "."
    answers: tuple[Answer, ...] = ()
    """The user's own, without secrets' values."""
    interactive: bool = False
    trust: bool = False
    force: bool = False
    dry_run: bool = False
    keep_failed: str = ""
    """A folder for a result whose required checks failed."""
    unconfined: bool = False
    """Whether untrusted code may run without a wall."""
    secrets: tuple[str, ...] = ()
    """The names of the secret answers that the user gave; their values are never kept."""
    pre_releases: bool = False


class Generation(Record):
    """One use of a template, as the ledger keeps it (`template_generations`)."""

    id: str
    run_id: str
    task: str
    template: TemplateRef
    answers: Answers
    attempts: tuple[Attempt, ...]
    instance_id: str
    generated_at: datetime
    output: str = ""
    """The absolute folder that was written; empty where nothing was."""
    file_path: str = ""
    """The one file, or the output folder."""
    recalled: tuple[str, ...] = ()
    """The ids of the failure patterns that were remembered before the first draft."""
    usage: Usage = Usage()
    seconds: float = 0.0

    @property
    def proof(self) -> Proof:
        """What was said of the last attempt."""
        return self.attempts[-1].proof

    @property
    def tree_hash(self) -> str:
        """The tree of the last attempt."""
        return self.attempts[-1].draft.tree_hash

    @property
    def trials(self) -> tuple[Trial, ...]:
        """What was tried against each failure pattern; a fix worked where the pattern is gone."""
        return tuple(
            Trial(pattern_id=pattern, fix_id=fix, worked=pattern not in after.patterns)
            for before, after in pairwise(self.attempts)
            for pattern in before.patterns
            for fix in after.draft.fixes
            if fix not in before.draft.fixes
        )

    @property
    def success(self) -> bool | None:
        """Whether all required checks passed; None where that is not known."""
        return {"passed": True, "failed": False, "not_verified": None}[self.proof.verdict]


class OpenQuestion(Record):
    """A question that is still open, as a person is asked it (the payload of an interrupt)."""

    name: str
    type: str
    help: str
    default: Json
    """The proposed answer."""
    evidence: str = ""
    """What the proposal goes by; empty where it is the template's own default."""
    choices: tuple[tuple[str, Json], ...] = ()
    """Label and value, where the answers are closed."""
    secret: bool = False
    multiselect: bool = False
    placeholder: str = ""
    error: str = ""
    """Why the last answer was refused."""
