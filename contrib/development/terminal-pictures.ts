/**
 * Makes the pictures of happo-ctl in terminals, in contrib/doc/pictures, with the built programs and
 * tmux:
 *   node build/contrib/development/terminal-pictures.js [PORT [PICTURE...]]
 */
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createScope } from "../../test/support/scope.ts";
import { temporaryDirectory } from "../../test/support/temporary.ts";
import { startFleet } from "./pictures/fleet.ts";
import { terminalSvg } from "./pictures/svg.ts";
import { openTerminal } from "./pictures/terminal.ts";

const directory = "contrib/doc/pictures";
const [, , givenPort = "6777", ...wanted] = process.argv;
const port = Number(givenPort);
const widths = [60, 80, 120];

/** What to type, and what the terminal then shows. */
const pictures: readonly {
	name: string;
	title: string;
	command: string;
	shows: RegExp;
	rows: number;
}[] = [
	{
		name: "status",
		title: "happo-ctl status of twenty agents",
		command: "happo-ctl status",
		shows: /no answer[\s\S]*\n\$ *$/,
		rows: 44,
	},
	{
		name: "status-follow",
		title: "happo-ctl status --follow of twenty agents",
		command: "happo-ctl status --follow",
		shows:
			/4 no answer,[\s\S]*127\.0\.0\.19\S+ +.* days[\s\S]*\.20:\S+ .*empty[\s\S]*connection refused/,
		rows: 32,
	},
	{
		name: "metric-follow",
		title: "happo-ctl metric --follow of one agent",
		command: `happo-ctl metric --follow --interval-seconds 1 -H 127.0.0.1:${port} 'linux.cpu.*' 'linux.loadavg.*'`,
		shows: /TREND[\s\S]*cpu\.user .*[▁-█]{8}|CHANGE\n[\s\S]*cpu\.user .*\/s$/m,
		rows: 24,
	},
	{
		name: "monitor",
		title: "happo-ctl monitor on twenty agents",
		command: "happo-ctl monitor check_queue",
		shows: /\d+ hosts: .*\n[\s\S]*\n\$ *$/,
		rows: 36,
	},
];

const scope = createScope();
const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const)
	process.once(signal, () => stop.abort(new Error(`stopped by ${signal}`)));
try {
	const hosts = await startFleet(scope, port);
	const home = await temporaryDirectory(scope);
	const bin = join(home, "bin");
	await mkdir(bin);
	await symlink(
		join(process.cwd(), "dist/happo-ctl.js"),
		join(bin, "happo-ctl"),
	);
	await symlink(process.execPath, join(bin, "node"));
	const config = join(home, "ctl.yaml");
	await writeFile(
		config,
		`current-context: here\ncontexts:\n  here: { hosts: [${hosts.map((host) => `"${host}"`).join(", ")}] }\n`,
	);
	await mkdir(directory, { recursive: true });
	for (const columns of widths)
		for (const { name, title, command, shows, rows } of pictures) {
			stop.signal.throwIfAborted();
			const picture = `${name}-${columns}`;
			if (wanted.length > 0 && !wanted.includes(picture)) continue;
			const terminal = await openTerminal(scope, picture, {
				...{ columns, rows },
				environment: {
					PATH: `${bin}:${process.env.PATH}`,
					HOME: home,
					HAPPO_CTL_CONFIG: config,
				},
			});
			await terminal.shows(/^\$/);
			await terminal.type(command);
			const lines = await terminal.shows(shows);
			await terminal.interrupt();
			while (/^\$ *$/.test(lines.at(-1) ?? "")) lines.pop();
			await writeFile(
				join(directory, `${picture}.svg`),
				terminalSvg(lines, columns, `${title}, ${columns} columns`),
			);
			process.stdout.write(`${picture}\n`);
		}
} finally {
	await scope.end();
}
