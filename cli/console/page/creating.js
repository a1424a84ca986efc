import { ask, busy, buttons, get, show, told, words } from "./dialog.js";
import { choice, form, hint, input, labelled, text } from "./forms.js";
import { el } from "./parts.js";
export async function resource(dialog, report) {
    const title = "New resource";
    show(dialog, title, busy("Asking for the agents."), buttons(dialog));
    try {
        const all = await get("/api/agents");
        const name = text(), agent = text(), about = el("div", { "aria-live": "polite" });
        const groups = [...new Set(report.resources.filter((one) => one.within.length === 1 && one.nodes.length < 2).map((one) => one.within[0] ?? ""))];
        const within = choice(["on one node, by itself", "on all nodes (clone)", ...groups.map((group) => `in the group ${group}`)]);
        const list = el("datalist", { id: "agents" }, ...all.names.map((value) => el("option", { value })));
        agent.setAttribute("list", "agents");
        let fields = [];
        const wanted = (name) => agent.value === name; // answers may come late
        agent.addEventListener("change", () => {
            fields = [];
            void describe(agent.value, about, wanted).then((made) => { if (made)
                fields = made; });
        });
        form(dialog, title, () => {
            const options = Object.fromEntries(fields.filter(([, one]) => one.value !== "").map(([key, one]) => [key, one.value]));
            const where = within.value.startsWith("in the group ") ? within.value.slice(13) : within.value.includes("clone") ? "clone" : "";
            void ask(dialog, "create", { name: name.value, value: agent.value, within: where, options });
        }, labelled("Name", name, "", true), labelled("Agent", agent, `${all.names.length} on ${all.by}: type a part of the name, for example IPaddr2.`, true), list, labelled("Runs", within), about);
        name.focus();
    }
    catch (error) {
        show(dialog, title, told(words(error), "bad"), buttons(dialog));
    }
}
/** The agent's help and a field for each of its parameters, the required ones first. */
async function describe(name, about, wanted) {
    about.replaceChildren(busy("Asking the agent."));
    try {
        const agent = await get(`/api/agent?name=${encodeURIComponent(name)}`);
        if (!wanted(name))
            return null;
        const needed = agent.parameters.filter((one) => one.required), others = agent.parameters.filter((one) => !one.required);
        const made = [...needed, ...others].map((one) => [one.name, input(one)]);
        const drawn = (all) => all.map((one) => labelled(one.name, made.find(([key]) => key === one.name)?.[1] ?? text(), hint(one), one.required && !one.default));
        about.replaceChildren(el("p", {}, agent.brief), el("details", {}, el("summary", {}, "What it does"), el("p", { class: "quiet" }, agent.help)), ...drawn(needed), others.length ? el("details", {}, el("summary", {}, `${others.length} optional parameters`), ...drawn(others)) : el("p"));
        return made;
    }
    catch (error) {
        if (wanted(name))
            about.replaceChildren(told(words(error), "bad"));
        return null;
    }
}
export function constraint(dialog, report) {
    const names = [...new Set(report.resources.filter((one) => !one.agent.startsWith("stonith:")).map((one) => one.within[0] ?? one.id))];
    const nodes = report.machines.filter((one) => one.role === "member").map((one) => one.name);
    const kinds = { "runs on a node": "location", "runs where another runs": "colocation", "starts before another": "order" };
    const kind = choice(Object.keys(kinds)), one = choice(names), other = el("div"), weight = el("div");
    let to = choice(nodes), by = text("INFINITY");
    const fill = () => {
        const action = kinds[kind.value];
        to = choice(action === "location" ? nodes : names.filter((name) => name !== one.value));
        by = action === "order" ? choice(["Mandatory", "Optional", "Serialize"]) : text("INFINITY");
        other.replaceChildren(labelled(action === "location" ? "Node" : "The other", to));
        weight.replaceChildren(labelled(action === "order" ? "Kind" : "Score", by, action === "order" ? "" : "INFINITY: always; -INFINITY: never; a number weighs it against others.", true));
    };
    kind.addEventListener("change", fill);
    one.addEventListener("change", fill);
    fill();
    form(dialog, "New constraint", () => {
        const action = kinds[kind.value];
        void ask(dialog, action, { resource: one.value, value: by.value, ...(action === "location" ? { node: to.value } : { other: to.value }) });
    }, labelled("Resource", one), labelled("It", kind), other, weight);
}
