"use strict";
// The page: draws what is visible, and what is done with keys, mouse and controls.

const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif';
const MANY = 200;
const [WIDEST, NARROWEST, READABLE, ROOMY] = [250, 112, 0.55, 1.1];
const RANK = { error: 3, warning: 2, note: 1 };

class Page {
  constructor(data) {
    this.data = data;
    this.index = indexed(data);
    this.closed = new Set();
    this.selected = null;
    this.panel = new Panel(data, this.index, (id) => this.go(id));
    this.pen = document.createElement("canvas").getContext("2d");
    this.pen.font = `12px ${FONT}`;
    if (data.nodes.length > MANY) for (const group of data.groups) if (group.parent === null) this.closed.add(group.id);
    this.cy = cytoscape({
      container: document.getElementById("graph"), layout: { name: "preset" }, minZoom: 0.02, maxZoom: 3,
      autoungrabify: true, boxSelectionEnabled: false, selectionType: "single",
    });
    this.cy.on("tap", (event) => { if (event.target === this.cy) this.go(null, false); });
    this.cy.on("tap", "node", (event) => this.select(event.target.id()));
    this.cy.on("dbltap", "node", (event) => { if (this.index.groups.has(event.target.id())) this.toggle(event.target.id()); });
  }

  // what is drawn

  only() {
    const box = document.getElementById("only-findings");
    const marked = (id) => this.index.groups.get(id).findings.length > 0;
    return (node) => !box.checked || node.findings.length + node.concerned.length > 0 || this.index.chains.get(node.id).some(marked);
  }

  draw(view = "start") {
    const shown = visible(this.data, this.index, this.closed, this.only());
    const labels = new Map(shown.ids.map((id) => [id, this.label(id)]));
    const size = (id) => this.size(labels.get(id));
    const { centres, bends } = placed(shown, this.index, size);
    const parentOf = (id) => (this.index.nodes.get(id) ?? this.index.groups.get(id)).parent;
    const elements = [
      ...shown.open.map((id) => ({ data: { id, parent: parentOf(id) ?? undefined, label: [this.index.groups.get(id).title, ...this.rules(id)].map(harmless).join("   ") }, classes: `open ${this.worst(id)}` })),
      ...shown.ids.map((id) => ({
        data: { id, parent: parentOf(id) ?? undefined, label: labels.get(id).join("\n"), ...size(id), stripe: this.stripe(id) },
        position: { x: centres.get(id).x, y: centres.get(id).y }, classes: this.classes(id),
      })),
      ...shown.edges.map((edge, number) => {
        const bent = segments(centres.get(edge.source), centres.get(edge.target), bends[number]);
        const classes = [edge.assumed ? "assumed" : "", edge.skips ? "skips" : "", bent ? "bent" : ""].join(" ");
        return { data: { id: `${edge.source}-${edge.target}`, source: edge.source, target: edge.target, label: edge.skips ? `skips ${edge.skips}+` : "", ...(bent ?? {}) }, classes };
      }),
    ];
    this.shown = shown;
    this.cy.batch(() => { this.cy.elements().remove(); this.cy.add(elements); });
    this.paint();
    this.titles();
    if (view === "start") this.start();
    this.mark();
    const hidden = this.data.nodes.length - shown.ids.filter((id) => this.index.nodes.has(id)).length;
    this.say(shown.ids.length ? `${counted(this.data.nodes.length, "layer")}${hidden ? `, ${hidden.toLocaleString("en")} in closed models or filtered out` : ""}` : "no layer to show");
    document.getElementById("expand").disabled = this.closed.size === 0;
    document.getElementById("collapse").disabled = this.data.groups.every((group) => this.closed.has(group.id));
  }

  /** The titles of open models to their left corners, where no edge comes in. */
  titles() {
    this.pen.font = `600 11.5px ${FONT}`;
    this.cy.nodes(".open").forEach((node) => { node.data("shift", Math.round((this.pen.measureText(node.data("label")).width - node.outerWidth()) / 2 + 14)); });
    this.pen.font = `12px ${FONT}`;
  }

