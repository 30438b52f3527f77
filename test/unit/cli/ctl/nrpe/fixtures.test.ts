import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { importNrpe } from "../../../../../cli/ctl/nrpe/import.ts";
import type { NrpeImport } from "../../../../../cli/ctl/nrpe/imported.ts";
import { thisMachine } from "../../../../../cli/ctl/nrpe/machine.ts";
import { nrpeCommand } from "../../../../../src/policy/call.ts";
import { decide } from "../../../../../src/policy/decide.ts";
import { parsePolicy } from "../../../../../src/policy/policy.ts";
import {
	fixtureNames,
	writeFixture,
} from "../../../../support/nrpe-fixtures.ts";
import { temporaryDirectory } from "../../../../support/temporary.ts";

const plugins = "/usr/lib/nagios/plugins";

/** What a fixture says of its lines: the outcome and the first sentence, and the slots. */
function expectedOf(text: string): string[] {
	return text.split("\n").filter((line) => /^#[=:] /.test(line));
}

/** The same of an import: of each line of the main file, in the order of its lines. */
function foundOf({ report, policy }: NrpeImport, file: string): string[] {
	return report
		.filter((line) => line.file === file && line.line > 0)
		.toSorted((a, b) => a.line - b.line)
		.flatMap(({ outcome, subject, text }) => {
			const [sentence = ""] =
				/^It runs .*?\](?=\.(?: |$))|^.*?(?=[.:] |\.?$)/s.exec(text) ?? [];
			const [, name = ""] = /^command\[(.*)\]$/.exec(subject) ?? [];
			const slots = new RegExp(
				`^  ${name.replaceAll(".", "\\.")}:\n    run: .*\n    slots:\n((?:      .*\n)+)`,
				"m",
			).exec(policy);
			return [
				`#= ${outcome}: ${sentence}`,
				...(slots?.[1] ?? "")
					.split("\n")
					.filter((slot) => slot !== "")
					.map((slot) => `#: ${slot.trim()}`),
			];
		});
}

const addressesOf = async (name: string) =>
	name === "monitor.example.net" ? ["192.0.2.77", "2001:db8::77"] : [];

for (const name of await fixtureNames())
	test(`${name} becomes the policy that its comments name`, async (t) => {
		const directory = await temporaryDirectory(t);
		const other = join(directory, "other");
		await mkdir(other);
		await writeFile(join(other, "check_plain"), "echo plain\n", {
			mode: 0o755,
		});
		const places = { plugins, other, sudo: "/usr/bin/sudo" };
		const { file, calls } = await writeFixture(name, directory, places);
		const machine = { ...thisMachine([plugins]), expandsTildes: false };
		const daemon = {
			takesArguments: name !== "01-debian.cfg",
			evidence: "it was built so",
			asksTcpWrappers: false,
		};
		const made = await importNrpe(file, { machine, daemon, addressesOf });
		const text = await readFile(file, "utf8");
		assert.deepEqual(foundOf(made, file), expectedOf(text));
		const { policy } = parsePolicy(made.policy);
		for (const { request, refused } of calls) {
			const decision = decide(policy, {
				caller: {
					...{
						isAdmin: false,
						address:
							made.settings.allowedHosts?.value.networks[0] ?? "127.0.0.1",
					},
					...{ certificate: undefined, keyDigest: undefined },
				},
				permission: "check",
				command: nrpeCommand(request),
			});
			assert.equal(
				decision.allowed,
				refused === undefined,
				`${request}: ${decision.reason}`,
			);
			if (refused !== undefined)
				assert.ok(
					decision.reason.includes(refused),
					`${request}: ${decision.reason}`,
				);
		}
	});
