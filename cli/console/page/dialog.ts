// Shows what an action comes to before it is done, does it after a yes, and tells what it did.
import type { Outcome, Preview } from "./contract.js";
import { el } from "./parts.js";

/** What an action takes. */
export type Fields = Partial<Omit<Preview["wish"], "action">>;

/** What is at a path. An Error with the console's own words when there is nothing to be had. */
export async function get<T>(path: string): Promise<T> {
  return said<T>(await fetch(path));
}

async function said<T>(answer: Response): Promise<T> {
  const told: unknown = await answer.json();
  if (!answer.ok) throw new Error((told as { error?: string }).error ?? `The console answers with ${answer.status}.`);
  return told as T;
}

/** Sends JSON. An Error with the console's own words when it is refused. */
export async function post<T>(path: string, body: unknown): Promise<T> {
  return said<T>(await fetch(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) }));
}

export function buttons(dialog: HTMLDialogElement, ...others: HTMLElement[]): HTMLElement {
  const close = el("button", { type: "button", class: "plain" }, others.length ? "Cancel" : "Close");
  close.addEventListener("click", () => dialog.close());
  return el("div", { class: "buttons" }, close, ...others);
}

export function show(dialog: HTMLDialogElement, title: string, ...body: (HTMLElement | null)[]): void {
  dialog.replaceChildren(el("h2", { id: "dialog-title" }, title), ...body.filter((one) => one !== null));
  if (!dialog.open) dialog.showModal();
}

export const words = (error: unknown) => error instanceof Error ? error.message : String(error);
export const busy = (text: string) => el("p", { class: "busy", role: "status" }, text);
export const told = (text: string, kind: string) => el("p", { class: `told ${kind}`, role: "alert" }, text);

export async function ask(dialog: HTMLDialogElement, action: string, fields: Fields): Promise<void> {
  show(dialog, "What would this do?", busy("Asking the cluster."), buttons(dialog));
  try {
    const wish = { action, ...fields };
    offer(dialog, await post<Preview>("/api/preview", wish), wish);
  } catch (error) {
    show(dialog, "This is not done", told(words(error), "bad"), buttons(dialog));
  }
}

type Wish = Fields & { readonly action: string };

/** `wish`: as it was sent; what comes back is without its options, of which one may be a secret. */
function offer(dialog: HTMLDialogElement, preview: Preview, wish: Wish): void {
  const would = preview.would.length ? preview.would.map((text) => el("li", {}, text)) : [el("li", {}, "Nothing moves.")];
  const yes = el("button", { type: "button", class: "primary" }, "Do it");
  const command = el("pre", { tabindex: "0", "aria-label": "The command" }, el("span", { class: "prompt" }, `${preview.on}# `), preview.command);
  yes.addEventListener("click", () => void carryOut(dialog, preview, wish, command));
  show(dialog, preview.title, el("p", { class: "quiet" }, "A person would type"), command,
    el("p", { class: "quiet" }, "What would happen"), el("ul", { class: "would" }, ...would), buttons(dialog, yes));
  yes.focus();
}

async function carryOut(dialog: HTMLDialogElement, preview: Preview, wish: Wish, command: HTMLElement): Promise<void> {
  show(dialog, preview.title, command, busy("It is being done."), buttons(dialog));
  try {
    const outcome = await post<Outcome>("/api/act", { ...wish, version: preview.version });
    const result = outcome.fault ? told(outcome.fault, "bad") : told(outcome.said, "good");
    show(dialog, preview.title, command, result, buttons(dialog));
  } catch (error) {
    show(dialog, preview.title, command, told(words(error), "bad"), buttons(dialog));
  }
}
