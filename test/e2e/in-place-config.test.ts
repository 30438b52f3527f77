import assert from "node:assert/strict";
import {
	chmod,
	mkdir,
	readdir,
	readFile,
	stat,
	writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { startDaemon } from "../support/daemon.ts";
import { post, send } from "../support/https.ts";
import { nodeWithMounts } from "../support/node-with-mounts.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const old = "# edited by hand\nmetrics:\n- hostname: old\n  plugins: []\n";
const fresh =
	"metrics:\n- hostname: fresh\n  plugins:\n  - plugin_name: p\n    plugin_option: -x\n";
const config = {
	Metrics: [
		{
			Hostname: "fresh",
			Plugins: [{ Plugin_Name: "p", Plugin_Option: "-x" }],
		},
	],
};

/** A state directory, with a metrics.yaml in a subdirectory. */
async function layOut(t: TestContext) {
	const directory = await temporaryDirectory(t);
	const etc = join(directory, "etc");
	const file = join(etc, "metrics.yaml");
	await mkdir(etc);
	await writeFile(file, old);
	return { directory, etc, file };
}

/**
 * Updates the configuration of a daemon, and checks where the previous version is kept.
 * @param parts.directory the daemon's state directory
 * @param parts.file the file's path for the daemon
 * @param parts.seen the file's path for this test
 * @param parts.reason why the file cannot be replaced
 */
async function assertWrittenInPlace(
	t: TestContext,
	parts: {
		directory: string;
		file: string;
		seen: string;
		node: string;
		reason: string;
	},
) {
	const { directory, file, seen, node, reason } = parts;
	const copy = join(directory, "state.metric-config.previous");
	const before = await stat(seen, { bigint: true });
	const daemon = await startDaemon(
		t,
		["--metric-config", file, "--dbfile", join(directory, "state")],
		{ node, directory },
	);
	const { json } = await post(daemon.port, "/metric/config/update", { config });
	assert.deepEqual(json, { status: "OK", message: "" });
	assert.equal(await readFile(seen, "utf8"), fresh);
	assert.equal(await readFile(copy, "utf8"), old);
	const after = await stat(seen, { bigint: true });
	assert.equal(after.ino, before.ino);
	// the copy was in place before a byte of the file changed
	assert.ok((await stat(copy, { bigint: true })).ctimeNs <= after.mtimeNs);
	const names = await readdir(directory);
	assert.deepEqual(
		names.filter((name) => name.includes("metric-config")),
		["state.metric-config.previous"],
	);
	const shown = await send({ port: daemon.port, path: "/metric/config" });
	assert.match(shown.text, /"error":null.*"hostname":"fresh"/);
	const said = `${file}: cannot be replaced (${reason}), written in place; the previous version is ${copy}`;
	assert.ok(daemon.stdout().includes(said), daemon.stdout());
	assert.equal((await daemon.stop()).code, 0);
}

test("a bind-mounted metrics.yaml, as in containers, is written in place", async (t) => {
	const { directory, etc, file } = await layOut(t);
	const seen = join(directory, "host.yaml");
	await writeFile(seen, old);
	const node = await nodeWithMounts(
		directory,
		'mount --bind "$0/host.yaml" "$0/etc/metrics.yaml"',
	);
	await assertWrittenInPlace(t, {
		...{ directory, file, seen, node },
		reason: "busy or a mount point",
	});
	assert.deepEqual(await readdir(etc), ["metrics.yaml"]);
});

test("a metrics.yaml in a directory that the agent's user cannot write is written in place", async (t) => {
	const { directory, etc, file } = await layOut(t);
	await chmod(etc, 0o555);
	const node = join(directory, "node");
	// root may write everywhere, so the daemon runs as another user, who can read this program wherever it is
	const become =
		process.getuid?.() === 0
			? `chown -R nobody '${directory}' && chown root '${etc}' && exec setpriv --reuid=nobody --regid=65534 --clear-groups --inh-caps=+dac_read_search --ambient-caps=+dac_read_search`
			: "exec";
	await writeFile(node, `#!/bin/sh\n${become} '${process.execPath}' "$@"\n`, {
		mode: 0o755,
	});
	try {
		await assertWrittenInPlace(t, {
			...{ directory, file, seen: file, node },
			reason: "permission denied",
		});
	} finally {
		// otherwise it could not be removed
		await chmod(etc, 0o755);
	}
});
