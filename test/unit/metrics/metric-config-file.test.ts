import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
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
import type { MetricConfig } from "../../../src/metrics/metric-config.ts";
import { createMetricConfigFile } from "../../../src/metrics/metric-config-file.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const one = (hostname: string): MetricConfig => ({
	metrics: [{ hostname, plugins: [] }],
});
const text = (hostname: string) =>
	`metrics:\n- hostname: ${hostname}\n  plugins: []\n`;
const none: MetricConfig = { metrics: [] };

/** A configuration in a directory of its own; `clock` is in milliseconds. */
async function open(t: TestContext, name = "metrics.yaml") {
	const directory = await temporaryDirectory(t);
	const file = join(directory, name);
	const logged: string[] = [];
	const push = (message: string) => void logged.push(message);
	const clock = { now: 1_700_000_000_500 };
	const config = createMetricConfigFile({
		file,
		log: { info: push, warning: push, error: push },
		now: () => clock.now,
	});
	/** What was logged since the last call, with the directory left out. */
	const news = () =>
		logged.splice(0).map((line) => line.replaceAll(`${directory}/`, ""));
	return { directory, file, config, clock, news };
}

test("a file that is not there is an empty configuration and an error, until it comes", async (t) => {
	const { file, config, news } = await open(t);
	assert.deepEqual(config.status(), {
		file,
		read_at: null,
		error: null,
		config: none,
	});
	await config.refresh();
	await config.refresh();
	assert.deepEqual(news(), ["metrics.yaml: does not exist"]);
	assert.deepEqual(config.status(), {
		file,
		read_at: null,
		error: `${file}: does not exist`,
		config: none,
	});
	await writeFile(file, text("a"));
	await config.refresh();
	assert.deepEqual(config.status(), {
		file,
		read_at: 1_700_000_000,
		error: null,
		config: one("a"),
	});
	assert.deepEqual(config.current(), one("a"));
});

test("the last good version stays in force while the file is broken or gone", async (t) => {
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
	assert.deepEqual(news(), ["metrics.yaml: has changed, in force from now"]);
	assert.deepEqual(config.status(), {
		file,
		read_at: 1_700_000_060,
		error: null,
		config: one("b"),
	});
	await writeFile(file, "");
	await config.refresh();
	assert.deepEqual(config.current(), none);
});

test("the same text again after trouble is in force again", async (t) => {
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

test("a change of the same size and time is seen", async (t) => {
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
	// long settled: its times alone say that nothing has happened
	clock.now = Date.now() + 60_000;
	await config.refresh();
	await writeFile(file, text("c"));
	await utimes(file, then, then);
	await config.refresh();
	assert.deepEqual(config.current(), one("c"));
});

test("what is no text file is an error, and is not waited for", async (t) => {
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

test("a new file gets 0644 and is in force at once", async (t) => {
	const { directory, file, config } = await open(t);
	await config.replace(one("a"));
	assert.deepEqual(config.status(), {
		file,
		read_at: 1_700_000_000,
		error: null,
		config: one("a"),
	});
	assert.equal(await readFile(file, "utf8"), text("a"));
	assert.equal((await stat(file)).mode & 0o7777, 0o644);
	assert.deepEqual(await readdir(directory), ["metrics.yaml"]);
	await config.refresh();
	assert.deepEqual(config.current(), one("a"));
});

test("mode and owner stay, and the previous version beside it", async (t) => {
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

test("a symbolic link stays, also one to nothing", async (t) => {
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

test("what was left by a crash does not disturb, and a second name keeps the old text", async (t) => {
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

test("a failing write says why and changes nothing", async (t) => {
	const { directory, file, config } = await open(t);
	await writeFile(file, text("a"));
	await config.refresh();
	const before = config.status();
	// a directory in the way fails for root as well, who may write everywhere
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

test("a directory that is missing or in the place of the file is an error of the write", async (t) => {
	const missing = await open(t, "missing/metrics.yaml");
	await assert.rejects(missing.config.replace(one("a")), { code: "ENOENT" });
	const { file, config } = await open(t);
	await mkdir(file);
	await assert.rejects(config.replace(one("a")), { code: "EINVAL" });
	assert.deepEqual(config.current(), none);
});

test("a previous version that cannot be kept does not stop the new one", async (t) => {
	const { file, config, news } = await open(t);
	await writeFile(file, text("a"));
	await mkdir(`${file}.previous`);
	await config.replace(one("b"));
	assert.equal(await readFile(file, "utf8"), text("b"));
	assert.match(news()[0] ?? "", /^metrics\.yaml: no previous version kept: /);
});

test("many at once happen one after the other", async (t) => {
	const { file, config } = await open(t);
	const names = Array.from({ length: 10 }, (_, index) => `h${index}`);
	await Promise.all(
		names.flatMap((name) => [config.replace(one(name)), config.refresh()]),
	);
	assert.deepEqual(config.current(), one("h9"));
	assert.equal(await readFile(file, "utf8"), text("h9"));
	assert.equal(await readFile(`${file}.previous`, "utf8"), text("h8"));
});
