import { card, el, fact, opener, openers } from "./parts.js";
/** A span of time in one or two units, as `halab status` has it. */
export function age(seconds) {
    const whole = Math.max(0, Math.round(seconds));
    const minutes = Math.floor(whole / 60), hours = Math.floor(whole / 3600), days = Math.floor(whole / 86400);
    if (whole < 100)
        return `${whole} s`;
    if (minutes < 100)
        return `${minutes} min`;
    return hours < 48 ? `${hours} h ${minutes % 60} min` : `${days} d ${hours % 24} h`;
}
/** How old a fact is; `tick` keeps it true. */
function since(at, word = "") {
    return at === null ? el("span", { class: "age" }, "not heard yet")
        : el("span", { class: "age", "data-at": String(at), "data-word": word });
}
export function tick(root, now) {
    for (const one of root.querySelectorAll("[data-at]")) {
        const old = now - Number(one.dataset["at"]);
        one.textContent = `${one.dataset["word"] ?? ""}${old < 2 ? "now" : `${age(old)} ago`}`;
        one.classList.toggle("old", old > 60);
    }
}
const GOOD = ["online", "started", "running"];
const BAD = ["offline", "unclean", "gone", "off", "failed", "blocked", "failed and blocked", "stopped"];
/** A state as a word with a sign: colour is never all that tells. */
function state(word) {
    const kind = GOOD.includes(word) ? "good" : BAD.includes(word) ? "bad" : "odd";
    const sign = { good: "●", bad: "✕", odd: "▲" }[kind];
    return el("span", { class: `state ${kind}` }, el("span", { "aria-hidden": "true" }, `${sign} `), word);
}
const named = (cell) => cell instanceof Node ? cell.firstChild?.textContent ?? "" : cell ?? "";
function table(caption, heads, rows) {
    const cells = (row) => row.map((cell, n) => el("td", { "data-head": heads[n] ?? "" }, cell));
    return el("table", {}, el("caption", { class: "hidden" }, caption), el("thead", {}, el("tr", {}, ...heads.map((head) => el("th", { scope: "col" }, head)))), el("tbody", {}, ...rows.map((row) => el("tr", { "data-key": named(row[0] ?? null) }, ...cells(row)))));
}
function menu(label, items) {
    const buttons = items.map(([text, act]) => {
        const button = el("button", { type: "button" }, text);
        button.addEventListener("click", () => {
            button.closest("details")?.removeAttribute("open");
            act();
        });
        return button;
    });
    return el("details", { class: "menu", "data-menu": label }, el("summary", { "aria-label": `Actions for ${label}` }, "⋯"), el("div", {}, ...buttons));
}
function nodeMenu(one, act, open) {
    const serial = ["Serial console", () => open("serial", one.name)];
    if (one.role !== "member" || act === null)
        return menu(one.name, [serial]);
    const node = { node: one.name };
    const item = (text, action) => [text, () => act(action, node)];
    const start = item("Start the cluster", "start");
    if (one.cluster === "" || one.cluster === "offline")
        return menu(one.name, one.answers ? [start, serial] : [serial]);
    return menu(one.name, [
        one.cluster === "standby" ? item("Out of standby", "unstandby") : item("Standby", "standby"),
        one.cluster === "maintenance" ? item("Out of maintenance", "unmaintenance") : item("Maintenance", "maintenance"),
        item("Stop the cluster", "stop"),
        item("Restart the cluster", "restart"),
        serial,
    ]);
}
function machines(report, overview, act, open) {
    const rows = report.machines.map((one) => [
        el("span", { class: "name" }, one.name, one.dc ? el("span", { class: "tag", title: "designated controller" }, "DC") : null),
        state(one.power),
        one.role === "target" ? el("span", { class: "quiet" }, "target") : one.cluster ? state(one.cluster) : el("span", { class: "quiet" }, "unknown"),
        one.uptime_s === null ? "–" : age(one.uptime_s),
        one.load === null ? "–" : one.load.toFixed(2),
        el("span", {}, el("code", {}, one.address), " ", one.answers ? null : el("span", { class: "state bad" }, "silent "), since(one.heard_at)),
        nodeMenu(one, act, open),
    ]);
    return card("Machines", since(overview.ages.power, "power "), table("Machines", ["Name", "Power", "Cluster", "Up for", "Load", "Heard", ""], rows));
}
function deviceMenu(one, act, open) {
    const resource = { resource: one.id };
    return menu(one.id, [
        ["Options", () => open("device", one.id)],
        ["Try it on all nodes", () => open("try", one.id)],
        one.state === "disabled" ? ["Enable", () => act("fence-enable", resource)] : ["Disable", () => act("fence-disable", resource)],
        ["Clean up failures", () => act("fence-cleanup", resource)],
        ["Remove", () => act("fence-delete", resource)],
    ]);
}
function resourceMenu(one, report, act) {
    const resource = one.within[0] ?? one.id;
    const members = report.machines.filter((m) => m.role === "member").map((m) => m.name);
    const cloned = one.nodes.length > 1 || one.within.some((name) => name.endsWith("-clone"));
    const items = [];
    items.push(one.state === "disabled" ? ["Enable", () => act("enable", { resource })] : ["Disable", () => act("disable", { resource })]);
    if (!cloned)
        for (const node of members.filter((name) => !one.nodes.includes(name)))
            items.push([`Move to ${node}`, () => act("move", { resource, node })]);
    for (const node of one.nodes)
        items.push([`Ban from ${node}`, () => act("ban", { resource, node })]);
    items.push(["Clear moves and bans", () => act("clear", { resource })]);
    items.push(["Clean up failures", () => act("cleanup", { resource: one.id })]);
    items.push(["Delete", () => act("delete", { resource: one.id })]);
    return menu(resource === one.id ? one.id : `${one.id} (${resource})`, items);
}
/** What Terraform does not declare; nothing is said where nothing is known to be declared. */
function added(id, declared) {
    if (!declared.length || declared.includes(id))
        return null;
    return el("span", { class: "tag", title: "Terraform does not declare it: a person has added it" }, "added");
}
function resources(report, fencing, declared, act, open) {
    const shown = report.resources.filter((one) => one.agent.startsWith("stonith:") === fencing);
    if (!shown.length && !fencing)
        return null;
    const rows = shown.map((one) => {
        const why = report.faults.filter((fault) => fault.what === one.id).map((fault) => fault.text);
        return [
            el("span", { class: "name" }, one.id, added(one.id, declared), one.within.length ? el("span", { class: "quiet" }, ` in ${one.within.join(" › ")}`) : null),
            el("span", {}, state(one.state), ...why.map((text) => el("span", { class: "why" }, text))),
            one.nodes.length ? el("span", { class: "nodes" }, ...one.nodes.map((node) => el("span", { class: "tag" }, node))) : el("span", { class: "quiet" }, "nowhere"),
            el("code", { class: "quiet" }, one.agent),
            act === null ? null : fencing ? deviceMenu(one, act, open) : resourceMenu(one, report, act),
        ];
    });
    const seen = report.cluster ? since(report.cluster.seen_at, `seen by ${report.cluster.seen_by} `) : null;
    const title = fencing ? "Fencing devices" : "Resources";
    const more = fencing ? openers(act ? opener("New device", () => open("new-device")) : null, opener("Levels", () => open("levels")))
        : openers(act ? opener("New resource", () => open("resource")) : null, act ? opener("New constraint", () => open("constraint")) : null, opener("Constraints", () => open("constraints")));
    const none = el("p", { class: "quiet" }, "There is none: a node that fails is not fenced.");
    return card(title, seen, rows.length ? table(title, ["Name", "State", "Runs on", "Agent", ""], rows) : none, more);
}
function cluster(report, open) {
    const one = report.cluster;
    if (!one)
        return card("Cluster", null, el("p", { class: "quiet" }, "No member has told of the cluster yet."));
    return card("Cluster", since(one.seen_at), el("dl", {}, ...fact("Quorum", el("span", { class: one.quorum ? "state good" : "state bad" }, one.quorum ? "● yes" : "✕ lost"), ` ${one.online} of ${one.members} online, ${one.needed} needed`), ...fact("Controller", one.dc ?? "none elected"), ...fact("Fencing", one.fencing_enabled ? "on" : el("span", { class: "state odd" }, "▲ off")), ...fact("Pacemaker", one.version)), openers(opener("Properties", () => open("properties")), opener("History", () => open("history"))));
}
function site(report, overview) {
    const one = report.site;
    if (!one)
        return null;
    const link = el("a", { href: one.url, rel: "noreferrer", target: "_blank" }, one.url);
    return card("Site", since(overview.ages.site), el("dl", {}, ...fact("Address", link), ...fact("Served by", one.fault ? el("span", { class: "state bad" }, `✕ ${one.fault}`) : el("strong", {}, one.served_by || "unknown")), ...fact("Took", `${Math.round(one.took_s * 1000)} ms`)));
}
function fencing(report, overview) {
    const one = report.fencing;
    if (!one)
        return null;
    const events = one.events.slice(0, 4).map((text) => el("li", {}, text));
    return card("Fencing", since(overview.ages.endpoint), el("dl", {}, ...fact("Endpoint", el("code", {}, one.endpoint), " ", one.fault ? el("span", { class: "state bad" }, `✕ ${one.fault}`) : el("span", { class: "state good" }, "● answers"))), events.length ? el("ul", { class: "plain" }, ...events) : el("p", { class: "quiet" }, "Nobody was fenced."));
}
function storage(report) {
    const { storage: one } = report;
    const size = (bytes) => bytes >= 1e9 ? `${(bytes / 2 ** 30).toFixed(1)} GiB` : `${Math.round(bytes / 2 ** 20)} MiB`;
    const mounts = one.mounts.map((mount) => el("li", {}, el("span", { class: "tag" }, mount.node), ` ${mount.name} at `, el("code", {}, mount.point), " ", mount.fault ? el("span", { class: "state bad" }, `✕ ${mount.fault}`) : `${size(mount.free_bytes)} of ${size(mount.size_bytes)} free`));
    const whole = [...new Set(one.sessions.filter((session) => !session.fault).map((session) => session.node))];
    const sessions = [
        ...whole.map((node) => el("span", { class: "tag", title: one.sessions.filter((session) => session.node === node).map((session) => session.target).join(" ") }, node)),
        ...one.sessions.filter((session) => session.fault).map((session) => el("span", { class: "tag bad", title: session.target }, `${session.node}: ${session.fault}`)),
    ];
    const heard = report.machines.filter((machine) => machine.answers && machine.heard_at !== null).map((machine) => machine.heard_at ?? 0);
    return card("Storage", heard.length ? since(Math.min(...heard)) : null, el("dl", {}, ...fact("Target", el("code", {}, one.targets.join(" ") || "none seen")), ...fact("Sessions", ...(sessions.length ? sessions : ["none"])), ...Object.entries(one.volumes).flatMap(([name, nodes]) => fact("Volume", el("code", {}, name), ` on ${nodes.join(", ")}`))), el("ul", { class: "plain" }, ...mounts));
}
function faults(report) {
    if (!report.faults.length && !report.past.length)
        return null;
    const now = report.faults.map((one) => el("li", { class: one.by_hand ? "hand" : "fault" }, el("strong", {}, one.what), ` ${one.text}`, one.by_hand ? el("span", { class: "quiet" }, " (set by hand)") : null));
    return card(report.faults.length ? "What is wrong" : "Overcome", null, now.length ? el("ul", { class: "plain faults" }, ...now) : null, report.past.length ? el("details", { "data-menu": "past" }, el("summary", {}, `${report.past.length} overcome`), el("ul", { class: "plain" }, ...report.past.map((text) => el("li", {}, text)))) : null);
}
function journal(lines) {
    const time = (at) => new Date(at * 1000).toLocaleTimeString([], { hour12: false });
    const rows = lines.slice(-60).reverse().map((one) => el("li", { class: one.priority <= 3 ? "error" : one.priority === 4 ? "warn" : "" }, el("time", {}, time(one.at)), el("span", { class: "tag" }, one.machine), el("span", { class: "by" }, one.by), el("span", { class: "text" }, one.text)));
    return card("Last events", el("span", { class: "age" }, "corosync and pacemaker, newest first"), rows.length ? el("ol", { class: "journal", tabindex: "0", "aria-label": "Journal lines" }, ...rows) : el("p", { class: "quiet" }, "Nothing heard yet."));
}
/** What Terraform declares, what a person has added, and what is declared and not there. */
function declaration(report, declared, may, open) {
    if (!declared.length)
        return null;
    const there = new Set(report.resources.flatMap((one) => [one.id, ...one.within]));
    const more = report.resources.map((one) => one.id).filter((id) => !declared.includes(id));
    const gone = report.cluster?.current ? declared.filter((id) => !there.has(id)) : [];
    const tags = (names) => names.length ? names.map((name) => el("span", { class: "tag" }, name)) : [el("span", { class: "quiet" }, "nothing")];
    return card("Declared", null, el("dl", {}, ...fact("By Terraform", `${declared.length} resources, groups and clones`), ...fact("Added", ...tags(more)), ...(gone.length ? fact("Missing", ...tags(gone)) : [])), may ? openers(opener("What would a deploy change?", () => open("plan"))) : null);
}
export function verdict(overview) {
    const report = overview.report;
    if (!report)
        return ["odd", overview.trouble];
    const wrong = report.faults.filter((one) => !one.by_hand).length, hand = report.faults.length - wrong;
    if (wrong)
        return ["bad", `${wrong} ${wrong === 1 ? "thing is" : "things are"} wrong`];
    return hand ? ["odd", `${hand} set by hand`] : ["good", "All is well"];
}
export function draw(overview, role, act, open) {
    const { report } = overview, may = role !== "watch" ? act : null;
    if (!report)
        return el("p", { class: "empty" }, overview.trouble);
    const main = [faults(report), machines(report, overview, may, open), resources(report, false, overview.declared, may, open), resources(report, true, overview.declared, may, open)];
    const side = [cluster(report, open), site(report, overview), fencing(report, overview), storage(report), declaration(report, overview.declared, may !== null, open),
        card("Drills", null, openers(opener("Drills", () => open("drills"))))];
    return el("div", { class: "grid" }, el("div", { class: "wide" }, ...main), el("div", { class: "side" }, ...side), journal(overview.lines));
}
