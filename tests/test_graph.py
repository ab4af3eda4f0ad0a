"""``modelint graph``: which model it takes, what every format says of it, and that other programs can read it."""

from __future__ import annotations

import json
import re
import unicodedata
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import jsonschema
import networkx
import pydot
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import Project
from modelint.facts import UNKNOWN, Layer, Model, Port, Traits
from modelint.finding import Confidence, Evidence, Finding, Place, Severity
from modelint.render.graphs import FORMATS, dot, graphml, html, mermaid, text
from modelint.render.graphs import json as json_format
from modelint.render.graphs.view import GraphView, Source, view_of
from modelint.render.terminal import PLAIN, Terminal
from modelint.rule import discover
from modelint.selection import Catalogue
from modelint.workspace.graphs import GraphRun
from modelint.workspace.run import Request

PAIR = """\
import keras
from keras import layers


def encoder():
    inputs = keras.Input((32, 32, 3))
    x = layers.Conv2D(8, 3, name="conv")(inputs)
    skip = x
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.Add()([x, skip])
    return keras.Model(inputs, x, name="encoder")


def build_model():
    left = keras.Input((32, 32, 3), name="left")
    right = keras.Input((32, 32, 3), name="right")
    encode = encoder()
    x = layers.Concatenate()([encode(left), encode(right)])
    x = layers.Dropout(0.5)(x, training=True)
    head = keras.Sequential([layers.Flatten(), layers.Dense(10)], name="head")
    return keras.Model([left, right], head(x), name="pair")


model = build_model()
"""

TWO = """\
import keras
from keras import layers


def small():
    return keras.Sequential([layers.Dense(1)])


def dropping():
    inputs = keras.Input((4,))
    x = layers.Dropout(0.5)(inputs, training=True)
    return keras.Model(inputs, layers.Dense(1)(x))


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(8)
        self.drop = layers.Dropout(0.5)

    def call(self, x, training=False):
        return self.drop(self.dense(x), training=training)
"""


def document(project: Project, *arguments: str) -> dict[str, object]:
    """The JSON of a graph, which keeps to its schema."""
    ran = project.run("graph", "--format", "json", *arguments)
    assert (ran.code, ran.err) == (0, "")
    found: dict[str, object] = json.loads(ran.out)
    jsonschema.validate(found, schema())
    return found


def schema() -> dict[str, object]:
    loaded: dict[str, object] = json.loads((files("modelint.render.graphs") / "graph.schema.json").read_text("utf-8"))
    return loaded


# which model


def test_the_only_model_is_shown_and_its_parts_are_no_models_of_their_own(project: Project) -> None:
    project.write("train.py", PAIR)
    assert document(project, "train.py")["model"]["title"] == "pair (Functional)"  # type: ignore[index]


def test_of_several_models_the_error_lists_what_selects_each(project: Project) -> None:
    project.write("train.py", TWO)
    ran = project.run("graph", "train.py")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == (
        "modelint: train.py holds 3 models; name one of them:\n"
        "  train.py:small     Sequential of 1 layer, made in line 6\n"
        "  train.py:dropping  Functional of 2 layers, made in line 12\n"
        "  train.py:Net       Net of 2 layers, made in line 15\n"
    )


@pytest.mark.parametrize("selector", ["small", "dropping", "Net", "6", "12"])
def test_what_the_error_lists_selects_and_so_does_the_line(project: Project, selector: str) -> None:
    project.write("train.py", TWO)
    kinds = {"small": "Sequential", "6": "Sequential", "dropping": "Functional", "12": "Functional", "Net": "Net"}
    assert document(project, f"train.py:{selector}")["model"]["kind"] == kinds[selector]  # type: ignore[index]


def test_a_part_can_be_selected_by_its_name(project: Project) -> None:
    project.write("train.py", PAIR)
    assert [node["kind"] for node in document(project, "train.py:head")["nodes"]] == ["Flatten", "Dense"]  # type: ignore[attr-defined]


