"""JUnit's XML, for what shows test reports: a suite per file, a failure per finding.

The elements are those that Jenkins, GitLab and Azure agree on. What could not be examined is an error, not a failure. A
run without findings has one test that passes, since no tests at all are taken for a mistake.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from xml.etree import ElementTree

from modelint.finding import Finding, Verdict
from modelint.render.full import divided, location
from modelint.render.results import Results, is_failure, verdict_of
from modelint.render.terminal import Terminal, printable

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What the production Char of XML 1.0 leaves out."""


def render(results: Results, terminal: Terminal) -> str:
    """The document, with its declaration."""
    root = ElementTree.Element("testsuites", {"name": "modelint", **_counts(results.findings)})
    for path, found in groupby(results.findings, key=lambda finding: results.hosted(finding.place).path):
        of_file = list(found)
        suite = ElementTree.SubElement(root, "testsuite", {"name": _text(path), **_counts(of_file)})
        for finding in of_file:
            _case(suite, finding, results)
    if not results.findings:
        root.set("tests", "1")
        suite = ElementTree.SubElement(root, "testsuite", name="modelint", tests="1", failures="0", errors="0")
        ElementTree.SubElement(suite, "testcase", name="no findings", classname="modelint")
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def _counts(findings: Sequence[Finding]) -> dict[str, str]:
    errors = sum(map(is_failure, findings))
    skipped = sum(map(_is_refuted, findings))
    failures = len(findings) - errors - skipped
    counts = {"tests": str(len(findings)), "failures": str(failures), "errors": str(errors)}
    return counts | ({"skipped": str(skipped)} if skipped else {})


def _is_refuted(finding: Finding) -> bool:
    return finding.confirmation is not None and finding.confirmation.verdict is Verdict.REFUTED


def _case(suite: ElementTree.Element, finding: Finding, results: Results) -> None:
    place = results.hosted(finding.place)
    case = ElementTree.SubElement(suite, "testcase", name=finding.rule, classname=_text(place.path))
    case.set("file", _text(place.path))
    if (span := place.in_file) is not None:
        case.set("line", str(span.line))
    wrong, advice = divided(finding)
    body = [f"{location(place)}: {finding.severity.value}: {wrong}"]
    body += [f"because {location(results.hosted(reason.place))}: {reason.message}" for reason in finding.because]
    body += [f"help: {advice}"] if advice else []
    body += [verdict_of(finding)] if finding.confirmation is not None else []
    if _is_refuted(finding):
        problem = ElementTree.SubElement(case, "skipped", message=_text(finding.message))
    else:
        kind = "error" if is_failure(finding) else "failure"
        problem = ElementTree.SubElement(case, kind, message=_text(finding.message), type=finding.severity.value)
    problem.text = "\n".join(_text(line) for line in body)


def _text(text: str) -> str:
    """Text that XML can hold."""
    return _NOT_XML.sub("\ufffd", printable(text))
