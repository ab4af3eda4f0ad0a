"use strict";
// What is to be seen of a graph, and where it goes. Knows the data and dagre, nothing of the page.

/** Parents, children and order of everything in the data, by id. */
function indexed(data) {
  const nodes = new Map(data.nodes.map((node) => [node.id, node]));
  const groups = new Map(data.groups.map((group) => [group.id, { ...group, nodes: [] }]));
  const chain = (parent) => {
    const found = [];
    for (let id = parent; id !== null; id = groups.get(id).parent) found.unshift(id);
    return found;
  };
  const chains = new Map(data.nodes.map((node) => [node.id, chain(node.parent)]));
  for (const [id, above] of chains) for (const group of above) groups.get(group).nodes.push(id);
  return { nodes, groups, chains, chain };
}

/** What is visible: single layers, closed models that stand for theirs, open models around them, and edges. */
function visible(data, index, closed, keep) {
  const standsFor = new Map();
  for (const node of data.nodes) {
    const shut = index.chains.get(node.id).find((group) => closed.has(group));
    standsFor.set(node.id, shut ?? node.id);
  }
  const kept = new Set(data.nodes.filter((node) => keep(node)).map((node) => standsFor.get(node.id)));
  const all = new Set(standsFor.values());
  const open = new Set();
  for (const id of kept) {
    const parent = index.nodes.has(id) ? index.nodes.get(id).parent : index.groups.get(id).parent;
    for (const group of index.chain(parent)) open.add(group);
  }
  const next = new Map();
  for (const edge of data.edges) {
    const [source, target] = [standsFor.get(edge.source), standsFor.get(edge.target)];
    if (source === target) continue;
    if (!next.has(source)) next.set(source, new Map());
    const before = next.get(source).get(target);
    next.get(source).set(target, before === undefined ? edge.assumed : before && edge.assumed);
  }
  const edges = kept.size === all.size ? direct(next) : bridged(kept, next);
  return { ids: [...all].filter((id) => kept.has(id)), open: [...open], edges, standsFor };
}

function direct(next) {
  const edges = [];
  for (const [source, targets] of next) for (const [target, assumed] of targets) edges.push({ source, target, assumed, skips: 0 });
  return edges;
}

/** Edges between what is kept; a way over what is not is one edge that says how many it skips at least. */
function bridged(kept, next) {
  const edges = [];
  for (const source of kept) {
    let frontier = [source];
    const seen = new Set(frontier);
    for (let skips = 0; frontier.length; skips += 1) {
      const further = [];
      for (const id of frontier) {
        for (const [target, assumed] of next.get(id) ?? []) {
          if (seen.has(target)) continue;
          seen.add(target);
          if (kept.has(target)) edges.push({ source, target, assumed, skips });
          else further.push(target);
        }
      }
      frontier = further;
    }
  }
  return edges;
}

/** Centres of nodes and bends of edges, from top to bottom. `size` gives the width and height of an id. */
function placed(shown, index, size) {
  const graph = new dagre.graphlib.Graph({ compound: true, multigraph: false });
  const many = shown.ids.length > 250;
  graph.setGraph({ rankdir: "TB", nodesep: 26, ranksep: 34, edgesep: 12, ranker: many ? "tight-tree" : "network-simplex" });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const id of shown.open) graph.setNode(id, {});
  for (const id of shown.ids) graph.setNode(id, size(id));
  for (const id of [...shown.open, ...shown.ids]) {
    const parent = (index.nodes.get(id) ?? index.groups.get(id)).parent;
    if (parent !== null) graph.setParent(id, parent);
  }
  for (const edge of shown.edges) graph.setEdge(edge.source, edge.target, {});
  dagre.layout(graph);
  const centres = new Map(shown.ids.map((id) => [id, graph.node(id)]));
  const side = mirrored(shown.ids, centres) ? -1 : 1;
  const point = ({ x, y }) => ({ x: side * x, y });
  const bends = shown.edges.map((edge) => (graph.edge(edge.source, edge.target).points ?? []).slice(1, -1).map(point));
  return { centres: new Map([...centres].map(([id, at]) => [id, point(at)])), bends };
}

/** Whether what runs earlier is mostly on the right of what runs later beside it. */
function mirrored(ids, centres) {
  let balance = 0;
  const last = new Map();
  for (const id of ids) {
    const { x, y } = centres.get(id);
    if (last.has(y)) balance += Math.sign(x - last.get(y));
    last.set(y, x);
  }
  return balance < 0;
}

/** The bends of an edge as Cytoscape wants them: distances from the straight line, and weights along it. */
function segments(from, to, bends) {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const length = Math.hypot(dx, dy) || 1;
  const weights = bends.map((point) => ((point.x - from.x) * dx + (point.y - from.y) * dy) / (length * length));
  const distances = bends.map((point) => ((point.y - from.y) * dx - (point.x - from.x) * dy) / length);
  return distances.some((distance) => Math.abs(distance) > 6) ? { weights, distances } : null;
}
