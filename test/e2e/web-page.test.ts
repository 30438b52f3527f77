import assert from "node:assert/strict";
import { mkdir, readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { Page } from "playwright-core";
import {
	missingBrowser,
	openTab,
	startBrowser,
	type TabOptions,
} from "../support/browser.ts";
import { startDaemon } from "../support/daemon.ts";
import { eventually } from "../support/eventually.ts";
import { freePort } from "../support/free-port.ts";
import { post } from "../support/https.ts";
import { listedHost, startHostLister } from "../support/listed-hosts.ts";
import { lacksPeer } from "../support/peer.ts";
import { webSession } from "../support/web.ts";
import {
	runPageChecks,
	silentPort,
	startPageAgent,
	startWeb,
} from "../support/web-page.ts";

/** With this variable, the pictures of the documents are made again, in its directory. */
const pictures = process.env.HAPPO_TEST_PICTURES;

const axe = await readFile(
	createRequire(import.meta.url).resolve("axe-core/axe.min.js"),
	"utf8",
);

/** What axe finds, at least serious. The program is told to Chromium, so no policy of the page stops it. */
async function seriousFindings(page: Page): Promise<string[]> {
	await page.evaluate(axe);
	return page.evaluate(`axe.run(document).then(({ violations }) =>
		violations
			.filter(({ impact }) => ["serious", "critical"].includes(impact))
			.map(({ id, nodes }) => id + ": " + nodes.map(({ html }) => html).join("; ")))`);
}

const hostsAt = (ports: readonly number[]) =>
	ports.map((port) => `127.0.0.1:${port}`).join(",");

const hostLink = (page: Page, port: number) =>
	page.getByRole("link", { name: `127.0.0.1:${port}` });

const part = (page: Page, title: string) =>
	page.getByRole("region", { name: title });

const checkRow = (page: Page, name: string) =>
	part(page, "Checks").getByRole("button", { name });

const hasFocus = (page: Page) =>
	page.evaluate<string>(
		"document.activeElement.dataset.row ?? document.activeElement.textContent.trim() ?? ''",
	);

async function picture(page: Page, name: string) {
	if (pictures === undefined) return;
	await mkdir(pictures, { recursive: true });
	await page.screenshot({ path: join(pictures, `web-${name}.png`) });
}

const views: readonly (TabOptions & { name: string })[] = [
	{ name: "light", scheme: "light" },
	{ name: "dark", scheme: "dark" },
	{ name: "narrow", width: 400 },
];

test("the page shows hosts and every part of one, in light, dark and 400 pixels, without a violation", async (t) => {
	if (lacksPeer(t, missingBrowser)) return;
	const agent = await startPageAgent(t);
	await runPageChecks(agent.port);
	if (pictures !== undefined)
		await eventually(
			"there are curves",
			async () =>
				(await post(agent.port, "/metric/peek", {})).text.split('"timestamp"')
					.length > 30,
			60_000,
		);
	const healthy = await startDaemon(t, ["--disable-collect-metrics"]);
	const ports = [await freePort(), agent.port, healthy.port];
	const web = await startWeb(t, ["-H", hostsAt(ports)]);
	const browser = await startBrowser(t);
	for (const [index, { name, ...options }] of views.entries()) {
		const { page, complaints } = await openTab(browser, options);
		await page.goto(index === 0 ? web.link : await web.nextLink());
		await page.getByText("1 does not answer, 1 has problems.").waitFor();
		assert.doesNotMatch(page.url(), /token/);
		assert.deepEqual(await seriousFindings(page), []);
		if (name === "light") await picture(page, `hosts-${name}`);

		await hostLink(page, agent.port).click();
		await part(page, "Health").getByText("has been running").waitFor();
		await part(page, "Metrics").locator("canvas").first().waitFor();
		await checkRow(page, "disk").getByText("DISK CRITICAL").waitFor();
		await checkRow(page, "load").getByText("load average: 0.42").waitFor();
		await checkRow(page, "disk").click();
		await part(page, "Checks").getByText("exit status 2").waitFor();
		await part(page, "Refusals").getByText("/etc is not below").waitFor();
		await part(page, "Refusals").getByText("Lines of the policy").click();
		await part(page, "Refusals").getByText("run: [check_disk").waitFor();
		await part(page, "Machine states").getByRole("button").first().click();
		await part(page, "Machine states").getByText("date").waitFor();
		await part(page, "Relay").getByText("It is asked directly.").waitFor();
		assert.deepEqual(await seriousFindings(page), []);
		assert.ok(
			await page.evaluate(
				"document.documentElement.scrollWidth <= document.documentElement.clientWidth",
			),
			"nothing is wider than the screen",
		);
		await page.evaluate("scrollTo(0, 0)");
		await picture(page, `host-${name}`);
		if (pictures !== undefined && name === "light") {
			await part(page, "Metrics").getByLabel("Search metrics").fill("linux");
			await page.evaluate(
				"document.getElementById('metrics').scrollIntoView()",
			);
			await picture(page, "metrics");
		}
		assert.deepEqual(complaints, []);
		await page.close();
	}
});

test("hosts of one name behind different bastions are told apart", async (t) => {
	if (lacksPeer(t, missingBrowser)) return;
	const [edge, near, far] = await Promise.all([
		startPageAgent(t),
		startDaemon(t, ["--disable-collect-metrics"]),
		startDaemon(t, ["--disable-collect-metrics"]),
	]);
	const { endpoint } = await startHostLister(t, [
		...[near.port, far.port].map((port) => listedHost(edge.port, port)),
		listedHost(near.port),
	]);
	const web = await startWeb(t, ["--group", "WEB", "--endpoint", endpoint]);
	const browser = await startBrowser(t);
	const { page } = await openTab(browser);
	await page.goto(web.link);
	for (const bastion of [far, near]) {
		const way = `via 127.0.0.1:${bastion.port}`;
		await page.getByRole("link", { name: way }).click();
		await page.getByText(`through 127.0.0.1:${bastion.port}`).waitFor();
		await part(page, "Relay")
			.getByText(`It is asked through 127.0.0.1:${bastion.port}.`)
			.waitFor();
		await page.keyboard.press("Escape");
		await page.getByRole("heading", { name: "Hosts" }).waitFor();
		assert.equal(await hasFocus(page), `127.0.0.1:${edge.port} ${way}`);
	}
	await page.getByText(`127.0.0.1:${near.port}`, { exact: true }).click();
	await part(page, "Relay")
		.getByRole("link", { name: `127.0.0.1:${edge.port}` })
		.click();
	await page.getByText(`through 127.0.0.1:${near.port}`).waitFor();
});

test("a check is run from a form made of its slots, and copied as lines", async (t) => {
	if (lacksPeer(t, missingBrowser)) return;
	const { page, agent } = await openHost(t);
	await checkRow(page, "disk").click();
	const checks = part(page, "Checks");
	await checks.getByRole("button", { name: "Run it now" }).click();
	await checks.getByText("path needs a value").waitFor();
	await checks.getByLabel("path").fill("/var/log");
	await checks.getByLabel("critical").fill("5%");
	await checks.getByRole("button", { name: "Run it now" }).click();
	await checks.getByText("free space: /var/log 11 GB").first().waitFor();
	await checkRow(page, "disk").getByText("last of 2").waitFor();
	await checks.getByText("the last of 2 with different options").waitFor();

	for (const [label, line] of [
		["check_happo", /check_happo monitor .*-p disk -o .*20% 5% \/var\/log/],
		["Nagios", /define service/],
		["Icinga", /object Service/],
	] as const) {
		await checks.getByRole("button", { name: label }).click();
		await checks.getByText(`Copied for ${label}.`).waitFor();
		const copied = await page.evaluate<string>(
			"navigator.clipboard.readText()",
		);
		assert.match(copied, line);
		assert.ok(copied.includes(String(agent.port)), copied);
	}

	await checkRow(page, "login").click();
	await checks.getByLabel("password").fill("open sesame");
	await checks.getByRole("button", { name: "check_happo" }).click();
	await checks.getByText("with the secret in it").waitFor();
	assert.ok(!(await checks.innerText()).includes("sesame"));

	await checkRow(page, "sleep").click();
	await checks.getByLabel("seconds").fill("60");
	await checks.getByRole("button", { name: "Run it now" }).click();
	await checks.getByText(/Waiting for sleep/).waitFor();
	await checks.getByRole("button", { name: "Cancel" }).click();
	await checks.getByText(/Waiting for sleep/).waitFor({ state: "hidden" });
});

/** One agent, its page in a tab, with its checks loaded. */
async function openHost(t: TestContext) {
	const agent = await startPageAgent(t);
	await runPageChecks(agent.port);
	const web = await startWeb(t, ["-H", `127.0.0.1:${agent.port}`]);
	const browser = await startBrowser(t);
	const { page, complaints } = await openTab(browser);
	await page.goto(web.link);
	await hostLink(page, agent.port).click();
	await checkRow(page, "disk").waitFor();
	return { agent, web, browser, page, complaints };
}

test("hostile output is text and nothing else", async (t) => {
	if (lacksPeer(t, missingBrowser)) return;
	const { page, complaints } = await openHost(t);
	const checks = part(page, "Checks");
	await checkRow(page, "hostile").click();
	await checks.getByLabel("kind").selectOption("markup");
	await checks.getByRole("button", { name: "Run it now" }).click();
	const output = checks.getByLabel("Output of hostile").first();
	await output.waitFor();
	assert.match(
		(await output.textContent()) ?? "",
		/^<img src=x onerror="window\.taken=1"><script>window\.taken=1<\/script>\\x1b\[31m.*\\u202ered$/,
	);
	assert.equal(await page.locator("main img, main script").count(), 0);
	assert.equal(await page.evaluate("window.taken"), undefined);

	await checks.getByLabel("kind").selectOption("megabyte");
	await checks.getByRole("button", { name: "Run it now" }).click();
	await checks
		.getByText(/The first 16\.0 KiB of/)
		.first()
		.waitFor();
	const before = Date.now();
	await page.evaluate("new Promise(requestAnimationFrame)");
	assert.ok(Date.now() - before < 2_000, "the page still moves");
	assert.deepEqual(complaints, []);
});

test("everything can be reached by keyboard, and the focus stays when lists change", async (t) => {
	if (lacksPeer(t, missingBrowser)) return;
	const agent = await startPageAgent(t);
	await runPageChecks(agent.port);
	const dead = await freePort();
	const web = await startWeb(t, ["-H", hostsAt([dead, agent.port])]);
	const browser = await startBrowser(t);
	const { page } = await openTab(browser);
	await page.goto(web.link);
	await page.getByText(/1 does not answer/).waitFor();

	await page.keyboard.press("Tab");
	assert.equal(await hasFocus(page), "Skip to the content");
	await page.keyboard.press("Enter");
	assert.equal(await hasFocus(page), "Hosts");
	await page.keyboard.press("/");
	await page.keyboard.type(String(agent.port));
	await page.keyboard.press("ArrowDown");
	assert.equal(await hasFocus(page), `127.0.0.1:${agent.port}`);
	await page.keyboard.press("/");
	await page.keyboard.press("Escape");
	await page.keyboard.press("ArrowDown");
	assert.equal(await hasFocus(page), `127.0.0.1:${dead}`, "the worst first");
	await page.keyboard.press("End");
	assert.equal(await hasFocus(page), `127.0.0.1:${agent.port}`);
	await page.keyboard.press("Enter");

	await checkRow(page, "procs").waitFor();
	assert.match(await hasFocus(page), new RegExp(`^127.0.0.1:${agent.port}`));
	// the link back, six parts, then the list of checks as one stop
	for (let stop = 0; stop < 7; stop++) await page.keyboard.press("Tab");
	assert.equal(await hasFocus(page), "disk");
	await page.keyboard.press("ArrowDown");
	assert.equal(await hasFocus(page), "procs");
	await page.keyboard.press("Enter");
	await part(page, "Checks").getByText("exit status 1").waitFor();

	await page.keyboard.press("Escape");
	await part(page, "Checks")
		.getByText("exit status 1")
		.waitFor({ state: "hidden" });
	assert.equal(await hasFocus(page), "procs");
	// the check above gets well and moves down; the row with the focus moves up
	await post(agent.port, "/monitor", {
		...{ plugin_name: "disk", plugin_option: "20% 10% /var" },
	});
	await checkRow(page, "disk").getByText("DISK OK").waitFor();
	const first = await part(page, "Checks").getByRole("button").first();
	assert.match((await first.textContent()) ?? "", /procs/);
	assert.equal(await hasFocus(page), "procs");
	await page.keyboard.press("Escape");
	await page.getByRole("heading", { name: "Hosts" }).waitFor();
	assert.equal(await hasFocus(page), `127.0.0.1:${agent.port}`);
});

test("a silent and a dead host do not hold up a healthy one, and each part says what it waits for", async (t) => {
	if (lacksPeer(t, missingBrowser)) return;
	const agent = await startPageAgent(t);
	const [dead, silent] = [await freePort(), await silentPort(t)];
	const web = await startWeb(t, ["-H", hostsAt([dead, silent, agent.port])]);
	const browser = await startBrowser(t);
	const { page } = await openTab(browser);
	await page.goto(web.link);
	await hostLink(page, agent.port).getByText("OK").waitFor();
	await hostLink(page, dead).getByText("No answer").waitFor();
	await hostLink(page, silent).getByText("Waiting").waitFor();

	await hostLink(page, silent).click();
	for (const [title, what] of [
		["Health", "status"],
		["Checks", "checks"],
		["Metrics", "metrics"],
		["Refusals", "refusals"],
		["Machine states", "machine states"],
		["Relay", "relay"],
	] as const)
		await part(page, title)
			.getByText(`Waiting for the ${what} of 127.0.0.1:${silent}`)
			.waitFor();
	await page.getByRole("link", { name: "All hosts" }).click();
	await hostLink(page, dead).click();
	await part(page, "Health").getByText("No answer.").waitFor();
	await page.getByRole("link", { name: "All hosts" }).click();
	await hostLink(page, agent.port).click();
	await part(page, "Health").getByText("has been running").waitFor();
});

test("an agent that restarts is shown as it was, and as it is once it answers", async (t) => {
	if (lacksPeer(t, missingBrowser)) return;
	const { page, agent } = await openHost(t);
	const health = part(page, "Health");
	await health.getByText("has been running").waitFor();
	await agent.stop();
	await health.getByRole("button", { name: "Ask again" }).waitFor();
	await health.getByText("No answer.").waitFor();
	await health.getByText("has been running").waitFor();
	await startPageAgent(t, { directory: agent.directory, port: agent.port });
	await health
		.getByRole("button", { name: "Ask again" })
		.waitFor({ state: "hidden" });
	await health.getByText("has been running").waitFor();
});

test("a session ends with the program, and a link works once", async (t) => {
	if (lacksPeer(t, missingBrowser)) return;
	const { page, web, browser, agent } = await openHost(t);
	await page.reload();
	await checkRow(page, "disk").waitFor();

	const { page: other } = await openTab(browser);
	await other.goto(web.link);
	await other.getByText("No session in this tab").waitFor();
	const [another] = await Promise.all([
		page.context().waitForEvent("page"),
		page.getByRole("button", { name: "Another tab" }).click(),
	]);
	await hostLink(another, agent.port).waitFor();

	web.process.kill("SIGTERM");
	await web.exited;
	await page.getByText("happo-ctl web does not answer.").waitFor();
	const { port } = new URL(web.address);
	const again = await startWeb(t, [
		...["-H", `127.0.0.1:${agent.port}`, "--port", port],
	]);
	await page.getByText("This session has ended").waitFor();
	await page.getByText("Press Enter in the terminal").waitFor();

	for (const tab of [page, other]) {
		const link = await again.nextLink();
		// as when it is pasted into the address bar
		await tab.evaluate(`location.href = ${JSON.stringify(link)}`);
		await hostLink(tab, agent.port).waitFor();
		assert.equal(tab.url(), `${again.address}#/`);
		await assert.rejects(webSession(link), /bad-token/);
	}
});

test("another local port gets nothing, even with the key of a session", async (t) => {
	if (lacksPeer(t, missingBrowser)) return;
	const { page, web, browser } = await openHost(t);
	const key = await page.evaluate<string>(
		"sessionStorage.getItem('happo-session')",
	);
	assert.ok(key.length > 20, key);
	const other = createServer((_request, response) =>
		response
			.setHeader("content-type", "text/html")
			.end(`<iframe src="${web.address}"></iframe>`),
	);
	await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
	t.after(() => other.close());
	const address = other.address();
	assert.ok(typeof address === "object" && address);
	for (const name of ["127.0.0.1", "localhost"]) {
		const { page: foreign } = await openTab(browser);
		const answers: number[] = [];
		foreign.on("response", (response) => {
			if (response.url().startsWith(`${web.address}api`))
				answers.push(response.status());
		});
		await foreign.goto(`http://${name}:${address.port}/`);
		const outcome = await foreign.evaluate<string>(`fetch(
			${JSON.stringify(`${web.address}api/watch`)},
			{ method: "POST", body: "{}", headers: { authorization: "Bearer " + ${JSON.stringify(key)}, "content-type": "application/json" } },
		).then(() => "answered", () => "refused")`);
		assert.equal(outcome, "refused");
		assert.ok(
			answers.every((status) => status >= 400),
			answers.join(),
		);
		for (const frame of foreign.frames())
			assert.ok(
				!(await frame.content()).includes("page.js"),
				"the page is not shown in a frame",
			);
	}
	await checkRow(page, "disk").waitFor();
});
