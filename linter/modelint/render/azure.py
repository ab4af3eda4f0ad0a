"""Issues of Azure Pipelines: logging commands, a line each.

``##vso[task.logissue key=value;…]message``, escaped as Microsoft's azure-pipelines-task-lib does it
(``taskcommand.ts``): ``%``, line ends, and in values ``;`` and ``]``. There are two levels; a note is a warning.
"""

from __future__ import annotations

from modelint.finding import Finding, Severity
from modelint.render.results import Results, effective_severity, verdict_of
from modelint.render.terminal import Terminal, printable


def render(results: Results, terminal: Terminal) -> str:
    """A command per finding."""
    return "".join(_issue(finding, results) for finding in results.findings)


def _issue(finding: Finding, results: Results) -> str:
    place = results.hosted(finding.place)
    values = {
        "type": "error" if effective_severity(finding) is Severity.ERROR else "warning",
        "sourcepath": printable(place.path),
    }
    if (span := place.in_file) is not None:
        values |= {"linenumber": str(span.line), "columnnumber": str(span.column)}
    values["code"] = finding.rule
    written = "".join(f"{key}={_value(value)};" for key, value in values.items())
    at = f" (node {printable(place.node)})" if place.node is not None else ""
    verdict = f" ({printable(verdict_of(finding))})" if finding.confirmation is not None else ""
    return f"##vso[task.logissue {written}]{_data(printable(finding.message) + at + verdict)}\n"


def _value(text: str) -> str:
    return _data(text).replace("]", "%5D").replace(";", "%3B")


def _data(text: str) -> str:
    return text.replace("%", "%AZP25").replace("\r", "%0D").replace("\n", "%0A")
