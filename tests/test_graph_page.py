"""The page of ``modelint graph --format html``, in a real browser."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelint.facts import Layer, Model, Passing, Port, Traits
from modelint.finding import Confidence, Evidence, Finding, Place, Severity
from modelint.render.graphs import html
from modelint.render.graphs.view import GraphView, Source, view_of
from modelint.render.terminal import PLAIN

webdriver = pytest.importorskip("selenium.webdriver")
from selenium.webdriver.chrome.service import Service  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

PATIENCE = 60
"""Seconds to wait for what must happen."""

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PLACES = (
    "/usr/bin",
    "/usr/local/bin",
    "/snap/bin",
    "/usr/lib/chromium",
    "/usr/lib/chromium-browser",
    "/opt/google/chrome",
)

BATCHNORM = Traits(mode_sensitive=True, couples_batch_in_training=True, writes_state_in_training=True)
DROPOUT = Traits(mode_sensitive=True, stochastic_in_training=True)


def installed(*names: str) -> str | None:
    """The first of some programs that is on this machine."""
    path = os.pathsep.join((os.environ.get("PATH", ""), *PLACES))
    return next((found for name in names if (found := shutil.which(name, path=path))), None)


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    """Chromium without a window, with a record of what it asks the network for."""
    binary, driver = installed(*BROWSERS), installed("chromedriver", "chromium.chromedriver")
    if binary is None or driver is None:
        pytest.skip("no Chromium with its chromedriver is installed on this machine")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    flags = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1400,900")
    for flag in flags:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    started = webdriver.Chrome(options=options, service=Service(driver))
    yield started
    started.quit()


class Page:
    """A page in the browser, and what can be seen of it."""

    def __init__(self, browser: webdriver.Chrome, path: Path, view: GraphView, scheme: str = "light") -> None:
        self.browser = browser
        path.write_text(html.render(view, PLAIN), "utf-8")
        feature = {"name": "prefers-color-scheme", "value": scheme}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        for kind in ("browser", "performance"):
            browser.get_log(kind)
        browser.get(path.as_uri())
        self.wait("document.documentElement.dataset.ready === 'true'")

    def run(self, script: str) -> object:
        return self.browser.execute_script(script)

    def wait(self, condition: str) -> None:
        WebDriverWait(self.browser, PATIENCE).until(lambda browser: browser.execute_script(f"return {condition}"))

    def labels(self, selector: str) -> list[str]:
        """The labels of what is drawn."""
        found = self.run(f"return modelGraph.cy.nodes({json.dumps(selector)}).map((node) => node.data('label'))")
        assert isinstance(found, list)
        return sorted(found)

    def click_node(self, name: str) -> None:
        """Click where a node is drawn."""
        self.run(f"modelGraph.cy.center(modelGraph.cy.getElementById({name!r}))")
        offset = self.run(
            f"const at = modelGraph.cy.getElementById({name!r}).renderedPosition();"
            "return [at.x - modelGraph.cy.width() / 2, at.y - modelGraph.cy.height() / 2]"
        )
        assert isinstance(offset, list)
        graph = self.browser.find_element(By.ID, "graph")
        actions = webdriver.ActionChains(self.browser)
        actions.move_to_element_with_offset(graph, round(offset[0]), round(offset[1])).click().perform()

    def press(self, *keys: str) -> None:
        actions = webdriver.ActionChains(self.browser)
        for key in keys:
            actions.send_keys(key)
        actions.perform()

    def by_id(self, name: str) -> webdriver.remote.webelement.WebElement:
        return self.browser.find_element(By.ID, name)

    @property
    def panel(self) -> str:
        text = self.by_id("panel").text
        assert isinstance(text, str)
        return text

    @property
    def status(self) -> str:
        text = self.by_id("status").text
        assert isinstance(text, str)
        return text

    def complaints(self) -> list[str]:
        """What the browser's console says."""
        return [entry["message"] for entry in self.browser.get_log("browser")]

    def asked_for(self) -> set[str]:
        """The schemes of all that was requested."""
        events = [json.loads(entry["message"])["message"] for entry in self.browser.get_log("performance")]
        sent = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
        return {url.partition(":")[0] for url in sent}


