import assert from "node:assert/strict";
import { test } from "node:test";
import { PolicyError, parsePolicy } from "../../../src/policy/policy.ts";

const zeros = `sha256:${"0".repeat(64)}`;
const ones = `sha256:${"1".repeat(64)}`;

/** A sound policy without warnings; each test changes a part. */
const parts = {
	head: "version: 1",
	who: "who: { me: { address: 192.0.2.10 } }",
	keys: "keys: {}",
	commands:
		'commands: { disk: { run: [check_disk, -p, "{path}"], slots: { path: path } } }',
	rules: 'rules: [{ who: me, may: check, commands: "*" }]',
};

const policyText = (changed: Partial<typeof parts>) =>
	Object.values({ ...parts, ...changed }).join("\n");

/** The problems of a text, without their lines. */
function problemsOf(text: string): string[] {
	try {
		parsePolicy(text);
		return [];
	} catch (error) {
		assert.ok(error instanceof PolicyError, String(error));
		assert.equal(error.message, error.problems.join("\n"));
		return error.problems.map((problem) => problem.replace(/^line \d+: /, ""));
	}
}

const warningsOf = (changed: Partial<typeof parts>) =>
	parsePolicy(policyText(changed)).warnings;

const command = (run: string, slots = "{}", more = "") => ({
	commands: `commands: { it: { run: ${run}, slots: ${slots}${more} } }`,
});
const slot = (type: string) => command('[check_it, "{it}"]', `{ it: ${type} }`);
const rule = (text: string) => ({ rules: `rules: [${text}]` });

const isName = "is not a name";

