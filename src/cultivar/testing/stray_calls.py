"""The guard against model calls that a test makes without meaning to."""

from __future__ import annotations

import os
from collections.abc import Generator

from cultivar.llm.litellm import ALLOW_CALLS


def no_stray_model_calls() -> Generator[None, None, None]:
    """Refuse every model that is not on the loopback, in child processes too.

    Make it a fixture of the whole suite, in `conftest.py`:

    ```python
    guard = pytest.fixture(autouse=True, scope="session")(no_stray_model_calls)
    ```
    """
    before = os.environ.get(ALLOW_CALLS)
    os.environ[ALLOW_CALLS] = "0"
    try:
        yield
    finally:
        if before is None:
            del os.environ[ALLOW_CALLS]
        else:
            os.environ[ALLOW_CALLS] = before
