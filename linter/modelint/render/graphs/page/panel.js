"use strict";
// The panel beside the graph: the model, a layer, a nested model. All that comes from the data becomes text.

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value !== null && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** Control characters and those that reorder text, as escapes. */
function harmless(text) {
  return String(text).replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]/gu,
    (character) => `\\u${character.codePointAt(0).toString(16).padStart(4, "0")}`);
}

function shapeText(shape) {
  if (shape === null) return "";
  const sizes = shape.map((size) => (size === null ? "None" : harmless(size)));
  return sizes.length === 1 ? `(${sizes[0]},)` : `(${sizes.join(", ")})`;
}

function settingText(value) {
  if (value !== null && typeof value === "object" && !Array.isArray(value)) return "not known";
  if (Array.isArray(value)) return `(${value.map(settingText).join(", ")})`;
  if (value === null) return "None";
  if (value === true || value === false) return value ? "True" : "False";
  return harmless(value);
}

function placeText(place) {
  const cell = place.cell === null ? "" : `cell ${place.cell}:`;
  if (place.line !== null) return `${harmless(place.path)}:${cell}${place.line}:${place.column}`;
  return place.node === null ? harmless(place.path) : `${harmless(place.path)} node ${harmless(place.node)}`;
}

/** The colour that says what a layer does to a prediction, as a variable of the style sheet. */
function stripeOf(node) {
  if (node.traits.includes("not-examined")) return "--opaque";
  if (node.traits.includes("couples-batch-in-training") || node.traits.includes("couples-batch-at-inference")) return "--couples";
  if (node.traits.includes("random-in-training") || node.traits.includes("random-at-inference")) return "--random";
  return node.traits.includes("mode-sensitive") ? "--mode" : "--plain";
}

const LEGEND = [
  ["--couples", "couples the samples of a batch"],
  ["--random", "draws random numbers"],
  ["--mode", "otherwise depends on the mode"],
  ["--opaque", "not examined (dashed)"],
  ["--plain", "none of these"],
];

const KEYS = [
  ["/", "search"], ["↑ ↓", "along the graph"], ["← →", "beside"], ["Enter", "open or close a nested model"],
  ["n  p", "next, previous finding"], ["+ − f", "zoom, whole graph"], ["c e", "close, open all models"], ["Esc", "back to the model"],
];

class Panel {
  constructor(data, index, go) {
    this.data = data;
    this.index = index;
    this.go = go;
    this.root = document.getElementById("panel");
  }

  show(...children) {
    this.root.replaceChildren(...children.filter(Boolean));
    this.root.scrollTop = 0;
  }

  model() {
    const { model, findings } = this.data;
    const rows = [["kind", model.kind], ["name", model.name], ["framework", model.framework], ["file", model.path],
      ["format", model.format], ["producer", model.producer], ["made at", model.made_at.line === null ? null : placeText(model.made_at)]];
    this.show(
      element("h2", {}, harmless(model.title)),
      rowsOf(rows),
      ...section("Inputs", model.inputs.map((port) => portText(port))),
      ...section("Outputs", model.outputs.map((port) => portText(port))),
      ...section("Not examined", this.data.not_examined.map((line) => element("p", {}, harmless(line.replace(/^not examined: /, ""))))),
      element("h3", {}, findings.length ? `Findings (${findings.length})` : "Findings"),
      ...(findings.length ? findings.map((finding) => this.finding(finding, true)) : [element("p", { class: "faint" }, "none")]),
      element("h3", {}, "Colours"),
      element("ul", { class: "legend" }, ...LEGEND.map(([stripe, text]) => element("li", {}, striped("i", stripe), text))),
      this.data.edges.some((edge) => edge.assumed) ? element("p", { class: "faint" }, "Dashed edges: a forward pass written in Python calls one layer after the other; what flows between them was not worked out.") : null,
      element("h3", {}, "Keys"),
      element("dl", {}, ...KEYS.flatMap(([key, what]) => [element("dt", {}, ...key.split(" ").filter(Boolean).flatMap((one) => [element("kbd", {}, one), " "])), element("dd", {}, what)])),
    );
  }

