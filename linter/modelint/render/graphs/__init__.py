"""A model's graph as text: one module per format, each with a function ``render`` from a ``GraphView`` to text.

``view`` makes of a model and its findings what all formats show. It opens no file; the page's own parts are read from
the package.
"""

FORMATS = ("text", "json", "dot", "graphml", "mermaid", "html")
"""The names of the formats; each is a module here."""
