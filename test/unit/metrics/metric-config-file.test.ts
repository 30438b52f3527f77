import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import type { FileHandle } from "node:fs/promises";
import {
	chmod,
	chown,
	link,
	mkdir,
	readdir,
	readFile,
	readlink,
	rename,
	rm,
	stat,
	symlink,
	utimes,
	writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { lookByPool } from "../../../src/commands/lookups.ts";
import { createMetricConfigFile } from "../../../src/metrics/metric-config-file.ts";
import { FileHangs } from "../../../src/polled-files.ts";
import type { MetricConfig } from "../../../src/protocol/metric-config.ts";
import { eventually } from "../../support/eventually.ts";
import { hangingFiles } from "../../support/hanging-files.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const one = (hostname: string): MetricConfig => ({
	metrics: [{ hostname, plugins: [] }],
});
const text = (hostname: string) =>
	`metrics:\n- hostname: ${hostname}\n  plugins: []\n`;
const none: MetricConfig = { metrics: [] };

/** A configuration in its own directory; `clock` is in milliseconds. */
async function open(
	t: TestContext,
	name = "metrics.yaml",
	parts: Partial<Parameters<typeof createMetricConfigFile>[0]> = {},
) {
	const directory = await temporaryDirectory(t);
	const file = join(directory, name);
	const logged: string[] = [];
	const push = (message: string) => void logged.push(message);
	const clock = { now: 1_700_000_000_500 };
	const config = createMetricConfigFile({
		file,
		look: lookByPool,
		log: { info: push, warning: push, error: push },
		now: () => clock.now,
		copies: join(directory, "db.metric-config"),
		...parts,
	});
	/** The lines logged since the last call, without the directory. */
	const news = () =>
		logged.splice(0).map((line) => line.replaceAll(`${directory}/`, ""));
	return { directory, file, config, clock, news };
}

test("a missing file is an empty configuration and an error until it appears", async (t) => {
	const { file, config, news } = await open(t);
	assert.deepEqual(config.status(), {
		file,
		read_at: null,
		error: null,
		warnings: [],
		config: none,
	});
	await config.refresh();
	await config.refresh();
	assert.deepEqual(news(), ["metrics.yaml: does not exist"]);
	assert.deepEqual(config.status(), {
		file,
		read_at: null,
		error: `${file}: does not exist`,
		warnings: [],
		config: none,
	});
	await writeFile(file, text("a"));
	await config.refresh();
	assert.deepEqual(config.status(), {
		file,
		read_at: 1_700_000_000,
		error: null,
		warnings: [],
		config: one("a"),
	});
	assert.deepEqual(config.current(), one("a"));
});

test("the last valid version stays in force while the file is broken or missing", async (t) => {
	const { file, config, clock, news } = await open(t);
	await writeFile(file, text("a"));
	await config.refresh();
	clock.now += 60_000;
	await writeFile(file, "metrics: [");
	for (let pass = 0; pass < 3; pass++) await config.refresh();
	const [broken, ...more] = news();
	assert.deepEqual(more, []);
	assert.match(
		broken ?? "",
		/^metrics\.yaml line 1: not YAML: .*; the last good version stays$/,
	);
	assert.match(config.status().error ?? "", /metrics\.yaml line 1: not YAML/);
	assert.deepEqual(config.current(), one("a"));
	assert.equal(config.status().read_at, 1_700_000_000);
	await rm(file);
	await config.refresh();
	assert.deepEqual(news(), [
		"metrics.yaml: does not exist; the last good version stays",
	]);
	assert.deepEqual(config.current(), one("a"));
	await writeFile(file, text("b"));
	await config.refresh();
	assert.deepEqual(news(), ["metrics.yaml: has changed, now in use"]);
	assert.deepEqual(config.status(), {
		file,
		read_at: 1_700_000_060,
		error: null,
		warnings: [],
		config: one("b"),
	});
	await writeFile(file, "");
	await config.refresh();
	assert.deepEqual(config.current(), none);
});

test("the same text is in force again after an error", async (t) => {
	const { file, config, news } = await open(t);
	await writeFile(file, text("a"));
	await config.refresh();
	await rename(file, `${file}.away`);
	await config.refresh();
	await rename(`${file}.away`, file);
	await config.refresh();
	assert.equal(config.status().error, null);
	assert.deepEqual(news(), [
		"metrics.yaml: does not exist; the last good version stays",
		"metrics.yaml: usable again, unchanged",
	]);
});

test("a change that keeps size and timestamp is detected", async (t) => {
	const { file, config, clock } = await open(t);
	const then = new Date(1_600_000_000_000);
	await writeFile(file, text("a"));
	await utimes(file, then, then);
	clock.now = Date.now();
	await config.refresh();
	await writeFile(file, text("b"));
	await utimes(file, then, then);
	await config.refresh();
	assert.deepEqual(config.current(), one("b"));
	// settled long ago: its timestamps alone show no change
	clock.now = Date.now() + 60_000;
	await config.refresh();
	await writeFile(file, text("c"));
	await utimes(file, then, then);
	await config.refresh();
	assert.deepEqual(config.current(), one("c"));
});

