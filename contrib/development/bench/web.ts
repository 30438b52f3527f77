import { fork } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { openTab, startBrowser } from "../../../test/support/browser.ts";
import { eventually } from "../../../test/support/eventually.ts";
import { freePort } from "../../../test/support/free-port.ts";
import { startWeb } from "../../../test/support/web-page.ts";
import { addressOf } from "../fleet/values.ts";
import { inRounds } from "./rounds.ts";
import type { Scene } from "./scene.ts";
import type { Section } from "./section.ts";
import { ratios, summary } from "./summary.ts";

const few = 10;
const many = 1_000;

/** Notes when the first rows of the list have been painted, in milliseconds since the page was asked for. */
const noteFirstPicture = `
	const seen = new MutationObserver(() => {
		if (!document.querySelector(".host")) return;
		seen.disconnect();
		requestAnimationFrame(() => setTimeout(() => { window.firstPicture = performance.now(); }));
	});
	seen.observe(document, { childList: true, subtree: true });
`;

/** Scrolls through the whole list, a screen with each frame; the longest time between two frames. */
const scrollThrough = `new Promise((resolve) => {
	let longest = 0;
	let last = performance.now();
	const step = () => {
		const now = performance.now();
		longest = Math.max(longest, now - last);
		last = now;
		const before = scrollY;
		scrollBy(0, innerHeight);
		if (scrollY === before) return resolve(longest);
		requestAnimationFrame(step);
	};
	scrollTo(0, 0);
	requestAnimationFrame(step);
})`;

/** A tab with the page for some hosts, which have all answered. */
async function openHosts(
	scene: Scene,
	browser: Awaited<ReturnType<typeof startBrowser>>,
	{ count, port }: { count: number; port: number },
): Promise<Page> {
	const { t, directory } = scene;
	const hosts = Array.from(
		{ length: count },
		(_, index) => `${addressOf(index + 1)}:${port}\n`,
	);
	const file = join(directory, `hosts-${count}`);
	await writeFile(file, hosts.join(""));
	const web = await startWeb(t, ["--hosts-file", file, "--parallel", "64"]);
	const { page } = await openTab(browser);
	await page.addInitScript(noteFirstPicture);
	await page.goto(web.link);
	await page
		.getByText(new RegExp(`^${count.toLocaleString("en")} hosts`))
		.waitFor();
	await page
		.getByText("not answered yet")
		.waitFor({ state: "hidden", timeout: 120_000 });
	return page;
}

/** Loads the page again, in the session of the tab. */
async function firstPicture(page: Page): Promise<number> {
	await page.reload();
	const picture = await page.waitForFunction(
		() => (globalThis as { firstPicture?: number }).firstPicture,
	);
	return (await picture.jsonValue()) ?? Number.NaN;
}

/** The time to the first picture of the page with many hosts, beside that with few. */
export async function benchWeb(scene: Scene): Promise<Section> {
	const { t, keyPair, plan } = scene;
	const port = await freePort();
	const agents = fork("build/bench/peers/agents-with-status.js", [
		...[String(port), keyPair["public-key"], keyPair["private-key"]],
	]);
	t.after(() => agents.kill("SIGKILL"));
	await once(agents, "message");
	const browser = await startBrowser(t);
	const small = await openHosts(scene, browser, { count: few, port });
	const large = await openHosts(scene, browser, { count: many, port });
	const measured = await inRounds(
		scene,
		{
			[few]: () => firstPicture(small),
			[many]: () => firstPicture(large),
		},
		plan.starts,
	);
	await eventually(
		"all rows are there",
		async () => (await large.locator(".host").count()) === many,
	);
	const frames: number[] = [];
	for (let round = 0; round < plan.rounds; round++)
		frames.push(await large.evaluate<number>(scrollThrough));
	const [smallTimes = [], largeTimes = []] = [measured[few], measured[many]];
	return {
		title: "Page of happo-ctl web",
		notes: [
			"Chromium without a window; from the request for the page to the first painted rows of the list",
			"the hosts are simulated and have answered before",
		],
		columns: ["ms"],
		rows: [
			{ name: `first picture, ${few} hosts`, cells: [summary(smallTimes)] },
			{ name: `first picture, ${many} hosts`, cells: [summary(largeTimes)] },
			{
				name: `longest frame, scrolling through ${many} hosts`,
				cells: [summary(frames)],
			},
		],
		verdicts: [
			{
				what: `first picture with ${many} hosts, times that with ${few}`,
				figure: ratios(largeTimes, smallTimes),
				target: { is: "below", value: 1.5 },
			},
		],
	};
}
