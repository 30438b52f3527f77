import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmod, copyFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { Patient } from "../../../../../cli/ctl/doctor/patient.ts";
import { createTools } from "../../../../../cli/ctl/doctor/tools.ts";
import { tryCommands } from "../../../../../cli/ctl/doctor/trials.ts";
import type { Assignment } from "../../../../../cli/ctl/doctor/unit.ts";
import { parsePolicy } from "../../../../../src/policy/policy.ts";
import { resolveSettings } from "../../../../../src/setting-table.ts";
import { daemonSettings } from "../../../../../src/settings.ts";
import { missingForCapabilities } from "../../../../support/peer.ts";
import { temporaryDirectory } from "../../../../support/temporary.ts";

/**
 * Stands in for systemd-run, which needs systemd: does with setpriv what it is told about the user,
 * capabilities and new privileges. As in a unit, the user and the limits are set before the program
 * starts.
 */
const systemdRun = `#!/bin/bash
echo "$*" >>"$(dirname "$0")/calls"
user= bounding=+all nnp=
while [ "$1" != -- ]; do
	case $1 in
	-p) shift
		case $1 in
		User=*) user=\${1#User=} ;;
		CapabilityBoundingSet=~*) ;;
		CapabilityBoundingSet=*) bounding=-all ;;
		NoNewPrivileges=yes) nnp=--no-new-privs ;;
		UMask=unknown) echo "Failed to parse UMask: unknown" >&2; exit 1 ;;
		PrivateNetwork=yes) exit 225 ;;
		esac ;;
	--setenv=*) export "\${1#--setenv=}" ;;
	esac
	shift
done
shift
exec setpriv --reuid="$user" --clear-groups --bounding-set="$bounding" $nnp -- "$@"
`;

const lacking = missingForCapabilities();

async function trying(
	t: TestContext,
	plugins: Readonly<Record<string, string>>,
	parts: {
		inUnit: readonly Assignment[];
		dropIn?: readonly Assignment[];
		prepare?: (at: (name: string) => string) => Promise<unknown>;
	},
) {
	const directory = await temporaryDirectory(t);
	await chmod(directory, 0o755);
	const at = (name: string) => join(directory, name);
	for (const [name, text] of Object.entries(plugins))
		await writeFile(at(name), text, { mode: 0o755 });
	await writeFile(at("systemd-run"), systemdRun, { mode: 0o755 });
	await parts.prepare?.(at);
	const names = Object.keys(plugins);
	const { policy } = parsePolicy(
		`version: 1\ncommands:\n${names.map((name) => `  ${name}: { run: [${name}] }\n`).join("")}rules: []\n`,
	);
	const tools = createTools({ PATH: `${directory}:${process.env.PATH}` });
	t.after(() => tools.close());
	const uid = 65_534;
	const patient: Patient = {
		settings: resolveSettings(daemonSettings, {}, {}),
		source: "test",
		environmentFile: undefined,
		directory,
		pid: undefined,
		status: undefined,
		asked: { before: 0, after: 0 },
		user: { uid, gid: uid, name: String(uid), home: "/" },
		groups: new Set([uid]),
		environment: { PATH: process.env.PATH ?? "", GREETING: "hello" },
		unit: {
			name: "happo-agent.service",
			isLoaded: true,
			group: "",
			files: [],
			state: "active",
			result: "success",
			pid: undefined,
			user: String(uid),
			directory,
			program: [],
			variables: {},
			environmentFiles: [],
			madeDirectories: [],
			restrictions: parts.inUnit,
		},
	};
	let done = 0;
	const { findings, trials } = await tryCommands(
		tools,
		patient,
		[...policy.commands.values()].map((command) => ({
			command,
			file: at(command.program),
			args: [],
		})),
		{
			dropIn: parts.dropIn && {
				file: "hardening.conf",
				restrictions: parts.dropIn,
			},
			restricts: "yes",
			advance: () => done++,
		},
	);
	assert.equal(done, names.length);
	return {
		trials,
		findings: findings.map(({ level, where, what }) => [
			level,
			where,
			what.replaceAll(directory, ""),
		]),
	};
}

