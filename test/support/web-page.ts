import { chmod, mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import type { TestContext } from "node:test";
import {
	type StartedDaemon,
	type StartedProgram,
	startDaemon,
	startProgram,
} from "./daemon.ts";
import { ctlProgram } from "./happo-ctl.ts";
import { post } from "./https.ts";
import { temporaryDirectory } from "./temporary.ts";

type Test = Pick<TestContext, "after">;

/** A running `happo-ctl web`. */
export interface WebProgram extends StartedProgram {
	/** The link that it has printed first. */
	link: string;
	/** The page's address without a token. */
	address: string;
	/** Presses Enter and resolves with the new link. */
	nextLink(): Promise<string>;
}

/** Starts the built `happo-ctl web`, which trusts any agent; it ends with the test. */
export async function startWeb(
	t: Test,
	args: readonly string[],
): Promise<WebProgram> {
	const stdin = new PassThrough();
	const started = startProgram(t, ["web", "--no-open", "--insecure", ...args], {
		program: ctlProgram,
		environment: { HAPPO_CTL_ADMIN_SOCKET: "none" },
		stdin,
	});
	const links = () => started.stdout().match(/^http:\S+$/gm) ?? [];
	const [link = ""] = await started.printed(/^http:\S+$/m);
	return {
		...started,
		link,
		address: link.replace(/#.*/, ""),
		async nextLink() {
			const count = links().length;
			stdin.write("\n");
			await started.printed(new RegExp(`(?:http:\\S+\\n){${count + 1}}`));
			return links().at(-1) ?? "";
		},
	};
}

const plugins: Readonly<Record<string, string>> = {
	check_disk: `#!/bin/sh
test "$6" = /srv && { echo 'DISK CRITICAL - free space: /srv 812 MB (1%) | /srv=98GB;80;90;0;99'; exit 2; }
echo "DISK OK - free space: $6 11 GB (52%) | $6=9GB;16;18;0;20"`,
	check_load: `#!/bin/sh
echo 'OK - load average: 0.42, 0.38, 0.31 | load1=0.42;4;8;0 load5=0.38;4;8;0 load15=0.31;4;8;0'`,
	check_procs: `#!/bin/sh
echo 'PROCS WARNING: 212 processes | procs=212;200;400;0'; exit 1`,
	check_hostile: `#!/bin/sh
case "$1" in
markup) printf '<img src=x onerror="window.taken=1"><script>window.taken=1</script>\\033[31m\\000\\342\\200\\256red' ;;
megabyte) head -c 1048576 /dev/zero | tr '\\000' 'a' ;;
esac`,
	check_sleep: `#!/bin/sh
sleep "$1"; echo 'OK - slept'`,
};

const metricPlugin = `#!/bin/sh
now=$(date +%s)
printf 'linux.loadavg.1m\\t0.%s\\t%s\\n' $((now * 7 % 90 + 10)) "$now"
printf 'linux.memory.free\\t%s\\t%s\\n' $((2000000000 + now * 7919 % 500000000)) "$now"
echo '# TYPE linux.disk.sda.reads counter'
printf 'linux.disk.sda.reads\\t%s\\t%s\\n' $((now % 100000 * 13)) "$now"
`;

const policy = `version: 1
mode: enforce
who:
  operator: { address: 127.0.0.1 }
commands:
  disk:
    run: [check_disk, -w, "{warning}", -c, "{critical}", -p, "{path}"]
    slots:
      warning: { is: threshold, default: "20%" }
      critical: { is: threshold, default: "10%" }
      path: { is: path, below: [/var, /srv] }
  load: { run: [check_load] }
  procs: { run: [check_procs] }
  hostile:
    run: [check_hostile, "{kind}"]
    slots: { kind: { is: one-of, values: [markup, megabyte] } }
  login:
    run: [check_login, "{password}"]
    slots: { password: { is: text, secret: true } }
  sleep: { run: [check_sleep, "{seconds}"], slots: { seconds: integer } }
rules:
  - { who: operator, may: "*", commands: [disk, load, procs, hostile, login, sleep] }
`;

/** The settings of an agent that has something for every part of the page. */
async function settingsIn(directory: string): Promise<string[]> {
	const folder = join(directory, "plugins");
	await mkdir(folder, { recursive: true });
	const scripts = { ...plugins, metrics_linux: metricPlugin };
	for (const [name, script] of Object.entries(scripts)) {
		await writeFile(join(folder, name), `${script}\n`);
		await chmod(join(folder, name), 0o755);
	}
	const config = join(directory, "metrics.yaml");
	await writeFile(
		config,
		`metrics:\n- hostname: web01\n  plugins:\n  - { plugin_name: metrics_linux, plugin_option: "" }\n`,
	);
	const policyFile = join(directory, "policy.yaml");
	await writeFile(policyFile, policy);
	return [
		...["--nagios-plugin-paths", folder, "--sensu-plugin-paths", folder],
		...["--metric-config", config, "--collection-interval-seconds", "1"],
		...["--machine-state-commands", "date", "--policy", policyFile],
		...["--error-log-interval-seconds", "1"],
	];
}

/** Starts an agent with checks, metrics and a policy; the second time in the directory of the first. */
export async function startPageAgent(
	t: Test,
	{ directory, port }: { directory?: string; port?: number } = {},
): Promise<StartedDaemon> {
	const own = directory ?? (await temporaryDirectory(t));
	return startDaemon(
		t,
		[
			...(await settingsIn(own)),
			...(port === undefined ? [] : ["-P", String(port)]),
		],
		{ directory: own },
	);
}

/** Has an agent run its checks, with an outcome of each kind, and refuse a call. */
export async function runPageChecks(port: number): Promise<void> {
	for (const [plugin_name, plugin_option] of [
		["disk", "20% 10% /srv"],
		["load", ""],
		["procs", ""],
		["check_disk", "-w 20% -c 10% -p /etc"],
	])
		await post(port, "/monitor", { plugin_name, plugin_option });
}

/** Listens on a free port and accepts connections, but never says a word. Returns the port. */
export async function silentPort(t: Test): Promise<number> {
	const server = createServer((socket) => {
		socket.on("error", () => {});
		t.after(() => socket.destroy());
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	t.after(() => server.close());
	const address = server.address();
	return typeof address === "object" && address ? address.port : 0;
}
