"""The command line, in a process that ends by SIGKILL in the middle of a step of `improve`.

```text
killed.py METHOD ARGUMENTS...
```

It dies right after the campaign has done what METHOD says for the first time: what was decided is
in the record then, and the step that it belongs to is not.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

from cultivar.cli import main
from cultivar.evolution.campaigns.campaign import Campaign


def deadly(act: Callable[..., Any]) -> Callable[..., Any]:
    """The same, and then the end."""

    @wraps(act)
    def acted(*given: Any) -> None:
        act(*given)
        os.kill(os.getpid(), signal.SIGKILL)

    return acted


method, *arguments = sys.argv[1:]
setattr(Campaign, method, deadly(getattr(Campaign, method)))
main(arguments)
