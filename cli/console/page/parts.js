export function el(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes))
        made.setAttribute(key, value);
    for (const child of children)
        if (child !== null)
            made.append(child);
    return made;
}
export function card(title, aside, ...children) {
    const id = `card-${title.toLowerCase().replace(/[^a-z]+/g, "-")}`;
    return el("section", { class: "card", "aria-labelledby": id, "data-card": title, "data-key": title }, el("div", { class: "head" }, el("h2", { id }, title), aside), ...children);
}
export function fact(name, ...value) {
    return [el("dt", {}, name), el("dd", {}, ...value)];
}
export function opener(text, open) {
    const button = el("button", { type: "button", class: "open" }, text);
    button.addEventListener("click", open);
    return button;
}
export const openers = (...buttons) => el("p", { class: "openers" }, ...buttons);
