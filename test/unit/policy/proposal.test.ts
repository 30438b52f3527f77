import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseDocument } from "yaml";
import { permissions } from "../../../generated/permissions.ts";
import type { Caller, PolicyCall } from "../../../src/policy/call.ts";
import { decide } from "../../../src/policy/decide.ts";
import { parsePolicy } from "../../../src/policy/policy.ts";
import { proposal, type RefusedRequest } from "../../../src/policy/proposal.ts";
import { parseHop } from "../../../src/protocol/hop.ts";
import { quotedWord, splitWords } from "../../../src/protocol/words.ts";

const base = `version: 1
who:
  nagios: { address: 192.0.2.10 }
  icinga: { address: [192.0.2.10, 192.0.2.11], key: icinga }
  bastion: { certificate: { dns: bastion1.example.net } }
keys:
  icinga: "sha256:4d7fbbaa4e95d9bbcee0b1f3bbf0eacf1e2d4d2c7c2e4b6a8d0f1e3c5b7a9d8e"
commands:
  disk:
    run: [check_disk, -w, "{warning}", -p, "{path}"]
    slots: { warning: threshold, path: { is: path, below: [/var, /srv] } }
  slow:
    run: [check_slow, "{seconds}"]
    timeout: 5m
    slots: { seconds: integer }
  load: { run: [check_load, "{options...}"], slots: { options: loose-words } }
  real:
    run: [check_file, "{path}"]
    slots: { path: { is: path, below: [/srv], real: true } }
  uname: { run: [uname, -a], for: inventory }
rules:
  - { who: nagios, may: check, commands: [disk, slow, real], rate: 20/s, at-once: 8 }
`;

/** A policy and lines that are added to its mappings and lists. */
function withLines(text: string, lines: string): string {
	const document = parseDocument(text);
	const more = parseDocument(lines).toJS() as Record<string, object>;
	for (const [key, value] of Object.entries(more))
		if (Array.isArray(value))
			for (const entry of value)
				document.addIn([key], document.createNode(entry));
		else
			for (const [name, entry] of Object.entries(value)) {
				assert.ok(!document.hasIn([key, name]), `${key}.${name} is taken`);
				document.setIn([key, name], document.createNode(entry));
			}
	return document.toString({ lineWidth: 0 });
}

const callerAt = (address: string, more: Partial<Caller> = {}): Caller => ({
	...{ isAdmin: false, address, certificate: undefined, keyDigest: undefined },
	...more,
});

const nagios = callerAt("192.0.2.10");

/** The refused request of a call, as the audit log has it. */
function refusedOf(call: PolicyCall, more: Partial<RefusedRequest> = {}) {
	const { policy } = parsePolicy(base);
	const decision = decide(policy, call);
	assert.ok(!decision.allowed, JSON.stringify(decision));
	const { caller, permission, command, hop } = call;
	const { address } = caller;
	return {
		...{ permission, who: decision.who, isNrpe: false },
		proof: { ...(address !== undefined && { address }) },
		...(command &&
			"options" in command && {
				command: { name: command.name, words: command.options.split(" ") },
			}),
		...(hop && { hop: `${hop.host}:${hop.port}` }),
		...more,
	};
}

const linesFor = (request: RefusedRequest) =>
	proposal(parsePolicy(base).policy, request);

const check = (name: string, options: string, caller = nagios): PolicyCall => ({
	...{ caller, permission: "check", command: { name, options } },
});

test("a check that fits no command gets a command and a rule with the caller's limits", () => {
	assert.equal(
		linesFor(refusedOf(check("check_disk", "-w 5% -p /etc"))),
		`commands:
  disk-2:
    run: [check_disk, -w, "5%", -p, /etc]
rules:
  - { who: nagios, may: check, commands: disk-2, rate: "20/s", at-once: 8 }
`,
	);
});

test("a check that fits a command gets a rule only", () => {
	assert.equal(
		linesFor(refusedOf(check("check_load", "-w 5"))),
		'rules:\n  - { who: nagios, may: check, commands: load, rate: "20/s", at-once: 8 }\n',
	);
});

test("a stranger gets an entry in who: by its certificate, otherwise by its address", () => {
	const stranger = callerAt("2001:db8::7");
	const status: PolicyCall = { caller: stranger, permission: "read-status" };
	assert.equal(
		linesFor(refusedOf(status)),
		`who:
  "host-2001:db8::7": { address: "2001:db8::7" }
rules:
  - { who: "host-2001:db8::7", may: read-status }
`,
	);
	const certificate = {
		fingerprint: "AB:CD",
		dns: ["*.example.net", "web01.example.net"],
	};
	assert.match(
		linesFor(refusedOf(status, { proof: { address: "::1", certificate } })) ??
			"",
		/host-::1": \{ certificate: \{ dns: web01\.example\.net \} \}/,
	);
});

test("a command whose lines another one fits gets its time limit", () => {
	assert.match(
		linesFor(refusedOf(check("check_slow", "{}"))) ?? "",
		/run: \[check_slow, "\{\{\}\}"\]\nrules/,
	);
	// one line may have two time limits in no policy
	const twice = base.replace(
		"slow:",
		'quick: { run: [check_slow, "{x}"], slots: { x: { is: match, pattern: "f.*" } }, timeout: 5m }\n  slow:',
	);
	const request = refusedOf(check("check_slow", "five"));
	assert.match(
		proposal(parsePolicy(twice).policy, request) ?? "",
		/commands: quick/,
	);
	assert.match(
		linesFor({ ...request, command: { name: "check_slow", words: ["***"] } }) ??
			"",
		/timeout: 300s/,
	);
});