def test_an_unknown_name_gets_a_suggestion(project: Project) -> None:
    project.write("train.py", TWO)
    ran = project.run("graph", "train.py:droping")
    assert (ran.code, ran.err) == (2, "modelint: train.py holds no model 'droping'; did you mean 'dropping'?\n")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("x = 1\n", "no model of Keras is made in it"),
        ("import keras\nx = keras.ops.zeros(3)\n", "no model of Keras is made in it"),
        ("import keras\nx = (\n", "'(' was never closed"),
    ],
)
def test_a_file_without_a_graph_ends_with_2_and_says_why(project: Project, content: str, why: str) -> None:
    project.write("train.py", content)
    ran = project.run("graph", "train.py")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("modelint: train.py: ")
    assert why in ran.err


def test_a_missing_file_and_a_directory_without_a_model_end_with_2(project: Project) -> None:
    project.write("src/train.py", PAIR)
    assert project.run("graph", "nowhere.py").err == "modelint: nowhere.py: there is no such file or directory\n"
    assert project.run("graph", "src").err == "modelint: src: this directory is no saved model; name a file\n"


def test_a_model_of_an_imported_class_is_shown_with_the_places_of_its_layers(project: Project) -> None:
    project.write("net.py", TWO)
    project.write("train.py", "from net import Net\nmodel = Net()\nmodel.fit([[1.0]], [1.0])\n")
    found = document(project, "train.py")
    assert found["model"]["made_at"]["path"] == "train.py"  # type: ignore[index]
    assert {node["made_at"]["path"] for node in found["nodes"]} == {"net.py"}  # type: ignore[attr-defined]


def test_a_model_of_a_notebook_is_named_by_function_or_cell_and_line(project: Project) -> None:
    def cell(source: str) -> dict[str, object]:
        return {"cell_type": "code", "source": source, "metadata": {}, "outputs": [], "execution_count": None}

    function = (
        "def build():\n    inputs = keras.Input((4,))\n    x = layers.Dropout(0.5)(inputs, training=True)\n"
        "    return keras.Model(inputs, layers.Dense(1)(x))\n"
    )
    cells = [
        cell("import keras\nfrom keras import layers\n"),
        cell(function),
        cell("keras.Sequential([layers.Dense(1)])"),
    ]
    notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    project.write("train.ipynb", json.dumps(notebook))
    ran = project.run("graph", "train.ipynb")
    assert ran.err.splitlines()[1:] == [
        "  train.ipynb:build    Functional of 2 layers, made in line 4 of cell 2",
        "  train.ipynb:cell3:1  Sequential of 1 layer, made in line 1 of cell 3",
    ]
    found = document(project, "train.ipynb:cell3:1")
    assert found["nodes"][0]["made_at"]["cell"] == 3  # type: ignore[index]
    assert document(project, "train.ipynb:build")["findings"][0]["at"] == ["n1"]  # type: ignore[index]


# what is shown


def test_nested_models_are_wired_by_their_own_graphs_and_every_call_is_a_group(project: Project) -> None:
    project.write("train.py", PAIR)
    found = document(project, "train.py")
    kinds = {node["id"]: (node["kind"], node["parent"]) for node in found["nodes"]}  # type: ignore[attr-defined]
    wired = {(kinds[e["source"]], kinds[e["target"]]) for e in found["edges"]}  # type: ignore[attr-defined]
    titles = {group["id"]: group["title"] for group in found["groups"]}  # type: ignore[attr-defined]
    assert list(titles.values()) == ["encoder (1)", "encoder (2)", "head"]
    for encoder in ("g1", "g2"):
        assert (("Conv2D", encoder), ("BatchNormalization", encoder)) in wired
        assert (("Conv2D", encoder), ("Add", encoder)) in wired
        assert (("Add", encoder), ("Concatenate", None)) in wired
    assert (("Conv2D", "g1"), ("Conv2D", "g2")) not in wired
    assert not any(edge["assumed"] for edge in found["edges"])  # type: ignore[attr-defined]


