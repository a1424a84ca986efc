// What happened and why: the scheduler's decisions, failures and fencing, the newest first.
import type { Happened, Heard, History } from "./contract.js";
import { buttons, busy, get, show, told, words } from "./dialog.js";
import { el, opener, openers } from "./parts.js";
import { tick } from "./view.js";

const LOOK_MS = 1000;
let followed = 0;

/** Asks the members once, and shows what they have told until each has ended. */
export async function happened(dialog: HTMLDialogElement): Promise<void> {
  const title = "What happened, and why", mine = ++followed;
  const about = el("p", { class: "quiet" }), members = el("ul", { class: "plain" }), list = el("ol", { class: "plain past" });
  const again = openers(opener("Look again", () => void happened(dialog)));
  show(dialog, title, busy("Asking the members."), buttons(dialog));
  try {
    let all = await get<History>("/api/history?look");
    show(dialog, title, about, members, el("div", { class: "said", tabindex: "0", role: "region", "aria-label": "All that happened" }, list), again, buttons(dialog));
    for (;;) {
      fill(all, about, members, list);
      tick(dialog, all.now);
      if (!all.heard.some((one) => one.asking)) return;
      await new Promise((next) => setTimeout(next, LOOK_MS));
      if (mine !== followed || !dialog.open) return;
      all = await get<History>("/api/history");
    }
  } catch (error) {
    if (mine === followed && dialog.open) show(dialog, title, told(words(error), "bad"), buttons(dialog));
  }
}

const age = (at: number, word: string) => el("span", { class: "age", "data-at": String(at), "data-word": word });

function fill(all: History, about: HTMLElement, members: HTMLElement, list: HTMLElement): void {
  about.replaceChildren(`The last ${all.last} decisions of the scheduler, with its reasons; and the failures and fencing that the cluster remembers`,
    ...(all.seen_at === null ? [": no member has told of them yet."] : [`, seen by ${all.seen_by} `, age(all.seen_at, ""), "."]));
  members.replaceChildren(...all.heard.map(member));
  const there = new Map([...list.children].map((child) => [child.getAttribute("data-told"), child]));
  const rows = all.happened.map((one) => there.get(JSON.stringify(one)) ?? row(one));
  const none = el("li", { class: "quiet" }, "Nothing that a member remembers.");
  if (rows.some((one, n) => one !== list.children[n]) || rows.length !== list.children.length) list.replaceChildren(...(rows.length ? rows : [none]));
}

function member(one: Heard): HTMLElement {
  const kind = one.fault ? "bad" : one.asking ? "odd" : "good";
  const state = one.fault ? `✕ ${one.fault}` : one.asking ? "▲ is being asked" : "● has told all";
  return el("li", {}, el("span", { class: "tag" }, one.node), el("span", { class: `state ${kind}` }, state), " ",
    one.at === null ? null : age(one.at, one.fault || one.asking ? "what it told is of " : ""));
}

function row(one: Happened): HTMLElement {
  const when = one.at === null ? el("span", { class: "quiet" }, "time unknown")
    : el("time", { datetime: new Date(one.at * 1000).toISOString() }, new Date(one.at * 1000).toLocaleString([], { hour12: false }));
  const made = el("li", { "data-kind": one.kind, "data-told": JSON.stringify(one) }, when, " ",
    el("span", { class: one.kind === "failure" ? "tag bad" : "tag" }, one.kind), el("strong", {}, one.title),
    one.told.length ? el("ul", {}, ...one.told.map((text) => el("li", {}, text))) : null);
  if (one.command) made.append(el("details", {}, el("summary", {}, "Replay ", el("code", {}, one.file.slice(one.file.lastIndexOf("/") + 1))),
    el("pre", { tabindex: "0", "aria-label": "The command" }, el("span", { class: "prompt" }, `${one.node}# `), one.command)));
  return made;
}
