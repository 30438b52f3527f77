import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { run, startWithPlugins } from "../support/command-line.ts";
import { nativeMissing } from "../support/engine.ts";
import { eventually } from "../support/eventually.ts";
import { post } from "../support/https.ts";
import { temporaryDirectory } from "../support/temporary.ts";

/** Look-ups of names that begin with "dead" hang until a file appears; good.test is this machine. */
const source = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int getaddrinfo(const char *node, const char *service,
	const struct addrinfo *hints, struct addrinfo **found)
{
	int (*real)(const char *, const char *, const struct addrinfo *,
		struct addrinfo **) = dlsym(RTLD_NEXT, "getaddrinfo");
	if (node && strncmp(node, "dead", 4) == 0) {
		char line[300];
		int length = snprintf(line, sizeof line, "%s\\n", node);
		int asked = open(getenv("LOOKUPS"), O_WRONLY | O_APPEND | O_CREAT, 0600);
		if (write(asked, line, length) != length) abort();
		close(asked);
		while (access(getenv("GIVE_UP"), F_OK) != 0) usleep(5000);
		return EAI_AGAIN;
	}
	if (node && strcmp(node, "good.test") == 0) node = "127.0.0.1";
	return real(node, service, hints, found);
}
`;

/** The environment of a process in which dead names hang, and the list of their look-ups. */
async function deadNames(t: TestContext) {
	const directory = await temporaryDirectory(t);
	const file = (name: string) => join(directory, name);
	await writeFile(file("names.c"), source);
	execFileSync("cc", [
		...["-shared", "-fPIC", "-o", file("names.so"), file("names.c"), "-ldl"],
	]);
	const giveUp = () => writeFile(file("give-up"), "");
	return {
		environment: {
			LD_PRELOAD: file("names.so"),
			LOOKUPS: file("lookups"),
			GIVE_UP: file("give-up"),
		},
		lookups: async () => {
			const text = await readFile(file("lookups"), "utf8").catch(() => "");
			return text.trim().split("\n").sort();
		},
		giveUp,
	};
}

const missing = () =>
	nativeMissing() ??
	(spawnSync("cc", ["--version"]).error ? "no cc" : undefined);

const dead = Array.from({ length: 12 }, (_, at) => `dead${at}.test`).sort();

test("a relay to a good name does not wait for names that do not resolve", async (t) => {
	const reason = missing();
	if (reason) return t.skip(reason);
	const names = await deadNames(t);
	const daemon = await startWithPlugins(t, [], names);
	const relay = (host: string) =>
		post(daemon.port, "/proxy", {
			proxy_hostport: [`${host}:${daemon.port}`],
			request_type: "monitor",
			request_json: '{"plugin_name":"check_exit","plugin_option":"0"}',
		});
	let answered = 0;
	// each name twice, with one look-up for both
	const waiting = [...dead, ...dead].map(async (host) => {
		const answer = await relay(host);
		answered++;
		return answer;
	});
	await eventually(
		"every dead name is being looked up",
		async () => (await names.lookups()).length >= dead.length,
	);
	assert.equal((await relay("good.test")).status, 200);
	assert.equal(answered, 0, "the dead names are still looked up");
	await names.giveUp();
	for (const { status, text } of await Promise.all(waiting)) {
		assert.equal(status, 500);
		assert.match(
			text,
			/dead\d+\.test:\d+: the host name could not be looked up/,
		);
	}
	assert.deepEqual(await names.lookups(), dead);
});

test("happo-ctl answers for a good name among dead ones", async (t) => {
	const reason = missing();
	if (reason) return t.skip(reason);
	const names = await deadNames(t);
	const { port } = await startWithPlugins(t, []);
	const { code, stdout } = await run(
		t,
		[
			...["status", "--insecure", "--timeout-seconds", "2", "-o", "json"],
			...["-H", [...dead, `good.test:${port}`].join(",")],
		],
		{ ...names, program: join(process.cwd(), "dist/happo-ctl.js") },
	);
	assert.equal(code, 1, "it ends although names are still looked up");
	const hosts = JSON.parse(stdout) as { host: string; error?: string }[];
	const failed = hosts.filter(({ error }) => error !== undefined);
	assert.deepEqual(
		failed.map(({ host }) => host.split(":", 1)[0]).sort(),
		dead,
	);
	await names.giveUp();
});
