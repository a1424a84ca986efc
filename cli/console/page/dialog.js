import { el } from "./parts.js";
/** What is at a path. An Error with the console's own words when there is nothing to be had. */
export async function get(path) {
    return said(await fetch(path));
}
async function said(answer) {
    const told = await answer.json();
    if (!answer.ok)
        throw new Error(told.error ?? `The console answers with ${answer.status}.`);
    return told;
}
/** Sends JSON. An Error with the console's own words when it is refused. */
export async function post(path, body) {
    return said(await fetch(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) }));
}
export function buttons(dialog, ...others) {
    const close = el("button", { type: "button", class: "plain" }, others.length ? "Cancel" : "Close");
    close.addEventListener("click", () => dialog.close());
    return el("div", { class: "buttons" }, close, ...others);
}
export function show(dialog, title, ...body) {
    dialog.replaceChildren(el("h2", { id: "dialog-title" }, title), ...body.filter((one) => one !== null));
    if (!dialog.open)
        dialog.showModal();
}
export const words = (error) => error instanceof Error ? error.message : String(error);
export const busy = (text) => el("p", { class: "busy", role: "status" }, text);
export const told = (text, kind) => el("p", { class: `told ${kind}`, role: "alert" }, text);
export async function ask(dialog, action, fields) {
    show(dialog, "What would this do?", busy("Asking the cluster."), buttons(dialog));
    try {
        const wish = { action, ...fields };
        offer(dialog, await post("/api/preview", wish), wish);
    }
    catch (error) {
        show(dialog, "This is not done", told(words(error), "bad"), buttons(dialog));
    }
}
/** `wish`: as it was sent; what comes back is without its options, of which one may be a secret. */
function offer(dialog, preview, wish) {
    const would = preview.would.length ? preview.would.map((text) => el("li", {}, text)) : [el("li", {}, "Nothing moves.")];
    const yes = el("button", { type: "button", class: "primary" }, "Do it");
    const command = el("pre", { tabindex: "0", "aria-label": "The command" }, el("span", { class: "prompt" }, `${preview.on}# `), preview.command);
    yes.addEventListener("click", () => void carryOut(dialog, preview, wish, command));
    show(dialog, preview.title, el("p", { class: "quiet" }, "A person would type"), command, el("p", { class: "quiet" }, "What would happen"), el("ul", { class: "would" }, ...would), buttons(dialog, yes));
    yes.focus();
}
async function carryOut(dialog, preview, wish, command) {
    show(dialog, preview.title, command, busy("It is being done."), buttons(dialog));
    try {
        const outcome = await post("/api/act", { ...wish, version: preview.version });
        const result = outcome.fault ? told(outcome.fault, "bad") : told(outcome.said, "good");
        show(dialog, preview.title, command, result, buttons(dialog));
    }
    catch (error) {
        show(dialog, preview.title, command, told(words(error), "bad"), buttons(dialog));
    }
}
