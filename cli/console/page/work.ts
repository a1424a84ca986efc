// What takes a while: the plan of a deploy, and drills. Each goes on when the page is closed.
import type { DrillKind, DrillRun, Drills, Job } from "./contract.js";
import { buttons, busy, get, post, show, told, words } from "./dialog.js";
import { el } from "./parts.js";

const LOOK_MS = 1000;
let followed = 0;

/** Shows what a command says until it ends; `ended` says what its exit code means. */
async function follow(dialog: HTMLDialogElement, title: string, begin: () => Promise<Job>, ended: (code: number) => [string, string]): Promise<void> {
  const mine = ++followed;
  const text = el("pre", { tabindex: "0", class: "said", "aria-label": "What it says" }), state = el("div");
  show(dialog, title, busy("It begins."), buttons(dialog));
  try {
    let job = await begin();
    show(dialog, title, el("p", { class: "quiet" }, "On the host: ", el("code", {}, job.command)), text, state, buttons(dialog));
    while (mine === followed && dialog.open) {
      if (text.textContent !== job.text) text.textContent = job.text;
      if (job.code !== null) {
        const [kind, words] = ended(job.code);
        state.replaceChildren(told(words, kind));
        return;
      }
      if (!state.firstChild) state.replaceChildren(busy("It is under way."));
      await new Promise((next) => setTimeout(next, LOOK_MS));
      job = await get<Job>("/api/job");
    }
  } catch (error) {
    show(dialog, title, told(words(error), "bad"), buttons(dialog));
  }
}

export async function plan(dialog: HTMLDialogElement): Promise<void> {
  await follow(dialog, "What would a deploy change?", () => post<Job>("/api/diff", {}), (code) =>
    code === 0 ? ["good", "Nothing: the lab is as its settings say."]
      : code === 4 ? ["odd", "This is what a deploy would change; nothing was changed."] : ["bad", "The plan could not be made."]);
}

export async function drills(dialog: HTMLDialogElement, may: boolean): Promise<void> {
  const title = "Drills";
  show(dialog, title, busy("Reading the recordings."), buttons(dialog));
  try {
    const all = await get<Drills>("/api/drills");
    show(dialog, title, el("h3", {}, "The last ones"),
      all.runs.length ? el("ul", { class: "plain" }, ...all.runs.map(run)) : el("p", { class: "quiet" }, "None was recorded here."),
      el("h3", {}, "What there is"),
      may ? null : el("p", { class: "quiet" }, "The link that `halab console` prints lets you start one."),
      el("div", { class: "rows" }, ...all.kinds.map((one) => kind(dialog, one, may))), buttons(dialog));
  } catch (error) {
    show(dialog, title, told(words(error), "bad"), buttons(dialog));
  }
}

/** A machine's serial console, as it speaks; it is closed with the dialog. */
export function serial(dialog: HTMLDialogElement, name: string): void {
  const text = el("pre", { tabindex: "0", class: "said serial", "aria-label": `Serial console of ${name}` }), state = el("div");
  show(dialog, `Serial console of ${name}`, text, state, buttons(dialog));
  const events = new EventSource(`/api/serial?machine=${encodeURIComponent(name)}`);
  const end = (words: string) => {
    events.close();
    state.replaceChildren(told(words, "bad"));
  };
  events.addEventListener("message", (event: MessageEvent<string>) => {
    const below = text.scrollHeight - text.scrollTop - text.clientHeight < 40;
    text.append(JSON.parse(event.data) as string);
    if (below) text.scrollTop = text.scrollHeight;
  });
  events.addEventListener("ended", (event) => end(JSON.parse((event as MessageEvent<string>).data) as string));
  events.addEventListener("error", () => { if (events.readyState === EventSource.CLOSED) end("It cannot be read: the machine has no console log, too many consoles are open, or the session has ended."); });
  dialog.addEventListener("close", () => events.close(), { once: true });
}

function run(one: DrillRun): HTMLElement {
  const when = one.at ? new Date(one.at * 1000).toLocaleString() : one.name;
  const good = one.result === "PASS";
  return el("li", { "data-run": one.name }, el("span", { class: good ? "state good" : "state bad" }, `${good ? "●" : "✕"} ${one.result || "unreadable"}`), ` ${one.told} `,
    one.result ? el("a", { href: `/api/report?run=${encodeURIComponent(one.name)}`, target: "_blank", rel: "noreferrer" }, `Timeline of ${when}`) : null);
}

function kind(dialog: HTMLDialogElement, one: DrillKind, may: boolean): HTMLElement {
  const made = el("details", { "data-drill": one.name },
    el("summary", {}, el("code", {}, one.name)),
    el("p", {}, one.does), el("p", { class: "quiet" }, `What has to come of it: ${one.expected}.`));
  if (one.wants.length) made.append(el("p", { class: "quiet" }, `It is for a lab with ${one.wants.join(" and ")}.`));
  if (!may || one.wants.length) return made;
  const begin = el("button", { type: "button", class: "open" }, "Start");
  begin.addEventListener("click", () => agree(dialog, one));
  made.append(el("p", {}, begin));
  return made;
}

/** It breaks the lab: not without a yes. */
function agree(dialog: HTMLDialogElement, one: DrillKind): void {
  const title = `Drill ${one.name}`, yes = el("button", { type: "button", class: "primary" }, "Break it");
  yes.addEventListener("click", () => void follow(dialog, title, () => post<Job>("/api/drill", { name: one.name }), (code) =>
    code === 0 ? ["good", "It passed."] : code === 3 ? ["bad", "It failed; the lab was restored."] : ["bad", "It could not be carried out."]));
  show(dialog, title, el("p", {}, one.does), el("p", { class: "quiet" }, `What has to come of it: ${one.expected}.`),
    el("p", {}, "The lab is saved before, and restored when the drill fails. The site may be away meanwhile."),
    el("p", { class: "quiet" }, "A person would type, on the host"), el("pre", { tabindex: "0", "aria-label": "The command" }, `halab drill run ${one.name}`), buttons(dialog, yes));
  yes.focus();
}
