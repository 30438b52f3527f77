import type { Caller, PolicyCall } from "../../../src/policy/call.ts";
import { decide } from "../../../src/policy/decide.ts";
import { keyDigest } from "../../../src/policy/key.ts";
import { parsePolicy } from "../../../src/policy/policy.ts";
import { inRounds } from "./rounds.ts";
import type { Scene } from "./scene.ts";
import type { Section } from "./section.ts";
import { summary } from "./summary.ts";

const rules = 200;
const perPlugin = 10;
/** Decisions between two looks at the clock. */
const batch = 1_000;

const numbers = Array.from({ length: rules }, (_, index) => index);
const keyOf = (number: number) => `key ${number}`;

/** A policy in which each of 200 callers has a rule and a command; ten commands share a plugin. */
function policyText(): string {
	const list = (line: (number: number) => string) =>
		numbers.map((number) => `  ${line(number)}\n`).join("");
	return `version: 1
who:
${list((number) => {
	if (number % 4 === 0)
		return `w${number}: { certificate: { dns: host${number}.example.net } }`;
	const address = `address: 10.0.${number}.0/${20 + (number % 8)}`;
	return number % 4 === 1
		? `w${number}: { ${address}, key: k${number} }`
		: `w${number}: { ${address} }`;
})}keys:
${list((number) => `k${number}: "${keyDigest(keyOf(number))}"`)}commands:
${list(
	(number) =>
		`c${number}: { run: [check_${Math.floor(number / perPlugin)}, -w, "{warning}", -c, "{critical}", -p, "{path}", -x, "${number}"], slots: { warning: threshold, critical: threshold, path: { is: path, below: [/var, /srv] } } }`,
)}rules:
${list((number) => {
	const may = number % 3 === 0 ? "[relay, check]" : "check";
	const to = number % 3 === 0 ? `, to: "10.1.${number}.0/24"` : "";
	return `- { who: w${number}, may: ${may}, commands: [c${number}, "c${(number + 7) % rules}"]${to}, rate: 20/s, at-once: 8 }`;
})}  - { who: [w0, w1, w2], may: read-metrics }
`;
}

const nobody: Caller = {
	...{ isAdmin: false, address: "192.0.2.1" },
	...{ certificate: undefined, keyDigest: undefined },
};
const withKey: Caller = {
	...{ ...nobody, address: "10.0.197.7" },
	keyDigest: keyDigest(keyOf(197)),
};
const withCertificate: Caller = {
	...nobody,
	certificate: {
		...{ uris: [], dns: ["host196.example.net"], emails: [] },
		...{ commonName: "host196", fingerprint256: "" },
	},
};

const checkBy = (
	caller: Caller,
	name: string,
	options: string,
): PolicyCall => ({ caller, permission: "check", command: { name, options } });

const line = (path: string, last: number) =>
	`-w 20% -c 10% -p ${path} -x ${last}`;

/** Calls and whether they are allowed. */
const calls: Readonly<Record<string, [call: PolicyCall, allowed: boolean]>> = {
	"check by plugin, with key": [
		checkBy(withKey, "check_19", line("/var/lib", 197)),
		true,
	],
	"check by command, with certificate": [
		checkBy(withCertificate, "c196", "20% 10% /var/lib"),
		true,
	],
	"check, value refused": [
		checkBy(withCertificate, "check_19", line("/etc/shadow", 196)),
		false,
	],
	"check, no such plugin": [checkBy(withKey, "negate", "/bin/sh -c id"), false],
	"check, caller unknown": [
		checkBy(nobody, "check_19", line("/var/lib", 197)),
		false,
	],
	relay: [
		{
			...{ caller: { ...nobody, address: "10.0.198.7" }, permission: "relay" },
			hop: { host: "10.1.198.3", port: 6777 },
		},
		true,
	],
	"read-metrics": [
		{
			...{ caller: { ...nobody, address: "10.0.2.1" } },
			permission: "read-metrics",
		},
		true,
	],
};

/** CPU microseconds of a decision, over about that many seconds. */
function costOf(decideOnce: () => unknown, seconds: number): number {
	const end = performance.now() + seconds * 1000;
	const before = process.cpuUsage();
	let decisions = 0;
	do {
		for (let each = 0; each < batch; each++) decideOnce();
		decisions += batch;
	} while (performance.now() < end);
	const { user, system } = process.cpuUsage(before);
	return (user + system) / decisions;
}

/** Decisions of a policy with 200 rules, without an agent. */
export async function benchPolicy(scene: Scene): Promise<Section> {
	const text = policyText();
	const { policy } = parsePolicy(text);
	for (const [name, [call, allowed]] of Object.entries(calls)) {
		const decision = decide(policy, call);
		if (decision.allowed !== allowed)
			throw new Error(`${name}: ${decision.reason}`);
	}
	const share = Object.keys(calls).length;
	const measured = await inRounds(
		scene,
		Object.fromEntries(
			Object.entries(calls).map(([name, [call]]) => [
				name,
				async (seconds: number) =>
					costOf(() => decide(policy, call), seconds / share),
			]),
		),
	);
	const parsing = Array.from({ length: scene.plan.rounds }, () => {
		const before = performance.now();
		parsePolicy(text);
		return performance.now() - before;
	});
	return {
		title: "Policy",
		notes: [
			`a policy of ${policy.rules.length} rules, as many callers and commands, ${perPlugin} commands for each plugin; decisions alone, in this process`,
		],
		columns: ["CPU us"],
		rows: Object.entries(measured).map(([name, costs]) => ({
			name,
			cells: [summary(costs)],
		})),
		verdicts: [
			...Object.entries(measured).map(([name, costs]) => ({
				what: `CPU microseconds of a decision: ${name}`,
				figure: summary(costs),
				target: { is: "below" as const, value: 20 },
			})),
			{
				what: "milliseconds to parse the policy",
				figure: summary(parsing),
			},
		],
	};
}