test("what nobody knows well enough has no lines", () => {
	for (const request of [
		// its values do not fit, and another command cannot have the name
		refusedOf(check("disk", "20% /etc")),
		// more is masked than not
		refusedOf(check("check_x", "a"), {
			command: { name: "check_x", words: ["***", "***", "a=***"] },
		}),
		refusedOf(check("check_x", "a"), {
			command: { name: "check_x", words: ["a\u0001b"] },
		}),
		refusedOf(check("unknown", "a"), { isNrpe: true }),
		refusedOf(check("check_x", "a"), { who: [], proof: {} }),
		// what the file system has there is at fault
		refusedOf(check("check_file", "/srv/a")),
		refusedOf({ caller: nagios, permission: "relay" }),
	])
		assert.equal(linesFor(request), undefined, JSON.stringify(request));
});

test("masked values become secret slots, and programs that run others are marked", () => {
	const request = refusedOf(check("check_x", "a"), {
		command: {
			name: "negate",
			words: ["/bin/sh", "--password=***", "-u", "***", "# look: no"],
		},
	});
	assert.equal(
		linesFor(request),
		`commands:
  negate:
    # look: has negate and sh, which may run any program
    # look: slot secret permits any text
    # look: slot secret-2 permits any text
    run: [negate, /bin/sh, "--password={secret}", -u, "{secret-2}", "# look: no"]
    slots: { secret: { is: text, secret: true }, secret-2: { is: text, secret: true } }
rules:
  - { who: nagios, may: check, commands: negate, rate: "20/s", at-once: 8 }
`,
	);
});

const words = fc.array(
	fc.oneof(
		fc.constantFrom(
			"-w",
			"-p",
			"5%",
			"/etc",
			"/var",
			"{path}",
			"{{",
			"a: b",
			"# x",
			"- y",
			"'",
			'"',
			"yes",
			"0x1",
			"1e3",
			"~",
			"!tag",
			"&a",
			"*",
			"%",
			"|",
		),
		fc.string({ minLength: 1, maxLength: 12 }),
	),
	{ maxLength: 6 },
);

const call: fc.Arbitrary<PolicyCall> = fc
	.record({
		caller: fc.constantFrom(
			nagios,
			callerAt("192.0.2.11"),
			callerAt("203.0.113.7"),
			callerAt("2001:db8::1"),
			callerAt("203.0.113.7", {
				certificate: {
					...{ uris: [], dns: ["web01.example.net"], emails: [] },
					...{ commonName: "it's: {web}", fingerprint256: "" },
				},
			}),
		),
		permission: fc.constantFrom(...permissions),
		name: fc.constantFrom(
			"check_disk",
			"check_slow",
			"check_load",
			"check_x",
			"disk",
			"uname",
		),
		words,
		hop: fc.constantFrom(
			"10.0.0.1:6777",
			"[2001:db8::1]:7000",
			"db.example.net:6777",
		),
	})
	.map(({ caller, permission, name, words, hop }) => {
		const isRun = permission === "check" || permission === "inventory";
		const next = parseHop(hop);
		return {
			...{ caller, permission },
			...(isRun && {
				command: { name, options: words.map(quotedWord).join(" ") },
			}),
			...(permission === "relay" && next && { hop: next }),
		};
	});

test("the lines permit the request, keep the policy sound, and permit nothing to others", () => {
	const { policy } = parsePolicy(base);
	let proposed = 0;
	fc.assert(
		fc.property(call, words, (call, others) => {
			const decision = decide(policy, call);
			if (decision.allowed) return;
			const { caller, permission, command, hop } = call;
			const { address, certificate } = caller;
			const lines = proposal(policy, {
				...{ permission, who: decision.who, isNrpe: false },
				proof: {
					...(address !== undefined && { address }),
					...(certificate && {
						certificate: {
							fingerprint: certificate.fingerprint256,
							dns: certificate.dns,
							...(certificate.commonName !== undefined && {
								cn: certificate.commonName,
							}),
						},
					}),
				},
				...(command &&
					"options" in command && {
						command: {
							name: command.name,
							words: splitWords(command.options) ?? [],
						},
					}),
				...(hop && {
					hop: hop.host.includes(":")
						? `[${hop.host}]:${hop.port}`
						: `${hop.host}:${hop.port}`,
				}),
			});
			if (lines === undefined) return;
			proposed++;
			const { policy: wider } = parsePolicy(withLines(base, lines));
			const after = decide(wider, call);
			assert.ok(after.allowed, `${lines}\n${JSON.stringify(after)}`);
			// to somebody else, with this call or another one
			const stranger = callerAt("198.51.100.1");
			const other: PolicyCall = {
				...call,
				...(command && {
					command: { ...command, options: others.map(quotedWord).join(" ") },
				}),
			};
			for (const asked of [call, other]) {
				const theirs = { ...asked, caller: stranger };
				assert.equal(
					decide(wider, theirs).allowed,
					decide(policy, theirs).allowed,
					lines,
				);
			}
			// and to the caller nothing but this
			const before = decide(policy, other);
			const then = decide(wider, other);
			if (!before.allowed && then.allowed && then.run)
				assert.ok(
					after.run?.command === then.run.command,
					`${lines}\n${JSON.stringify(other)}`,
				);
		}),
		{ numRuns: 250 },
	);
	assert.ok(proposed > 30, `${proposed} proposals`);
});