const rows: [changed: Partial<typeof parts>, problem: string][] = [
	[{ head: "" }, "version: is missing; write version: 1"],
	[{ head: "version: 2" }, "version: expected 1, got 2"],
	[
		{ head: "version: 1\nmode: off" },
		"mode: expected observe or enforce, got off",
	],
	[
		{ head: "version: 1\ngo-clients: yes" },
		"go-clients: expected status-3, got yes",
	],
	[
		{ head: "version: 1\nping: never" },
		"ping: expected everyone or rules, got never",
	],
	[
		{ head: "version: 1\nrule: []" },
		"file: unknown key rule; it may have version, mode, ping, go-clients, who, keys, commands, rules",
	],
	[{ head: "version: 1\nversion: 1" }, "version: comes twice"],
	// who and keys
	[
		{ who: "who: [me]", rules: "rules: []" },
		"who: expected a mapping, got a list",
	],
	[
		{ who: "who: { me: { address: ::1 }, admin: { address: ::1 } }" },
		"who.admin: is reserved: it is whoever comes over the admin socket",
	],
	[
		{ who: "who: { me: {} }" },
		"who.me: has no conditions: it needs address, certificate or key",
	],
	[
		{ who: 'who: { me: { address: ::1 }, "a b": { address: ::1 } }' },
		`who.a b: ${isName}`,
	],
	[{ who: "who: { me: { address: [] } }" }, "who.me.address: is an empty list"],
	[
		{ who: "who: { me: { address: localhost } }" },
		"who.me.address: localhost is not an address or network",
	],
	[
		{ who: "who: { me: { adress: ::1 } }" },
		"who.me: unknown key adress; it may have address, certificate, key",
	],
	[
		{ who: "who: { me: { key: mine } }" },
		"who.me.key: mine is not a name in keys",
	],
	[
		{ who: "who: { me: { certificate: {} } }" },
		"who.me.certificate: has no conditions",
	],
	[
		{ who: 'who: { me: { certificate: { dns: "a.*.b" } } }' },
		"who.me.certificate.dns: a.*.b is not a DNS name, with *. at most in front",
	],
	[
		{ who: "who: { me: { certificate: { fingerprint: aa } } }" },
		"who.me.certificate.fingerprint: aa is not a SHA-256 fingerprint",
	],
	[
		{ keys: "keys: { mine: secret }" },
		"keys.mine: expected sha256: and 64 hexadecimal digits in lower case, as happo-ctl policy key prints them",
	],
	[
		{ keys: `keys: { mine: ["${zeros}"], yours: ["${zeros}"] }` },
		"keys.yours: the same digest as in keys.mine",
	],
	[
		{
			keys: `keys: { mine: ["${zeros}", "${ones}", "${zeros.replace("0", "2")}"] }`,
		},
		"keys.mine: has more than two digests",
	],
	// commands
	[
		{ commands: 'commands: { "a/b": { run: [check_it] } }' },
		`commands.a/b: ${isName}`,
	],
	[
		{ commands: "commands: { it: { slots: {} } }" },
		"commands.it: has no run: the plugin and its arguments",
	],
	[command("[]"), "commands.it.run: is an empty list"],
	[command("check_it"), "commands.it.run: expected a list, got text"],
	[
		command("[bin/../sh]"),
		"commands.it.run[0]: bin/../sh has the path segment ..; name the plugin as in its directory",
	],
	[
		command("[/opt/../bin/sh]"),
		"commands.it.run[0]: /opt/../bin/sh has the path segment ..; name the file by its absolute path",
	],
	[
		command("[//bin/./sh]"),
		"commands.it.run[0]: is not the shortest way to write /bin/sh",
	],
	[
		command("[/bin/./sh]"),
		"commands.it.run[0]: is not the shortest way to write /bin/sh",
	],
	[
		command("[/bin/]"),
		"commands.it.run[0]: is not the shortest way to write /bin",
	],
	[
		command("[/]"),
		"commands.it.run[0]: / is empty; name the file by its absolute path",
	],
	[
		command('["/bin/{it}", "{it}"]', "{ it: word }"),
		"commands.it.run[0]: the program cannot come from a slot",
	],
	...(
		[
			['[/bin/sh, -c, "echo {it}"]', "{ it: word }", 2],
			['[/bin/bash, -o, pipefail, -ec, "{it}"]', "{ it: integer }", 4],
			['[/bin/dash, "{it}"]', "{ it: path }", 1],
			[
				'[/opt/x/busybox, sh, -c, "{it...}"]',
				"{ it: { is: words, others: word } }",
				3,
			],
			['[/bin/sh, "-{it}", x]', "{ it: word }", undefined],
		] as const
	).map(([run, slots, at]): [Partial<typeof parts>, string] => [
		command(run, slots),
		at === undefined
			? "commands.it.run[1]: -{it} lets a request complete the name of an option; write = before the slot"
			: `commands.it.run[${at}]: lets a request write what a shell runs; write "$1" there, and the slot as a word after it: [/bin/sh, -c, 'echo "$1"', sh, "{slot}"]`,
	]),
	[
		command("[./check_it]"),
		"commands.it.run[0]: is not the shortest way to write check_it",
	],
	[
		command('["check_it -w"]'),
		"commands.it.run[0]: has a blank; each argument is an entry of its own",
	],
	[
		command('["{it}", "{it}"]', "{ it: word }"),
		"commands.it.run[0]: the program cannot come from a slot",
	],
	[
		command('[check_it, "{nope}"]'),
		"commands.it.run[1]: unknown slot nope; slots does not have it",
	],
	[
		command('[check_it, "{a"]'),
		"commands.it.run[1]: {a has a brace that belongs to no slot; write {{ or }} for a brace",
	],
	[
		command('[check_it, "a\\0b"]'),
		"commands.it.run[1]: has a control character",
	],
	[
		command("[check_it]", "{ a: word }"),
		"commands.it.slots.a: is not used in run",
	],
	[
		command('[check_it, "{a}{b}"]', "{ a: word, b: word }"),
		"commands.it.run[1]: has two slots with nothing between them",
	],
	[
		command('[check_it, "--{a}"]', "{ a: word }"),
		"commands.it.run[1]: --{a} lets a request complete the name of an option; write = before the slot",
	],
	[
		command('[check_it, "--warn{a}"]', "{ a: word }"),
		"commands.it.run[1]: --warn{a} lets a request complete the name of an option; write = before the slot",
	],
	[
		command('[check_it, "{a...}"]', "{ a: word }"),
		"commands.it.run[1]: {a...} needs a slot of type words",
	],
	[
		command('[check_it, "{a}"]', "{ a: { is: words, others: word } }"),
		"commands.it.run[1]: a takes several words: write {a...}",
	],
	[
		command('[check_it, "x{a...}"]', "{ a: { is: words, others: word } }"),
		"commands.it.run[1]: {a...} must be a word of its own",
	],
	[
		command("[check_it]", "{}", ", for: relay"),
		"commands.it.for: expected check or inventory, got relay",
	],
	[
		command("[check_it]", "{}", ", timeout: 0s"),
		"commands.it.timeout: expected a time such as 30s or 5m, of at most a day, got 0s",
	],
	[
		command("[check_it]", "{}", ", at-most: 0"),
		"commands.it.at-most: expected at least 1, got 0",
	],
	// slots
	[
		slot("{ is: word, without: [a] }"),
		"commands.it.slots.it.without: expected text, got a list",
	],
	[
		slot("float"),
		"commands.it.slots.it: unknown type float; there are integer, number, percent, threshold, duration, word, text, one-of, path, host, port, url, match, words, loose-words",
	],
	[slot("{ min: 1 }"), "commands.it.slots.it: has no type: write is: integer"],
	[
		slot("{ is: word, min: 1 }"),
		"commands.it.slots.it: unknown key min; it may have is, without, default, secret, description",
	],
	[
		slot("{ is: integer, min: 2, max: 1 }"),
		"commands.it.slots.it: min is greater than max",
	],
	[
		slot("{ is: integer, min: 1.5 }"),
		"commands.it.slots.it.min: expected a whole number, got 1.5",
	],
	[
		slot("{ is: integer, default: x }"),
		"commands.it.slots.it.default: x is not a whole number",
	],
	[
		slot("{ is: word, default: -x }"),
		"commands.it.slots.it.default: -x begins with -",
	],
	[
		slot("{ is: word, secret: maybe }"),
		"commands.it.slots.it.secret: expected true or false, got maybe",
	],
	[slot("one-of"), "commands.it.slots.it: one-of needs values"],
	[
		slot("{ is: one-of, values: [a, a] }"),
		"commands.it.slots.it.values: a: comes twice",
	],
	[
		slot("{ is: path, below: var }"),
		"commands.it.slots.it.below: var is not an absolute path",
	],
	[
		slot("{ is: path, below: /var/ }"),
		"commands.it.slots.it.below: /var/ is a path with . or an empty segment",
	],
	[
		slot("{ is: url, schemes: HTTP }"),
		"commands.it.slots.it.schemes: HTTP is not a scheme in lower case, such as https",
	],
	[slot("match"), "commands.it.slots.it: match needs pattern"],
	[
		slot("{ is: match, pattern: (a+)+ }"),
		"commands.it.slots.it.pattern: has a quantifier inside a repeated group",
	],
	[
		slot("{ is: match, pattern: '(a)\\1' }"),
		"commands.it.slots.it.pattern: has a back-reference",
	],
	[
		command('[check_it, "{it...}"]', "{ it: words }"),
		"commands.it.slots.it: words needs options or others",
	],
	[
		command(
			'[check_it, "{it...}"]',
			"{ it: { is: words, options: { w: true } } }",
		),
		"commands.it.slots.it.options: w is not an option, such as -w or --warning",
	],
	// rules
	[rule("{ may: ping }"), "rule 1: has no who: whom it permits something"],
	[rule("{ who: me }"), "rule 1: has no may: what it permits"],
	[rule("{ who: you, may: ping }"), "rule 1: who: you is not a name in who"],
	[
		rule("{ who: me, may: [ping, chek] }"),
		"rule 1: may: unknown permission chek; there are acknowledge, append, check, configure, drain, inventory, lease, peek, ping, read-commands, read-config, read-leases, read-metrics, read-refusals, read-results, read-states, read-status, relay, release",
	],
	[
		rule("{ who: me, may: check }"),
		'rule 1: has no commands: check needs them, "*" means all',
	],
	[
		rule('{ who: me, may: ping, commands: "*" }'),
		"rule 1: has commands, but may does not have check or inventory",
	],
	[
		rule("{ who: me, may: relay }"),
		"rule 1: has no to: relay needs the next hops",
	],
	[
		rule("{ who: me, may: ping, to: web01 }"),
		"rule 1: has to, but may does not have relay",
	],
	[
		rule('{ who: me, may: relay, to: "web01:0" }'),
		"rule 1: to: web01:0 is not an address, network, name or *.name with an optional port",
	],
	[
		rule("{ who: me, may: ping, rate: 20 }"),
		"rule 1: rate: expected a rate such as 20/s, 100/m or 1000/h, got 20",
	],
	[
		rule("{ who: me, may: ping, at-once: 0 }"),
		"rule 1: at-once: expected at least 1, got 0",
	],
	[
		rule("{ who: me, may: ping, deny: x }"),
		"rule 1: unknown key deny; it may have who, may, commands, to, rate, at-once",
	],
];