  layer(node) {
    const from = this.data.edges.filter((edge) => edge.target === node.id).map((edge) => edge.source);
    const to = this.data.edges.filter((edge) => edge.source === node.id).map((edge) => edge.target);
    const within = this.index.chains.get(node.id).map((id) => this.index.groups.get(id));
    const config = Object.entries(node.config);
    const findings = [...node.findings, ...node.concerned].map((number) => this.data.findings[number]);
    const training = { true: "training=True", false: "training=False", none: "training=None", forwarded: "handed on", dynamic: "a value that is not known" }[node.training];
    this.show(
      this.back(),
      element("h2", {}, harmless(node.kind)),
      node.name === null ? null : element("p", {}, harmless(node.name)),
      node.traits.length ? element("ul", { class: "chips" }, ...node.traits.map((trait) => striped("li", stripeOf(node), trait.replaceAll("-", " "), this.data.traits[trait]))) : null,
      ...findings.map((finding) => this.finding(finding, false)),
      rowsOf([["number", node.number], ["shape", shapeText(node.shape)], ["class", node.qualified === node.kind ? null : node.qualified], ["mode", training],
        ["made at", placeText(node.made_at)], ["called at", placeText(node.called_at) === placeText(node.made_at) ? null : placeText(node.called_at)]]),
      ...section("Inside", within.map((group) => this.link(group.id, group.title, ""))),
      ...section("Configuration", config.length ? [rowsOf(config.map(([name, value]) => [harmless(name), settingText(value)]), "code")] : []),
      ...section("From", from.map((id) => this.link(id))),
      ...section("To", to.map((id) => this.link(id))),
    );
  }

  group(group, isClosed, toggle) {
    const findings = this.data.findings.filter((finding) => [...finding.at, ...finding.concerns].some((id) => id === group.id || group.nodes.includes(id)));
    this.show(
      this.back(),
      element("h2", {}, harmless(group.title)),
      element("p", { class: "faint" }, `nested model, ${group.nodes.length} ${group.nodes.length === 1 ? "layer" : "layers"}`),
      element("p", {}, element("button", { id: "toggle", click: toggle }, isClosed ? "Open" : "Close")),
      ...findings.map((finding) => this.finding(finding, true)),
      ...section("Layers", group.nodes.map((id) => this.link(id))),
    );
  }

  /** A finding as a card: what is wrong, what to do, how it was concluded; with its layers if asked for. */
  finding(finding, withLayers) {
    const [wrong, ...advice] = finding.message.split("; ");
    const layers = [...finding.at, ...finding.concerns];
    return element("section", { class: `finding ${finding.severity}` },
      element("div", { class: "rule" }, `${finding.severity}: ${harmless(finding.rule)}`),
      element("p", {}, harmless(wrong)),
      advice.length ? element("p", { class: "help" }, element("strong", {}, "What to do: "), harmless(advice.join("; "))) : null,
      finding.summary ? element("p", { class: "faint" }, ...coded(finding.summary)) : null,
      finding.because.length ? element("ol", {}, ...finding.because.map((reason) => element("li", {}, harmless(reason.message), " ", element("code", { class: "faint" }, placeText(reason))))) : null,
      element("code", { class: "faint" }, placeText(finding)),
      ...(withLayers ? layers.map((id) => (this.index.nodes.has(id) ? this.link(id) : this.link(id, this.index.groups.get(id).title, ""))) : []));
  }

  link(id, text = null, number = null) {
    const node = this.index.nodes.get(id);
    const label = text ?? [node.kind, node.name].filter((part) => part !== null).join(" ");
    return element("button", { class: "link", click: () => this.go(id) },
      number === "" ? null : element("span", { class: "number" }, String(node.number)), harmless(label));
  }

  back() {
    return element("button", { class: "back", id: "back", click: () => this.go(null) }, "← model");
  }
}

/** Text in which what stands between backquotes is code. */
function coded(text) {
  return text.split("`").map((part, number) => (number % 2 ? element("code", {}, harmless(part)) : harmless(part)));
}

function rowsOf(rows, kind = null) {
  const filled = rows.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return element("dl", {}, ...filled.flatMap(([name, value]) => [element("dt", {}, name), element("dd", { class: kind }, harmless(value))]));
}

function section(title, children) {
  return children.length ? [element("h3", {}, title), ...children] : [];
}

function portText(port) {
  const text = [port.name === null ? null : harmless(port.name), shapeText(port.shape), port.dtype === null ? null : harmless(port.dtype)].filter(Boolean).join("  ");
  return element("p", {}, element("code", {}, text || "of unknown shape"));
}

function striped(tag, stripe, text = "", title = null) {
  const made = element(tag, { title }, text);
  made.style.setProperty("--stripe", `var(${stripe})`);
  return made;
}
