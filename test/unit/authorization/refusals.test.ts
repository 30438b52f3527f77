import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { Abandoning } from "../../../src/abandonment.ts";
import { createAuthorizer } from "../../../src/authorization/authorizer.ts";
import { Refusals } from "../../../src/authorization/refusals.ts";
import { createCommandList } from "../../../src/handlers/commands.ts";
import { recordCheck } from "../../../src/handlers/recorded-check.ts";
import { createResultList } from "../../../src/handlers/results.ts";
import type { Call, Permission } from "../../../src/operation.ts";
import { parsePolicy } from "../../../src/policy/policy.ts";
import type { DecisionLine } from "../../../src/protocol/audit-line.ts";
import { quotedWord } from "../../../src/protocol/words.ts";
import { CheckResults } from "../../../src/status/check-results.ts";
import { recordingLog } from "../../support/agent.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** Bytes of the heap that are in use. */
function heapUsed(): number {
	collectGarbage();
	return process.memoryUsage().heapUsed;
}

const line = (more: Partial<DecisionLine> = {}): DecisionLine => ({
	...{ id: "id", who: ["nagios"], proof: { address: "192.0.2.10" } },
	...{ operation: "runCheck", command: "check_x", options: ["-p", "/etc"] },
	...{ decision: "refused", rule: 1, reason: "path: /etc is not below /var" },
	...more,
});

test("equal refusals are one entry with a count, and the last one comes first", async () => {
	let now = 1_000;
	const refusals = new Refusals(() => now);
	const note = (more: Partial<DecisionLine>) =>
		refusals.note("refused", "check", line(more));
	note({ id: "a" });
	note({ id: "b", options: ["-p", "/srv"] });
	now = 61_500;
	note({ id: "c" });
	const listed = await refusals.list(undefined);
	assert.deepEqual(
		listed.map(({ id, count, first_at, last_at }) => [
			...[id, count, first_at, last_at],
		]),
		[
			["c", 2, 1, 61],
			["b", 1, 1, 1],
		],
	);
});

test("the list stays bounded, and nobody pushes out the refusals of others", async () => {
	const refusals = new Refusals(Date.now);
	for (let number = 0; number < 20; number++)
		refusals.note("refused", "check", line({ command: `check_${number}` }));
	const long = "x".repeat(5_000);
	const before = heapUsed();
	for (let number = 0; number < 800; number++) {
		const invented = {
			command: `${number}${long}`,
			options: Array.from({ length: 10 }, () => `${number}${long}`),
			reason: `${number}${long}`,
		};
		const address = `203.0.113.${number % 200}`;
		const proof = {
			address,
			certificate: { fingerprint: "AB", dns: [`${number}${long}`] },
		};
		refusals.note("refused", "check", line({ who: [], proof, ...invented }));
		if (number % 10 === 0)
			refusals.note("refused", "check", line({ who: ["other"], ...invented }));
	}
	const listed = await refusals.list(undefined);
	const of = (name: string | undefined) =>
		listed.filter(({ who }) => who[0] === name).length;
	assert.deepEqual([of("nagios"), of("other"), of(undefined)], [20, 32, 32]);
	const bytes = Buffer.byteLength(JSON.stringify(listed));
	assert.ok(bytes < 500_000, `${bytes} bytes`);
	// words and names are slices of what clients send
	for (let number = 0; number < 128; number++) {
		const sent = Buffer.alloc(1_000_000, `${number}, `).toString();
		const piece = sent.slice(0, 100);
		const asked = { command: piece, options: [piece], reason: piece };
		refusals.note("refused", "check", line({ who: [`${number}`], ...asked }));
		refusals.note("refused", "check", line({ who: [`${number}`], ...asked }));
	}
	const grown = heapUsed() - before;
	assert.ok(grown < 10_000_000, `${grown} bytes more`);
	// one of many callers of the policy has no more than the others
	for (let number = 0; number < 1_000; number++)
		refusals.note("refused", "check", line({ who: [`w${number % 100}`] }));
	assert.ok((await refusals.list(undefined)).length <= 128);
});

