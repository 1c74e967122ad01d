"""What a person at the command line is shown before they decide."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from cultivar.evolution.campaigns.campaign import UNTRIED
from cultivar.ledger.improvements import ExperimentStore
from cultivar.record import replace
from tests.evolution.strategies.conftest import Bench


def cultivar(*given: str, bench: Bench, code: int = 0) -> str:
    environment = {
        **os.environ,
        "COLUMNS": "120",
        "CULTIVAR_TRUST": f'["{bench.root}"]',
        "CULTIVAR_HOME": str(bench.settings.home),
        "CULTIVAR_CACHE": str(bench.settings.cache),
    }
    done = subprocess.run(
        [sys.executable, "-m", "cultivar", *given],
        cwd=bench.root,
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def manual(bench: Bench) -> Bench:
    """A workspace with an experiment that waits for a person to try its candidate."""
    with bench.opened() as opened:
        made = bench.shadowed(opened, like="side_effects=True")
        bench.use(opened, number=4, failing=2)
        waits = replace(made, strategy="MANUAL", status="waiting", verdict=UNTRIED)
        opened.services.need(ExperimentStore).keep_experiment(waits)
    return bench


def test_a_person_sees_risk_steps_warnings_failures_and_the_change(manual: Bench) -> None:
    said = cultivar("experiments", "shadowed", bench=manual)
    assert "Tried by MANUAL: high risk, only a person releases it." in said
    assert "1. Read what the candidate changes." in said
    assert "Beware: Nothing is run by itself" in said
    assert "{'a': 1, 'b': 0} raised ZeroDivisionError: " in said
    assert "declared: {'a': 6, 'b': 3} gives 2" in said
    assert "+    if b == 0:" in said


def test_a_program_sees_the_same(manual: Bench) -> None:
    said = json.loads(cultivar("experiments", "shadowed", "--json", bench=manual))
    plan = said["review"]["plan"]
    assert (plan["strategy"], plan["risk"], plan["automatic"]) == ("MANUAL", "high", False)
    assert plan["steps"]
    assert plan["warnings"]
    assert [each["error"] for each in said["review"]["failures"]] == ["ZeroDivisionError"] * 2


def test_who_approves_what_nobody_tried_says_that_they_did(manual: Bench) -> None:
    said = cultivar("approve", "shadowed", "--real", bench=manual, code=2)
    assert "only a person may try" in said
    assert "--reviewed" in said
    assert "Released" in cultivar("approve", "shadowed", "--real", "--reviewed", bench=manual)
    assert "has reviewed it; no trial was run." in cultivar("experiments", "shadowed", bench=manual)


def test_what_is_in_the_shadow_says_how_far_it_is(bench: Bench) -> None:
    with bench.opened() as opened:
        bench.shadowed(opened)
        bench.use(opened, first=100, number=12, failing=2)
        opened.improve()
    reason = "In the shadow: 12 of at least 105 live uses, 12 as good, 2 of them better."
    listed = cultivar("experiments", bench=bench)
    assert "In the shadow: 12 of at least 105 live uses" in " ".join(listed.split())
    assert reason in cultivar("experiments", "shadowed", bench=bench)
