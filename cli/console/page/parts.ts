// What the page is drawn of. All text goes in as text: no name and no journal line is ever read as HTML.
export type Child = Node | string | null;

export function el(name: string, attributes: Record<string, string> = {}, ...children: Child[]): HTMLElement {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  for (const child of children) if (child !== null) made.append(child);
  return made;
}

export function card(title: string, aside: Child, ...children: Child[]): HTMLElement {
  const id = `card-${title.toLowerCase().replace(/[^a-z]+/g, "-")}`;
  return el("section", { class: "card", "aria-labelledby": id, "data-card": title, "data-key": title },
    el("div", { class: "head" }, el("h2", { id }, title), aside), ...children);
}

export function fact(name: string, ...value: Child[]): Child[] {
  return [el("dt", {}, name), el("dd", {}, ...value)];
}

export function opener(text: string, open: () => void): HTMLElement {
  const button = el("button", { type: "button", class: "open" }, text);
  button.addEventListener("click", open);
  return button;
}

export const openers = (...buttons: Child[]) => el("p", { class: "openers" }, ...buttons);
