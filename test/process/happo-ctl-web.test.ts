import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { chmod, readFile, writeFile } from "node:fs/promises";
import { type AddressInfo, connect, createServer } from "node:net";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { describe, it, type TestContext } from "node:test";
import { promisify } from "node:util";
import { openBrowser } from "../../cli/ctl/web/browser.ts";
import { serveWeb } from "../../cli/ctl/web/run.ts";
import type { components } from "../../generated/web-schema.ts";
import { startWithPlugins } from "../support/command-line.ts";
import { startProgram } from "../support/daemon.ts";
import { eventually } from "../support/eventually.ts";
import { ctl, ctlProgram } from "../support/happo-ctl.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { blocksRunBy } from "../support/walkthrough.ts";
import { webRequest, webSession } from "../support/web.ts";

type Schemas = components["schemas"];
type Parts = Schemas["PartChanges"]["parts"];

const linkPattern = /^(http:\/\/127\.0\.0\.1:\d+\/#token=[\w-]{43})$/gm;

/** Runs `happo-ctl web` until the end of the test. */
async function startWeb(t: TestContext, args: readonly string[]) {
	const stdin = new PassThrough();
	const started = startProgram(t, ["web", ...args], {
		...{ program: ctlProgram, stdin },
		environment: {
			HOME: await temporaryDirectory(t),
			HAPPO_CTL_ADMIN_SOCKET: "none",
		},
	});
	const [link = ""] = await started.printed(new RegExp(linkPattern, "m"));
	return { ...started, stdin, link, host: new URL(link).host };
}

/** Watches parts of a host until what is known of them is enough. */
async function watchParts(
	{ post }: Awaited<ReturnType<typeof webSession>>,
	id: number,
	names: readonly Schemas["PartName"][],
	isEnough: (parts: Parts) => unknown,
): Promise<Parts> {
	const known = Object.fromEntries(names.map((name) => [name, 0]));
	let parts: Parts = {};
	while (!isEnough(parts)) {
		const { host } = await post<Schemas["Changes"]>("/api/watch", {
			host: { id, parts: known },
		});
		parts = { ...parts, ...host?.parts };
		for (const [name, { revision }] of Object.entries(host?.parts ?? {}))
			known[name] = revision;
	}
	return parts;
}

describe("happo-ctl web", () => {
	it("shows real agents, also behind a bastion, and one that is down", async (t) => {
		const [edge, bastion] = await Promise.all([
			startWithPlugins(t),
			startWithPlugins(t),
		]);
		const direct = await startWeb(t, [
			...["-H", `127.0.0.1:${edge.port},127.0.0.1:1`, "--no-open"],
		]);
		const session = await webSession(direct.link);
		const page = await webRequest(direct.host, "GET", "/");
		assert.match(page.text, /<script[^>]* src="\/?page\.js"/);
		const state = new Map<number, Schemas["Host"]>();
		let revision = 0;
		while (
			[0, 1].some((id) => (state.get(id)?.state ?? "waiting") === "waiting")
		) {
			const { hosts } = await session.post<Schemas["Changes"]>("/api/watch", {
				hosts: revision,
			});
			revision = hosts?.revision ?? revision;
			for (const host of hosts?.hosts ?? []) state.set(host.id, host);
		}
		assert.equal(state.get(1)?.state, "failed");
		assert.match(state.get(1)?.problem ?? "", /connection refused/);
		assert.equal(state.get(0)?.version, "2.0.0");

		const parts = await watchParts(
			session,
			0,
			["health", "commands", "metrics", "machine_states", "relay"],
			({ health, commands, metrics, machine_states, relay }) =>
				health?.data &&
				commands?.data &&
				metrics?.data &&
				machine_states?.data &&
				relay?.data,
		);
		assert.ok(parts.commands?.data?.plugins.includes("check_exit"));
		assert.ok(
			parts.metrics?.data?.metrics.some(
				({ name, kind }) =>
					name === "happo_agent_commands_running" && kind === "gauge",
			),
		);
		assert.deepEqual(
			[parts.relay?.data?.running, parts.relay?.data?.slow_hops],
			[0, []],
		);
		const { series } = await session.post<{ series: Schemas["Series"][] }>(
			"/api/hosts/0/series",
			{ metrics: [{ host: "", name: "happo_agent_commands_running" }] },
		);
		assert.ok((series[0]?.values.length ?? 0) > 0);
		const run = (words: string[]) =>
			session.post<Schemas["CheckOutcome"]>("/api/hosts/0/check", {
				...{ plugin: "check_exit", words },
			});
		assert.deepEqual((await run(["2"])).result, {
			...{ exit_status: 2, output: "exit 2 says hello\n" },
		});
		const { results, refusals } = await watchParts(
			session,
			0,
			["results", "refusals"],
			({ results, refusals }) =>
				results?.data?.results.length && refusals?.data,
		);
		const [last, ...others] = results?.data?.results ?? [];
		assert.deepEqual(others, []);
		assert.deepEqual(
			[last?.check, last?.state, last?.output],
			["check_exit", "CRITICAL", "exit 2 says hello\n"],
		);
		assert.deepEqual(refusals?.data?.refusals, []);
		const down = await session.post<Schemas["CheckOutcome"]>(
			"/api/hosts/1/check",
			{ plugin: "check_exit", words: [] },
		);
		assert.equal(down.result, null);
		assert.equal(down.failure?.reason, "unreachable");

		const via = await startWeb(t, [
			...["-H", `127.0.0.1:${edge.port}`, "--via", `127.0.0.1:${bastion.port}`],
		]);
		const behind = await webSession(via.link);
		const relayed = await watchParts(behind, 0, ["health"], ({ health }) =>
			Boolean(health?.data),
		);
		assert.equal(relayed.health?.data?.status.pid, edge.process.pid);
		const { check_happo } = await behind.post<Schemas["Lines"]>(
			"/api/hosts/0/lines",
			{ plugin: "check_exit", words: ["1"] },
		);
		assert.equal(
			check_happo,
			`check_happo monitor -H 127.0.0.1 -P ${edge.port} -X 127.0.0.1:${bastion.port} -p check_exit -o 1`,
		);
	});

	it("goes on when the agent restarts", async (t) => {
		const agent = await startWithPlugins(t);
		const { link } = await startWeb(t, ["-H", `127.0.0.1:${agent.port}`]);
		const session = await webSession(link);
		const first = await watchParts(session, 0, ["health"], ({ health }) =>
			Boolean(health?.data),
		);
		await agent.stop();
		const gone = await watchParts(session, 0, ["health"], ({ health }) =>
			Boolean(health?.failure),
		);
		assert.equal(
			gone.health?.data?.status.pid,
			first.health?.data?.status.pid,
			"the last good answer stays",
		);
		const again = await startWithPlugins(t, ["-P", String(agent.port)]);
		const back = await watchParts(
			session,
			0,
			["health"],
			({ health }) => health?.data && !health.failure,
		);
		assert.equal(back.health?.data?.status.pid, again.process.pid);
	});

	it("prints a new link for each line, and ends at once", async (t) => {
		// a host that accepts connections and says nothing
		const silent = createServer((socket) => socket.on("error", () => {}));
		t.after(() => silent.close());
		silent.listen(0, "127.0.0.1");
		await once(silent, "listening");
		const { port } = silent.address() as AddressInfo;
		const web = await startWeb(t, ["-H", `127.0.0.1:1,127.0.0.1:${port}`]);
		const session = await webSession(web.link);
		await assert.rejects(webSession(web.link), /bad-token/);
		web.stdin.write("\n");
		const links = () => web.stdout().match(linkPattern) ?? [];
		await eventually("a second link", () => links().length === 2);
		await webSession(links()[1] ?? "");
		// the end of its input is no reason to end
		web.stdin.end();
		const isAsked = once(silent, "connection");
		const waiting = session.post("/api/watch", {
			hosts: 1e9,
			wait_seconds: 60,
		});
		await isAsked;
		const isCut = assert.rejects(waiting);
		const busy = connect(Number(web.host.split(":")[1]), "127.0.0.1");
		await once(busy, "connect");
		const begun = performance.now();
		web.process.kill("SIGINT");
		const { code, signal } = await web.exited;
		assert.deepEqual([code, signal], [0, null]);
		assert.ok(performance.now() - begun < 4_000, "at once");
		await isCut;
		busy.destroy();
	});

	it("refuses other users of the machine", async (t) => {
		if (process.getuid?.() !== 0)
			return t.skip("only root can be another user");
		const { host } = await startWeb(t, ["-H", "127.0.0.1:1"]);
		const script = `fetch("http://${host}/").then(async (answer) => console.log(answer.status, await answer.text()))`;
		const statusFor = async (uid: number) => {
			const { stdout } = await promisify(execFile)(
				...([process.execPath, ["-e", script]] as const),
				{ uid, cwd: "/" },
			);
			return stdout;
		};
		assert.match(await statusFor(0), /^200 /);
		assert.match(
			await statusFor(65_534),
			/^403 .*only for the user who runs happo-ctl web/,
		);
	});

	it("says why it cannot listen", async (t) => {
		const { host } = await startWeb(t, ["-H", "127.0.0.1:1"]);
		const port = host.split(":")[1] ?? "";
		const { code, stderr } = await ctl(
			t,
			["web", "-H", "127.0.0.1:1", "--port", port, "--no-open"],
			{ onOutput: () => undefined },
		);
		assert.equal(code, 1);
		assert.equal(stderr, `happo-ctl: 127.0.0.1 port ${port}: already in use\n`);
	});

	it("says which package has the page if it is not there", async () => {
		const call = { say: () => {} } as unknown as Parameters<typeof serveWeb>[0];
		await assert.rejects(
			serveWeb(
				call,
				{ port: 0, opens: false, directory: "/nowhere", asked: "" },
				new AbortController().signal,
			),
			/^WebError: the page is not there: \/nowhere: no such file or directory; the package happo-check has it/,
		);
	});

	it("opens the browser with the link", async (t) => {
		const directory = await temporaryDirectory(t);
		const opened = join(directory, "opened");
		const file = join(directory, "xdg-open");
		await writeFile(
			file,
			`#!/bin/sh\nprintf %s "$1$HAPPO_CTL_API_KEY" > ${opened}.new && mv ${opened}.new ${opened}\n`,
		);
		await chmod(file, 0o755);
		const url = "http://127.0.0.1:1/#token=a";
		const environment = {
			PATH: `${directory}:${process.env.PATH}`,
			HAPPO_CTL_API_KEY: "secret",
		};
		assert.equal(await openBrowser(url, environment), true);
		await eventually("the browser", () =>
			readFile(opened, "utf8").then(
				(text) => text === url,
				() => false,
			),
		);
		assert.equal(await openBrowser(url, { PATH: "/nowhere" }), false);
	});

	it("is called as its document shows", async (t) => {
		const [block] = blocksRunBy("test/process/happo-ctl-web.test.ts");
		assert.ok(block);
		for (const line of block.lines) {
			const [program, ...words] = line.trim().split(/\s+/);
			assert.equal(program, "happo-ctl");
			const { code, stdout } = await ctl(t, [...words, "--help"]);
			assert.equal(code, 0, line);
			assert.match(stdout, /--no-open/);
		}
	});
});
