import { ask, buttons, get, show, told, busy, words } from "./dialog.js";
import { el } from "./parts.js";
export async function properties(dialog, may) {
    show(dialog, "Properties of the cluster", busy("Asking the cluster."), buttons(dialog));
    try {
        list(dialog, await get("/api/properties"), may);
    }
    catch (error) {
        show(dialog, "Properties of the cluster", told(words(error), "bad"), buttons(dialog));
    }
}
function list(dialog, all, may) {
    const rows = all.properties.map((one) => row(dialog, one, may));
    const search = el("input", { type: "search", placeholder: "Search", "aria-label": "Search the properties" });
    search.addEventListener("input", () => {
        const wanted = search.value.toLowerCase();
        rows.forEach((one) => one.toggleAttribute("hidden", !(one.textContent ?? "").toLowerCase().includes(wanted)));
    });
    rows.sort((one, other) => Number(other.hasAttribute("data-set")) - Number(one.hasAttribute("data-set")));
    show(dialog, "Properties of the cluster", el("p", { class: "quiet" }, `As ${all.by} has them; those that are set come first.`), search, el("div", { class: "rows" }, ...rows), buttons(dialog));
    search.focus();
}
function row(dialog, one, may) {
    const { about, value } = one;
    const now = value === null ? el("span", { class: "quiet" }, about.default || "no default") : el("strong", {}, value);
    const made = el("details", { "data-property": about.name, ...(value === null ? {} : { "data-set": "" }) }, el("summary", {}, el("code", {}, about.name), now, one.declared ? el("span", { class: "tag", title: "Terraform declares it" }, "Terraform") : null), el("p", {}, about.brief), about.help ? el("p", { class: "quiet" }, about.help) : null, el("p", { class: "quiet" }, [about.kind, about.default ? `default ${about.default}` : ""].filter(Boolean).join(", ")));
    if (may)
        made.append(form(dialog, one));
    return made;
}
/** What takes a value: a list where only some words are taken. */
export function field(label, choices, value) {
    if (!choices.length)
        return el("input", { value, "aria-label": label, autocomplete: "off", spellcheck: "false" });
    const words = choices.includes(value) || !value ? choices : [value, ...choices];
    return el("select", { "aria-label": label }, ...words.map((word) => el("option", word === value ? { selected: "" } : {}, word)));
}
function form(dialog, one) {
    const { name, kind, choices, default: usual } = one.about;
    const input = field(`Value of ${name}`, kind === "boolean" ? ["true", "false"] : choices, one.value ?? usual);
    const set = el("button", { type: "submit" }, "Set");
    const unset = el("button", { type: "button" }, "Default");
    unset.addEventListener("click", () => void ask(dialog, "property-unset", { name }));
    const made = el("form", { class: "fields" }, input, set, one.value === null ? null : unset);
    made.addEventListener("submit", (event) => {
        event.preventDefault();
        void ask(dialog, "property", { name, value: input.value });
    });
    return made;
}
