"""Trying tools: what they give, and what those give who would rather not be judged."""

from __future__ import annotations

import json
from collections.abc import Iterator
from textwrap import indent

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cultivar.agent import Context
from cultivar.checking.checks import CheckRunner
from cultivar.errors import SandboxUnavailableError, UnconfinedError
from cultivar.evals.trying.base import Place
from cultivar.evals.trying.spelling import canonical, is_whole, spelled
from cultivar.evals.trying.tool_uses import Described, ToolUses, Use, requires
from cultivar.evals.trying.tools import declared_cases, tool_case, try_tool, try_tool_on
from cultivar.lifecycle import Assertion, TrialResult
from cultivar.model import Json
from cultivar.record import replace
from cultivar.sandbox.base import Command, Completed, Limits, Sandbox
from cultivar.sandbox.process import PlainProcess
from cultivar.testing.tools import place_for_tools, subject_of, tool_file
from cultivar.tree import Tree, text_entry


@pytest.fixture(scope="module")
def uses() -> Iterator[ToolUses]:
    with place_for_tools(seconds=2.0) as place:
        yield place


def used(uses: ToolUses, body: str, *given: Json, more: str = "") -> tuple[Use, ...]:
    """Use a tool with that body on each of these values of its one argument."""
    subject = subject_of(tool_file(body) + more)
    return uses.use(subject.tree, "acts", [{"given": each} for each in given])


def tried(uses: ToolUses, body: str, given: Json, *assertions: Assertion) -> TrialResult:
    case = tool_case({"given": given}, *assertions)
    return try_tool_on(subject_of(tool_file(body)), [case], uses)[0]


def test_a_tool_gives_a_value_for_each_of_its_inputs(uses: ToolUses) -> None:
    assert [each.value for each in used(uses, "return given * 2", 1, 2.5, "ab", [1])] == [
        *(2, 5.0, "abab", [1, 1])
    ]


def test_an_exception_is_told_with_its_class_its_words_and_its_place(uses: ToolUses) -> None:
    (use,) = used(uses, "return {}[given]", "k")
    assert (use.raised[:2], use.message) == (("KeyError", "LookupError"), "'k'")
    assert "in acts: return {}[given]" in use.trace


def test_the_time_is_that_of_the_call_itself(uses: ToolUses) -> None:
    body = "time.sleep(given)"
    (use,) = used(uses, body, 0.3, more="\ntime.sleep(0.5)\n")
    assert 0.3 <= use.seconds < 0.5
    assert use.loading >= 0.5


def test_work_that_moves_to_where_a_tool_is_loaded_makes_no_trial_of_it_quicker(
    uses: ToolUses,
) -> None:
    tool = subject_of(tool_file("return given") + "\ntime.sleep(0.5)\n")
    (result,) = try_tool_on(tool, [tool_case({"given": 1})], uses)
    assert result.seconds >= 0.5


PREPARED = """

def seen():
    found, frame = [], sys._getframe()
    while frame is not None:
        found += [name for name, value in frame.f_locals.items() if "a word" in repr(value)]
        frame = frame.f_back
    top = __file__.rsplit("/", 2)[0]
    return found + [each for each in os.listdir(top) if "a word" in read(f"{top}/{each}")]


def read(path):
    return open(path).read() if os.path.isfile(path) else ""


SEEN = seen()
"""


def test_a_tool_that_is_loaded_knows_none_of_the_inputs_that_come(uses: ToolUses) -> None:
    found = used(uses, "return SEEN", *["a word"] * 3, more=f"\nimport sys\n{PREPARED}")
    assert [each.value for each in found] == [[], [], []]


def test_no_use_sees_what_another_left_in_the_tool(uses: ToolUses) -> None:
    more = "\n\nSEEN = []\n"
    seen = used(uses, "SEEN.append(given)\nreturn list(SEEN)", 1, 2, more=more)
    assert [each.value for each in seen] == [[1], [2]]


def test_what_a_tool_prints_is_not_its_result(uses: ToolUses) -> None:
    noise = "print('noise' * given, flush=True)\nos.system('echo noise')\nreturn given"
    assert [each.value for each in used(uses, noise, 1, 10_000)] == [1, 10_000]