def test_what_a_forward_pass_of_the_program_connects_is_assumed(project: Project) -> None:
    project.write("train.py", TWO)
    found = document(project, "train.py:Net")
    assert found["edges"] == [{"source": "n1", "target": "n2", "assumed": True}]


def test_a_finding_is_at_its_layer_and_one_of_another_model_is_left_out(project: Project) -> None:
    project.write("train.py", TWO)
    found = document(project, "train.py:dropping")
    assert [(one["rule"], one["at"]) for one in found["findings"]] == [("hard-wired-training", ["n1"])]  # type: ignore[attr-defined]
    assert found["nodes"][0]["findings"] == [0]  # type: ignore[index]
    assert document(project, "train.py:small")["findings"] == []


def test_a_finding_that_stands_elsewhere_concerns_the_layers_that_it_names(project: Project, repository: Path) -> None:
    found = document(project, f"{repository}/fixtures/quickstart/train.py")
    rules = {one["rule"]: one for one in found["findings"]}  # type: ignore[attr-defined]
    kinds = {node["id"]: node["kind"] for node in found["nodes"]}  # type: ignore[attr-defined]
    about = rules["inference-mode-in-training"]
    assert about["at"] == []
    assert {kinds[one] for one in about["concerns"]} == {"BatchNormalization", "Dropout"}


def test_a_finding_of_a_saved_model_is_at_the_layer_or_nested_model_of_its_path() -> None:
    place = Place("m.keras", node="inner/norm")
    norm = Layer("BatchNormalization", "", Traits(), {}, place, place, "norm", path=("inner",))
    add = Layer("Add", "", Traits(), {}, Place("m.keras"), Place("m.keras"), path=("inner",))
    other = Place("m.keras", node="dense")
    model = Model("Functional", "keras", Place("m.keras"), (norm, add, Layer("Dense", "", Traits(), {}, other, other)))
    places = (place, Place("m.keras", node="inner"), Place("m.keras"))
    findings = [Finding("some-rule", Severity.ERROR, Confidence.HIGH, one, f"wrong {one.node}") for one in places]
    view = view_of(model, Source("m.keras"), findings)
    assert [noted.at for noted in view.findings] == [("n1",), ("g1",), ()]
    assert text.render(view, PLAIN) == (
        "Functional\nfile       m.keras\nframework  keras\n"
        "\n"
        "   inner\n       error[some-rule]: wrong inner\n"
        "1    BatchNormalization norm\n       error[some-rule]: wrong inner/norm\n"
        "2    Add                      from no layer\n"
        "3  Dense                      from no layer\n"
        "\n"
        "m.keras:\n  error[some-rule]: wrong None\n"
        "\n"
        "3 layers in 2 models; 3 errors\n"
    )


def test_a_nested_model_of_one_layer_is_that_layer_under_both_names() -> None:
    place = Place("m.pt2", node="block/conv/conv2d")
    conv = Layer("conv2d", "", Traits(), {}, place, place, "conv2d", path=("block", "conv"))
    relu = Layer("relu", "", Traits(), {}, Place("m.pt2"), Place("m.pt2"), path=("block", "act"))
    model = Model("Net", "torch", Place("m.pt2"), (conv, relu), ((0, 1),))
    finding = Finding("some-rule", Severity.ERROR, Confidence.HIGH, Place("m.pt2", node="block/conv"), "wrong")
    view = view_of(model, Source("m.pt2"), [finding])
    assert [(group.name, group.parent) for group in view.groups] == [("block", None)]
    assert [(node.name, node.parent, node.findings) for node in view.nodes] == [
        ("conv/conv2d", "g1", (0,)),
        ("act", "g1", ()),
    ]


def test_select_and_ignore_decide_which_findings_are_shown(project: Project) -> None:
    project.write("train.py", TWO)
    assert document(project, "train.py:dropping", "--ignore", "mode")["findings"] == []
    assert document(project, "train.py:dropping", "--select", "randomness")["findings"] == []
    ran = project.run("graph", "train.py:dropping", "--select", "mod")
    assert (ran.code, ran.err) == (2, "modelint: --select: unknown rule 'mod'; did you mean 'mode'?\n")


