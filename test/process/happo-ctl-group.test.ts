import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { createManagementClient } from "../../src/client/index.ts";
import { startDaemon, startProgram } from "../support/daemon.ts";
import { freePort } from "../support/free-port.ts";
import { ctl } from "../support/happo-ctl.ts";
import { answering, json } from "../support/next-hop.ts";
import { temporaryDirectory } from "../support/temporary.ts";

/** The compiled reference management server. */
const program = fileURLToPath(
	new URL("../../contrib/management-server/main.js", import.meta.url),
);

test("--group asks the hosts of the management server, each through its own bastions", async (t) => {
	const directory = await temporaryDirectory(t);
	const server = startProgram(t, ["--port", "0", "--directory", directory], {
		program,
	});
	const [, url = ""] = await server.printed(/listening on (\S+), hosts in /);
	const [agent, bastion] = await Promise.all([
		startDaemon(t, ["--disable-collect-metrics"]),
		startDaemon(t, ["--disable-collect-metrics"]),
	]);
	const management = createManagementClient({ endpoint: url });
	t.after(() => management.close());
	const add = async (group_name: string, port: number, proxies: string[]) => {
		const { response } = await management.POST("/manage/add", {
			body: {
				hostdata: { group_name, ip: "127.0.0.1", hostname: "", port, proxies },
			},
		});
		assert.equal(response.status, 200);
	};
	await add("WEB!A", agent.port, [`127.0.0.1:${bastion.port}`]);
	await add("WEB!B", bastion.port, []);
	await add("DB", await freePort(), []);

	const status = (group: string) =>
		ctl(t, ["status", "-o", "json", "-g", group, "-e", url]);
	const web = await status("WEB");
	assert.equal(web.code, 0, web.stdout);
	assert.deepEqual(
		JSON.parse(web.stdout).map(({ host }: { host: string }) => host),
		[`127.0.0.1:${agent.port}`, `127.0.0.1:${bastion.port}`],
	);
	await ctl(t, ["monitor", "-g", "WEB!A", "-e", url, "check_nothing"]);
	assert.match(bastion.stdout(), /\/proxy/, "the bastion has relayed");
	assert.equal((await status("DB")).code, 1);
	const none = await status("NOSUCH");
	assert.match(
		none.stderr,
		/--group NOSUCH: the management server lists no hosts/,
	);
	assert.equal(none.code, 2);
});

test("--group fails if the management server cannot list hosts or does not answer", async (t) => {
	const old = await answering(t, (response) => json(response, "", 404));
	for (const [endpoint, reason] of [
		[`http://127.0.0.1:${await freePort()}`, /connection refused/],
		[`https://127.0.0.1:${old.port}`, /certificate/],
		["nonsense", /endpoint: .*nonsense/],
		["me:secret@nonsense", /endpoint: (?!.*secret)/],
		[
			`http://me:secret@127.0.0.1:${await freePort()}`,
			/--endpoint http:\/\/127\.0\.0\.1:\d+: (?!.*secret)/,
		],
		[
			"https://127.0.0.1:1 --endpoint-ca-file package.json",
			/^happo-ctl: --endpoint-ca-file package\.json: no certificate \(PEM\)$/m,
		],
	] as const) {
		const { code, stderr, stdout } = await ctl(t, [
			...["status", "-g", "G", "-e", ...endpoint.split(" ")],
		]);
		assert.match(stderr, /^happo-ctl: --endpoint[^\n]+\n$/);
		assert.match(stderr, reason);
		assert.equal(stdout, "");
		assert.equal(code, 2);
	}
});