def layer(kind: str, name: str | None = None, traits: Traits | None = None, **further: object) -> Layer:
    place = Place("m.keras", node=name or kind)
    config = {"units": 10, "activation": "relu"}
    return Layer(kind, f"keras.layers.{kind}", traits or Traits(), config, place, place, name, **further)  # type: ignore[arg-type]


def small() -> GraphView:
    """A model with a nested one that is called twice, a layer that was not examined and two findings."""
    encoder = [("encoder",), ("encoder",)]
    held = (
        *(
            made
            for call in (1, 2)
            for made in (
                layer("Conv2D", f"conv{call}", path=encoder[0], calls=(call,), shape=(None, 30, 30, 8)),
                layer("BatchNormalization", f"norm{call}", BATCHNORM, path=encoder[0], calls=(call,)),
            )
        ),
        layer("Concatenate", "join"),
        layer("Dropout", "drop", DROPOUT, training=Passing.TRUE),
        layer("Mystery", "what", opaque=True),
    )
    edges = ((0, 1), (2, 3), (1, 4), (3, 4), (4, 5), (5, 6))
    model = Model("Functional", "keras", Place("m.keras"), held, edges, name="pair", inputs=(Port((None, 3), "left"),))
    findings = [
        Finding(
            "hard-wired-training",
            Severity.ERROR,
            Confidence.HIGH,
            held[5].place.resolve(),
            "this Dropout is hard-wired; drop it",
            (Evidence(held[1].place.resolve(), "it follows norm1"),),
        ),
        Finding("tiny", Severity.WARNING, Confidence.HIGH, held[3].place.resolve(), "a small batch; enlarge it"),
    ]
    summaries = {"hard-wired-training": "A layer is connected with a constant `training=True`."}
    return view_of(model, Source("m.keras", "pair", "Keras 3 archive", "Keras 3.15.1"), findings, summaries)


def thousand(nested: bool) -> GraphView:
    """Blocks with skip connections: a thousand layers, flat or in nested models."""
    held: list[Layer] = []
    edges: list[tuple[int, int]] = []
    for block in range(125):
        start = len(held)
        path, calls = ((f"block{block}",), (block,)) if nested else ((), ())
        for kind, traits in (
            ("Conv2D", None),
            ("BatchNormalization", BATCHNORM),
            ("ReLU", None),
            ("Conv2D", None),
            ("BatchNormalization", BATCHNORM),
            ("Dropout", DROPOUT),
            ("Add", None),
            ("ReLU", None),
        ):
            held.append(layer(kind, f"{kind}_{len(held)}", traits, path=path, calls=calls))
        edges += [(index, index + 1) for index in range(start, len(held) - 1)]
        edges.append((start, start + 6))
        if block:
            edges.append((start - 1, start))
    model = Model("Functional", "keras", Place("m.keras"), tuple(held), tuple(edges), name="deep")
    finding = Finding("tiny", Severity.WARNING, Confidence.HIGH, held[909].place.resolve(), "a small batch")
    return view_of(model, Source("m.keras"), [finding])


@pytest.fixture
def page(browser: webdriver.Chrome, tmp_path: Path) -> Page:
    """The page of the small model."""
    return Page(browser, tmp_path / "graph.html", small())


def test_every_layer_is_drawn_in_its_model_without_a_complaint_or_a_request(page: Page) -> None:
    assert page.labels(".layer") == [
        "BatchNormalization\nnorm1\n⚠ hard-wired-training",
        "BatchNormalization\nnorm2\n⚠ tiny",
        "Concatenate\njoin",
        "Conv2D\nconv1  (None, 30, 30, 8)",
        "Conv2D\nconv2  (None, 30, 30, 8)",
        "Dropout\ndrop\n⚠ hard-wired-training",
        "Mystery\nwhat",
    ]
    assert page.labels(".open") == ["encoder (1)", "encoder (2)"]
    assert page.status == "7 layers"
    page.press("f", "n", "c", "e", Keys.ESCAPE)
    assert page.complaints() == []
    assert page.asked_for() <= {"file", "data"}


