"""What may go wrong, as one tree.

```text
CultivarError
├── UsageError                    2  what was asked cannot be done as asked
│   ├── SettingsError                a setting is wrong
│   ├── DefinitionError              a definition is missing or does not fill its role
│   ├── NotKnownError                no such template, run, generation or file
│   ├── TemplateError                a template is broken: file, line, what is expected
│   ├── AnswerError                  a value that its question does not take
│   ├── DestinationError             files stand where the result should go
│   ├── DirtyError                   changes in the working tree that nobody committed
│   ├── ChangedError                 files that changed while work on them went on
│   └── WriteError                   a folder that cannot be written to
├── RefusedError                  4  possible, but not without the user's word
│   ├── UntrustedError               code of a template or a workspace that nobody trusts yet
│   ├── UnsafeError                  a template or a reply that reaches out of its place
│   └── UnconfinedError              no wall to run untrusted code behind
├── BudgetSpentError              5  the run has used what it may
└── UnavailableError              6  a service is down or not configured
    ├── ModelUnavailableError
    ├── SandboxUnavailableError
    ├── EnvironmentUnavailableError
    │   └── RequirementUnavailableError  a package or a program that is not to be had
    ├── StoreUnavailableError        ledger, memory or content store
    └── ReplyError                   a model's reply that no repair could make fit
```

The number is the command line's exit code. Every error says what happened, then what to do.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final


class CultivarError(Exception):
    """The base of all that Cultivar raises on purpose.

    Args:
        what: What happened, a sentence with values in `repr` form.
        remedy: What to do about it, a sentence; empty where there is nothing to say.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(what, remedy)
        self.what = what
        """What happened."""
        self.remedy = remedy
        """What to do about it."""
        self.run_id = ""
        """The run that it ended, where there was one; `cultivar resume` takes it up again."""

    def __str__(self) -> str:
        return f"{self.what} {self.remedy}".strip()

    def __reduce__(self) -> tuple[Any, ...]:
        return _revive, (type(self), self.args, self.__dict__)


def _revive(
    kind: type[CultivarError], args: tuple[object, ...], data: dict[str, Any]
) -> CultivarError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(data)
    return error


class UsageError(CultivarError, ValueError):
    """What was asked cannot be done as it was asked."""

    exit_code = 2


class SettingsError(UsageError):
    """A setting is wrong."""


class DefinitionError(UsageError, LookupError):
    """A definition is missing, or does not fill its role."""


class NotKnownError(UsageError, LookupError):
    """Nothing goes by that name: no such template, run, generation or file.

    Args:
        kind: What was looked for, like `template`.
        name: The name that was given.
        nearest: Known names that are close to it, the closest first.
        remedy: What to do; made from `nearest` where it is empty.
    """

    def __init__(
        self, kind: str, name: str, nearest: tuple[str, ...] = (), remedy: str = ""
    ) -> None:
        near = f"Did you mean {' or '.join(map(repr, nearest))}?" if nearest else ""
        super().__init__(f"There is no {kind} {name!r}.", f"{near} {remedy}".strip())
        self.kind, self.name, self.nearest = kind, name, nearest


class TemplateError(UsageError):
    """A template is broken.

    Args:
        what: What is wrong.
        file: The file that is at fault, relative to the template's root.
        line: Its line, counted from 1; None where it is the whole file.
        remedy: What is expected there.
    """

    def __init__(
        self, what: str, *, file: str = "", line: int | None = None, remedy: str = ""
    ) -> None:
        place = f"`{file}`, line {line}: " if file and line else f"`{file}`: " if file else ""
        super().__init__(f"{place}{what}", remedy)
        self.file, self.line = file, line


class AnswerError(UsageError):
    """A value that its question does not take.

    Args:
        question: The question's name.
        value: The value that was refused; already masked where the question is secret.
        why: Why it was refused.
        allowed: What the question takes, in words.
    """

    def __init__(self, question: str, value: object, *, why: str, allowed: str = "") -> None:
        remedy = f"Allowed: {allowed}." if allowed else ""
        super().__init__(f"The answer {value!r} to `{question}` was refused: {why}", remedy)
        self.question, self.value, self.why, self.allowed = question, value, why, allowed