  findingsOf(id) {
    const group = this.index.groups.get(id);
    const numbers = new Set(group ? group.findings : []);
    for (const one of group && !this.isOpen(id) ? group.nodes : group ? [] : [id]) {
      const node = this.index.nodes.get(one);
      for (const number of [...node.findings, ...node.concerned]) numbers.add(number);
    }
    return [...numbers].map((number) => this.data.findings[number]);
  }

  /** Whether what a nested model holds is drawn in it. */
  isOpen(id) { return ![...this.index.chain(this.index.groups.get(id).parent), id].some((one) => this.closed.has(one)); }

  rules(id) {
    const rules = [...new Set(this.findingsOf(id).map((finding) => `⚠ ${finding.rule}`))];
    return rules.length > 2 ? [rules[0], `⚠ and ${rules.length - 1} more`] : rules;
  }

  label(id) {
    const shownRules = this.rules(id);
    const node = this.index.nodes.get(id);
    const group = this.index.groups.get(id);
    const lines = node
      ? [node.kind, [node.name, shapeText(node.shape)].filter(Boolean).join("  ")]
      : [`▸ ${group.title}`, counted(group.nodes.length, "layer")];
    return [...lines, ...shownRules].filter(Boolean).map((line) => this.cut(harmless(line)));
  }

  cut(line) {
    if (this.pen.measureText(line).width <= WIDEST) return line;
    let kept = line.slice(0, 120);
    while (this.pen.measureText(`${kept}…`).width > WIDEST) kept = kept.slice(0, -1);
    return `${kept}…`;
  }

  size(lines) {
    const widest = Math.max(...lines.map((line) => this.pen.measureText(line).width));
    return { width: Math.max(NARROWEST, Math.ceil(widest) + 34), height: 14 + 16 * lines.length };
  }

  stripe(id) {
    return this.index.nodes.has(id) ? stripeOf(this.index.nodes.get(id)) : "--group-line";
  }

  worst(id) {
    return this.findingsOf(id).map((finding) => finding.severity).sort((a, b) => RANK[b] - RANK[a])[0] ?? "";
  }

  classes(id) {
    const node = this.index.nodes.get(id);
    return [node ? "layer" : "closed", this.worst(id), node?.traits.includes("not-examined") ? "opaque" : ""].join(" ");
  }

