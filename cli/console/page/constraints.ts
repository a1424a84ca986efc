// The constraints as sentences, each with its removal, and as a graph.
import type { Rule, Rules } from "./contract.js";
import { ask, busy, buttons, get, show, told, words } from "./dialog.js";
import { el } from "./parts.js";

const WIDE = 190, HIGH = 30, GAP_X = 70, GAP_Y = 22;

export async function constraints(dialog: HTMLDialogElement, may: boolean): Promise<void> {
  const title = "Constraints";
  show(dialog, title, busy("Asking the cluster."), buttons(dialog));
  try {
    const all = await get<Rules>("/api/constraints");
    const rows = all.rules.map((one) => row(dialog, one, may));
    show(dialog, title, el("p", { class: "quiet" }, `As ${all.by} has them. In the graph, what starts later stands further right; dashed lines join what runs together, or apart.`),
      graph(all.rules), rows.length ? el("div", { class: "said", tabindex: "0", role: "region", "aria-label": "All constraints" }, el("ul", { class: "plain" }, ...rows)) : el("p", {}, "There are none."), buttons(dialog));
  } catch (error) {
    show(dialog, title, told(words(error), "bad"), buttons(dialog));
  }
}

function row(dialog: HTMLDialogElement, one: Rule, may: boolean): HTMLElement {
  const remove = el("button", { type: "button", class: "open", "aria-label": `Remove ${one.id}` }, "Remove");
  remove.addEventListener("click", () => void ask(dialog, "constraint-delete", { name: one.id }));
  return el("li", { "data-rule": one.id }, one.told, " ", may ? remove : null);
}

function svg(name: string, attributes: Record<string, string | number>, ...children: (Node | string)[]): SVGElement {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  made.append(...children);
  return made;
}

/** The column of each resource: behind all that it starts after. A circle of orders ends after as many steps as there are. */
function columns(names: string[], orders: Rule[]): Map<string, number> {
  const column = new Map(names.map((name) => [name, 0]));
  for (let step = 0; step < names.length; step++)
    for (const { first, second } of orders) column.set(second, Math.min(names.length, Math.max(column.get(second) ?? 0, (column.get(first) ?? 0) + 1)));
  return column;
}

function graph(all: readonly Rule[]): HTMLElement {
  const joined = all.filter((one) => one.kind !== "location" && one.first && one.second);
  const names = [...new Set(joined.flatMap((one) => [one.first, one.second]))];
  if (!names.length) return el("p");
  const column = columns(names, joined.filter((one) => one.kind === "order"));
  const rows = new Map<number, number>(), at = new Map<string, [number, number]>();
  for (const name of names) {
    const x = column.get(name) ?? 0, y = rows.get(x) ?? 0;
    rows.set(x, y + 1);
    at.set(name, [x * (WIDE + GAP_X), y * (HIGH + GAP_Y)]);
  }
  const width = Math.max(...[...at.values()].map(([x]) => x)) + WIDE + 2, height = Math.max(...rows.values()) * (HIGH + GAP_Y);
  const boxes = names.map((name) => {
    const [x, y] = at.get(name) ?? [0, 0];
    const short = name.length > 26 ? `${name.slice(0, 25)}…` : name;
    return svg("g", {}, svg("title", {}, name), svg("rect", { x: x + 1, y: y + 1, width: WIDE, height: HIGH, rx: 6 }), svg("text", { x: x + 10, y: y + 20 }, short));
  });
  const made = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": `${names.length} resources and ${joined.length} constraints between them; the list below tells the same` },
    svg("defs", {}, svg("marker", { id: "arrow", viewBox: "0 0 8 8", refX: 8, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto" }, svg("path", { d: "M0,0L8,4L0,8z" }))),
    ...joined.map((one) => line(one, at)), ...boxes);
  return el("div", { class: "graph", tabindex: "0", role: "region", "aria-label": "Graph of the constraints" }, made);
}

function line(one: Rule, at: Map<string, [number, number]>): SVGElement {
  const [ax, ay] = at.get(one.first) ?? [0, 0], [bx, by] = at.get(one.second) ?? [0, 0], middle = HIGH / 2;
  const d = one.kind === "order" ? `M${ax + WIDE},${ay + middle}C${ax + WIDE + GAP_X / 2},${ay + middle} ${bx - GAP_X / 2},${by + middle} ${bx},${by + middle}`
    : `M${ax + WIDE / 2},${ay + HIGH}C${ax + WIDE / 2},${ay + HIGH + GAP_Y} ${bx + WIDE / 2},${by + HIGH + GAP_Y} ${bx + WIDE / 2},${by + HIGH}`;
  const drawn = svg("path", { d, class: one.kind, "data-edge": one.id }, svg("title", {}, one.told));
  if (one.kind === "order") drawn.setAttribute("marker-end", "url(#arrow)");
  return drawn;
}
