import { ask, post } from "./dialog.js";
import { constraint, resource } from "./creating.js";
import { changed, device, levels, trial } from "./fencing.js";
import { properties } from "./properties.js";
import { el, opener, openers } from "./parts.js";
import { constraints } from "./constraints.js";
import { happened } from "./history.js";
import { drills, plan, serial } from "./work.js";
import { draw, tick, verdict } from "./view.js";
function by(id, kind) {
    const found = document.getElementById(id);
    if (!(found instanceof kind))
        throw new Error(`the page has no ${id}`);
    return found;
}
const main = by("main", HTMLElement), dialog = by("dialog", HTMLDialogElement);
const link = by("link", HTMLElement), said = by("verdict", HTMLElement), lab = by("lab", HTMLElement);
let latest = null;
let skew = 0; // of this clock to the host's, in seconds
async function session() {
    const token = location.hash.slice(1);
    if (token) {
        history.replaceState(null, "", "/"); // it is of no use a second time, and belongs into no history
        return post("/api/login", { token });
    }
    const answer = await fetch("/api/session");
    const told = await answer.json();
    if (!answer.ok)
        throw new Error(told.error);
    return told;
}
function connection(kind, text) {
    link.className = `live ${kind}`;
    link.textContent = text;
}
/** Puts a new drawing in the place of the old one: only what differs, so that focus, menus and scrolling stay. */
export function renew(old, made) {
    const same = old.tagName === made.tagName && old.getAttribute("data-menu") === made.getAttribute("data-menu");
    if (!same || old.tagName === "BUTTON" || old.tagName === "DETAILS") {
        if (same && old.tagName === "DETAILS" && old.hasAttribute("open"))
            return; // somebody is choosing
        if (!same || old.outerHTML !== made.outerHTML || old.tagName === "DETAILS") {
            const focused = same && old.contains(document.activeElement);
            if (!focused)
                old.replaceWith(made);
        }
        return;
    }
    for (const { name } of [...old.attributes])
        if (!made.hasAttribute(name) && name !== "open")
            old.removeAttribute(name);
    for (const { name, value } of [...made.attributes])
        if (old.getAttribute(name) !== value)
            old.setAttribute(name, value);
    const after = [...made.childNodes];
    after.forEach((child, n) => {
        const was = place(old, child, n);
        if (was === null)
            return;
        if (was instanceof Element && child instanceof Element)
            renew(was, child);
        else if (was.nodeType !== child.nodeType)
            was.replaceWith(child);
        else if (was.nodeValue !== child.nodeValue)
            was.nodeValue = child.nodeValue;
    });
    while (old.childNodes.length > after.length)
        old.lastChild?.remove();
}
const key = (node) => node instanceof HTMLElement ? node.dataset["key"] ?? null : null;
/** What stood where a new child belongs; null: nothing did, and the child is there now. Cards and rows go by their keys. */
function place(old, child, n) {
    const there = old.childNodes[n], wanted = key(child);
    const was = wanted === null ? there : [...old.childNodes].find((one) => key(one) === wanted);
    if (was === undefined || (wanted === null && key(was) !== null)) {
        old.insertBefore(child, there ?? null);
        return null;
    }
    if (was !== there)
        old.insertBefore(was, there ?? null);
    return was;
}
function show(overview, who) {
    if (overview.at)
        skew = overview.at - Date.now() / 1000;
    latest = overview.report;
    const made = draw(overview, who.role, (action, fields) => void ask(dialog, action, fields), (what, name) => opened(what, name ?? "", who));
    const [kind, text] = verdict(overview);
    said.className = `verdict ${kind}`;
    if (said.textContent !== text)
        said.textContent = text;
    document.title = `${who.lab}: ${text}`;
    tick(made, Date.now() / 1000 + skew);
    const old = main.firstElementChild;
    if (old)
        renew(old, made);
    else
        main.replaceChildren(made);
}
/** With what is known now: a button may be older than that. */
function opened(what, name, who) {
    const may = who.role !== "watch";
    if (what === "properties")
        void properties(dialog, may);
    else if (what === "device")
        void changed(dialog, name);
    else if (what === "try")
        void trial(dialog, name);
    else if (what === "serial")
        serial(dialog, name);
    else if (what === "constraints")
        void constraints(dialog, may);
    else if (what === "history")
        void happened(dialog);
    else if (what === "plan")
        void plan(dialog);
    else if (what === "drills")
        void drills(dialog, who.role === "drill");
    else if (latest && what === "new-device")
        void device(dialog, latest);
    else if (latest && what === "levels")
        void levels(dialog, latest, may);
    else if (latest && what === "resource")
        void resource(dialog, latest);
    else if (latest)
        constraint(dialog, latest);
}
function follow(who) {
    const events = new EventSource("/api/events");
    events.addEventListener("open", () => connection("good", who.role === "watch" ? "live, watching only" : "live"));
    events.addEventListener("message", (event) => show(JSON.parse(event.data), who));
    events.addEventListener("error", () => {
        connection("bad", "connection lost, trying again");
        if (events.readyState === EventSource.CLOSED)
            void closed(who);
    });
    events.addEventListener("ended", () => {
        events.close();
        refused("The session has ended. `halab console` prints a new link.");
    });
}
/** An EventSource does not tell why it was refused: the same request does. */
async function closed(who) {
    const asking = new AbortController();
    try {
        const answer = await fetch("/api/events", { signal: asking.signal });
        if (answer.ok)
            full("Another page was closed meanwhile.", who);
        else if (answer.status === 429 || answer.status === 503)
            full((await answer.json()).error, who);
        else
            throw new Error(`the stream is refused with ${answer.status}`);
    }
    catch {
        refused("The session has ended, or the console. `halab console` prints a new link.");
    }
    finally {
        asking.abort();
    }
}
/** Too many pages are open: this one waits for its reader. */
function full(why, who) {
    connection("bad", "not connected");
    said.className = "verdict odd";
    said.textContent = "Not connected";
    main.replaceChildren(el("div", { class: "empty" }, el("p", { role: "alert" }, why), openers(opener("Try again", () => begin(who)))));
}
/** What is wrong, and the other way in. */
function refused(text) {
    connection("bad", "not connected");
    said.className = "verdict odd";
    said.textContent = "Not connected";
    const password = el("input", { type: "password", id: "password", autocomplete: "current-password", required: "" });
    const wrong = el("p", { role: "alert" }), enter = el("button", { type: "submit", class: "primary" }, "Log in");
    const form = el("form", { class: "form login" }, el("label", { for: "password" }, "Password of hacluster"), password, wrong, el("div", { class: "buttons" }, enter));
    form.addEventListener("submit", (event) => {
        event.preventDefault();
        post("/api/login", { user: "hacluster", password: password.value }).then(begin, (error) => {
            password.value = "";
            wrong.className = "told bad";
            wrong.textContent = error instanceof Error ? error.message : String(error);
            password.focus();
        });
    });
    main.replaceChildren(el("div", { class: "empty" }, el("p", { role: "alert" }, text), form));
}
function begin(who) {
    lab.textContent = who.lab;
    main.replaceChildren();
    follow(who);
}
document.addEventListener("click", (event) => {
    for (const one of document.querySelectorAll("details.menu[open]"))
        if (!one.contains(event.target))
            one.removeAttribute("open");
});
document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape")
        return;
    for (const one of document.querySelectorAll("details.menu[open]")) {
        one.removeAttribute("open");
        one.querySelector("summary")?.focus();
    }
});
setInterval(() => tick(document, Date.now() / 1000 + skew), 1000);
session().then(begin, (error) => refused(error instanceof Error ? error.message : String(error)));
