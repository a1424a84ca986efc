// What forms are made of: fields with labels and help, and a way on to what would happen.
import type { Parameter } from "./contract.js";
import { buttons, show } from "./dialog.js";
import { field } from "./properties.js";
import { el } from "./parts.js";

export type Field = HTMLInputElement | HTMLSelectElement;
let count = 0;

/** A field under its label. */
export function labelled(text: string, input: Field, hint = "", required = false): HTMLElement {
  input.id = `field-${++count}`;
  input.removeAttribute("aria-label");
  input.toggleAttribute("required", required);
  return el("div", {}, el("label", { for: input.id }, text, required ? el("span", { class: "quiet" }, " (required)") : null), input,
    hint ? el("p", { class: "hint" }, hint) : null);
}

export const text = (value = "") => field("", [], value);
export const choice = (words: readonly string[], value = "") => field("", words, value);

/** A form in the dialog; `send` gets what was filled in, after the browser's own checks. */
export function form(dialog: HTMLDialogElement, title: string, send: () => void, ...body: HTMLElement[]): void {
  const next = el("button", { type: "submit", class: "primary" }, "What would it do?");
  const made = el("form", { class: "form" }, el("div", { class: "scroll" }, ...body), buttons(dialog, next));
  made.addEventListener("submit", (event) => {
    event.preventDefault();
    send();
  });
  show(dialog, title, made);
}

/** What takes an option; a secret is not shown while it is typed. */
export function input(one: Parameter, value = ""): Field {
  if (one.secret) return el("input", { type: "password", autocomplete: "new-password" }) as HTMLInputElement;
  const choices = one.kind === "boolean" ? ["true", "false"] : one.choices;
  return choices.length ? choice(["", ...choices], value) : text(value);
}

export const hint = (one: Parameter) => [one.help || one.brief, one.default ? `Default: ${one.default}.` : ""].filter(Boolean).join(" ");
