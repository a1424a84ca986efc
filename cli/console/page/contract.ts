// Written from cli/console/contract.py by cli/developer/generate.py: change that, not this.

export interface MachineReport {
  readonly name: string;
  readonly role: string;
  readonly address: string;
  readonly power: string;
  readonly uptime_s: number | null;
  readonly answers: boolean;
  readonly heard_at: number | null;
  readonly cluster: string;
  readonly dc: boolean;
  readonly load: number | null;
}

export interface ClusterReport {
  readonly seen_by: string;
  readonly seen_at: number;
  readonly current: boolean;
  readonly version: string;
  readonly dc: string | null;
  readonly quorum: boolean;
  readonly members: number;
  readonly online: number;
  readonly needed: number;
  readonly maintenance_mode: boolean;
  readonly stop_all_resources: boolean;
  readonly fencing_enabled: boolean;
}

export interface ResourceReport {
  readonly id: string;
  readonly agent: string;
  readonly within: readonly string[];
  readonly state: string;
  readonly nodes: readonly string[];
}

export interface FencingReport {
  readonly endpoint: string;
  readonly fault: string;
  readonly events: readonly string[];
}

export interface SessionReport {
  readonly node: string;
  readonly target: string;
  readonly disk: string;
  readonly fault: string;
}

export interface MountReport {
  readonly node: string;
  readonly name: string;
  readonly device: string;
  readonly point: string;
  readonly size_bytes: number;
  readonly free_bytes: number;
  readonly fault: string;
}

export interface StorageReport {
  readonly targets: readonly string[];
  readonly logged_in: readonly string[] | null;
  readonly sessions: readonly SessionReport[];
  readonly volumes: Readonly<Record<string, readonly string[]>>;
  readonly mounts: readonly MountReport[];
}

export interface SiteReport {
  readonly url: string;
  readonly served_by: string;
  readonly fault: string;
  readonly took_s: number;
}

export interface Fault {
  readonly what: string;
  readonly text: string;
  readonly by_hand: boolean;
  readonly remedy: string;
}

export interface Report {
  readonly lab: string;
  readonly at: number;
  readonly machines: readonly MachineReport[];
  readonly cluster: ClusterReport | null;
  readonly resources: readonly ResourceReport[];
  readonly fencing: FencingReport | null;
  readonly storage: StorageReport;
  readonly site: SiteReport | null;
  readonly faults: readonly Fault[];
  readonly past: readonly string[];
}

export interface Ages {
  readonly power: number | null;
  readonly endpoint: number | null;
  readonly site: number | null;
}

export interface Line {
  readonly at: number;
  readonly machine: string;
  readonly by: string;
  readonly priority: number;
  readonly text: string;
}

export interface Overview {
  readonly at: number;
  readonly report: Report | null;
  readonly ages: Ages;
  readonly lines: readonly Line[];
  readonly trouble: string;
  readonly declared: readonly string[];
}

export interface Session {
  readonly lab: string;
  readonly role: "watch" | "operate" | "drill";
}

export interface Wish {
  readonly action: string;
  readonly resource: string;
  readonly node: string;
  readonly name: string;
  readonly value: string;
  readonly other: string;
  readonly within: string;
  readonly options: Readonly<Record<string, string>>;
}

export interface Preview {
  readonly wish: Wish;
  readonly title: string;
  readonly on: string;
  readonly command: string;
  readonly would: readonly string[];
  readonly version: string;
}

export interface Outcome {
  readonly said: string;
  readonly fault: string;
}

export interface Parameter {
  readonly name: string;
  readonly kind: string;
  readonly default: string;
  readonly choices: readonly string[];
  readonly required: boolean;
  readonly brief: string;
  readonly help: string;
  readonly secret: boolean;
}

export interface Property {
  readonly about: Parameter;
  readonly value: string | null;
  readonly declared: boolean;
}

export interface Properties {
  readonly by: string;
  readonly properties: readonly Property[];
}

export interface Agents {
  readonly by: string;
  readonly names: readonly string[];
}

export interface Advised {
  readonly name: string;
  readonly timeout: string;
  readonly interval: string;
}

export interface Agent {
  readonly name: string;
  readonly brief: string;
  readonly help: string;
  readonly parameters: readonly Parameter[];
  readonly operations: readonly Advised[];
}

export interface Device {
  readonly name: string;
  readonly about: Agent;
  readonly values: Readonly<Record<string, string>>;
  readonly hidden: readonly string[];
  readonly declared: boolean;
}

export interface FenceAgents {
  readonly by: string;
  readonly names: readonly string[];
  readonly scripts: readonly string[];
}

export interface Trial {
  readonly node: string;
  readonly fault: string;
  readonly targets: readonly string[];
}

export interface Trials {
  readonly commands: readonly string[];
  readonly trials: readonly Trial[];
}

export interface Level {
  readonly node: string;
  readonly level: number;
  readonly devices: readonly string[];
  readonly declared: boolean;
}

export interface Levels {
  readonly by: string;
  readonly levels: readonly Level[];
}

export interface Rule {
  readonly id: string;
  readonly kind: string;
  readonly first: string;
  readonly second: string;
  readonly value: string;
  readonly told: string;
}

export interface Rules {
  readonly by: string;
  readonly rules: readonly Rule[];
}

export interface Job {
  readonly command: string;
  readonly text: string;
  readonly code: number | null;
}

export interface DrillKind {
  readonly name: string;
  readonly does: string;
  readonly expected: string;
  readonly wants: readonly string[];
}

export interface DrillRun {
  readonly name: string;
  readonly at: number;
  readonly result: string;
  readonly told: string;
}

export interface Drills {
  readonly kinds: readonly DrillKind[];
  readonly runs: readonly DrillRun[];
}

export interface Happened {
  readonly at: number | null;
  readonly kind: "decision" | "failure" | "fencing";
  readonly node: string;
  readonly title: string;
  readonly told: readonly string[];
  readonly file: string;
  readonly command: string;
}

export interface Heard {
  readonly node: string;
  readonly at: number | null;
  readonly asking: boolean;
  readonly fault: string;
}

export interface History {
  readonly now: number;
  readonly happened: readonly Happened[];
  readonly heard: readonly Heard[];
  readonly seen_by: string;
  readonly seen_at: number | null;
  readonly last: number;
}