test("one stranger leaves room for the refusals of another one", async () => {
	const refusals = new Refusals(Date.now);
	const stranger = (address: string, command: string) =>
		refusals.note(
			"refused",
			"check",
			line({ who: [], proof: { address }, command }),
		);
	stranger("203.0.113.1", "check_load");
	for (let number = 0; number < 500; number++)
		stranger("203.0.113.2", `check_${number}`);
	assert.ok(
		(await refusals.list(undefined)).some(
			({ proof }) => proof.address === "203.0.113.1",
		),
	);
});

test("only whole requests have lines that would permit them", async () => {
	const { policy } = parsePolicy(policyText("enforce"));
	const refusals = new Refusals(Date.now);
	const lines = async (...options: string[]) => {
		refusals.note("refused", "check", line({ options }));
		return (await refusals.list(policy))[0]?.allow;
	};
	assert.match((await lines("-p", "/etc")) ?? "", /check_x, -p, \/etc/);
	// as many words as before
	assert.equal(await lines("-p", "x".repeat(1_100)), null);
	assert.equal(await lines("x".repeat(1_100), "-p"), null);
	// nothing of this one is cut
	assert.match((await lines("-p", "…")) ?? "", /check_x, -p, "?…/);
});

test("after a reload, lines are for callers of the new policy", async () => {
	const refusals = new Refusals(Date.now);
	const note = (more: Partial<DecisionLine>) => {
		const { command: _, options: __, ...rest } = line(more);
		refusals.note("refused", "read-status", {
			...{ ...rest, operation: "getStatus" },
		});
	};
	note({});
	const dns = Array.from({ length: 100 }, (_, at) => `host-${at}.example.net`);
	note({ proof: { certificate: { fingerprint: "AB", dns } } });
	note({ proof: { address: "192.0.2.10", key: "old" } });
	const allowed = async (who: string) => {
		const { policy } = parsePolicy(`version: 1\nwho: { ${who} }\n`);
		return (await refusals.list(policy)).map(({ allow }) => allow);
	};
	const rule = (name: string) =>
		`rules:\n  - { who: ${name}, may: read-status }\n`;
	assert.deepEqual(await allowed("nagios: { address: 192.0.2.10 }"), [
		...[rule("nagios"), rule("nagios"), rule("nagios")],
	]);
	const entry = (name: string, proof: string) =>
		`who:\n  ${name}: ${proof}\n${rule(name)}`;
	// the key is not in the policy any longer, and most of the certificate was cut
	assert.deepEqual(await allowed("icinga: { address: 192.0.2.10 }"), [
		rule("icinga"),
		entry("caller", "{ certificate: { fingerprint: AB } }"),
		rule("icinga"),
	]);
	// the name is that of somebody else now
	assert.deepEqual(await allowed("nagios: { address: 192.0.2.99 }"), [
		null,
		rule("nagios"),
		entry("host-192.0.2.10", '{ address: "192.0.2.10" }'),
	]);
});

const policyText = (mode: string) => `version: 1
mode: ${mode}
who: { nagios: { address: 192.0.2.10 } }
commands:
  login:
    run: [check_login, -u, "{user}", --password, "{password}", "-k{token}"]
    slots:
      user: word
      password: { is: text, secret: true }
      token: { is: text, secret: true, default: S3CRETdefault }
  url:
    run: [check_url, "{url}", "{more...}"]
    slots:
      url: { is: match, pattern: "[a-z:/.]+S3CRET.*", secret: true }
      more: { is: words, options: { --key: { is: one-of, values: [S3CRETvalue, b], secret: true }, -v: true } }
  limited:
    run: [check_limited, "{password}"]
    slots: { password: { is: text, secret: true } }
rules:
  - { who: nagios, may: check, commands: [login, url] }
  - { who: nagios, may: check, commands: limited, rate: 1/h }
  - { who: nagios, may: read-commands }
`;

const secret = fc
	.string({ unit: fc.constantFrom(..."abz09 '\"\\$;|/*"), maxLength: 8 })
	.map((text) => `S3CRET${text}`);

/** A check with secrets where they belong, and where they do not. */
const asked = fc.record({
	name: fc.constantFrom(
		...["login", "url", "limited", "check_login", "check_url"],
		...["check_limited", "check_login -u x", "./check_url"],
	),
	words: fc.array(
		fc.oneof(
			fc.constantFrom("-u", "root", "--password", "-v", "-p", "b", ""),
			secret,
			fc
				.tuple(
					fc.constantFrom("-k", "--key=", "--password=", "http://", "a", "-p"),
					secret,
				)
				.map((parts) => parts.join("")),
		),
		{ maxLength: 7 },
	),
	isQuoted: fc.boolean(),
	isNrpe: fc.boolean(),
	address: fc.constantFrom("192.0.2.10", "203.0.113.9"),
	mode: fc.constantFrom("enforce", "observe"),
});

test("no secret is in a list of commands, results or refusals", async () => {
	const { log } = recordingLog();
	const policies = new Map(
		["enforce", "observe"].map((mode) => [
			mode,
			parsePolicy(policyText(mode)).policy,
		]),
	);
	const counts = { refused: 0, ran: 0 };
	await fc.assert(
		fc.asyncProperty(asked, async (asked) => {
			const { name, words, isQuoted, isNrpe, address, mode } = asked;
			const authorizer = createAuthorizer({
				policy: () => policies.get(mode),
				patienceMilliseconds: 0,
				log,
			});
			const option = words.map(isQuoted ? quotedWord : String).join(" ");
			const caller = {
				...{ isAdmin: false, address },
				...{ certificate: undefined, keyDigest: undefined },
			};
			const request = {
				...{ caller, hopsPassed: 0, millisecondsLeft: undefined },
				signal: new Abandoning(),
			};
			const results = new CheckResults({
				...{ now: Date.now, elapsed: () => performance.now(), log },
			});
			// a plugin that repeats everything, in all places
			const runCheck = recordCheck(async (_requested, _call, facts) => {
				Object.assign(facts, {
					...{ plugin: "check_x", pluginFound: true, exitStatus: 2 },
					reason: option,
				});
				const text = `${option} | '${option}'=1;2 ${option}`;
				const output = { text, raw: undefined, bytes: 1, kept: 1, cut: false };
				return {
					ended: {
						...{ exitStatus: 2, timedOut: false, durationMilliseconds: 1 },
						...{ stdout: output, stderr: output },
					} as never,
				};
			}, results);
			const callWith = (permission: Permission | undefined) =>
				({
					permit: permission?.permit,
					askedBy: { who: [], address, unprovedHops: 0 },
					reserve: () => undefined,
				}) as unknown as Call;
			for (let times = 0; times < 2; times++)
				try {
					const permission = await authorizer.authorize({
						...request,
						operationId: "runCheck",
						body: { plugin_name: name, plugin_option: option },
						...(isNrpe && { nrpe: { name, values: words } }),
					});
					await runCheck({ name, option }, callWith(permission), {});
					counts.ran++;
				} catch (error) {
					assert.match(String((error as { code?: string }).code), /-/);
					counts.refused++;
				}
			let permission: Permission | undefined;
			if (address === "192.0.2.10" || mode === "observe")
				permission = await authorizer.authorize({
					...{ ...request, operationId: "listCommands", body: {} },
				});
			const lists = [
				await createCommandList(async () => [])({}, {}, callWith(permission)),
				await createResultList(() => results.all())(
					{},
					{},
					callWith(undefined),
				),
				await authorizer.refusals(),
			];
			assert.doesNotMatch(JSON.stringify(lists), /S3CRET/);
		}),
		{ numRuns: 300 },
	);
	assert.ok(counts.refused > 30 && counts.ran > 30, JSON.stringify(counts));
});
