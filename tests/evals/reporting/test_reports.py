"""Reports: JUnit's XML and the page, also of names and outputs that would break out of them."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cultivar.evals.comparing.comparison import compare
from cultivar.evals.reporting.evaluation import Evaluation, TriedVersion, named
from cultivar.evals.reporting.junit import junit_of
from cultivar.evals.reporting.page import page_of
from cultivar.lifecycle import Artifact, AssertionResult, TrialCase, TrialResult
from cultivar.model import Verdict
from cultivar.record import replace

NASTY = "]]></failure><script>alert('x')</script>&\x00\x1b[31m\ud800\uffff\"' é"
CASES = (
    TrialCase(id="a", name="plain"),
    TrialCase(id="b", task=NASTY),
    TrialCase(id="c", inputs={"x": 1, "y": NASTY}),
)


def result(case: str, tree: str, verdict: Verdict, repeat: int = 0) -> TrialResult:
    why = AssertionResult(
        kind="contains", passed=False, score=0.0, required=True, weight=1.0, said=NASTY
    )
    return TrialResult(
        case_id=case,
        tree_hash=tree,
        repeat=repeat,
        verdict=verdict,
        score=float(verdict == "passed"),
        assertions=(why,) if verdict == "failed" else (),
        output=NASTY,
        seconds=1.5,
        money=0.01,
        quality=0.5,
    )


def evaluation(*verdicts: Verdict, label: str = "1.0.0") -> Evaluation:
    """An evaluation of two versions, the second of which passes everything."""
    old = [result(case.id, "old", each) for case, each in zip(CASES, verdicts, strict=True)]
    new = [result(case.id, "new", "passed", repeat) for case in CASES for repeat in (0, 1)]
    return Evaluation(
        id="eval-1",
        suite="suite",
        artifact=Artifact(kind="template", name="a:b"),
        versions=(
            TriedVersion(label=label, tree_hash="old"),
            TriedVersion(label="new", tree_hash="new"),
        ),
        cases=CASES,
        results=(*old, *new),
        min_pass_rate=0.5,
        judged=(label, "new"),
    )


MIXED = evaluation("passed", "failed", "not_verified")


class Reader(HTMLParser):
    """Reads a page: its elements in order, what is open, and what they refer to."""

    VOID = frozenset({"meta", "line", "circle", "rect"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.refers: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.refers += [value or "" for name, value in attrs if name in {"src", "href"}]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader


def test_not_verified_trials_count_neither_way() -> None:
    summary = MIXED.summaries[0]
    assert (summary.passed, summary.failed, summary.not_verified) == (1, 1, 1)
    assert summary.pass_rate == 0.5
    assert summary.low < 0.5 < summary.high


@pytest.mark.parametrize(
    ("least", "missed"), [(0.5, []), (0.51, ["1.0.0"]), (0.0, []), (1.0, ["1.0.0"])]
)
def test_a_version_misses_when_its_rate_is_under_the_least(least: float, missed: list[str]) -> None:
    done = replace(MIXED, min_pass_rate=least)
    assert [each.label for each in done.missed] == missed


def test_a_version_of_which_nothing_was_verified_is_unknown_and_has_not_missed() -> None:
    done = evaluation("not_verified", "not_verified", "not_verified")
    assert [each.label for each in done.unknown] == ["1.0.0"]
    assert done.missed == ()
    assert "not verified" in page_of(done)


def test_a_case_is_called_by_its_name_its_task_or_its_inputs() -> None:
    assert [named(each) for each in CASES] == ["plain", NASTY, f"x=1, y={NASTY}"]
    assert named(TrialCase(id="d")) == "defaults"


def test_junit_has_a_suite_for_each_version_and_a_case_for_each_trial() -> None:
    root = ElementTree.fromstring(junit_of(MIXED))
    counts = ("tests", "failures", "errors", "skipped")
    assert [[suite.get(each) for each in counts] for suite in root] == [
        ["3", "1", "0", "1"],
        ["6", "0", "0", "0"],
    ]
    assert [case.get("name") for case in root[1]][:2] == ["plain", "plain [2]"]
    assert [[each.tag for each in case] for case in root[0]] == [[], ["failure"], ["skipped"]]


ALLOWED = {
    "testsuites": ({"name"}, {"testsuite"}),
    "testsuite": ({"name", "tests", "failures", "errors", "skipped", "time"}, {"testcase"}),
    "testcase": ({"name", "classname", "time"}, {"failure", "skipped"}),
    "failure": ({"message", "type"}, set[str]()),
    "skipped": ({"message"}, set[str]()),
}
"""Of Jenkins' schema (`junit-10.xsd`), the elements that we use: their attributes and children."""


@given(st.text(), st.sampled_from(["passed", "failed", "not_verified"]))
def test_junit_keeps_to_its_schema_whatever_is_in_it(text: str, verdict: Verdict) -> None:
    done = evaluation("passed", "failed", verdict, label=text)
    root = ElementTree.fromstring(junit_of(replace(done, suite=text)))
    for element in root.iter():
        attributes, children = ALLOWED[element.tag]
        assert set(element.keys()) == attributes
        assert {each.tag for each in element} <= children
    for number in ("tests", "failures", "errors", "skipped"):
        assert all(int(suite.get(number, "")) >= 0 for suite in root)
    assert all(float(each.get("time", "")) >= 0 for each in root.iter("testcase"))


def test_the_page_has_its_pictures_in_it_and_refers_to_nothing() -> None:
    page = page_of(MIXED)
    reader = read(page)
    assert reader.refers == []
    assert reader.seen.count("svg") == 4  # rates, trials, time, cost
    assert not re.search(r"url\(|@import|https?://", page)
    assert "prefers-color-scheme: dark" in page


def test_the_page_shows_a_square_for_each_trial_and_an_interval_for_each_version() -> None:
    page = page_of(MIXED)
    squares = {each: page.count(f'rect class="{each}"') for each in ("passed", "failed")}
    assert squares == {"passed": 7, "failed": 1}
    assert page.count('rect class="not_verified"') == 1
    assert page.count('line class="range"') == 2


@given(st.text())
def test_nothing_that_is_shown_breaks_out_of_the_page(text: str) -> None:
    done = evaluation("passed", "failed", "failed", label=f"{text}<b>{NASTY}")
    reader = read(page_of(replace(done, suite=text)))
    assert not {"script", "b"} & set(reader.seen)


def test_the_page_says_whether_a_difference_is_real() -> None:
    before, after = map(MIXED.of, MIXED.versions)
    found = compare(before, after, cases=CASES)
    page = page_of(replace(MIXED, comparison=found))
    assert "Recommendation" in page
    assert found.recommendation.replace("_", " ") in page
