"""One line per finding, in the form of a compiler: editors and problem matchers know it."""

from __future__ import annotations

from modelint.finding import Finding
from modelint.render.full import location
from modelint.render.results import Results
from modelint.render.terminal import SEVERITY_STYLES, Style, Terminal, printable


def render(results: Results, terminal: Terminal) -> str:
    """``path:line:column: severity: message [rule]``."""
    return "".join(
        f"{terminal.paint(location(finding.place), Style.STRONG)}: "
        f"{terminal.paint(finding.severity.value, SEVERITY_STYLES[finding.severity])}: "
        f"{printable(finding.message)}{_verdict(finding)} {terminal.paint(f'[{finding.rule}]', Style.FAINT)}\n"
        for finding in results.findings
    )


def _verdict(finding: Finding) -> str:
    return f" ({finding.confirmation.verdict.value})" if finding.confirmation else ""