def test_nothing_that_is_drawn_overlaps_and_all_of_a_small_graph_is_in_sight(page: Page) -> None:
    overlaps = page.run(
        "const boxes = modelGraph.cy.nodes('.layer').map((node) => node.boundingBox({ includeLabels: true }));"
        "return boxes.flatMap((a, i) => boxes.slice(i + 1).filter((b) =>"
        " a.x1 < b.x2 && b.x1 < a.x2 && a.y1 < b.y2 && b.y1 < a.y2)).length"
    )
    assert overlaps == 0
    seen = page.run(
        "const all = modelGraph.cy.elements().renderedBoundingBox();"
        "return all.x1 >= 0 && all.y1 >= 0 && all.x2 <= modelGraph.cy.width() && all.y2 <= modelGraph.cy.height()"
    )
    assert seen is True


def test_the_panel_shows_the_model_with_its_findings(page: Page) -> None:
    for words in (
        "pair (Functional)",
        "Keras 3 archive",
        "Keras 3.15.1",
        "left  (None, 3)",
        "this Dropout is hard-wired",
    ):
        assert words.replace("  ", " ") in page.panel.replace("  ", " ")
    assert "layer 7" in page.panel


def test_a_click_on_a_layer_shows_its_details_and_explains_its_findings(page: Page) -> None:
    page.click_node("n6")
    page.wait("document.querySelector('#panel h2').textContent === 'Dropout'")
    for words in (
        "drop",
        "mode sensitive",
        "random in training",
        "error: hard-wired-training",
        "What to do: drop it",
        "A layer is connected with a constant training=True.",
        "it follows norm1",
        "training=True",
        "activation",
        "relu",
        "Concatenate join",
        "Mystery what",
    ):
        assert words in page.panel
    assert page.run("return modelGraph.cy.nodes('.chosen').map((node) => node.id())") == ["n6"]
    page.by_id("back").click()
    assert "Keras 3 archive" in page.panel


def test_the_search_finds_by_kind_name_trait_and_rule_and_goes_there(page: Page) -> None:
    page.press("/")
    page.press("norm2")
    assert page.status == "1 layer found"
    assert page.run("return modelGraph.cy.nodes('.layer').not('.dimmed').map((node) => node.id())") == ["n4"]
    page.press(Keys.ENTER)
    assert page.panel.startswith("← model\nBatchNormalization\nnorm2")
    for words, count in (("conv2d", 2), ("couples batch", 2), ("encoder", 4), ("hard-wired", 2), ("no such layer", 0)):
        page.by_id("search").clear()
        page.by_id("search").send_keys(words.replace(" batch", "-batch"))
        assert page.status == f"{count} layer{'' if count == 1 else 's'} found"
    assert "no layer found" in page.by_id("results").text
    page.press(Keys.ESCAPE)
    assert page.run("return modelGraph.cy.nodes('.dimmed').length") == 0


def test_nested_models_close_to_one_node_and_open_again(page: Page) -> None:
    page.by_id("collapse").click()
    assert page.labels(".closed") == [
        "▸ encoder (1)\n2 layers\n⚠ hard-wired-training",
        "▸ encoder (2)\n2 layers\n⚠ tiny",
    ]
    assert page.status == "7 layers, 4 in closed models or filtered out"
    assert page.run("return modelGraph.cy.edges().map((edge) => edge.id()).sort()") == [
        "g1-n5",
        "g2-n5",
        "n5-n6",
        "n6-n7",
    ]
    page.click_node("g1")
    page.wait("document.getElementById('toggle') !== null")
    page.by_id("toggle").click()
    assert page.labels(".open") == ["encoder (1)"]
    page.by_id("expand").click()
    assert len(page.labels(".layer")) == 7


def test_only_layers_with_findings_are_left_with_what_lies_between_drawn_together(page: Page) -> None:
    page.by_id("only-findings").click()
    assert page.run("return modelGraph.cy.nodes('.layer').map((node) => node.id()).sort()") == ["n2", "n4", "n6"]
    assert page.run("return modelGraph.cy.edges('.skips').map((edge) => edge.id()).sort()") == ["n2-n6", "n4-n6"]
    page.by_id("only-findings").click()
    assert len(page.labels(".layer")) == 7


