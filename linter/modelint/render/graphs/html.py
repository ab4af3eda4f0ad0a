"""The graph as one page for a browser, with all that it needs in it: no network, no file beside it.

The data is JSON in which no character can end the element that holds it; the page's script makes text of it and never
markup. A content security policy admits the page's own scripts, by their digests, and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html import escape
from importlib.resources import files

from modelint.render.graphs import words
from modelint.render.graphs.json import document
from modelint.render.graphs.text import unexamined
from modelint.render.graphs.view import GraphView
from modelint.render.terminal import Terminal, printable

SCRIPTS = ("vendor/cytoscape.min.js", "vendor/dagre.min.js", "page/layout.js", "page/panel.js", "page/page.js")
NOTICES = ("vendor/LICENSE.cytoscape.txt", "vendor/LICENSE.dagre.txt")

_SOURCE_MAP = re.compile(r"^//# sourceMappingURL=.*$", re.MULTILINE)


def render(view: GraphView, terminal: Terminal) -> str:
    """The page."""
    scripts = [_SOURCE_MAP.sub("", _part(name)).strip() for name in SCRIPTS]
    policy = f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src {_digests(scripts)}"
    filled = {
        "policy": escape(policy),
        "title": escape(printable(view.title)),
        "style": _part("page/page.css"),
        "data": _data(view),
        "notices": "\n\n".join(_part(name).strip() for name in NOTICES),
        "scripts": "\n".join(f"<script>{script}</script>" for script in scripts),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda found: filled[found[1]], _part("page/page.html"))


def _part(name: str) -> str:
    return (files(__package__) / name).read_text("utf-8")


def _digests(scripts: list[str]) -> str:
    """The scripts as a policy names them: https://www.w3.org/TR/CSP3/#grammardef-hash-source."""
    digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    return " ".join(f"'sha256-{digest}'" for digest in digests)


def _data(view: GraphView) -> str:
    """The document of the JSON format and what the page says of it, ASCII without ``<``, ``>`` and ``&``."""
    whole = {**document(view), "traits": words.TRAITS, "not_examined": unexamined(view)}
    text = json.dumps(whole, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