test("anything but a text file is an error, without waiting for it", async (t) => {
	const { directory, file, config, news } = await open(t);
	await mkdir(file);
	await config.refresh();
	await rm(file, { recursive: true });
	execFileSync("mkfifo", [file]);
	await config.refresh();
	await rm(file);
	await writeFile(file, Buffer.from("metrics:\n- hostname: h\xe9\n", "latin1"));
	await config.refresh();
	await writeFile(file, `# ${"x".repeat(1 << 20)}`);
	await config.refresh();
	await rm(file);
	await symlink(file, file);
	await config.refresh();
	assert.deepEqual(news(), [
		"metrics.yaml: not a regular file",
		"metrics.yaml line 2: not UTF-8",
		"metrics.yaml: larger than 1048576 bytes",
		"metrics.yaml: cannot be read: ELOOP",
	]);
	assert.deepEqual(await readdir(directory), ["metrics.yaml"]);
});

test("a new file gets 0640 and is in force at once", async (t) => {
	const { directory, file, config } = await open(t);
	await config.replace(one("a"));
	assert.deepEqual(config.status(), {
		file,
		read_at: 1_700_000_000,
		error: null,
		warnings: [],
		config: one("a"),
	});
	assert.equal(await readFile(file, "utf8"), text("a"));
	assert.equal((await stat(file)).mode & 0o7777, 0o640);
	assert.deepEqual(await readdir(directory), ["metrics.yaml"]);
	await config.refresh();
	assert.deepEqual(config.current(), one("a"));
});

test("mode and owner are kept, and so is the previous version", async (t) => {
	const { directory, file, config } = await open(t);
	await writeFile(file, "metrics: [ # broken\n");
	await chmod(file, 0o640);
	// only root can give a file away
	if (process.getuid?.() === 0) await chown(file, 12_345, 23_456);
	const old = await stat(file);
	await config.refresh();
	await config.replace(one("b"));
	const fresh = await stat(file);
	assert.deepEqual(
		[fresh.mode, fresh.uid, fresh.gid],
		[old.mode, old.uid, old.gid],
	);
	assert.notEqual(fresh.ino, old.ino);
	assert.equal(config.status().error, null);
	assert.equal(await readFile(file, "utf8"), text("b"));
	assert.equal(
		await readFile(`${file}.previous`, "utf8"),
		"metrics: [ # broken\n",
	);
	await config.replace(one("c"));
	assert.equal(await readFile(`${file}.previous`, "utf8"), text("b"));
	assert.equal((await stat(`${file}.previous`)).mode, old.mode);
	assert.deepEqual((await readdir(directory)).sort(), [
		"metrics.yaml",
		"metrics.yaml.previous",
	]);
});

test("a symbolic link is kept, even a dangling one", async (t) => {
	const { directory, file, config } = await open(t);
	await mkdir(join(directory, "real"));
	await symlink("second", file);
	await symlink("real/target.yaml", join(directory, "second"));
	await config.replace(one("a"));
	await config.replace(one("b"));
	assert.equal(await readlink(file), "second");
	const target = join(directory, "real", "target.yaml");
	assert.equal(await readFile(target, "utf8"), text("b"));
	assert.equal(await readFile(`${target}.previous`, "utf8"), text("a"));
});

test("files left by a crash do no harm, and a hard link keeps the old text", async (t) => {
	const { directory, file, config } = await open(t);
	await writeFile(file, text("a"));
	await link(file, join(directory, "second"));
	await link(file, `${file}.previous`);
	await writeFile(`${file}.new`, "half");
	await writeFile(`${file}.previous.new`, "half");
	await config.replace(one("b"));
	assert.equal(await readFile(join(directory, "second"), "utf8"), text("a"));
	assert.equal(await readFile(`${file}.previous`, "utf8"), text("a"));
	assert.deepEqual((await readdir(directory)).sort(), [
		"metrics.yaml",
		"metrics.yaml.previous",
		"second",
	]);
});

