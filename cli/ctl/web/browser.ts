import { spawn } from "node:child_process";

/** Whether a program can open a window for the user of this terminal. */
export const hasDisplay = (environment: NodeJS.ProcessEnv): boolean =>
	Boolean(environment.DISPLAY || environment.WAYLAND_DISPLAY);

/**
 * Opens an address in the user's browser, which runs on by itself.
 * @returns whether the program that does it could be started
 */
export function openBrowser(
	url: string,
	environment: NodeJS.ProcessEnv,
): Promise<boolean> {
	return new Promise((resolve) => {
		const child = spawn("xdg-open", [url], {
			stdio: "ignore",
			detached: true,
			// keys and passphrases of happo-ctl are none of the browser's business
			env: Object.fromEntries(
				Object.entries(environment).filter(([name]) => !/^HAPPO_/i.test(name)),
			),
		});
		child.once("error", () => resolve(false));
		child.once("spawn", () => {
			child.unref();
			resolve(true);
		});
	});
}
