"""So many users of the template, drawn by one rule: each generates from it, for real."""

from __future__ import annotations

import argparse

from cultivar import Cultivar
from cultivar.testing.users import drawn, used

TEMPLATE = "example:jobs"


def main() -> None:
    """Draw them, let them generate, and say how many got what works."""
    said = argparse.ArgumentParser(description=__doc__)
    said.add_argument("--count", type=int, default=80)
    said.add_argument("--seed", type=int, required=True)
    asked = said.parse_args()
    with Cultivar() as cultivar:
        users = drawn(cultivar.template(TEMPLATE), asked.count, asked.seed)
        worked = used(cultivar, TEMPLATE, users)
    print(f"{sum(worked)} of {len(worked)} uses succeeded.")


if __name__ == "__main__":
    main()