def test_what_is_not_known_is_a_node_that_says_so(project: Project) -> None:
    project.write(
        "train.py",
        "import keras\nbase = keras.models.load_model('m.keras')\ninputs = keras.Input((4,))\n"
        "model = keras.Model(inputs, keras.layers.Dense(1)(base(inputs)))\n",
    )
    found = document(project, "train.py")
    assert [node["traits"] for node in found["nodes"]] == [["not-examined"], []]  # type: ignore[attr-defined]
    shown = project.run("graph", "train.py").out
    assert "not examined: layer 1" in shown


def test_text_shows_layers_in_order_with_traits_findings_and_counts(project: Project) -> None:
    project.write("train.py", PAIR)
    assert project.run("graph", "train.py").out == (
        "pair (Functional)\n"
        "made at    train.py:21:12\n"
        "framework  keras\n"
        "input      (None, 32, 32, 3)\n"
        "input      (None, 32, 32, 3)\n"
        "\n"
        "    encoder (1)\n"
        " 1    Conv2D conv\n"
        " 2    BatchNormalization norm  mode-sensitive, couples the batch and writes state in training\n"
        " 3    Add                      from 1, 2\n"
        "    encoder (2)\n"
        " 4    Conv2D conv              from no layer\n"
        " 5    BatchNormalization norm  mode-sensitive, couples the batch and writes state in training\n"
        " 6    Add                      from 4, 5\n"
        " 7  Concatenate                from 3, 6\n"
        " 8  Dropout                    mode-sensitive, random in training, training=True\n"
        "      warning[hard-wired-training]: this Dropout is hard-wired to train mode: on in every prediction in"
        " Keras 2 and\n"
        "        3.16, off in predict() and on in model(x) in Keras 3.0-3.15\n"
        "        = help: drop training=True, or pass it where the model is called\n"
        "    head\n"
        " 9    Flatten\n"
        "10    Dense\n"
        "\n"
        "10 layers in 4 models (3 mode-sensitive); 1 warning\n"
    )


def test_text_keeps_to_the_width_of_a_narrow_terminal_and_colour_changes_nothing_else(project: Project) -> None:
    project.write("train.py", PAIR)
    graphs = GraphRun("train.py", Request(), Catalogue(discover()))
    view = graphs.view(graphs.run.report())
    narrow = text.render(view, Terminal(colour=False, columns=80))
    assert max(map(len, narrow.splitlines())) <= 80
    assert "\n 2    BatchNormalization norm\n        mode-sensitive, couples the batch" in narrow
    coloured = text.render(view, Terminal(colour=True, columns=80))
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == narrow
    assert "\x1b[" in project.run("graph", "train.py", "--color", "always").out


def test_every_format_can_be_written_to_a_file_and_is_the_same_on_every_run(project: Project) -> None:
    project.write("train.py", PAIR)
    for name in FORMATS:
        written = []
        for number in range(2):
            ran = project.run("graph", "train.py", "--format", name, "-o", f"graph{number}.{name}")
            assert (ran.code, ran.out, ran.err) == (0, "", "")
            written.append((project.path / f"graph{number}.{name}").read_text())
        assert written[0] == written[1]
        assert "Concatenate" in written[0]


def test_a_file_that_cannot_be_written_ends_with_2(project: Project) -> None:
    project.write("train.py", PAIR)
    ran = project.run("graph", "train.py", "-o", "nowhere/graph.txt")
    assert (ran.code, ran.err) == (2, "modelint: --output-file: nowhere/graph.txt: No such file or directory\n")


# saved models


def test_a_saved_model_is_shown_with_its_format_writer_and_findings(project: Project, repository: Path) -> None:
    found = document(project, f"{repository}/fixtures/models/keras_2_nested.keras")
    assert found["model"]["format"] == "Keras 2 archive"  # type: ignore[index]
    assert found["model"]["producer"].startswith("Keras 2.")  # type: ignore[index]
    assert found["groups"]
    standing = {one for finding in found["findings"] for one in finding["at"]}  # type: ignore[attr-defined]
    assert standing <= {one["id"] for kind in ("nodes", "groups") for one in found[kind]}  # type: ignore[attr-defined]


