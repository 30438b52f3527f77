import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import type { PolicyCall } from "../../../../../src/policy/call.ts";
import { decide } from "../../../../../src/policy/decide.ts";
import { parsePolicy } from "../../../../../src/policy/policy.ts";
import {
	auditedCheck,
	callerAt,
	learnFrom,
} from "../../../../support/audited-calls.ts";
import { temporaryDirectory } from "../../../../support/temporary.ts";

const nagios = "192.0.2.10";
const other = "192.0.2.11";

const policies = [
	`version: 1
mode: observe
who: { nagios: { address: ${nagios} }, other: { address: ${other} } }
`,
	`version: 1
mode: observe
who: { nagios: { address: ${nagios} }, other: { address: ${other} } }
commands:
  a:
    run: [check_a, -w, "{warning}", "{more...}"]
    slots:
      warning: { is: word, default: "7" }
      more: { is: loose-words }
    timeout: 9s
  b:
    run: [check_b, --file, "{path}", "--text={text}"]
    slots: { path: path, text: text }
  secret:
    run: [check_b, -p, "{password}"]
    slots: { password: { is: text, secret: true } }
rules: [{ who: [nagios, other], may: check, commands: "*" }]
`,
];

const quoted = (word: string) => `'${word.replaceAll("'", "'\\''")}'`;

const word = fc.oneof(
	fc.constantFrom(
		...["-w", "-c", "-p", "-H", "--file", "--password", "-C", "--", "-", ""],
		...["5", "10%", "5,4,3", "~:10", "-5", "@3:4", "/", "/var", "/var/log"],
		...["/srv/x", "/srv/../x", "web", "db.example.net", "10.0.0.1", "a b"],
		...["--file=/etc/x", "--text=$(id)", "-w5", "-pS3cret", "--token=S3cret"],
		...["{x}", "}", "#", ": ", "'", '"', "true", "null", "*", "é", "\u202e"],
		...["http://web/x", "7d", "__proto__", "constructor", "check_a", "a", "b"],
	),
	fc.string({ maxLength: 8 }),
);

const call = fc.record({
	plugin: fc.constantFrom("check_a", "check_b", "check_c", "a", "b", "secret"),
	words: fc.array(word, { minLength: 1, maxLength: 6 }),
	times: fc.constantFrom(1, 1, 2, 5),
	isOther: fc.boolean(),
	exitStatus: fc.constantFrom(0, 0, 1, 2, 3),
});

/** Calls of which many are alike, so that there is something to generalise. */
const calls = fc
	.array(
		fc.tuple(call, fc.array(fc.tuple(fc.nat(5), word), { maxLength: 3 })),
		{ minLength: 1, maxLength: 6 },
	)
	.map((groups) =>
		groups.flatMap(([call, edits]) => [
			call,
			...edits.map(([at, word]) => ({
				...call,
				words: call.words.with(...([at % call.words.length, word] as const)),
			})),
		]),
	);

const policyCall = (
	{ plugin, words }: { plugin: string; words: readonly string[] },
	address: string,
): PolicyCall => ({
	caller: callerAt(address),
	permission: "check",
	command: { name: plugin, options: words.map(quoted).join(" ") },
});

/** Whether the log masks a word that no secret slot takes, as it begins with a dash. */
const hidesOption = ({ words }: { words: readonly string[] }) =>
	words.some(
		(word, at) =>
			word.startsWith("-") && /^-[pCa]$|^--password$/.test(words[at - 1] ?? ""),
	);

test("a draft permits every call that it was made from, and none of anybody else", async (t) => {
	const file = join(await temporaryDirectory(t), "audit.log");
	let permitted = 0;
	let slots = 0;
	await fc.assert(
		fc.asyncProperty(
			calls,
			fc.constantFrom(...policies),
			fc.constantFrom(1, 2, 3),
			async (calls, policyText, atLeast) => {
				const draft = await learnFrom({
					...{ file, policyText, names: ["nagios"], atLeast },
					requests: calls.map(({ plugin, words, times, isOther, exitStatus }) =>
						auditedCheck(
							isOther ? other : nagios,
							plugin,
							words.map(quoted).join(" "),
							{ times, exitStatus },
						),
					),
				});
				const { policy } = parsePolicy(draft.text);
				const leftOut = [
					...draft.leftOut,
					...[...draft.tallied].filter(
						([reason]) =>
							!["by other callers", "not successful"].includes(reason),
					),
				].reduce((sum, [, count]) => sum + count, 0);
				let refused = 0;
				for (const call of calls) {
					const decision = decide(policy, policyCall(call, nagios));
					const isLearned =
						!call.isOther && call.exitStatus < 3 && !hidesOption(call);
					if (isLearned && decision.allowed) permitted += call.times;
					if (isLearned && !decision.allowed) refused += call.times;
					slots += decision.allowed
						? Object.keys(decision.run?.slots ?? {}).length
						: 0;
					// what runs is what was asked
					if (decision.allowed && call.plugin.startsWith("check_"))
						assert.deepEqual(decision.run?.argv, [call.plugin, ...call.words]);
					assert.ok(!decide(policy, policyCall(call, other)).allowed);
					assert.ok(!decide(policy, policyCall(call, "192.0.2.99")).allowed);
				}
				// those that were left out are counted, and no others
				assert.ok(refused <= leftOut, `${refused} refused: ${draft.text}`);
				for (const permission of ["drain", "configure", "relay"] as const)
					assert.ok(
						!decide(policy, { caller: callerAt(nagios), permission }).allowed,
					);
				for (const call of calls)
					assert.ok(
						!decide(
							policy,
							policyCall({ ...call, plugin: "check_other" }, nagios),
						).allowed,
					);
				assert.doesNotMatch(draft.text, /S3cret/);
			},
		),
		{ numRuns: 120 },
	);
	// not everything is left out, and not everything is a constant
	assert.ok(permitted > 300, `${permitted}`);
	assert.ok(slots > 50, `${slots}`);
});

test("a value that nobody has seen passes only if a slot says so", async (t) => {
	const file = join(await temporaryDirectory(t), "audit.log");
	let refused = 0;
	await fc.assert(
		fc.asyncProperty(calls, word, fc.nat(5), async (calls, odd, at) => {
			const [policyText = ""] = policies;
			const mine = calls.map((call) => ({ ...call, exitStatus: 0 }));
			const draft = await learnFrom({
				...{ file, policyText, names: ["nagios"], atLeast: 2 },
				requests: mine.map(({ plugin, words, times }) =>
					auditedCheck(nagios, plugin, words.map(quoted).join(" "), { times }),
				),
			});
			const { policy } = parsePolicy(draft.text);
			for (const call of mine) {
				const words = call.words.with(
					...([at % call.words.length, odd] as const),
				);
				const isSeen = mine.some(
					(one) =>
						one.plugin === call.plugin &&
						JSON.stringify(one.words) === JSON.stringify(words),
				);
				const decision = decide(policy, policyCall({ ...call, words }, nagios));
				if (isSeen) continue;
				if (!decision.allowed) {
					refused++;
					continue;
				}
				// it fits a slot that was made from two values or more, or from secrets
				const values = Object.values(decision.run?.slots ?? {});
				assert.ok(values.length > 0, draft.text);
				const command = draft.commands.find(
					({ name }) => name === decision.run?.command,
				);
				assert.ok(
					command?.slots.every(
						({ values, look }) => values.size > 1 || look !== undefined,
					),
					draft.text,
				);
			}
		}),
		{ numRuns: 50 },
	);
	assert.ok(refused > 50, `${refused}`);
});