  paint() {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const tones = ["note", "warning", "error"].map((severity) => ({
      selector: `node.${severity}`, style: { "border-color": colour(`--${severity}`), "border-width": 2.5, "background-color": colour(`--${severity}-fill`), fill: colour(`--${severity}-fill`) },
    }));
    const ground = (node) => colour(node.hasClass("error") ? "--error-fill" : node.hasClass("warning") ? "--warning-fill" : node.hasClass("note") ? "--note-fill" : node.hasClass("closed") ? "--group" : "--node");
    const stripes = (node) => { const [stripe, fill] = [colour(node.data("stripe")), ground(node)]; return `${stripe} ${stripe} ${fill} ${fill}`; };
    const stops = (node) => { const edge = (700 / node.data("width")).toFixed(2); return `0% ${edge}% ${edge}% 100%`; };
    this.cy.style([
      { selector: "node", style: { "font-family": FONT, "font-size": 12, color: colour("--ink"), label: "data(label)", "text-wrap": "wrap", "text-max-width": 1000, "min-zoomed-font-size": 5 } },
      { selector: "node.layer, node.closed", style: {
        shape: "round-rectangle", width: "data(width)", height: "data(height)", "text-valign": "center", "text-halign": "center", "line-height": 1.3, "corner-radius": 6,
        "background-fill": "linear-gradient", "background-gradient-direction": "to-right", "background-gradient-stop-colors": stripes, "background-gradient-stop-positions": stops,
        "border-width": 1, "border-color": colour("--group-line"), "text-margin-x": 3 } },
      { selector: "node.closed", style: { "border-style": "double", "border-width": 4, "border-color": colour("--group-line") } },
      { selector: "node.open", style: {
        shape: "round-rectangle", "background-color": colour("--group"), "background-opacity": 0.75, "border-width": 1, "border-color": colour("--group-line"),
        "text-valign": "top", "text-halign": "center", "text-margin-y": 17, "text-margin-x": (node) => node.data("shift") ?? 0, "font-size": 11.5, "font-weight": 600, color: colour("--faint"), padding: 22, "corner-radius": 10 } },
      ...tones.map(({ selector, style: tone }) => ({ selector, style: { "border-color": tone["border-color"], "border-width": tone["border-width"] } })),
      { selector: "node.opaque", style: { "border-style": "dashed", "border-color": colour("--opaque"), "border-width": 1.5 } },
      { selector: "edge", style: {
        width: 1.4, "line-color": colour("--edge"), "target-arrow-color": colour("--edge"), "target-arrow-shape": "triangle", "arrow-scale": 0.75, "curve-style": "straight",
        "font-size": 10, "font-family": FONT, color: colour("--faint"), label: "data(label)", "text-background-color": colour("--ground"), "text-background-opacity": 1, "text-background-padding": 2, "min-zoomed-font-size": 5 } },
      { selector: "edge.bent", style: { "curve-style": "round-segments", "segment-distances": "data(distances)", "segment-weights": "data(weights)", "segment-radii": 14, "edge-distances": "node-position" } },
      { selector: "edge.assumed", style: { "line-style": "dashed", "line-dash-pattern": [5, 4] } },
      { selector: "edge.skips", style: { "line-style": "dotted" } },
      { selector: "node.chosen", style: { "border-color": colour("--accent"), "border-width": 3.5, "border-style": "solid" } },
      { selector: "edge.near", style: { "line-color": colour("--accent"), "target-arrow-color": colour("--accent"), width: 2.4, "z-index": 9 } },
      { selector: ".dimmed", style: { opacity: 0.22 } },
      { selector: ":active", style: { "overlay-opacity": 0 } },
    ]);
  }

  /** All of it if that can be read, else the beginning. */
  start() {
    if (this.cy.elements().empty()) return;
    this.cy.fit(undefined, 30);
    if (this.cy.zoom() > ROOMY) { this.cy.zoom(ROOMY); this.cy.center(); }
    if (this.cy.zoom() >= READABLE) return;
    const first = this.cy.getElementById(this.shown.ids[0]);
    this.cy.zoom(0.85);
    this.cy.center(first);
    this.cy.panBy({ x: 0, y: 60 - this.cy.height() / 2 });
  }

  // what is selected

  /** Select a layer or nested model, wherever it is, and bring it into view; null goes back to the model. */
  go(id, focus = true) {
    if (id === null) { this.selected = null; this.panel.model(); this.mark(); if (focus) document.getElementById("graph").focus(); return; }
    const above = this.index.nodes.has(id) ? this.index.chains.get(id) : this.index.chain(this.index.groups.get(id).parent);
    const shut = above.filter((group) => this.closed.has(group));
    const box = document.getElementById("only-findings");
    const hidden = this.cy.getElementById(id).empty();
    if (hidden && !shut.length && box.checked) box.checked = false;
    for (const group of shut) this.closed.delete(group);
    if (hidden) this.draw("keep");
    this.select(id);
    const target = this.cy.getElementById(id);
    if (this.cy.zoom() < READABLE) this.cy.zoom(0.9);
    this.cy.center(target);
  }