def test_the_entries_of_a_saved_model_are_selected_by_their_signatures(project: Project) -> None:
    tensorflow = pytest.importorskip("tensorflow")
    module = tensorflow.Module()
    specification = tensorflow.TensorSpec((None, 4), tensorflow.float32)
    signatures = {
        "first": tensorflow.function(lambda x: tensorflow.nn.relu(x), [specification]),
        "second": tensorflow.function(lambda x: tensorflow.nn.tanh(x), [specification]),
    }
    module.kept = list(signatures.values())
    tensorflow.saved_model.save(module, str(project.path / "served"), signatures=signatures)
    ran = project.run("graph", "served")
    assert ran.code == 2
    assert [line.split()[0] for line in ran.err.splitlines()[1:]] == ["served:first", "served:second"]
    kinds = {node["kind"] for node in document(project, "served:second")["nodes"]}  # type: ignore[attr-defined]
    assert "Tanh" in kinds
    assert "Relu" not in kinds


def test_weights_without_a_graph_end_with_2_and_say_so(project: Project) -> None:
    numpy = pytest.importorskip("numpy")
    numpy.savez(project.path / "weights.npz", dense=numpy.zeros((4, 2)))
    ran = project.run("graph", "weights.npz")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("modelint: weights.npz: ")
    assert "no graph" in ran.err


# foreign readers, and names that mean harm

HOSTILE = (
    "</script><script>alert(1)</script>",
    "<!--",
    "\x1b[31mred\x1b]0;title\x07",
    "::error file=x::y",
    '"];\n} evil [label="',
    "back\\slash \\n \\",
    "#quot;#35; `code` **bold** end subgraph",
    "a\u202eb\u2028c\x00d\ud800",
    "&lt;b&gt; & <b>",
    "名前 é 🙂",
    "",
)

names = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=12))
constants = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), names, st.binary(max_size=4), st.just(UNKNOWN)
)
setting_values = st.recursive(constants, lambda inner: st.lists(inner, max_size=3).map(tuple), max_leaves=4)
shapes = st.none() | st.lists(st.one_of(st.none(), st.integers(0, 9), names), max_size=3).map(tuple)
layers = st.builds(
    Layer,
    kind=names,
    qualified=names,
    traits=st.builds(Traits, st.booleans(), st.booleans(), st.booleans(), st.booleans(), st.booleans()),
    config=st.dictionaries(names, setting_values, max_size=3),
    place=st.builds(Place, names, node=st.none() | names),
    called_at=st.builds(Place, names, node=st.none() | names),
    name=st.none() | names,
    path=st.lists(names, max_size=3).map(tuple),
    opaque=st.booleans(),
    shape=shapes,
)


@st.composite
def views(draw: st.DrawFn) -> GraphView:
    """Any model, with any names, and findings at its layers and elsewhere."""
    held = tuple(draw(st.lists(layers, max_size=7)))
    indices = st.integers(0, len(held) - 1)
    edges = draw(st.lists(st.tuples(indices, indices), max_size=9, unique=True)) if held else []
    ports = st.lists(st.builds(Port, shapes, st.none() | names), max_size=2).map(tuple)
    model = Model(
        draw(names),
        "keras",
        Place("m"),
        held,
        tuple(edges),
        name=draw(st.none() | names),
        inputs=draw(ports),
        outputs=draw(ports),
        assumed=frozenset(edges[::2]),
    )
    places = [layer.place.resolve() for layer in held] + [Place(draw(names))]
    findings = draw(
        st.lists(
            st.builds(
                Finding,
                rule=st.sampled_from(("some-rule", "other-rule")),
                severity=st.sampled_from(Severity),
                confidence=st.just(Confidence.HIGH),
                place=st.sampled_from(places),
                message=names,
                because=st.lists(st.builds(Evidence, st.sampled_from(places), names), max_size=2).map(tuple),
            ),
            max_size=3,
        )
    )
    return view_of(model, Source("m", draw(st.none() | names), unexamined=(draw(names),)), findings, {"some-rule": "x"})


many = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@many
@given(views())
def test_json_keeps_to_its_schema_whatever_the_names(view: GraphView) -> None:
    written = json_format.render(view, PLAIN)
    assert written.isascii()
    found = json.loads(written, parse_constant=pytest.fail)
    jsonschema.validate(found, schema())
    assert len(found["nodes"]) == len(view.model.layers)


@many
@given(views())
def test_networkx_reads_the_graphml_back(view: GraphView) -> None:
    read = networkx.parse_graphml(graphml.render(view, PLAIN), force_multigraph=True)
    assert list(read.nodes) == [node.id for node in view.nodes]
    assert sorted(read.edges(keys=False)) == sorted((edge.source, edge.target) for edge in view.edges)
    assert all("number" in attributes for _, attributes in read.nodes(data=True))


@settings(many, max_examples=15)
@given(views())
def test_pydot_reads_the_dot_back(view: GraphView) -> None:
    (graph,) = pydot.graph_from_dot_data(dot.render(view, PLAIN)) or ()
    nodes: list[str] = []
    stack: list[pydot.Graph] = [graph]
    while stack:
        one = stack.pop()
        nodes += [node.get_name() for node in one.get_nodes() if node.get_name() not in ("node", "edge", "graph")]
        stack += one.get_subgraphs()
    assert sorted(nodes) == sorted(node.id for node in view.nodes)
    edges = sorted((edge.get_source(), edge.get_destination()) for edge in graph.get_edges())
    assert edges == sorted((edge.source, edge.target) for edge in view.edges)


_TEXT = r'"(?:[A-Za-z0-9 ()\[\],.:;!?=+\-*/_\']|#\d+;|<br/>)*"'
_MERMAID = re.compile(
    rf" *(?:[ng]\d+\[{_TEXT}\]|subgraph g\d+\[{_TEXT}\]|end|n\d+ (?:-->|-\.->) n\d+|model\[{_TEXT}\]"
    r"|style model [a-z:,]+|classDef [a-z]+ [a-z0-9:,# -]+|class n\d+(?:,n\d+)* [a-z]+)"
)


@many
@given(views())
def test_mermaid_keeps_to_statements_that_no_name_can_break(view: GraphView) -> None:
    first, *lines = mermaid.render(view, PLAIN).splitlines()
    assert first == "flowchart TB"
    assert [line for line in lines if not _MERMAID.fullmatch(line)] == []


@many
@given(views())
def test_text_holds_nothing_that_a_terminal_obeys(view: GraphView) -> None:
    shown = text.render(view, PLAIN)
    assert "\x1b" not in shown
    assert {unicodedata.category(character) for character in set(shown) - {"\n"}}.isdisjoint({"Cc", "Cs", "Zl", "Zp"})
    assert "\u202e" not in shown
    assert all(str(node.number) in shown for node in view.nodes)


class _Page(HTMLParser):
    """The scripts of a page, as a browser divides them."""

    def __init__(self) -> None:
        super().__init__()
        self.scripts: list[str] = []
        self.inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.inside = tag == "script"
        if self.inside:
            self.scripts.append("")
        assert not {"src", "onload", "onerror", "onclick"} & {name for name, _ in attrs}

    def handle_endtag(self, tag: str) -> None:
        self.inside = False

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.scripts[-1] += data


@settings(many, max_examples=15)
@given(views())
def test_no_name_ends_the_data_of_the_page(view: GraphView) -> None:
    page = _Page()
    page.feed(html.render(view, PLAIN))
    data, *scripts = page.scripts
    assert len(scripts) == len(html.SCRIPTS)
    assert not {"<", ">", "&"} & set(data)
    assert json.loads(data)["nodes"] == json.loads(json_format.render(view, PLAIN))["nodes"]
