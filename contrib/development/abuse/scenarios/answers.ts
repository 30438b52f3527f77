import { setTimeout as pause } from "node:timers/promises";
import { eventually } from "../../../../test/support/eventually.ts";
import { check, postText, relayed } from "../requests.ts";
import type { Attack, Scenario } from "../scenario.ts";

/** Legitimate load that looks like an attack; all of it must be answered. */
const bastion: Scenario = {
	name: "200 two-second checks at once through a bastion",
	seconds: 40,
	async run(attack) {
		const inner = await attack.anotherAgent();
		const ask = () =>
			attack.ask({
				path: "/proxy",
				body: relayed(
					...([[`127.0.0.1:${inner}`], "monitor"] as const),
					check("check_sleep", "2"),
				),
			});
		const answers = await Promise.all(Array.from({ length: 200 }, ask));
		const good = answers.filter((answer) => answer?.status === 200).length;
		return good === 200 ? [] : [`${good} of 200 checks got 200`];
	},
};

/** The time limit of a bastion, with a plugin above and one below it. */
const patience: Scenario = {
	name: "plugins of 6 s and 3.8 s behind a bastion that waits 4 s",
	flags: () => ["--proxy-timeout-seconds", "4"],
	seconds: 25,
	async run(attack) {
		const inner = await attack.anotherAgent();
		const through = (seconds: string) =>
			attack.ask({
				path: "/proxy",
				body: relayed(
					...([[`127.0.0.1:${inner}`], "monitor"] as const),
					check("check_sleeps_then", seconds),
				),
			});
		const unmet: string[] = [];
		for (const [seconds, status, value] of [
			["6", 504, 3],
			["3.8", 200, 0],
		] as const) {
			const answer = await through(seconds);
			const is =
				answer?.status === status &&
				answer.text.includes(`"return_value":${value}`);
			if (!is)
				unmet.push(
					`${seconds} s got ${answer?.status} ${answer?.text.slice(0, 150)}, not ${status} with return_value ${value}`,
				);
		}
		return unmet;
	},
};

/** Sends a whole request, closes the sending side, and returns the answer. */
async function halfClosed(attack: Attack, path: string, body: unknown) {
	const wire = attack.wire();
	if (!(await wire.opened)) return "not opened";
	wire.socket.end(postText(path, body));
	await Promise.race([wire.closed, pause(8000)]);
	return wire.text();
}

const halfClose: Scenario = {
	name: "half-closed after a whole request; a reset",
	seconds: 40,
	async run(attack) {
		const unmet: string[] = [];
		const sample = {
			hostname: "half",
			timestamp: Math.floor(Date.now() / 1000),
			metrics: { "half.closed": 1 },
		};
		for (const [path, body, expected] of [
			["/monitor", check("check_sleeps_then", "1"), /"slept/],
			["/metric/append", { metric_data: [sample] }, /"ok"/],
			["/metric", {}, /half\.closed/],
			["/inventory", { command: "echo", command_option: "here" }, /here/],
		] as const) {
			const text = await halfClosed(attack, path, body);
			if (!/^HTTP\/1\.1 200 /.test(text) || !expected.test(text))
				unmet.push(
					`${path}, half-closed, got ${text.slice(0, 60) || "nothing"}`,
				);
		}
		const before = attack.processes();
		const wire = attack.wire();
		if (!(await wire.opened)) return [...unmet, "no connection to reset"];
		wire.socket.write(postText("/monitor", check("check_sleep", "9.25")));
		await eventually("the check runs", () => attack.processes() > before);
		await pause(500);
		wire.tcp.resetAndDestroy();
		await eventually(
			...([
				"a reset stops the check",
				() => attack.processes() <= before,
				3000,
			] as const),
		).catch((error: Error) => unmet.push(error.message));
		return unmet;
	},
};

export const answerScenarios: readonly Scenario[] = [
	bastion,
	patience,
	halfClose,
];