  select(id) {
    this.selected = id;
    const node = this.index.nodes.get(id);
    if (node) this.panel.layer(node);
    else this.panel.group(this.index.groups.get(id), this.closed.has(id), () => this.toggle(id));
    this.mark();
    const found = this.findingsOf(id).length;
    this.say(`${node ? harmless([node.kind, node.name].filter(Boolean).join(" ")) : harmless(this.index.groups.get(id).title)}${found ? `, ${counted(found, "finding")}` : ""}`);
  }

  mark() {
    this.cy.elements().removeClass("chosen near dimmed");
    const words = document.getElementById("search").value.trim();
    if (words) {
      const found = new Set(this.matches(words).map((node) => this.shown.standsFor.get(node.id)));
      this.cy.nodes(".layer, .closed").forEach((node) => { if (!found.has(node.id())) node.addClass("dimmed"); });
      this.cy.edges().addClass("dimmed");
    }
    if (this.selected !== null) {
      const chosen = this.cy.getElementById(this.selected);
      chosen.addClass("chosen").removeClass("dimmed");
      chosen.connectedEdges().addClass("near").removeClass("dimmed");
    }
  }

  toggle(id) {
    const before = this.cy.getElementById(id);
    const seen = before.nonempty() ? { ...before.renderedPosition() } : null;
    if (this.closed.has(id)) this.closed.delete(id); else this.closed.add(id);
    this.draw("keep");
    this.select(id);
    const after = this.cy.getElementById(id);
    if (seen && after.nonempty()) this.cy.panBy({ x: seen.x - after.renderedPosition().x, y: Math.min(seen.y, this.cy.height() / 2) - after.renderedPosition().y + (this.closed.has(id) ? 0 : after.renderedHeight() / 2 - 60) });
  }

  // search

  matches(words) {
    const wanted = words.toLowerCase().split(/\s+/);
    return this.data.nodes.filter((node) => {
      const groups = this.index.chains.get(node.id).map((id) => this.index.groups.get(id).title);
      const rules = this.findingsOf(node.id).map((finding) => finding.rule);
      const text = [node.kind, node.name ?? "", node.qualified, ...groups, ...node.traits, ...rules].join("\n").toLowerCase();
      return wanted.every((word) => text.includes(word));
    });
  }

  search() {
    const words = document.getElementById("search").value.trim();
    const results = document.getElementById("results");
    const found = words ? this.matches(words) : [];
    const most = 60;
    results.replaceChildren(...found.slice(0, most).map((node) => element("button", { role: "option", click: () => { this.go(node.id); this.results(false); } },
      element("span", { class: "number" }, String(node.number)), element("span", {}, harmless([node.kind, node.name].filter(Boolean).join(" "))))),
    found.length > most ? element("p", {}, `and ${found.length - most} more`) : "", words && !found.length ? element("p", {}, "no layer found") : "");
    this.results(Boolean(words));
    this.mark();
    if (words) this.say(`${counted(found.length, "layer")} found`);
  }

  results(open) { document.getElementById("results").hidden = !open; }

  // moving

  step(backwards) {
    if (this.selected === null || this.cy.getElementById(this.selected).empty()) return this.go(this.shown.ids[0]);
    const here = this.cy.getElementById(this.selected);
    const next = backwards ? here.incomers("node") : here.outgoers("node");
    if (next.nonempty()) return this.go(next[0].id());
    const inside = here.isParent() ? here.descendants(".layer, .closed") : this.cy.collection();
    if (inside.nonempty()) this.go(inside[backwards ? inside.length - 1 : 0].id());
  }

  aside(direction) {
    if (this.selected === null) return this.step(false);
    const here = this.cy.getElementById(this.selected).position();
    const beside = this.cy.nodes(".layer, .closed").filter((node) => Math.abs(node.position("y") - here.y) < 40 && (node.position("x") - here.x) * direction > 1);
    const nearest = beside.sort((a, b) => Math.abs(a.position("x") - here.x) - Math.abs(b.position("x") - here.x));
    if (nearest.nonempty()) this.go(nearest[0].id());
  }

