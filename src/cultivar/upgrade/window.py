"""From which version of a template to which an upgrade goes, by the order of PEP 440.

The invariant: what lies in the window is after the old version, and not after the new one. Where
that cannot be told, it is an error and never a guess.
"""

from __future__ import annotations

import re
from typing import Final

from packaging.version import Version

from cultivar.errors import UsageError
from cultivar.record import Record
from cultivar.templating.numbering import version_of
from cultivar.upgrades import MigrationStage

_COMMIT: Final = re.compile(r"[0-9a-f]{7,40}|[0-9a-f]{64}")
_BEFORE_ALL: Final = Version("0.0.0.dev0")
_UNNAMED: Final = "0.0.0"
"""What `version_of` makes of a text that names no version."""


class Window(Record):
    """The versions after `from_version`, up to and with `to_version`.

    Args:
        from_version: A version, a tag, or what `git describe` says.
        to_version: Likewise.
        from_ref: How git names the first, for the scripts that ask; empty: as it is.
        to_ref: How git names the second.
    """

    from_version: str
    to_version: str
    from_ref: str = ""
    to_ref: str = ""

    def holds(self, version: Version) -> bool:
        """Whether `version` lies in it.

        Raises:
            UsageError: One end is neither a version nor a commit, and the other does not decide.
        """
        if self.from_version == self.to_version:
            return False
        first, last = bound(self.from_version), bound(self.to_version)
        if (first and version <= first) or (last and version > last):
            return False
        if first is None:
            raise _undecided(version, self.from_version, "from")
        if last is None:
            raise _undecided(version, self.to_version, "to")
        return True

    def variables(self, stage: MigrationStage, version: str = "") -> dict[str, str | Version]:
        """What a script is told, by Copier's names without their leading underscore.

        Args:
            stage: When it runs.
            version: The script's own, as its template writes it; empty: it has none.
        """
        told: dict[str, str | Version] = {
            "stage": stage,
            "version_from": self.from_ref or self.from_version,
            "version_to": self.to_ref or self.to_version,
            "version_current": version,
        }
        ordered = {
            "version_pep440_from": bound(self.from_version),
            "version_pep440_to": bound(self.to_version),
            "version_pep440_current": bound(version) if version else None,
        }
        known = {name: value for name, value in ordered.items() if value is not None}
        return {name: value for name, value in told.items() if value} | known


def bound(text: str) -> Version | None:
    """The version that `text` names; None where it names none.

    `git describe` gives a bare commit where no tag is behind it, so a commit is before all
    versions.
    """
    named = version_of(text)
    if named != _UNNAMED or _UNNAMED in text:
        return Version(named)
    return _BEFORE_ALL if _COMMIT.fullmatch(text) else None


def _undecided(version: Version, text: str, end: str) -> UsageError:
    return UsageError(
        f"It cannot be told whether the migration scripts of {version} have to run: "
        f"{text!r} is no version by PEP 440.",
        f"Pass `--{end}` with a version or a tag that is one.",
    )
