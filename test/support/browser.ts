import { existsSync } from "node:fs";
import type { TestContext } from "node:test";
import { type Browser, chromium, type Page } from "playwright-core";

const program = "/usr/bin/chromium";

/** Why no test can use a browser here; undefined if they can. */
export const missingBrowser = existsSync(program)
	? undefined
	: `${program} is not installed`;

/** Starts Chromium without a window; it ends with the test. */
export async function startBrowser(
	t: Pick<TestContext, "after">,
): Promise<Browser> {
	const browser = await chromium.launch({
		executablePath: program,
		// Chromium's own sandbox does not work for root
		args: [
			...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
			"--disable-gpu",
		],
	});
	t.after(() => browser.close());
	return browser;
}

export interface TabOptions {
	/** In pixels. */
	width?: number;
	scheme?: "light" | "dark";
}

/** A tab of its own session, and what its console and its scripts complained about. */
export interface Tab {
	page: Page;
	complaints: string[];
}

/** Opens a tab, in a profile of its own. */
export async function openTab(
	browser: Browser,
	{ width = 1200, scheme = "light" }: TabOptions = {},
): Promise<Tab> {
	const context = await browser.newContext({
		viewport: { width, height: 800 },
		colorScheme: scheme,
		reducedMotion: "reduce",
		permissions: ["clipboard-read", "clipboard-write"],
		locale: "en-GB",
		timezoneId: "UTC",
	});
	const page = await context.newPage();
	page.setDefaultTimeout(30_000);
	const complaints: string[] = [];
	// violations of the content security policy are errors of the console, too
	page.on("console", (message) => {
		if (["error", "warning"].includes(message.type()))
			complaints.push(message.text());
	});
	page.on("pageerror", ({ message }) => complaints.push(message));
	return { page, complaints };
}
