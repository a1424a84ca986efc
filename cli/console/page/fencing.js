import { ask, busy, buttons, get, post, show, told, words } from "./dialog.js";
import { choice, form, hint, input, labelled, text } from "./forms.js";
import { el } from "./parts.js";
const MAP = "pcmk_host_map", LIST = "pcmk_host_list";
const members = (report) => report.machines.filter((one) => one.role === "member").map((one) => one.name);
/** Fills the dialog; what goes wrong on the way is told there. */
async function filled(dialog, title, waits, fill) {
    show(dialog, title, busy(waits), buttons(dialog));
    try {
        await fill();
    }
    catch (error) {
        show(dialog, title, told(words(error), "bad"), buttons(dialog));
    }
}
export async function device(dialog, report) {
    const title = "New fencing device";
    await filled(dialog, title, "Asking for the agents.", async () => {
        const all = await get("/api/fence-agents");
        const name = text(), agent = text(), about = el("div", { "aria-live": "polite" });
        const list = el("datalist", { id: "agents" }, ...all.names.map((value) => el("option", { value })));
        agent.setAttribute("list", "agents");
        const hosts = members(report).map((node) => [node, text()]);
        let fields = [];
        agent.addEventListener("change", () => {
            fields = [];
            const asked = agent.value;
            void described(asked, about, all.scripts, hosts, () => agent.value === asked).then((made) => { if (made)
                fields = made; });
        });
        form(dialog, title, () => {
            const given = fields.map(([one, input]) => [one.name, input.value]).filter(([, value]) => value !== "");
            const options = { ...Object.fromEntries(given), ...mapped(hosts) };
            void ask(dialog, "fence", { name: name.value, value: agent.value, options });
        }, labelled("Name", name, "", true), labelled("Agent", agent, `${all.names.length} on ${all.by}, for example fence_redfish.`, true), list, about);
        name.focus();
    });
}
/** The host map, of the nodes that were given a plug. */
function mapped(hosts) {
    const plugs = hosts.filter(([, input]) => input.value !== "").map(([node, input]) => `${node}:${input.value}`);
    return plugs.length ? { [MAP]: plugs.join(";") } : {};
}
async function described(name, about, scripts, hosts, wanted) {
    about.replaceChildren(busy("Asking the agent."));
    try {
        const agent = await get(`/api/fence-agent?name=${encodeURIComponent(name)}`);
        if (!wanted())
            return null;
        const names = agent.parameters.map((one) => one.name);
        // No secret where a script can tell it: what stands in the configuration is read by all of the cluster's tools.
        const made = agent.parameters.filter((one) => one.name !== MAP && !(one.secret && names.includes(`${one.name}_script`))).map((one) => [one, input(one)]);
        const plugs = el("details", {}, el("summary", {}, "What the device calls each node"), el("p", { class: "hint" }, "A plug, a port or a name, where the device has its own. Leave it empty where one node is fenced: pcmk_host_list names it."), ...hosts.map(([node, one]) => labelled(`Plug of ${node}`, one)));
        about.replaceChildren(el("p", {}, agent.brief), el("details", {}, el("summary", {}, "What it does"), el("p", { class: "quiet" }, agent.help)), ...laidOut(made, scripts), plugs);
        return made;
    }
    catch (error) {
        if (wanted())
            about.replaceChildren(told(words(error), "bad"));
        return null;
    }
}
/** Required options first, then whom it fences, then the agent's others, then Pacemaker's. */
function laidOut(made, scripts) {
    const drawn = ([one, field]) => {
        if (one.name.endsWith("_script") && scripts.length)
            field.setAttribute("list", "scripts");
        return labelled(one.name, field, hint(one), one.required && !one.default);
    };
    const needed = made.filter(([one]) => one.required && !one.default);
    const first = made.filter(([one]) => one.name === LIST || one.name.endsWith("password_script"));
    const rest = made.filter((one) => !needed.includes(one) && !first.includes(one));
    const own = rest.filter(([one]) => !one.name.startsWith("pcmk_")), common = rest.filter(([one]) => one.name.startsWith("pcmk_"));
    const folded = (all, what) => el("details", {}, el("summary", {}, `${all.length} ${what}`), ...all.map(drawn));
    return [el("datalist", { id: "scripts" }, ...scripts.map((value) => el("option", { value }))), ...needed.map(drawn), ...first.map(drawn),
        folded(own, "options of the agent"), folded(common, "options of Pacemaker")];
}
/** The options of one that is there; only what was changed is sent. */
export async function changed(dialog, name) {
    const title = `Options of ${name}`;
    await filled(dialog, title, "Asking the cluster.", async () => {
        const one = await get(`/api/device?name=${encodeURIComponent(name)}`);
        const agents = await get("/api/fence-agents");
        const names = one.about.parameters.map((about) => about.name);
        const made = one.about.parameters.filter((about) => !(about.secret && names.includes(`${about.name}_script`))).map((about) => [about, input(about, one.values[about.name] ?? "")]);
        const away = one.hidden.map((key) => [key, el("input", { type: "checkbox" })]);
        for (const [about, field] of made)
            if (one.hidden.includes(about.name))
                field.setAttribute("placeholder", "set; it is not shown");
        const set = made.filter(([about]) => about.name in one.values || one.hidden.includes(about.name));
        const others = made.filter((each) => !set.includes(each));
        form(dialog, title, () => {
            const options = {};
            for (const [about, field] of made) {
                const was = one.values[about.name] ?? "";
                if (about.secret ? field.value !== "" : field.value !== was)
                    options[about.name] = field.value;
            }
            for (const [key, box] of away)
                if (box.checked)
                    options[key] = "";
            void ask(dialog, "fence-change", { resource: name, options });
        }, el("p", {}, `${one.about.name}: ${one.about.brief}`), one.declared ? el("p", { class: "hint" }, "Terraform declares this device: the next diff shows what is changed here.") : el("p"), ...set.map(([about, field]) => labelled(about.name, field, hint(about), about.required && !about.default && !about.secret)), ...away.map(([key, box]) => labelled(`Take ${key} away`, box)), ...laidOut(others, agents.scripts));
    });
}
export async function trial(dialog, name) {
    const title = `${name} on each node`;
    await filled(dialog, title, "Each node asks the device. Nothing is switched.", async () => {
        const all = await post("/api/try", { name });
        const rows = all.trials.map((one) => el("li", {}, el("strong", {}, one.node), " ", el("span", { class: one.fault ? "state bad" : "state good" }, one.fault ? `✕ ${one.fault}` : "● answers"), one.targets.length ? el("span", { class: "quiet" }, ` and knows ${one.targets.join(", ")}`) : null));
        show(dialog, title, el("p", { class: "quiet" }, "A person would type, on each node"), el("pre", { tabindex: "0", "aria-label": "The commands" }, all.commands.join("\n")), el("div", { role: "status" }, el("ul", { class: "plain" }, ...rows)), buttons(dialog));
    });
}
export async function levels(dialog, report, may) {
    const title = "Fencing levels";
    await filled(dialog, title, "Asking the cluster.", async () => {
        const all = await get("/api/levels");
        const rows = all.levels.map((one) => levelRow(dialog, one, may));
        const add = el("button", { type: "button", class: "primary" }, "New level");
        add.addEventListener("click", () => newLevel(dialog, report));
        show(dialog, title, el("p", { class: "quiet" }, "Level 1 is tried first. The devices of a level have to succeed together; when one fails, the next level is tried."), rows.length ? el("ul", { class: "plain" }, ...rows) : el("p", {}, "There is none: any device that knows the node is tried."), buttons(dialog, ...(may ? [add] : [])));
    });
}
function levelRow(dialog, one, may) {
    const remove = el("button", { type: "button", class: "open", "aria-label": `Remove level ${one.level} of ${one.node}` }, "Remove");
    remove.addEventListener("click", () => void ask(dialog, "level-delete", { node: one.node, value: String(one.level) }));
    return el("li", { "data-level": `${one.node}-${one.level}` }, el("strong", {}, one.node), ` level ${one.level}: `, el("code", {}, one.devices.join(" + ")), " ", one.declared ? el("span", { class: "tag", title: "Terraform declares it" }, "Terraform") : null, may ? remove : null);
}
function newLevel(dialog, report) {
    const names = report.resources.filter((one) => one.agent.startsWith("stonith:")).map((one) => one.id);
    const node = choice(members(report)), level = choice(["1", "2", "3", "4", "5", "6", "7", "8", "9"]), first = choice(names), second = choice(["", ...names]);
    form(dialog, "New fencing level", () => {
        const name = [first.value, second.value].filter(Boolean).join(",");
        void ask(dialog, "level", { node: node.value, value: level.value, name });
    }, labelled("Node", node), labelled("Level", level, "A level that is there gets these devices instead."), labelled("Device", first), labelled("Together with", second, "Both have to succeed then."));
}