test("each problem names the place and the value", () => {
	assert.deepEqual(problemsOf(policyText({})), []);
	for (const [changed, problem] of rows)
		assert.deepEqual(problemsOf(policyText(changed)), [problem]);
});

test("an error lists all problems, in the order of the file, with their lines", () => {
	assert.throws(
		() =>
			parsePolicy(
				"version: 1\nrules:\n  - { who: you, may: ping }\n  - { who: me }\nwho:\n  me: { address: x }\n",
			),
		{
			name: "PolicyError",
			message: [
				"line 3: rule 1: who: you is not a name in who",
				"line 4: rule 2: has no may: what it permits",
				"line 6: who.me.address: x is not an address or network",
			].join("\n"),
		},
	);
});

test("a text that is no single YAML mapping is refused", () => {
	for (const text of ["", "# nothing", "- a", "a", "a: [", "*", "\0"])
		assert.ok(problemsOf(text).length > 0, text);
	assert.deepEqual(problemsOf(`${policyText({})}\n---\n${policyText({})}`), [
		"has more than one document",
	]);
	assert.deepEqual(problemsOf("version: 1\nwho: &a [*a]"), [
		"nested too deeply",
	]);
	assert.deepEqual(problemsOf("version: 1\n? [a]\n: b"), [
		"a key must be text",
	]);
});