test("a failing write reports the reason and changes nothing", async (t) => {
	const { directory, file, config } = await open(t);
	await writeFile(file, text("a"));
	await config.refresh();
	const before = config.status();
	// root may write everywhere, but a directory in the way also stops root
	await mkdir(join(`${file}.new`, "in the way"), { recursive: true });
	await assert.rejects(config.replace(one("b")), { code: "ERR_FS_EISDIR" });
	assert.deepEqual(config.status(), before);
	assert.equal(await readFile(file, "utf8"), text("a"));
	assert.deepEqual((await readdir(directory)).sort(), [
		"metrics.yaml",
		"metrics.yaml.new",
	]);
	await rm(`${file}.new`, { recursive: true });
	await assert.rejects(
		config.replace({
			metrics: [
				{ hostname: "", plugins: [{ plugin_name: "", plugin_option: "" }] },
			],
		}),
		/^MetricConfigError: metrics\[0\]\.plugins\[0\]\.plugin_name: is empty$/,
	);
	await assert.rejects(
		config.replace(one("x".repeat(1 << 20))),
		/^MetricConfigError: .*larger than 1048576 bytes$/,
	);
	assert.deepEqual(config.status(), before);
	await config.replace(one("c"));
	assert.deepEqual(config.current(), one("c"));
});

test("a missing directory, or a directory in place of the file, is an error of the write", async (t) => {
	const missing = await open(t, "missing/metrics.yaml");
	await assert.rejects(missing.config.replace(one("a")), { code: "ENOENT" });
	const { file, config } = await open(t);
	await mkdir(file);
	await assert.rejects(config.replace(one("a")), { code: "EINVAL" });
	assert.deepEqual(config.current(), none);
});

test("a failure to keep the previous version does not stop the new one", async (t) => {
	const { file, config, news } = await open(t);
	await writeFile(file, text("a"));
	await mkdir(`${file}.previous`);
	await config.replace(one("b"));
	assert.equal(await readFile(file, "utf8"), text("b"));
	assert.match(news()[0] ?? "", /^metrics\.yaml: no previous version kept: /);
});

test("concurrent updates run one after another", async (t) => {
	const { file, config } = await open(t);
	const names = Array.from({ length: 10 }, (_, index) => `h${index}`);
	await Promise.all(
		names.flatMap((name) => [config.replace(one(name)), config.refresh()]),
	);
	assert.deepEqual(config.current(), one("h9"));
	assert.equal(await readFile(file, "utf8"), text("h9"));
	assert.equal(await readFile(`${file}.previous`, "utf8"), text("h8"));
});

test("a file that hangs is accessed and reported once; the version in force stays, and no write happens later", async (t) => {
	const { look, asked, hang } = hangingFiles();
	const { file, config, clock, news } = await open(t, "metrics.yaml", {
		look,
		lateMilliseconds: 300,
	});
	clock.now = Date.now() + 60_000;
	await writeFile(file, text("a"));
	await config.refresh();
	await config.refresh();
	asked.splice(0);
	const answer = hang();
	await Promise.all(Array.from({ length: 5 }, () => config.refresh()));
	await config.refresh();
	await assert.rejects(config.replace(one("b")), FileHangs);
	assert.deepEqual(asked, [file]);
	assert.deepEqual(news(), [
		"metrics.yaml: cannot be read: the file system does not answer; the last good version stays",
	]);
	assert.match(config.status().error ?? "", /does not answer$/);
	assert.deepEqual(config.current(), one("a"));
	answer();
	await eventually("it is asked again", async () => {
		await config.refresh();
		return config.status().error === null;
	});
	assert.deepEqual(news(), ["metrics.yaml: usable again, unchanged"]);
	assert.equal(await readFile(file, "utf8"), text("a"));
	await config.replace(one("c"));
	assert.deepEqual(config.current(), one("c"));
});

test("oddities in a file are in the log once and in the status; the rest is in force", async (t) => {
	const { file, config, news } = await open(t);
	await writeFile(
		file,
		"metrics:\n- hostname: a\n  hostname: b\n  plugins:\n  - plugin_option: x\n",
	);
	await config.refresh();
	await config.refresh();
	const warnings = [
		"line 5: entry of plugins: has no plugin_name, left out",
		"line 3: hostname: comes twice, the last one counts",
	].sort();
	assert.deepEqual(
		news().sort(),
		warnings.map((line) => `metrics.yaml ${line}`),
	);
	const status = config.status();
	assert.equal(status.error, null);
	assert.deepEqual(
		status.warnings.toSorted(),
		warnings.map((line) => `${file} ${line}`),
	);
	assert.deepEqual(config.current(), one("b"));
	await config.replace(one("c"));
	assert.deepEqual(config.status().warnings, []);
});

/**
 * Runs the work as a user who is not root, since root may write everywhere; as nobody if the tests
 * run as root.
 */
async function asNobody<T>(work: () => Promise<T>): Promise<T> {
	if (process.geteuid?.() !== 0) return work();
	process.setegid?.(65_534);
	process.seteuid?.(65_534);
	try {
		return await work();
	} finally {
		process.seteuid?.(0);
		process.setegid?.(0);
	}
}

