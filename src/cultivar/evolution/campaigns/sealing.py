"""Which cases nobody who makes candidates ever sees.

The invariant: it depends on what is put in alone, so what is sealed once is sealed for good, and
whoever looks at history can leave it out as well.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Final

from cultivar.lifecycle import TrialCase
from cultivar.model import Json
from cultivar.record import replace, to_builtins

_ONE_IN: Final = 4


def is_sealed(inputs: Mapping[str, Json]) -> bool:
    """Whether a case with these inputs is one of those: one in four."""
    content = json.dumps(to_builtins(inputs), sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(f"sealed {content}".encode("utf-8", "replace")).hexdigest()
    return int(digest[:8], 16) % _ONE_IN == 0


def sealed(case: TrialCase) -> TrialCase:
    """The case, with `sealed` for its origin where it is one; its slice says what it was."""
    if not is_sealed(case.inputs):
        return case
    return replace(case, origin="sealed", slice=case.slice or case.origin)
