import { once } from "node:events";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { Agent } from "node:https";
import { join } from "node:path";
import { connect } from "node:tls";
import { createRandom } from "../../../test/support/crash.ts";
import { startDaemon } from "../../../test/support/daemon.ts";
import { type Received, send } from "../../../test/support/https.ts";
import { temporaryDirectory } from "../../../test/support/temporary.ts";
import {
	callers,
	campaignCommands,
	leaver,
	policyFile,
} from "../policy/policy-file.ts";
import { residentOf } from "../soak/process-figures.ts";
import { type Campaign, positive } from "./campaign.ts";

/** Prints each argument as a netstring, so that nothing in one can look like the next. */
const recorder = `#!/bin/sh
LC_ALL=C
for argument; do printf '%d:%s,' "\${#argument}" "$argument"; done
`;

/** Requests in flight, as many as a busy monitoring server has. */
const atOnce = 64;

/** The arguments that the recorder printed; undefined if it printed something else. */
function recorded(message: string): string[] | undefined {
	const bytes = Buffer.from(message, "utf8");
	const args: string[] = [];
	let at = 0;
	while (at < bytes.length) {
		const colon = bytes.indexOf(":", at);
		const length = Number(bytes.toString("latin1", at, colon));
		const end = colon + 1 + length;
		if (colon === -1 || !Number.isInteger(length) || bytes[end] !== 0x2c)
			return undefined;
		args.push(bytes.toString("utf8", colon + 1, end));
		at = end + 1;
	}
	return args;
}

/** Characters that mean something to shells, plugins, JSON or parsers of options. */
const pieces = [
	..."-=;|&$`\"'\\<>(){}[]*?#~!%@:,./ \t\r\n\0\u007fé€𝄞",
	...["--", "-x", "-o", " -p ", "..", "/../", "//", "$(id)", "`id`", "&&"],
	...["%00", "\\n", "\u2028", "-w", "--url=", "/etc/passwd", "=x", "\ud800"],
];

type Random = () => number;

const pick = <T>(random: Random, from: readonly T[]): T =>
	from[Math.floor(random() * from.length)] as T;

/** Changes a text in a few places. */
function mutated(text: string, random: Random): string {
	let changed = text;
	for (let times = 1 + Math.floor(random() * 3); times > 0; times--) {
		const at = Math.floor(random() * (changed.length + 1));
		const length = random() < 0.4 ? Math.floor(random() * 4) : 0;
		const piece = random() < 0.8 ? pick(random, pieces) : "";
		changed = changed.slice(0, at) + piece + changed.slice(at + length);
	}
	return changed;
}

/** A call: one in five is valid, the others are valid ones that were changed. */
function inventCall(random: Random) {
	const [command, { plugin, lines, values }] = pick(
		random,
		Object.entries(campaignCommands),
	);
	const isByName = random() < 0.5;
	let name = isByName ? command : plugin;
	let option = pick(random, isByName ? values : lines);
	const dice = random();
	if (dice > 0.2) option = mutated(option, random);
	if (dice > 0.85) name = mutated(name, random);
	if (dice > 0.95) {
		name = `${name} ${option}`;
		option = "";
	}
	return { from: pick(random, Object.keys(callers)), name, option };
}

type Call = ReturnType<typeof inventCall>;

/** Says what is wrong with an answer; undefined if nothing is. */
function fault(call: Call, { status, json }: Received): string | undefined {
	if (status >= 500) return `answered ${status}`;
	if (status !== 200) return undefined;
	if (call.from === "127.0.0.4") return "a stranger's call was answered 200";
	const { message } = json as { message: string };
	const [plugin, rest = ""] = message.split(/\n([\s\S]*)/, 2);
	const args = recorded(rest);
	if (!args) return `the plugin's output is not its own: ${message}`;
	const entry = Object.entries(campaignCommands).find(
		([, one]) => one.plugin === plugin,
	);
	if (!entry) return `${plugin} ran`;
	const [name, command] = entry;
	if (call.from === "127.0.0.3" && name !== "disk" && name !== "load")
		return `${name} ran for a caller that may not run it`;
	return command.allows(args)
		? undefined
		: `${plugin} got ${JSON.stringify(args)}`;
}

/** Connections of the second part, and how many of them exist at once. */
const leavers = { count: 10_000, atOnce: 32 };

/**
 * Connects, sends a check and closes, ten thousand times. Returns the most commands that ran at
 * once, and how often somebody looked.
 */
