import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseVariables } from "../../../../cli/ctl/doctor/environment-file.ts";
import {
	withoutSecrets,
	withVariables,
} from "../../../../cli/setup/environment-text.ts";

test("a variable is set where it stands, in its template, or at the end", () => {
	const text = "# port\n#A_PORT=1\nB=2\nB=3\n\n# last\nC=4\n";
	assert.equal(
		withVariables(text, { A_PORT: "5", B: "6", D: "with blanks" }, "new"),
		'# port\nA_PORT=5\nB=2\nB=6\n\n# last\nC=4\n\n# new\nD="with blanks"\n',
	);
	assert.equal(withVariables("", { A: "1" }, "new"), "# new\nA=1\n");
	assert.equal(withVariables("A=1", { A: "1" }, "new"), "A=1");
});

test("a variable is commented out in each line that sets it", () => {
	assert.equal(
		withVariables("A=1\nB=2\nA=3 \\\n4\n", { A: undefined }, "new"),
		"#A=1\nB=2\n#A=3 \\\n#4\n",
	);
});

test("a value of several lines is refused", () => {
	assert.throws(
		() => withVariables("", { A: "1\n2" }, "new"),
		/^SetupError: A: a value of several lines$/,
	);
});

test("whatever the file and the values, the file gives the values, and keeps the others", () => {
	const name = fc.constantFrom("A", "B", "C_D", "HAPPO_AGENT_PORT");
	const value = fc.string({ unit: "binary", maxLength: 12 });
	const line = fc.oneof(
		fc
			.tuple(name, fc.stringMatching(/^[\w "'\\#$]{0,8}$/))
			.map(([n, v]) => `${n}=${v}`),
		fc.constantFrom("", "# comment", "#A=1", "junk", "X=1"),
	);
	fc.assert(
		fc.property(
			fc.array(line, { maxLength: 8 }),
			name,
			value,
			(lines, n, v) => {
				const text = `${lines.join("\n")}\n`;
				let made: string;
				try {
					made = withVariables(text, { [n]: v }, "new");
				} catch (error) {
					// it says so instead of writing something else
					assert.match((error as Error).name, /^SetupError$/);
					return;
				}
				const before = parseVariables(text);
				const after = parseVariables(made);
				assert.equal(after[n], v);
				delete before[n];
				delete after[n];
				assert.deepEqual(after, before);
			},
		),
		{ numRuns: 500 },
	);
});

test("secrets are not shown, paths of keys are", () => {
	assert.equal(
		withoutSecrets(
			[
				"HAPPO_AGENT_PRIVATE_KEY=/etc/happo/happo-agent.key",
				"HAPPO_AGENT_PRIVATE_KEY_PASSPHRASE=one",
				"#HAPPO_AGENT_PRIVATE_KEY_PASSPHRASE=two",
				"HAPPO_AGENT_API_KEY=three",
				"MYSQL_PWD='four \\\n four'",
				"HTTPS_PROXY=http://user:five@proxy:3128",
				"HAPPO_AGENT_ENDPOINT=http://user:six@host/",
				"HAPPO_AGENT_PORT=6777",
			].join("\n"),
		),
		[
			"HAPPO_AGENT_PRIVATE_KEY=/etc/happo/happo-agent.key",
			"HAPPO_AGENT_PRIVATE_KEY_PASSPHRASE=(hidden)",
			"#HAPPO_AGENT_PRIVATE_KEY_PASSPHRASE=(hidden)",
			"HAPPO_AGENT_API_KEY=(hidden)",
			"MYSQL_PWD=(hidden)",
			"HTTPS_PROXY=(hidden)",
			"HAPPO_AGENT_ENDPOINT=(hidden)",
			"HAPPO_AGENT_PORT=6777",
		].join("\n"),
	);
});