def test_the_keyboard_walks_the_graph_and_the_findings(page: Page) -> None:
    page.run("document.getElementById('graph').focus()")
    page.press(Keys.ARROW_DOWN)
    assert page.run("return modelGraph.selected") == "n1"
    page.press(Keys.ARROW_RIGHT)
    assert page.run("return modelGraph.selected") == "n3"
    page.press(Keys.ARROW_DOWN, Keys.ARROW_DOWN)
    assert page.run("return modelGraph.selected") == "n5"
    page.press(Keys.ARROW_UP)
    assert page.run("return modelGraph.selected") in ("n2", "n4")
    page.press(Keys.ESCAPE)
    for expected in ("n2", "n4", "n6", "n2"):
        page.press("n")
        assert page.run("return modelGraph.selected") == expected
    page.press("p")
    assert page.run("return modelGraph.selected") == "n6"
    page.press(Keys.ESCAPE)
    assert page.run("return modelGraph.selected") is None


def test_dark_mode_follows_the_system_and_the_button(browser: webdriver.Chrome, tmp_path: Path) -> None:
    page = Page(browser, tmp_path / "graph.html", small(), "dark")

    def brightness(script: str) -> int:
        found = page.run(f"return ({script}).match(/[0-9.]+/g).slice(0, 3).map(Number)")
        assert isinstance(found, list)
        return int(sum(found))

    body = "getComputedStyle(document.body).backgroundColor"
    text = "modelGraph.cy.nodes('.layer')[0].style('color')"
    assert (brightness(body) < 200, brightness(text) > 500) == (True, True)
    page.by_id("theme").click()
    assert (brightness(body) > 600, brightness(text) < 300) == (True, True)


def test_hostile_names_are_shown_as_text(browser: webdriver.Chrome, tmp_path: Path) -> None:
    names = (
        "</script><script>window.evil = 1</script>",
        "<img src=x onerror='window.evil = 1'>",
        "\x1b[31m\u202e",
        "a\ud800",
    )
    held = tuple(layer(name, name, path=(name,)) for name in names for _ in range(2))
    finding = Finding(names[1], Severity.ERROR, Confidence.HIGH, held[0].place.resolve(), f"{names[0]}; {names[1]}")
    model = Model(names[0], "keras", Place(names[1]), held, name=names[1], inputs=(Port((names[0],), names[1]),))
    page = Page(browser, tmp_path / "graph.html", view_of(model, Source(names[1]), [finding], {names[1]: names[0]}))
    assert any(names[0] in label for label in page.labels(".open"))
    for number in range(1, 9):
        page.click_node(f"n{number}")
    page.press("/")
    page.press("img")
    assert names[1] in page.by_id("results").text
    assert page.run("return [window.evil, document.images.length]") == [None, 0]
    assert page.complaints() == []


def test_a_thousand_layers_are_laid_out_closed_then_open(browser: webdriver.Chrome, tmp_path: Path) -> None:
    page = Page(browser, tmp_path / "graph.html", thousand(nested=True))
    assert len(page.labels(".closed")) == 125
    assert page.status == "1,000 layers, 1,000 in closed models or filtered out"
    page.press("n")
    assert page.panel.startswith("← model\nDropout")
    assert page.labels(".open") == ["block113"]
    page.by_id("expand").click()
    assert (len(page.labels(".layer")), len(page.labels(".open"))) == (1000, 125)
    assert page.complaints() == []


def test_a_thousand_layers_begin_where_they_can_be_read(browser: webdriver.Chrome, tmp_path: Path) -> None:
    page = Page(browser, tmp_path / "graph.html", thousand(nested=False))
    assert len(page.labels(".layer")) == 1000
    top = page.run(
        "const at = modelGraph.cy.getElementById('n1').renderedPosition(); return [at.y, modelGraph.cy.zoom()]"
    )
    assert isinstance(top, list)
    assert 0 < top[0] < 300
    assert top[1] > 0.5
    page.by_id("search").send_keys("Add_990")
    page.press(Keys.ENTER)
    assert page.panel.startswith("← model\nAdd\nAdd_990")