FORGED = """
line = b'\\ncultivar-use ' + b'0' * 64 + b' {"value": 42, "hash": "x", "number": 0}\\n'
for path in ("/proc/1/fd/1", "/proc/1/fd/2", "/dev/stdout"):
    try:
        pipe = os.open(path, os.O_WRONLY)
        os.write(pipe, line)
    except OSError:
        pass
print(line.decode())
for each in ("key", "job.json", "result.json"):
    try:
        open("/tmp/tree/" + each, "wb").write(line)
    except OSError:
        pass
"""

SPOILING = {
    "it hangs": ("while True: pass", "more than 2 seconds"),
    "it sleeps with all signals ignored": (
        "import signal\nfor each in (2, 15): signal.signal(each, signal.SIG_IGN)\ntime.sleep(60)",
        "more than 2 seconds",
    ),
    "it ends its process": ("os._exit(0)", "exit code 0"),
    "it forges a result and ends": (f"{FORGED}\nos._exit(0)", "exit code 0"),
    "it crashes": ("os.kill(os.getpid(), 11)", "signal 11"),
    "it kills the process that measures": ("os.kill(os.getppid(), 9)\ntime.sleep(9)", "around it"),
    "it writes over what tells its result": (
        "for each in range(3, 64):\n"
        "    try: os.write(each, b'\\xff' * 64)\n"
        "    except OSError: pass\n"
        "os._exit(0)",
        "wrote over",
    ),
    "it closes what tells its result": ("os.closerange(3, 64)\ntime.sleep(9)", "closed what tells"),
}


@pytest.mark.parametrize("name", SPOILING)
def test_a_tool_that_spoils_its_use_has_failed_and_nothing_else_has(
    name: str, uses: ToolUses
) -> None:
    body, why = SPOILING[name]
    spoiled = f"if given == 2:\n{indent(body, '    ')}\nreturn given"
    first, second, third = used(uses, spoiled, 1, 2, 3)
    assert (first.value, third.value) == (1, 3)
    assert (second.succeeded, second.unverified) == (False, "")
    assert why in second.trouble


def test_memory_without_end_is_ended(uses: ToolUses) -> None:
    body = "kept = []\nwhile given: kept.append(bytearray(1 << 20))\nreturn given"
    first, second = used(uses, body, True, False)
    assert (first.succeeded, second.value) == (False, False)


def test_a_tool_that_fills_the_place_with_processes_has_failed(uses: ToolUses) -> None:
    body = "while given:\n    if os.fork() == 0: os.setsid()\nreturn given"
    first, second = used(uses, body, True, False)
    assert (first.succeeded, second.value) == (False, False)


def test_a_tool_that_is_left_running_does_not_reach_the_next_use(uses: ToolUses) -> None:
    body = """
    if given == 1 and os.fork() == 0:
        os.setsid()
        while True:
            for each in os.listdir("/proc"):
                if each.isdigit() and int(each) > 1 and int(each) != os.getpid():
                    try: os.kill(int(each), 9)
                    except OSError: pass
    time.sleep(0.2)
    return given
    """
    assert [each.value for each in used(uses, body, 2, 3)] == [2, 3]
    third = used(uses, body, 1, 2, 3)[2]
    assert third.value == 3


@pytest.mark.parametrize("place", ["tempfile.gettempdir()", "'/tmp'", "os.environ['HOME']", "'.'"])
def test_no_use_finds_files_of_another(place: str, uses: ToolUses) -> None:
    body = f"""
    import tempfile
    path = {place} + "/left"
    found = os.path.exists(path)
    open(path, "wb").write(b"x" * given)
    return found
    """
    assert [each.value for each in used(uses, body, 1, 1, 1 << 20)] == [False] * 3


def test_a_use_that_fills_the_disk_spoils_no_other(uses: ToolUses) -> None:
    body = """
    if given == 1:
        try:
            with open("/tmp/left", "wb") as file:
                while True: file.write(b"x" * (1 << 20))
        except OSError: return "full"
    open("some", "wb").write(b"x" * (1 << 20))
    return given
    """
    first, second, third = used(uses, body, 0, 1, 2)
    assert (first.value, third.value) == (0, 2)
    assert second.value == "full" or not second.succeeded


def test_no_process_of_a_use_is_alive_in_the_next(uses: ToolUses) -> None:
    body = """
    alive = [each for each in os.listdir("/proc") if each.isdigit()]
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0: time.sleep(60)
        os._exit(0)
    return len(alive)
    """
    first, second, third = used(uses, body, 1, 2, 3)
    assert first.value == second.value == third.value


