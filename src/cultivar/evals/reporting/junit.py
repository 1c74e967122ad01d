"""An evaluation as JUnit's XML, which servers for continuous integration show.

It keeps to the schema that Jenkins publishes: a suite for each version, a case for each trial.
"""

from __future__ import annotations

import re
from typing import Final
from xml.etree import ElementTree

from cultivar.evals.reporting.evaluation import Evaluation, TriedVersion, named, reasons
from cultivar.lifecycle import TrialResult

_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_of(done: Evaluation) -> str:
    """`done` as a document of XML."""
    root = ElementTree.Element("testsuites", name=_plain(done.suite))
    for version in done.versions:
        root.append(_suite(done, version))
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _suite(done: Evaluation, version: TriedVersion) -> ElementTree.Element:
    results = done.of(version)
    made = ElementTree.Element(
        "testsuite",
        name=_plain(f"{done.artifact.id} {version.label}"),
        tests=str(len(results)),
        failures=str(sum(each.verdict == "failed" for each in results)),
        errors="0",
        skipped=str(sum(each.verdict == "not_verified" for each in results)),
        time=f"{sum(each.seconds for each in results):.3f}",
    )
    made.extend(_case(done, version, each) for each in results)
    return made


def _case(done: Evaluation, version: TriedVersion, result: TrialResult) -> ElementTree.Element:
    case = done.case(result.case_id)
    again = f" [{result.repeat + 1}]" if result.repeat else ""
    made = ElementTree.Element(
        "testcase",
        name=_plain(f"{named(case)}{again}"),
        classname=_plain(f"{done.suite}.{version.label}"),
        time=f"{result.seconds:.3f}",
    )
    if result.verdict == "failed":
        said = _plain(reasons(result))
        first = said.partition("\n")[0]
        failure = ElementTree.SubElement(made, "failure", message=first, type="assertion")
        failure.text = said
    elif result.verdict == "not_verified":
        ElementTree.SubElement(made, "skipped", message=_plain(result.output))
    return made


def _plain(text: str) -> str:
    """`text` without the characters that XML cannot hold."""
    return _NOT_XML.sub("\ufffd", text)
