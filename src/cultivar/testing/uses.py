"""What the record of uses, and of leases, must do; a backend gives the fixture `ledger`."""

# ruff: noqa: D102 (the name of a test says what it shows)

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings

from cultivar.errors import UsageError
from cultivar.ledger.encoding import SECRET
from cultivar.ledger.improvements import ExecutionQuery
from cultivar.lifecycle import Artifact
from cultivar.testing.generations import ANY_TEXT
from cultivar.testing.lifecycles import (
    NOON,
    PROMPT,
    TOOL,
    Improving,
    any_json,
    execution_of,
    succeeded,
)

_law = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


class ExecutionLogContract:
    """How uses are kept; give the fixture `ledger`."""

    @_law
    @given(value=any_json(), text=ANY_TEXT)
    def test_any_use_comes_back(self, ledger: Improving, value: Any, text: str) -> None:
        artifact = Artifact(kind="tool", name=str(uuid4()))
        used = execution_of(
            str(uuid4()), artifact=artifact, inputs={"it": value}, output=value, error=text
        )
        ledger.executions.add_execution(used)
        assert ledger.executions.executions(ExecutionQuery(artifact=artifact)) == (used,)

    def test_uses_come_the_newest_first(self, ledger: Improving) -> None:
        for minutes, name in enumerate(("a", "c", "b")):
            ledger.executions.add_execution(execution_of(name, minutes))
        found = ledger.executions.executions(ExecutionQuery(artifact=TOOL, limit=2))
        assert [each.id for each in found] == ["b", "c"]

    def test_a_use_that_is_known_stays_as_it_is(self, ledger: Improving) -> None:
        for seconds in (1.0, 2.0):
            ledger.executions.add_execution(execution_of("a", seconds=seconds))
        (found,) = ledger.executions.executions(ExecutionQuery(artifact=TOOL))
        assert found.seconds == 1.0

    @pytest.mark.parametrize(
        "narrowed",
        [
            {"tree_hash": "1" * 64},
            {"since": NOON + timedelta(minutes=5)},
            {"succeeded": False},
        ],
        ids=["version", "time", "outcome"],
    )
    def test_uses_are_found_by(self, ledger: Improving, narrowed: dict[str, Any]) -> None:
        ledger.executions.add_execution(execution_of("other"))
        wanted = execution_of("wanted", 5, tree_hash="1" * 64, error="ValueError")
        ledger.executions.add_execution(wanted)
        query = ExecutionQuery(artifact=TOOL, **narrowed)
        assert ledger.executions.executions(query) == (wanted,)

    def test_those_that_succeeded_are_found(self, ledger: Improving) -> None:
        ledger.executions.add_execution(execution_of("failed", error="ValueError"))
        ledger.executions.add_execution(execution_of("done"))
        found = ledger.executions.executions(ExecutionQuery(artifact=TOOL, succeeded=True))
        assert [each.id for each in found] == ["done"]

    def test_what_was_used_comes_by_id(self, ledger: Improving) -> None:
        for number, artifact in enumerate((TOOL, PROMPT, TOOL)):
            ledger.executions.add_execution(execution_of(str(number), artifact=artifact))
        assert ledger.executions.executed() == (PROMPT, TOOL)

    @pytest.mark.parametrize(
        "name",
        [
            *("password", "api_key", "apiKey", "API-KEY", "accessToken", "db_password", "Cookie"),
            *("pwd", "dbPwd", "password1", "passwd2", "secret2", "token1", "apiKey3"),
        ],
    )
    def test_what_is_named_like_a_secret_is_kept_nowhere(
        self, ledger: Improving, name: str
    ) -> None:
        ledger.executions.add_execution(
            execution_of(
                "a",
                inputs={name: "hunter22", "nested": [{name: "hunter33"}], "url": "x?hunter22"},
                output={"echo": ["it is hunter33", {name: 1}]},
                error="ValueError",
                message="no hunter22 here",
            )
        )
        (found,) = ledger.executions.executions(ExecutionQuery(artifact=TOOL))
        assert found.inputs == {name: SECRET, "nested": [{name: SECRET}], "url": f"x?{SECRET}"}
        assert found.output == {"echo": [f"it is {SECRET}", {name: SECRET}]}
        assert found.message == f"no {SECRET} here"

    def test_a_password_in_an_address_is_not_kept(self, ledger: Improving) -> None:
        address = "postgresql://me:hunter22@host/db"
        ledger.executions.add_execution(execution_of("a", inputs={"at": address}, message=address))
        (found,) = ledger.executions.executions(ExecutionQuery(artifact=TOOL))
        assert found.message == found.inputs["at"] == f"postgresql://me:{SECRET}@host/db"

    @pytest.mark.parametrize(
        "name", ["key", "key2", "sort_key", "author", "tokenizer", "secretary", "cwd", "pwdless"]
    )
    def test_what_only_sounds_like_a_secret_is_kept(self, ledger: Improving, name: str) -> None:
        ledger.executions.add_execution(execution_of("a", inputs={name: "hunter22"}))
        (found,) = ledger.executions.executions(ExecutionQuery(artifact=TOOL))
        assert found.inputs == {name: "hunter22"}


class LeasesContract:
    """How leases are taken and given back; give the fixture `ledger`."""

    def test_a_lease_is_one_holders(self, ledger: Improving) -> None:
        assert ledger.leases.take("improve", "one", 60)
        assert not ledger.leases.take("improve", "two", 60)
        assert ledger.leases.take("watch", "two", 60)

    def test_a_holder_may_renew_a_lease(self, ledger: Improving) -> None:
        assert ledger.leases.take("improve", "one", 0.05)
        assert ledger.leases.take("improve", "one", 60)
        time.sleep(0.1)
        assert not ledger.leases.take("improve", "two", 60)

    def test_a_lease_that_has_run_out_is_anybodys(self, ledger: Improving) -> None:
        assert ledger.leases.take("improve", "one", 0.05)
        time.sleep(0.1)
        assert ledger.leases.take("improve", "two", 60)
        assert not ledger.leases.take("improve", "one", 60)

    def test_a_lease_that_was_given_back_is_anybodys(self, ledger: Improving) -> None:
        ledger.leases.take("improve", "one", 60)
        ledger.leases.give_back("improve", "two")
        assert not ledger.leases.take("improve", "two", 60)
        ledger.leases.give_back("improve", "one")
        ledger.leases.give_back("improve", "one")
        assert ledger.leases.take("improve", "two", 60)

    def test_of_many_that_take_a_lease_at_once_one_gets_it(self, ledger: Improving) -> None:
        def take(holder: str) -> None:
            if not ledger.leases.take("improve", holder, 60):
                raise UsageError("Somebody else has it.")

        assert succeeded(take, ["one", "two", "three", "four"], UsageError) == 1

    @pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf")])
    def test_nobody_holds_a_lease_for(self, ledger: Improving, seconds: float) -> None:
        with pytest.raises(UsageError):
            ledger.leases.take("improve", "one", seconds)
        assert ledger.leases.take("improve", "two", 60)

    @_law
    @given(name=ANY_TEXT, holder=ANY_TEXT)
    def test_any_name_will_do(self, ledger: Improving, name: str, holder: str) -> None:
        name += str(uuid4())
        assert ledger.leases.take(name, holder, 60)
        assert not ledger.leases.take(name, holder + "!", 60)