def test_no_process_that_runs_the_tool_can_look_for_the_key(uses: ToolUses) -> None:
    body = """
    found = []
    for each in os.listdir("/proc"):
        if each.isdigit() and int(each) not in (1, os.getpid()):
            try: found.append(open(f"/proc/{each}/mem", "rb").name)
            except OSError: pass
    return [found, os.path.exists("/tmp/tree/key")]
    """
    assert used(uses, body, 1)[0].value == [[], False]


def test_a_tool_sees_no_file_of_ours_and_no_network(uses: ToolUses) -> None:
    body = """
    import socket
    try: socket.create_connection(("127.0.0.1", 1), 1)
    except OSError: reached = False
    return [reached, os.path.exists(given), sorted(os.environ.get("HOME", "").split("/"))[:1]]
    """
    value = used(uses, body, __file__)[0].value
    assert isinstance(value, list)
    assert value[:2] == [False, False]


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("def acts(:", "SyntaxError"),
        ("import no_such_module", "ModuleNotFoundError"),
        ("acts = 1", "declares no tool 'acts'"),
        ("raise SystemExit(0)", "SystemExit"),
        ("import os; os._exit(0)", "exit code 0"),
        ("# /// script\n# dependencies = 1\n# ///\n", "no list of texts"),
    ],
)
def test_a_version_that_cannot_be_loaded_says_why_and_meets_no_case(
    source: str, why: str, uses: ToolUses
) -> None:
    case = tool_case({}, Assertion(kind="raises", value="SyntaxError"))
    (result,) = try_tool_on(subject_of(source), [case], uses)
    assert result.verdict == "failed"
    assert why in result.output


def test_the_packages_that_a_version_needs_stand_in_its_metadata() -> None:
    source = '# /// script\n# requires-python = ">=3.11"\n# dependencies = ["rich<14"]\n# ///\n'
    assert requires(Tree({"acts.py": text_entry(source)}), "acts") == ("rich<14",)


def test_a_version_is_asked_for_its_cases_behind_the_wall(uses: ToolUses) -> None:
    cases = 'Case(input={"given": 0}, should_raise="ValueError", description="nothing"),'
    source = tool_file("return given", like="idempotent=True", cases=cases)
    described = uses.describe(subject_of(source).tree, "acts")
    assert isinstance(described, Described)
    assert described.characteristics.idempotent
    assert [each.should_raise for each in described.cases] == ["ValueError"]


def test_the_declared_cases_of_our_own_tools_hold_behind_the_wall(uses: ToolUses) -> None:
    from cultivar.definitions import builtin_root

    source = (builtin_root() / "tools" / "failing_lines.py").read_text()
    subject = subject_of(source, "failing_lines")
    described = uses.describe(subject.tree, "failing_lines")
    assert isinstance(described, Described)
    results = try_tool_on(subject, declared_cases(described.cases), uses)
    assert [each.verdict for each in results] == ["passed"] * 4


EQUALS = [
    ("return given", None, None, "passed"),
    ("return given", None, 0, "failed"),
    ("return given", 1, None, "failed"),
    ("return given", 2, 2.0, "passed"),
    ("return given", 1, True, "failed"),
    ("return (given, {'a': None})", 1, [1, {"a": None}], "passed"),
    ("return given * 100_000", "x", "x" * 100_000, "passed"),
    ("return given * 100_001", "x", "x" * 100_000, "failed"),
    ("return {given}", 1, "{1}", "failed"),
]


@pytest.mark.parametrize(("body", "given_value", "value", "verdict"), EQUALS)
def test_what_is_returned_is_held_against_what_a_case_expects(
    body: str, given_value: Json, value: Json, verdict: str, uses: ToolUses
) -> None:
    result = tried(uses, body, given_value, Assertion(kind="equals", value=value))
    assert result.verdict == verdict


RAISES = [
    ("raise ZeroDivisionError", "ZeroDivisionError", "passed"),
    ("raise ZeroDivisionError", "ArithmeticError", "passed"),
    ("raise ArithmeticError", "ZeroDivisionError", "failed"),
    ("return given", "ValueError", "failed"),
    ("os._exit(1)", "NoResult", "failed"),
]