const raw = (at: (name: string) => string, name: string) =>
	copyFile("/bin/true", at(name)).then(() =>
		execFileSync("setcap", ["cap_net_raw+ep", at(name)]),
	);

test("a plugin that loses its file capability in the unit breaks, and the cause is named", {
	skip: lacking ?? false,
}, async (t) => {
	const { findings, trials } = await trying(
		t,
		{
			check_fine: '#!/bin/sh\necho "$GREETING"; exit 1\n',
			check_raw: "",
		},
		{
			inUnit: [
				["CapabilityBoundingSet", ""],
				["NoNewPrivileges", "no"],
			],
			prepare: (at) => raw(at, "check_raw"),
		},
	);
	assert.deepEqual(
		trials.map(({ command, outside, unit }) => [
			...[command, outside.status, unit?.status, unit?.text],
		]),
		[
			["check_fine", 1, 1, "hello"],
			["check_raw", 0, 126, trials[1]?.unit?.text],
		],
	);
	assert.equal(findings.length, 1);
	assert.equal(findings[0]?.[0], "problem");
	assert.match(
		findings[0]?.[2] ?? "",
		/^\/check_raw breaks in happo-agent\.service: it gave status 126 \(.*Operation not permitted.*\) there, and gave status 0 outside\. The file has the capability CAP_NET_RAW, which CapabilityBoundingSet= takes away/,
	);
});

test("a drop-in is tried before it is used, and what would break is a note", {
	skip: lacking ?? false,
}, async (t) => {
	const { findings, trials } = await trying(
		t,
		{
			check_user: "",
			check_sudo:
				'#!/bin/sh\nif grep -q "NoNewPrivs:.1" /proc/self/status; then echo "sudo: The \\"no new privileges\\" flag is set"; exit 1; fi\necho fine\n',
		},
		{
			inUnit: [["CapabilityBoundingSet", "~CAP_SYS_BOOT"]],
			dropIn: [["NoNewPrivileges", "yes"]],
			prepare: async (at) => {
				// says who it runs as
				await copyFile("/usr/bin/id", at("check_user"));
				await chmod(at("check_user"), 0o4755);
			},
		},
	);
	assert.deepEqual(
		trials.map(({ outside, unit, drop_in }) => [
			...[outside.status, unit?.status, drop_in?.status],
		]),
		[
			[0, 0, 0],
			[0, 0, 1],
		],
	);
	assert.match(trials[0]?.outside.text ?? "", /euid=0/);
	assert.doesNotMatch(trials[0]?.drop_in?.text ?? "", /euid=0/);
	assert.deepEqual(findings, [
		[
			"note",
			"command check_sudo",
			'/check_sudo would answer differently with the drop-in hardening.conf: it gave status 1 (sudo: The "no new privileges" flag is set) there, and gave status 0 (fine) outside. The plugin uses sudo, which does not work because of NoNewPrivileges=yes.',
		],
	]);
});

test("restrictions that systemd-run does not take are unknown, those that cannot be set up break", {
	skip: lacking ?? false,
}, async (t) => {
	const plugins = { check_fine: "#!/bin/sh\necho fine\n" };
	const refused = await trying(t, plugins, { inUnit: [["UMask", "unknown"]] });
	assert.deepEqual(refused.trials[0]?.unit, undefined);
	assert.deepEqual(refused.findings, [
		[
			"unknown",
			"",
			"Could not be tried as the user 65534: check_fine in happo-agent.service (Failed to parse UMask: unknown).",
		],
	]);
	const broken = await trying(t, plugins, {
		inUnit: [["PrivateNetwork", "yes"]],
	});
	assert.equal(broken.findings.length, 1);
	assert.match(
		broken.findings[0]?.[2] ?? "",
		/breaks in happo-agent\.service: it gave status 225 there, and gave status 0 \(fine\) outside\. It did not even begin/,
	);
});
