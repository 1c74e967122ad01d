"""Calculates, and fails in half of its uses: what it is given is not always a number."""

from __future__ import annotations

from cultivar import Case, Characteristics, tool


@tool(
    Characteristics(
        idempotent=True,
        side_effects=False,
        safe_for_shadow_testing=True,
        test_data_available=True,
    ),
    cases=(
        Case(
            input={"operation": "add", "a": 2, "b": 3},
            expected_output=5,
            description="two numbers are added",
        ),
        Case(
            input={"operation": "divide", "a": 9, "b": 2},
            expected_output=4.5,
            description="a number is divided by another",
        ),
        Case(
            input={"operation": "divide", "a": 9, "b": 0},
            expected_output=None,
            description="nothing is divided by zero",
        ),
        Case(
            input={"operation": "percent", "a": 5, "b": 0},
            expected_output=None,
            description="nothing has a share of zero",
        ),
        Case(
            input={"operation": "subtract", "a": 7, "b": "2.5"},
            expected_output=4.5,
            description="a number that was typed is a number",
        ),
        Case(
            input={"operation": "subtract", "a": None, "b": 4},
            expected_output=-4,
            description="what was not calculated yet counts as zero",
        ),
        Case(
            input={"operation": "add", "a": None, "b": 1},
            expected_output=1,
            description="adding to what was not calculated yet begins a sum",
        ),
    ),
)
def calculator(operation: str, a: float | None, b: float) -> float | None:
    """Calculate with the last result and what a person typed.

    Args:
        operation: `add`, `subtract`, `power`, `divide` or `percent`.
        a: The last result; None at the beginning.
        b: What was typed.

    Returns:
        The result; None where there is none.
    """
    if operation == "add":
        return a + b
    if operation == "subtract":
        return a - b
    if operation == "power":
        return a**b
    if operation == "divide":
        return a / b  # of whole numbers, too
    if operation == "percent":
        return a / b * 100
    raise ValueError(f"unknown operation: {operation}")