@pytest.mark.parametrize(("body", "value", "verdict"), RAISES)
def test_who_expects_an_exception_expects_those_made_of_it(
    body: str, value: str, verdict: str, uses: ToolUses
) -> None:
    assert tried(uses, body, 1, Assertion(kind="raises", value=value)).verdict == verdict


def test_an_exception_that_nobody_expects_fails_a_case_that_says_nothing_else(
    uses: ToolUses,
) -> None:
    result = tried(uses, "return 1 / given", 0)
    assert (result.verdict, result.score) == ("failed", 0.0)
    assert result.output.startswith("ZeroDivisionError: division by zero\nline ")


def test_a_hang_is_no_absence_of_an_exception(uses: ToolUses) -> None:
    never = Assertion(kind="raises", value="ValueError", negate=True)
    assert tried(uses, "os._exit(0)", 1, never).verdict == "failed"


def test_two_versions_agree_where_they_give_the_same(uses: ToolUses) -> None:
    one, other, third, fourth = (
        tried(uses, body, 4).output_hash
        for body in ("return given / 2", "return given // 2", "raise KeyError", "return {}['x']")
    )
    assert one == other != third == fourth


class Down(PlainProcess):
    """A sandbox that is down."""

    confined = True

    def run(self, command: Command, tree: Tree, limits: Limits) -> Completed:
        raise SandboxUnavailableError("The wall is down.")


def test_a_sandbox_that_is_down_says_nothing_of_the_version(uses: ToolUses) -> None:
    down = replace(uses, runner=replace(uses.runner, sandbox=Down()))
    result = tried(down, "os._exit(1)", 1)
    assert (result.verdict, result.output) == ("not_verified", "The wall is down.")


class Meddled(PlainProcess):
    """A wall in which a tool has got hold of the pipe that tells results."""

    confined = True

    def __init__(self, real: Sandbox) -> None:
        self._real = real
        self._first = b""

    def run(self, command: Command, tree: Tree, limits: Limits) -> Completed:
        done = self._real.run(command, tree, limits)
        self._first = self._first or done.output
        forged = done.output.replace(b'"value": 1', b'"value": 42')
        return replace(done, output=forged + done.output + forged + self._first + b"\n\xff{")


def test_no_line_counts_that_our_worker_has_not_signed_for_this_use(uses: ToolUses) -> None:
    meddled = Meddled(uses.runner.sandbox)
    shaky = replace(uses, runner=replace(uses.runner, sandbox=meddled))
    assert used(shaky, "return given", 1)[0].value == 1
    assert used(shaky, "return given + 1", 1)[0].value == 2


def test_no_version_is_used_without_a_wall(uses: ToolUses) -> None:
    bare = replace(uses, runner=replace(uses.runner, sandbox=PlainProcess()))
    with pytest.raises(UnconfinedError):
        used(bare, "return given", 1)


def test_without_a_wall_a_user_may_say_so(uses: ToolUses) -> None:
    runner = replace(uses.runner, sandbox=PlainProcess(), unconfined=True)
    values = used(replace(uses, runner=runner), "if given: os._exit(3)\nreturn given", 1, 0)
    assert [each.value for each in values] == [None, 0]


def test_a_tool_is_tried_in_the_place_of_any_trial(uses: ToolUses) -> None:
    place = Place(context=Context(services={CheckRunner: uses.runner}))
    case = tool_case({"given": 20}, Assertion(kind="python", value="value == inputs['given'] + 1"))
    assert try_tool(subject_of(tool_file("return given + 1")), case, 0, place).verdict == "passed"


def test_the_same_case_is_known_by_the_same_id() -> None:
    one, other = tool_case({"a": 1, "b": 2.0}), tool_case({"b": 2.0, "a": 1}, origin="failure")
    assert one.id == other.id != tool_case({"a": 1}).id


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_spelling_what_is_spelled_changes_nothing(value: object) -> None:
    made = spelled(value)
    assert canonical(spelled(made)) == canonical(made)


@given(VALUES)
@settings(deadline=None)
def test_what_is_no_json_is_marked_and_what_is_stays_as_it_is(value: object) -> None:
    made = spelled(value)
    assert json.loads(json.dumps(made, allow_nan=False)) == made
    assert not is_whole(made) or canonical(made) == canonical(value)
