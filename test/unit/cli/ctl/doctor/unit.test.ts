import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import {
	parseVariables,
	splitAssignments,
} from "../../../../../cli/ctl/doctor/environment-file.ts";
import { createTools } from "../../../../../cli/ctl/doctor/tools.ts";
import {
	type Assignment,
	boundingSet,
	dropInRestrictions,
	parseAssignments,
	readUnit,
} from "../../../../../cli/ctl/doctor/unit.ts";
import { temporaryDirectory } from "../../../../support/temporary.ts";

test("an environment file is read as systemd reads it", () => {
	assert.deepEqual(
		parseVariables(
			[
				"# comment",
				"; comment",
				"A=plain words",
				'B="in quotes \\" and \\$x"  ',
				"C='single \\n'",
				"  D = spaced",
				"E=con\\",
				"tinued",
				"F=",
				"A=last wins",
				"export G=1",
				"H=a\\ b",
			].join("\n"),
		),
		{
			A: "last wins",
			B: 'in quotes " and $x',
			C: "single \\n",
			D: "spaced",
			E: "continued",
			F: "",
			H: "a b",
		},
	);
	assert.deepEqual(splitAssignments("A=1 \"B=two words\" C='x y'  D=4"), [
		...["A=1", "B=two words", "C=x y", "D=4"],
	]);
});

test("a unit and its drop-ins are read from files", async (t) => {
	const directory = await temporaryDirectory(t);
	const file = join(directory, "happo-agent.service");
	await mkdir(`${file}.d`);
	await writeFile(
		file,
		`[Unit]
Description=User=nobody
[Service]
# User=root
User=happo
EnvironmentFile=-/etc/default/one.env
Environment="A=1 2" B=3
ExecStart=-/usr/bin/env happo-agent \\
  daemon
CapabilityBoundingSet=~CAP_SYS_BOOT
[Install]
User=other
`,
	);
	await writeFile(
		join(`${file}.d`, "20-b.conf"),
		"[Service]\nEnvironmentFile=\nEnvironmentFile=/etc/default/two.env\nNoNewPrivileges=yes\n",
	);
	await writeFile(
		join(`${file}.d`, "10-a.conf"),
		"[Service]\nNoNewPrivileges=no\nExecStart=\nExecStart=/opt/happo/happo-agent daemon\n",
	);
	await writeFile(join(`${file}.d`, "note.txt"), "[Service]\nUser=none\n");
	const tools = createTools(process.env);
	t.after(() => tools.close());
	const unit = await readUnit(tools, file);
	assert.equal(unit?.user, "happo");
	assert.deepEqual(unit?.environmentFiles, ["/etc/default/two.env"]);
	assert.deepEqual(unit?.variables, { A: "1 2", B: "3" });
	assert.deepEqual(unit?.program, ["/opt/happo/happo-agent", "daemon"]);
	assert.deepEqual(unit?.restrictions, [
		["CapabilityBoundingSet", "~CAP_SYS_BOOT"],
		["NoNewPrivileges", "no"],
		["NoNewPrivileges", "yes"],
	]);
	assert.deepEqual(await dropInRestrictions(join(`${file}.d`, "10-a.conf")), [
		["NoNewPrivileges", "no"],
	]);
});

test("lines of CapabilityBoundingSet= add up as in systemd", () => {
	const left = (...values: string[]) => {
		const { text, has } = boundingSet(
			values.map((value): Assignment => ["CapabilityBoundingSet", value]),
		);
		return [text, has("cap_net_raw"), has("cap_sys_boot")];
	};
	assert.deepEqual(left(), [undefined, true, true]);
	assert.deepEqual(left("~CAP_SYS_BOOT"), ["~CAP_SYS_BOOT", true, false]);
	assert.deepEqual(left("~CAP_SYS_BOOT", ""), ["", false, false]);
	assert.deepEqual(left("", "cap_net_raw"), ["CAP_NET_RAW", true, false]);
	assert.deepEqual(left("CAP_NET_RAW CAP_SYS_BOOT", "~CAP_NET_RAW"), [
		...["CAP_SYS_BOOT", false, true],
	]);
	assert.deepEqual(left("~CAP_SYS_BOOT CAP_NET_RAW", "CAP_NET_RAW"), [
		...["~CAP_SYS_BOOT", true, false],
	]);
	assert.deepEqual(left("~"), ["~", true, true]);
});

test("what systemctl shows has no sections", () => {
	assert.deepEqual(
		parseAssignments(
			"User=happo\nExecStart={ path=/a ; argv[]=/a b ; }\nDeviceAllow=\n",
		),
		[
			["User", "happo"],
			["ExecStart", "{ path=/a ; argv[]=/a b ; }"],
			["DeviceAllow", ""],
		],
	);
});