test("anchors and merges mean what they stand for", () => {
	const { policy } = parsePolicy(`
version: 1
who: { me: { address: 192.0.2.10 } }
commands:
  a: &a { run: [check_a, "{x}"], slots: { x: &type { is: word } } }
  b: { <<: *a, run: [check_b, "{x}"] }
  c: { run: [check_c, "{x}", "{y}"], slots: { x: *type, y: { <<: *type, default: z } } }
rules: [{ who: me, may: check, commands: "*" }]
`);
	assert.deepEqual(
		[...policy.commands.values()].map(({ name, program, slots }) => [
			...[name, program, slots.length],
		]),
		[
			["a", "check_a", 1],
			["b", "check_b", 1],
			["c", "check_c", 2],
		],
	);
	assert.equal(policy.mode, "enforce");
});

test("many commands of one plugin take about as long as those of many plugins", () => {
	/** Microseconds for a policy, of which some commands have a time limit of their own. */
	const took = (pluginOf: (at: number) => string) => {
		const lines = Array.from({ length: 5_000 }, (_, at) => {
			const timeout = at % 500 === 0 ? ", timeout: 5s" : "";
			return `  c${at}: { run: [${pluginOf(at)}, "-H", host${at}]${timeout} }\n`;
		});
		const text = policyText({ commands: `commands:\n${lines.join("")}` });
		const { user } = process.cpuUsage();
		assert.equal(parsePolicy(text).policy.commands.size, lines.length);
		return process.cpuUsage().user - user;
	};
	const many = took((at) => `check_${at}`);
	const one = took(() => "check_x");
	assert.ok(one < 2 * many, `${one} and ${many} microseconds`);
});

test("commands that one option line may fit must not have different run options", () => {
	const two = (one: string, other: string) =>
		problemsOf(
			policyText({
				commands: `commands:
  a: { run: [check_x, ${one}], slots: { x: threshold }, timeout: 5s }
  b: { run: [check_x, ${other}] }`,
			}),
		);
	const problem =
		"commands.b: one option line may fit it and a, which have no timeout and timeout 5s";
	assert.deepEqual(two('-w, "{x}"', "-w, '5'"), [problem]);
	assert.deepEqual(two('-w, "{x}"', "-w, five"), []);
	assert.deepEqual(two('-w, "{x}"', "-c, '5'"), []);
	assert.deepEqual(two('-w, "{x}"', "-w, '5', -r"), []);
	assert.deepEqual(two('"--warn={x}"', "--warn=5"), [problem]);
	assert.deepEqual(two('"--warn={x}"', "--crit=5"), []);
	// calls find those by their names only
	assert.deepEqual(
		problemsOf(
			policyText({
				commands:
					"commands: { a: { run: [/bin/x, y], timeout: 5s }, b: { run: [/bin/x, y] } }",
			}),
		),
		[],
	);
});

test("what may be a mistake is a warning", () => {
	const commands = `commands:
  disk: { run: [check_disk] }
  uname: { run: [uname], for: inventory }`;
	assert.deepEqual(warningsOf({}), []);
	assert.deepEqual(
		warningsOf({
			commands,
			rules: 'rules: [{ who: me, may: check, commands: [disk, "web-*"] }]',
		}),
		[
			"line 6: commands.uname: nobody may run it",
			"line 7: rule 1: commands: no command of check matches web-*",
		],
	);
	assert.deepEqual(
		warningsOf({
			commands,
			rules:
				'rules: [{ who: me, may: "*", commands: "*" }, { who: me, may: inventory, commands: disk }]',
		}),
		[
			"line 7: rule 2: commands: no command of inventory matches disk",
			"line 7: rule 2: can never match",
		],
	);
	assert.deepEqual(
		warningsOf({
			...command('[check_it, "{it...}"]', "{ it: loose-words }"),
			who: `who: { me: { address: 192.0.2.10 }, you: { address: 192.0.2.11 } }`,
			keys: `keys: { spare: "${zeros}" }`,
		}),
		[
			"line 2: who.you: no rule names it",
			"line 3: keys.spare: nobody in who has it",
			"line 4: commands.it.slots.it: loose-words passes any option to the plugin; list the options with words",
		],
	);
});