  /** The next node with findings, in the order of execution. */
  finding(direction) {
    const marked = this.data.nodes.filter((node) => node.findings.length + node.concerned.length).map((node) => node.id);
    if (!marked.length) return this.say("no findings at layers");
    const at = marked.indexOf(this.selected);
    this.go(marked[at < 0 ? (direction > 0 ? 0 : marked.length - 1) : (at + direction + marked.length) % marked.length]);
  }

  zoom(factor) {
    this.cy.zoom({ level: this.cy.zoom() * factor, renderedPosition: { x: this.cy.width() / 2, y: this.cy.height() / 2 } });
  }

  all(close) {
    this.closed = new Set(close ? this.data.groups.map((group) => group.id) : []);
    this.selected = null;
    this.panel.model();
    this.draw();
  }

  say(text) { document.getElementById("status").textContent = text; }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const inGraph = document.activeElement === document.getElementById("graph");
    const actions = {
      "/": () => document.getElementById("search").focus(), f: () => this.cy.fit(undefined, 30), "+": () => this.zoom(1.25), "=": () => this.zoom(1.25), "-": () => this.zoom(0.8),
      n: () => this.finding(1), p: () => this.finding(-1), c: () => this.all(true), e: () => this.all(false), Escape: () => this.go(null),
      ...(inGraph ? { ArrowDown: () => this.step(false), ArrowUp: () => this.step(true), ArrowLeft: () => this.aside(-1), ArrowRight: () => this.aside(1),
        Enter: () => { if (this.index.groups.has(this.selected)) this.toggle(this.selected); } } : {}),
    };
    if (event.target.tagName === "INPUT" && event.target.type === "search") {
      if (event.key === "Escape") { event.target.value = ""; this.search(); document.getElementById("graph").focus(); }
      else if (event.key === "Enter") { const [first] = this.matches(event.target.value.trim() || "\n"); if (first) { this.go(first.id); this.results(false); } }
      else if (event.key === "ArrowDown") document.querySelector("#results button")?.focus();
      else return;
      event.preventDefault();
    } else if (Object.hasOwn(actions, event.key)) {
      event.preventDefault();
      actions[event.key]();
    } else if (document.activeElement?.role === "option" && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      event.preventDefault();
      const other = event.key === "ArrowDown" ? document.activeElement.nextElementSibling : document.activeElement.previousElementSibling;
      (other ?? document.getElementById("search")).focus();
    }
  }
}

function counted(number, noun) {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}

function themed(preferred) {
  document.documentElement.dataset.theme = preferred;
}

function begin() {
  const data = JSON.parse(document.getElementById("data").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  themed(dark.matches ? "dark" : "light");
  document.getElementById("title").textContent = harmless(data.model.title);
  const page = new Page(data);
  window.modelGraph = page; // for whoever looks in the console
  const on = (id, event, action) => document.getElementById(id).addEventListener(event, action);
  dark.addEventListener("change", () => { themed(dark.matches ? "dark" : "light"); page.paint(); });
  on("theme", "click", () => { themed(document.documentElement.dataset.theme === "dark" ? "light" : "dark"); page.paint(); });
  on("search", "input", () => page.search());
  on("search", "focus", () => page.results(Boolean(document.getElementById("search").value.trim())));
  on("only-findings", "change", () => page.draw());
  on("collapse", "click", () => page.all(true));
  on("expand", "click", () => page.all(false));
  on("fit", "click", () => page.cy.fit(undefined, 30));
  on("zoom-in", "click", () => page.zoom(1.25));
  on("zoom-out", "click", () => page.zoom(0.8));
  on("stage", "pointerdown", () => { page.results(false); document.getElementById("graph").focus({ preventScroll: true }); });
  document.addEventListener("keydown", (event) => page.key(event));
  page.panel.model();
  page.say("laying out …");
  requestAnimationFrame(() => setTimeout(() => { page.draw(); document.documentElement.dataset.ready = "true"; }, 0));
}

begin();