test("a writable file in a read-only directory is written in place, after a copy is kept", async (t) => {
	const state = await temporaryDirectory(t);
	const copies = join(state, "db.metric-config");
	const { directory, file, config, news } = await open(t, "metrics.yaml", {
		copies,
	});
	await writeFile(file, `${text("a")}# a longer text than the new one\n`);
	await chmod(file, 0o640);
	if (process.getuid?.() === 0)
		for (const path of [file, state]) await chown(path, 65_534, 65_534);
	await chmod(directory, 0o555);
	const before = await stat(file);
	await asNobody(async () => {
		await config.refresh();
		await config.replace(one("b"));
	});
	const after = await stat(file);
	assert.equal(await readFile(file, "utf8"), text("b"));
	assert.deepEqual(
		[after.ino, after.mode, after.uid],
		[before.ino, before.mode, before.uid],
	);
	assert.deepEqual(config.current(), one("b"));
	assert.deepEqual(await readdir(directory), ["metrics.yaml"]);
	assert.deepEqual(await readdir(state), ["db.metric-config.previous"]);
	assert.match(
		await readFile(`${copies}.previous`, "utf8"),
		/hostname: a\n.*# a longer text/s,
	);
	assert.match(
		news().join("\n"),
		/metrics\.yaml: cannot be replaced \(permission denied\), written in place; the previous version is .*db\.metric-config\.previous/,
	);
	// a missing file cannot be created there
	await rm(join(state, "db.metric-config.previous"));
	await chmod(directory, 0o755);
	await rm(file);
	await chmod(directory, 0o555);
	await assert.rejects(
		asNobody(() => config.replace(one("c"))),
		{ code: "EACCES" },
	);
	await chmod(directory, 0o755);
	assert.deepEqual(config.current(), one("b"));
});

/** The error of a rename over a mount point. */
const busy = async () => {
	throw Object.assign(new Error("busy"), { code: "EBUSY" });
};

test("a file that is a mount point is written in place, even if no copy can be kept", async (t) => {
	const { file, config, news } = await open(t, "metrics.yaml", {
		replace: busy,
	});
	await writeFile(file, text("a"));
	await config.replace(one("a longer name"));
	assert.equal(await readFile(file, "utf8"), text("a longer name"));
	assert.match(news().join(), /busy or a mount point\), written in place; /);
	await config.replace(one("c"));
	assert.equal(await readFile(file, "utf8"), text("c"));
	assert.doesNotMatch(news().join(), /written in place/);
	const without = await open(t, "metrics.yaml", {
		replace: busy,
		copies: "/nonexistent/db",
	});
	await writeFile(without.file, text("a"));
	await without.config.replace(one("b"));
	assert.equal(await readFile(without.file, "utf8"), text("b"));
	assert.match(
		without.news().join(),
		/written in place without a copy: ENOENT/,
	);
});

test("a failed write in place restores the old text", async (t) => {
	const { directory, file, config } = await open(t, "metrics.yaml", {
		replace: busy,
		overwriteSteps: {
			write: async (handle: FileHandle, bytes: Buffer) => {
				await handle.write(bytes, 0, 20, 0);
				throw Object.assign(new Error("full"), { code: "ENOSPC" });
			},
		},
	});
	await writeFile(file, text("a"));
	await config.refresh();
	await assert.rejects(config.replace(one("quite another")), {
		code: "ENOSPC",
	});
	assert.equal(await readFile(file, "utf8"), text("a"));
	assert.deepEqual(config.current(), one("a"));
	assert.deepEqual((await readdir(directory)).sort(), [
		"db.metric-config.previous",
		"metrics.yaml",
	]);
});

test("a write torn by a crash is undone at the next start, but an edited file is kept", async (t) => {
	const old = text("old");
	const fresh = text("a fresh one");
	const longer = `${old}# more of it\n`;
	const cases: [found: string, before: string, after: string][] = [
		["", old, old],
		[fresh.slice(0, 25), old, old],
		[fresh.slice(0, 22) + longer.slice(22), longer, longer],
		[fresh + longer.slice(fresh.length), longer, longer],
		[`${fresh.slice(0, 22)}${"\0".repeat(8)}`, old, old],
		[fresh, old, fresh],
		[old, old, old],
		[text("edited"), old, text("edited")],
	];
	for (const [found, before, after] of cases) {
		const { directory, file, config, news } = await open(t);
		await writeFile(file, found);
		await writeFile(join(directory, "db.metric-config.previous"), before);
		await writeFile(join(directory, "db.metric-config.new"), fresh);
		await config.refresh();
		assert.equal(await readFile(file, "utf8"), after, JSON.stringify(found));
		assert.deepEqual((await readdir(directory)).sort(), [
			"db.metric-config.previous",
			"metrics.yaml",
		]);
		assert.deepEqual(
			news(),
			found === after
				? []
				: [
						"metrics.yaml: an update was interrupted, the previous version is restored",
					],
		);
		assert.equal(config.status().error, null);
	}
});
