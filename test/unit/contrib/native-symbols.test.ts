import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { nativeMissing } from "../../support/engine.ts";
import { lacksPeer } from "../../support/peer.ts";

// Programs for a newer C library do not start on older systems: Debian 11 has 2.31, RHEL 8 2.28,
// the oldest that Node.js itself runs on.

const newestAllowed = 28;

/** A symbol that a file has or needs: its name, and its version if the file names one. */
interface DynamicSymbol {
	name: string;
	version: string | undefined;
	isNeeded: boolean;
}

/** The dynamic symbols of a file. */
function symbolsOf(file: string): DynamicSymbol[] {
	const told = execFileSync("readelf", ["--dyn-syms", "--wide", file], {
		encoding: "utf8",
		maxBuffer: 16 * 1024 * 1024,
		env: { ...process.env, LC_ALL: "C" },
	});
	return told.split("\n").flatMap((line) => {
		const [, section, name = "", version] =
			/^\s*\d+: (?:\S+\s+){5}(\S+)\s+([\w$]+)(?:@@?(\S+))?/.exec(line) ?? [];
		return name === "" ? [] : [{ name, version, isNeeded: section === "UND" }];
	});
}

/** The second number of a version of glibc; undefined for what is not glibc's. */
const minor = (version = "") =>
	/^GLIBC_2\.(\d+)/.exec(version)?.[1] ?? undefined;

/** The file of this process's C library; undefined if it is not glibc. */
const libc = () =>
	(
		process.report.getReport() as { sharedObjects: string[] }
	).sharedObjects.find((file) => /\/libc\.so\.6$/.test(file));

const missing = (file: string) =>
	spawnSync("readelf", ["--version"]).status !== 0
		? "readelf is not installed"
		: (nativeMissing() ?? (file === "" ? "not glibc" : undefined));

const native = (name: string) =>
	join("dist/native", `${process.platform}-${process.arch}`, name);

/** Names with the version in which glibc first had them, if that is too new. */
function tooNew(file: string, library: string): string[] {
	const first = new Map<string, number>();
	for (const { name, version, isNeeded } of symbolsOf(library)) {
		const since = minor(version);
		if (isNeeded || since === undefined) continue;
		first.set(name, Math.min(Number(since), first.get(name) ?? 1000));
	}
	return symbolsOf(file)
		.filter(({ isNeeded }) => isNeeded)
		.flatMap(({ name, version }) => {
			// without a version it takes the oldest that there is
			const since = Number(minor(version) ?? first.get(name) ?? 0);
			return since > newestAllowed ? [`${name}: 2.${since}`] : [];
		});
}

for (const name of ["spawn.node", "check_happo"])
	test(`${name} needs nothing of glibc that 2.${newestAllowed} does not have`, (t: TestContext) => {
		const library = libc() ?? "";
		if (lacksPeer(t, missing(library))) return;
		const needed = symbolsOf(native(name)).filter(({ isNeeded }) => isNeeded);
		// linked statically where that is possible
		if (name === "spawn.node")
			assert.ok(
				needed.some(({ name }) => name === "vfork"),
				"it needs symbols",
			);
		assert.deepEqual(tooNew(native(name), library), []);
	});

test("a program for this machine's own glibc would be found out", (t) => {
	const library = libc() ?? "";
	if (lacksPeer(t, missing(library))) return;
	// every program that is linked here asks for the newest start of the library
	const told = tooNew(
		execFileSync("sh", ["-c", "command -v readelf"]).toString().trim(),
		library,
	);
	assert.match(told.join("\n"), /__libc_start_main: 2\.34/);
});