async function sendAndLeave(port: number, signal: AbortSignal) {
	const body = JSON.stringify({ plugin_name: "sleep", plugin_option: "" });
	const request = `POST /monitor HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
	let left = leavers.count;
	const leave = async () => {
		for (; left > 0; left--) {
			signal.throwIfAborted();
			const socket = connect({
				...{ host: "127.0.0.1", port, localAddress: leaver.address },
				rejectUnauthorized: false,
			});
			await once(socket, "secureConnect");
			await new Promise<void>((sent) => socket.write(request, () => sent()));
			socket.destroy();
		}
	};
	let most = 0;
	let looks = 0;
	const agent = new Agent({ keepAlive: true, localAddress: "127.0.0.3" });
	const watch = async () => {
		for (; left > 0; looks++) {
			const { json } = await send({ port, agent, path: "/status" });
			const { commands } = json as { commands: { running: number } };
			most = Math.max(most, commands.running);
		}
	};
	try {
		await Promise.all([
			watch(),
			...Array.from({ length: leavers.atOnce }, leave),
		]);
	} finally {
		agent.destroy();
	}
	return { most, looks };
}

/** Calls of all kinds against a policy, with a plugin that records its arguments. */
export const policy: Campaign = {
	summary: "a million calls against a policy; half an hour",
	usage: "[CALLS [SEED]]",
	async run({ scope, args, signal, progress }) {
		const [given = "1000000", seedGiven = String(Date.now() % 2 ** 32)] = args;
		const calls = positive("CALLS", given);
		const seed = positive("SEED", seedGiven);
		const random = createRandom(seed);
		const directory = await temporaryDirectory(scope);
		const plugins = join(directory, "plugins");
		await mkdir(plugins);
		for (const { plugin } of Object.values(campaignCommands)) {
			const file = join(plugins, plugin);
			await writeFile(file, recorder.replace("for", `echo ${plugin}\nfor`));
			await chmod(file, 0o755);
		}
		const policyPath = join(directory, "policy.yaml");
		const sleeper = join(plugins, "check_sleep");
		await writeFile(sleeper, "#!/bin/sh\nexec sleep $1\n");
		await chmod(sleeper, 0o755);
		await writeFile(policyPath, policyFile());
		const started = await startDaemon(scope, [
			...["-A", "127.0.0.0/8", "--policy", policyPath],
			...["--nagios-plugin-paths", plugins, "--log-level", "error"],
			"--disable-collect-metrics",
		]);
		const { port } = started;
		const pid = started.process.pid ?? 0;
		const agents = new Map(
			Object.keys(callers).map((localAddress) => [
				localAddress,
				new Agent({ keepAlive: true, localAddress, maxSockets: atOnce }),
			]),
		);
		scope.after(() => {
			for (const agent of agents.values()) agent.destroy();
		});
		const statuses = new Map<number, number>();
		const faults: string[] = [];
		let made = 0;
		let peak = 0;
		const client = async () => {
			while (made < calls && faults.length < 20) {
				signal.throwIfAborted();
				made++;
				if (made % 50_000 === 0) {
					peak = residentOf(pid).peak;
					progress(`${made} calls, ${faults.length} faults`);
				}
				const call = inventCall(random);
				const agent = agents.get(call.from) as Agent;
				const answer = await send({
					...{ port, agent },
					method: "POST",
					path: "/monitor",
					body: JSON.stringify({
						plugin_name: call.name,
						plugin_option: call.option,
					}),
				});
				statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
				const wrong = fault(call, answer);
				if (wrong) faults.push(`${JSON.stringify(call)}: ${wrong}`);
			}
		};
		await Promise.all(Array.from({ length: atOnce }, client));
		const ran = statuses.get(200) ?? 0;
		progress(`${leavers.count} connections that send and leave`);
		const { most, looks } = await sendAndLeave(port, signal);
		return {
			parameters: { calls, seed },
			figures: [
				"Pass: no plugin gets arguments that its template does not allow, none runs for a caller",
				"without a rule, no status from 500 on, at least one call in twenty runs, and clients that leave",
				"never have more commands running than their rule allows.",
				...[...statuses]
					.sort(([one], [other]) => one - other)
					.map(([status, count]) => `status ${status}: ${count}`),
				`peak resident memory: ${Math.round(peak / 1024)} MiB`,
				`${leavers.count} connections that sent a check and closed: at most ${most} ran at once in ${looks} looks, ${leaver.atOnce} may`,
				`faults: ${faults.length}`,
				...faults,
			],
			passed:
				faults.length === 0 &&
				ran * 20 >= made &&
				most >= 1 &&
				most <= leaver.atOnce,
		};
	},
};
