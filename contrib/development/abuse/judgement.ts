import { tallyText } from "./tally.ts";

/** The waits of one kind of request. */
export interface Waits {
	/** Longest wait in milliseconds. */
	longest: number;
	/** When the request with the longest wait was sent, in milliseconds since 1970. */
	at: number;
	/** Number of answers by status, or by error code if there was no answer. */
	answers: Record<string, number>;
}

/** The other client's measurements. */
export interface OtherClientReport {
	/** `GET /`, each on a new connection. */
	fresh: Waits;
	/** `GET /` on a persistent connection. */
	kept: Waits;
	/** `GET /` on new connections to an agent that nobody attacks: the machine's own delay. */
	control: Waits;
	check: Waits;
	append: Waits;
}

/** Resources that an agent holds. */
export interface Holdings {
	residentMebibytes: number;
	descriptors: number;
	/** Number of its plugins' processes. */
	processes: number;
}

/** Measurements of one scenario. */
export interface Played {
	name: string;
	peakMebibytes: number;
	cpuSeconds: { own: number; children: number };
	other: OtherClientReport;
	/** The attack's step when the longest wait began. */
	during: string;
	attacker: string;
	/** How the agent ended, if it did. */
	death: string | undefined;
	/** Resources before the attack, plus what the agent may keep. */
	before: Holdings;
	peak: Pick<Holdings, "descriptors" | "processes">;
	after: Holdings;
	/** Growth of the log in KiB. */
	logKibibytes: number;
	/** Faults that the scenario itself found. */
	unmet: readonly string[];
}

/** Limits for every scenario. */
export const limits = {
	peakMebibytes: 400,
	waitMilliseconds: 1000,
	/** For a small check or append, which may wait for a place. */
	workMilliseconds: 5000,
	/** Covers the other client's connections, and the 64 that a relay keeps open to a next hop. */
	descriptors: 96,
	/** Log of one scenario: the agent counts repeated lines about a peer instead of writing them. */
	logKibibytes: 1024,
};

/** The limits that a scenario exceeded, as texts; empty if it passed. */
export function faults(played: Played): string[] {
	const { other, before, after, peakMebibytes, death, unmet } = played;
	const found = [...unmet];
	if (death) found.push(`the agent ended: ${death}`);
	if (peakMebibytes > limits.peakMebibytes)
		found.push(`${Math.round(peakMebibytes)} MiB resident`);
	for (const [what, { longest, at }] of [
		["a new connection", other.fresh],
		["a persistent connection", other.kept],
	] as const)
		if (longest > limits.waitMilliseconds && at > 0)
			found.push(
				`GET / on ${what} waited ${Math.round(longest)} ms (control ${Math.round(other.control.longest)} ms)`,
			);
	for (const [what, { longest }] of [
		["check", other.check],
		["append", other.append],
	] as const)
		if (longest > limits.workMilliseconds)
			found.push(`the other client's ${what} waited ${Math.round(longest)} ms`);
	for (const [what, { answers }] of [
		["GET / on new connections", other.fresh],
		["GET / on a persistent connection", other.kept],
		["checks", other.check],
		["appends", other.append],
	] as const) {
		const bad = Object.entries(answers).filter(([status]) => status !== "200");
		if (bad.length > 0)
			found.push(
				`the other client's ${what} got ${tallyText(Object.fromEntries(bad))}`,
			);
	}
	if (played.logKibibytes > limits.logKibibytes)
		found.push(`${Math.round(played.logKibibytes)} KiB of log`);
	if (death) return found;
	if (after.descriptors > before.descriptors + limits.descriptors)
		found.push(`${after.descriptors} descriptors stay open`);
	if (after.processes > before.processes)
		found.push(`${after.processes} processes stay`);
	return found;
}

const columns = [
	["scenario", -58],
	["peak MiB", 8],
	["new ms", 7],
	["kept ms", 7],
	["control", 7],
	["check ms", 8],
	["append ms", 9],
	["CPU s", 6],
	["fds", 5],
	["procs", 5],
	["after MiB", 9],
	["log KiB", 8],
	["", -6],
] as const;

const row = (cells: readonly string[]) =>
	columns
		.map(([, width], index) => {
			const cell = cells[index] ?? "";
			return width < 0 ? cell.padEnd(-width) : cell.padStart(width);
		})
		.join("  ")
		.trimEnd();

/** The heading of the table. */
export const heading = () => row(columns.map(([name]) => name));

/** A scenario's line of the table: peak memory, longest waits in ms, CPU seconds, peak resources. */
export function line(played: Played): string {
	const { other, peak, after, death } = played;
	return row([
		played.name,
		...[
			played.peakMebibytes,
			other.fresh.longest,
			other.kept.longest,
			other.control.longest,
			other.check.longest,
			other.append.longest,
		].map((value) => value.toFixed(0)),
		played.cpuSeconds.own.toFixed(1),
		String(peak.descriptors),
		String(peak.processes),
		death ? "gone" : after.residentMebibytes.toFixed(0),
		played.logKibibytes.toFixed(0),
		faults(played).length > 0 ? "FAILED" : "",
	]);
}

/** Details of a scenario, one line each. */
export function details(played: Played): string[] {
	const { other, during } = played;
	const worst = Math.max(other.fresh.longest, other.kept.longest);
	return [
		`${played.name}: the attacker got ${played.attacker}`,
		...(during !== "" && worst > limits.waitMilliseconds
			? [`  longest wait during: ${during}`]
			: []),
		...faults(played).map((fault) => `  FAILED: ${fault}`),
	];
}
