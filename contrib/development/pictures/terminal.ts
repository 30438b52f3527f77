import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { eventually } from "../../../test/support/eventually.ts";
import type { Scope } from "../../../test/support/scope.ts";

const run = promisify(execFile);

/** A terminal of tmux that nobody looks at. */
export interface Terminal {
	/** Types a line into its shell. */
	type(line: string): Promise<void>;
	interrupt(): Promise<void>;
	/** Waits until the screen matches, and returns its lines with SGR sequences. */
	shows(pattern: RegExp, milliseconds?: number): Promise<string[]>;
}

/** Opens a terminal with a shell whose prompt is `$`. */
export async function openTerminal(
	scope: Scope,
	name: string,
	{
		columns,
		rows,
		environment,
	}: {
		columns: number;
		rows: number;
		environment: Readonly<Record<string, string>>;
	},
): Promise<Terminal> {
	const tmux = (...args: readonly string[]) =>
		run("tmux", ["-u", "-L", `happo-${process.pid}-${name}`, ...args], {
			env: { ...environment, TERM: "xterm-256color", LANG: "C.UTF-8" },
		}).then(({ stdout }) => stdout);
	await tmux(
		...["-f", "/dev/null", "new-session", "-d"],
		...["-x", String(columns), "-y", String(rows)],
		"/bin/sh",
	);
	scope.after(() => tmux("kill-server").catch(() => {}));
	await tmux("set-option", "-g", "status", "off");
	const lines = async (...flags: readonly string[]) =>
		(await tmux("capture-pane", "-p", ...flags)).trimEnd().split("\n");
	const type = async (line: string) => {
		await tmux("send-keys", "-l", line);
		await tmux("send-keys", "Enter");
	};
	// root has another prompt
	await type("PS1='$ '; clear");
	return {
		type,
		interrupt: async () => {
			await tmux("send-keys", "C-c");
		},
		async shows(pattern, milliseconds = 200_000) {
			let seen = "";
			await eventually(
				`the terminal of ${columns} columns shows ${pattern}`,
				async () => {
					seen = (await lines()).join("\n");
					return pattern.test(seen);
				},
				milliseconds,
			).catch((error) => {
				throw new Error(`${error.message}:\n${seen}`);
			});
			return lines("-e");
		},
	};
}