class DestinationError(UsageError):
    """Files stand where the result should go.

    Args:
        paths: The files in the way, relative to the destination.
        diff: What writing would change, as a unified diff.
    """

    def __init__(self, paths: tuple[str, ...], diff: str = "") -> None:
        stand = "stands there and differs" if len(paths) == 1 else "stand there and differ"
        super().__init__(
            f"Nothing was written: {_named(paths)} {stand}.",
            "Choose another `--output`, or pass `--force` to replace them.",
        )
        self.paths, self.diff = paths, diff


class DirtyError(UsageError):
    """Changes in the working tree that nobody committed.

    Args:
        paths: The files that have them, relative to the folder that was asked for.
    """

    def __init__(self, paths: tuple[str, ...]) -> None:
        verb = "has" if len(paths) == 1 else "have"
        super().__init__(
            f"{_named(paths)} {verb} changes that are not committed.",
            "Commit or stash them, or pass `--force`; `cultivar undo` takes back what we write.",
        )
        self.paths = paths


class ChangedError(UsageError):
    """Files that changed while work on them went on.

    Args:
        paths: The files, relative to the destination.
    """

    def __init__(self, paths: tuple[str, ...]) -> None:
        super().__init__(
            f"Nothing was written: {_named(paths)} changed while the work went on.", "Try again."
        )
        self.paths = paths


class WriteError(UsageError):
    """A folder that cannot be written to, or a full disk; what was there is there still."""


def _named(paths: tuple[str, ...]) -> str:
    more = f" and {len(paths) - 5} more" if len(paths) > 5 else ""
    return ", ".join(f"`{path}`" for path in paths[:5]) + more


class RefusedError(CultivarError):
    """Possible, but not without the user's word."""

    exit_code = 4


class UntrustedError(RefusedError):
    """Code of a template or of a workspace that nobody has trusted yet."""


class UnsafeError(RefusedError):
    """A template or a model's reply that reaches out of its place."""


class UnconfinedError(RefusedError):
    """There is no wall here to run untrusted code behind."""


class BudgetSpentError(CultivarError):
    """The run has used what it may.

    Args:
        kind: What is used up: `money`, `tokens`, `calls` or `seconds`.
        spent: How much was used or asked for.
        limit: How much was allowed.
    """

    exit_code = 5

    def __init__(self, kind: str, *, spent: float, limit: float) -> None:
        super().__init__(
            f"The budget of {kind} is spent: {spent:g} of {limit:g}.",
            f"Raise `budget.{kind}` or pass `--budget {kind}=…`, then `cultivar resume` the run.",
        )
        self.kind, self.spent, self.limit = kind, spent, limit


class UnavailableError(CultivarError):
    """A service is down, or none is configured."""

    exit_code = 6


class ModelUnavailableError(UnavailableError):
    """No model answers."""


class SandboxUnavailableError(UnavailableError):
    """The sandbox is down: nothing is known about the command that should have run."""


class EnvironmentUnavailableError(UnavailableError):
    """What a check needs is not here and could not be built."""


NOT_TO_BE_HAD: Final = "It requires what is not to be had"
"""How it begins wherever a `RequirementUnavailableError` is told."""


class RequirementUnavailableError(EnvironmentUnavailableError):
    """A package that no registry has, or a program that is not here: whoever names it is at fault.

    Args:
        why: What is not to be had, as who looked for it says.
        remedy: What to do about it.
    """

    def __init__(self, why: str, remedy: str) -> None:
        super().__init__(f"{NOT_TO_BE_HAD}: {why}", remedy)


class StoreUnavailableError(UnavailableError):
    """The ledger, the memory or the content store does not answer, or must not be touched."""


class ReplyError(UnavailableError):
    """A model's reply that does not fit its schema, even after one repair."""
