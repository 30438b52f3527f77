import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import type { CheckLoad } from "../support/check-load.ts";
import { startProgram } from "../support/daemon.ts";
import {
	bootDebian,
	type DebianMachine,
	missingForDebian,
} from "../support/debian-machine.ts";
import { missingToPackage } from "../support/debian-packages.ts";
import { eventually } from "../support/eventually.ts";
import { post, send } from "../support/https.ts";
import { lacksPeer } from "../support/peer.ts";
import { createScope } from "../support/scope.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { blocksRunBy } from "../support/walkthrough.ts";

const execute = promisify(execFile);
const root = process.cwd();

/** The output of a program of this host. */
const said = async (
	file: string,
	args: readonly string[],
	options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
) => {
	const { stdout } = await execute(file, args, {
		...options,
		maxBuffer: 64 * 1024 * 1024,
	});
	return stdout.trim();
};

const builders = [
	...["dpkg-deb", "rpmbuild", "rpm", "lintian", "readelf", "cc"],
	...["aarch64-linux-gnu-gcc", "qemu-aarch64-static"],
];

/** Builds packages in a clone; returns their files. */
async function build(
	output: string,
	args: readonly string[],
	{ cwd = root } = {},
) {
	const told = await said(
		process.execPath,
		["contrib/packaging/package.mjs", "--quick", "--output", output, ...args],
		{ cwd },
	);
	return told.split("\n");
}

/** The commands of the documents that run here: on this host, then in the machine. */
const blocks = blocksRunBy("test/e2e/system-packages.test.ts");
const [[buildLine = "", installLine = ""] = [], ...afterwards] = blocks
	.filter(({ document }) => document === "contrib/doc/install.md")
	.map(({ lines }) => lines);

/** Scripts, units and metrics.yaml of the first package, which left the socket disabled. */
const beforeSocket = "test/fixtures/packages/before-socket";

/**
 * A package of this build with what the first package had in place of what it has: for an upgrade,
 * the difference is in its scripts, its units and its files.
 * @returns its file, with an older version
 */
async function withoutSocket(directory: string, file: string) {
	const tree = join(directory, "before-socket");
	await said("dpkg-deb", ["--raw-extract", file, tree]);
	const target = {
		postinst: "DEBIAN",
		prerm: "DEBIAN",
		postrm: "DEBIAN",
		"happo-agent.service": "usr/lib/systemd/system",
		"happo-agent.socket": "usr/lib/systemd/system",
		"metrics.yaml": "usr/share/happo-agent",
	};
	for (const [name, folder] of Object.entries(target))
		await writeFile(
			join(tree, folder, name),
			await readFile(join(beforeSocket, name)),
		);
	await rm(join(tree, "usr/lib/happo/agent/dist/socket-drop-in.js"));
	const control = join(tree, "DEBIAN/control");
	const text = await readFile(control, "utf8");
	await writeFile(
		control,
		text.replace(/^Version: .*$/m, "Version: 2.0.0~git2020"),
	);
	const made = join(directory, "before-socket.deb");
	await said("dpkg-deb", [
		...["--root-owner-group", "-Zxz", "-z1", "--build", tree, made],
	]);
	return made;
}

/**
 * happo-agent as an earlier commit packages it: one of the last 20 that changed the packages, the
 * oldest that can be built with the packages of npm that are installed here. Undefined in a clone
 * without history, such as that of a CI job.
 */
async function buildEarlier(directory: string): Promise<string | undefined> {
	const only = ["--only", "happo-agent", "--format", "deb"];
	const args = [...only, "--architecture", "x64"];
	const commits = await said("git", [
		...["log", "--format=%H", "--max-count=20", "HEAD~1", "--"],
		"contrib/packaging",
	]).catch(() => "");
	const oldest = commits.split("\n").filter((commit) => commit !== "");
	if (oldest.length === 0) return undefined;
	const clone = join(directory, "clone");
	await said("git", ["clone", "--quiet", "--no-checkout", root, clone]);
	// esbuild would follow a link, and find packages that are not in the lock file
	const copy = ["--archive", join(root, "node_modules"), `${clone}/`];
	await said("cp", ["--link", ...copy]).catch(() => said("cp", copy));
	for (const commit of oldest.reverse().slice(0, 3))
		try {
			await said("git", ["checkout", "--quiet", commit], { cwd: clone });
			const [file] = await build(directory, args, { cwd: clone });
			return file;
		} catch {
			// it needs other packages of npm, or was not complete
		}
	return undefined;
}

/** How secure.md hardens the unit. */
const hardening = blocks.find(
	({ document }) => document === "contrib/doc/secure.md",
);

/** All packages. */
const names = ["happo-node", "happo-agent", "happo-check", "happo-collector"];

/** Where the command of the documents puts the packages. */
const packages = join(root, "build/packages");

const hash = async (file: string) =>
	createHash("sha256")
		.update(await readFile(file))
		.digest("hex");

describe("packages of the system", { concurrency: false }, async () => {
	const scope = createScope();
	const missing =
		(await missingForDebian()) ?? (await missingToPackage(builders));
	const packageIt = (name: string, check: () => Promise<void>) =>
		it(name, async (t) => {
			if (!lacksPeer(t, missing)) await check();
		});
	let directory = "";
	let files: string[] = [];
	/** Packages of the agent: of an earlier commit if the clone has one, and one without the socket. */
	let earlier = "";
	let first = "";
	let machine: DebianMachine;
	/** What there was before the first installation. */
	let installedBefore: string[] = [];
	/** The package with this beginning of its name and this end. */
	const file = (name: string, end: string) =>
		files.find(
			(path) => basename(path).startsWith(name) && path.endsWith(end),
		) ?? assert.fail(`no ${name}*${end} in ${files}`);
	/** The output of a script in the machine, which must succeed. */
	const inside = async (script: string, options: { online?: boolean } = {}) => {
		const { output, status } = await machine.bash(`set -e\n${script}`, options);
		assert.equal(status, 0, `${script}\n${output}`);
		return output.trim();
	};
	const shown = (property: string) =>
		inside(`systemctl show --property ${property} --value happo-agent`);
	/** Files that are left of what is installed; others are logs, caches and states. */
	const everything = async () =>
		// doctor asks timedated for the time, which runs on for half a minute with files in /var/tmp
		(
			await inside(
				`systemctl stop systemd-timedated.service
				find /etc /opt /root /srv /usr /var -xdev \\( -path /var/backups -o -path /var/cache -o -path /var/log -o -path /var/lib/apt \\
					-o -path /var/lib/dpkg -o -path /var/lib/systemd -o -path /root/packages \\) -prune -o -print | sort
				grep -H . /etc/passwd /etc/group /etc/shadow | cut -d: -f1,2
				ls /var/log | grep happo || true
				ls /var/lib/systemd/deb-systemd-helper-enabled /var/lib/dpkg/alternatives 2>/dev/null | grep happo || true`,
			)
		).split("\n");

	before(async () => {
		if (missing) return;
		directory = await temporaryDirectory(scope);
		const at = (name: string) => join(directory, name);
		for (const name of ["second", "earlier"]) await mkdir(at(name));
		const building = async () => {
			await said("bash", ["-ec", buildLine], {
				env: { ...process.env, HAPPO_PACKAGE_QUICK: "1" },
			});
			files = (await readdir(packages)).map((name) => join(packages, name));
			first = await withoutSocket(
				at("earlier"),
				file("happo-agent", "_amd64.deb"),
			);
			earlier = (await buildEarlier(at("earlier"))) ?? first;
		};
		[machine] = await Promise.all([
			bootDebian(scope, { name: "web01.example.net" }),
			building(),
		]);
	});
	after(async () => {
		await scope.end();
	});

	packageIt("each is small", async () => {
		for (const path of files) {
			const { length } = await readFile(path);
			// those of a release are smaller: these are compressed quickly
			const limit = basename(path).startsWith("happo-node") ? 32 : 2;
			assert.ok(length <= limit * 1024 * 1024, `${path}: ${length} bytes`);
		}
	});

	packageIt("a second build makes the same bytes", async () => {
		const again = await build(join(directory, "second"), [
			...["--architecture", "x64"],
		]);
		assert.equal(again.length, 2 * names.length);
		for (const path of again)
			assert.equal(
				await hash(path),
				await hash(join(packages, basename(path))),
				basename(path),
			);
	});

	packageIt("lintian finds no error", async () => {
		const checked = names
			.slice(1)
			.flatMap((name) =>
				["_amd64.deb", "_arm64.deb"].map((end) => file(name, end)),
			);
		const { stdout } = await execute(
			"lintian",
			["--allow-root", ...checked, file("happo-node", "_amd64.deb")],
			{ maxBuffer: 1024 * 1024 },
		).catch(({ stdout }) => ({ stdout }));
		assert.doesNotMatch(stdout, /^[EW]:/m);
	});

	packageIt("the packages ask for no library newer than needed", async () => {
		const depends = async (name: string, end: string) =>
			said("dpkg-deb", ["--field", file(name, end), "Depends"]);
		for (const end of ["_amd64.deb", "_arm64.deb"])
			for (const name of names) {
				const text = await depends(name, end);
				const [, version = "0"] = /libc6 \(>= 2\.(\d+)\)/.exec(text) ?? [];
				assert.ok(Number(version) <= 28, `${name}${end}: ${text}`);
			}
		assert.match(
			await depends("happo-node", "_amd64.deb"),
			/libc6 \(>= 2\.28\)/,
		);
		const requires = await said("rpm", [
			...["--query", "--requires", "--package"],
			file("happo-node", ".x86_64.rpm"),
		]);
		assert.match(requires, /^libc\.so\.6\(GLIBC_2\.28\)\(64bit\)$/m);
	});

	packageIt(
		"after an installation the agent runs, and nothing else",
		async () => {
			await inside(
				`apt-get update -qq
			apt-get install -y -qq --no-install-recommends libstdc++6 monitoring-plugins-basic bash-completion libcap2-bin logrotate man-db iproute2 rpm`,
				{ online: true },
			);
			await inside("mkdir /root/packages");
			for (const [name, path] of [
				...names.map((name) => {
					const path = file(name, "_amd64.deb");
					return [basename(path), path] as const;
				}),
				["earlier.deb", earlier],
				["first.deb", first],
			] as const)
				await machine.write(`/root/packages/${name}`, await readFile(path));
			installedBefore = await everything();
			await inside(
				"cd /root/packages && apt-get install -y -qq ./happo-node*.deb ./earlier.deb",
			);
			assert.equal(await shown("ActiveState"), "active");
			assert.equal(
				await inside(
					"stat --format %U /proc/$(systemctl show --property MainPID --value happo-agent)",
				),
				"happo-agent",
			);
			assert.equal(
				await inside(
					`stat --format '%a %U %G %n' /etc/happo /etc/happo/metrics.yaml /etc/happo/policy.yaml /etc/default/happo-agent.env \\
				/var/lib/happo-agent /var/lib/happo-agent/key-pair/happo-agent.key /var/log/happo-agent`,
				),
				`755 root root /etc/happo
640 happo-agent happo-agent /etc/happo/metrics.yaml
640 root happo-agent /etc/happo/policy.yaml
640 root root /etc/default/happo-agent.env
750 happo-agent happo-agent /var/lib/happo-agent
600 happo-agent happo-agent /var/lib/happo-agent/key-pair/happo-agent.key
750 happo-agent happo-agent /var/log/happo-agent`,
			);
		},
	);
	packageIt(
		"an upgrade keeps what was changed, and restarts the agent",
		async () => {
			const pid = await shown("MainPID");
			await inside(
				`sed -i 's/^#HAPPO_AGENT_LOG_LEVEL=.*/HAPPO_AGENT_LOG_LEVEL=info/' /etc/default/happo-agent.env
			sed -i 's/hostname:.*/hostname: changed/' /etc/happo/metrics.yaml
			chmod 600 /etc/happo/metrics.yaml
			cp /var/lib/happo-agent/key-pair/happo-agent.key /root/packages/key`,
			);
			await inside(
				"cd /root/packages && apt-get install -y -qq -o Dpkg::Options::=--force-confold ./happo-agent_*.deb ./happo-check_*.deb ./happo-collector_*.deb",
			);
			assert.notEqual(await shown("MainPID"), pid);
			assert.equal(await shown("ActiveState"), "active");
			assert.equal(
				await inside(
					"systemctl is-enabled happo-agent.service happo-agent.socket; systemctl is-active happo-agent.socket",
				),
				"enabled\nenabled\nactive",
			);
			assert.equal(
				await inside(
					`grep -c ^HAPPO_AGENT_LOG_LEVEL=info /etc/default/happo-agent.env
				grep -c 'hostname: changed' /etc/happo/metrics.yaml
				stat --format %a /etc/happo/metrics.yaml
				cmp /var/lib/happo-agent/key-pair/happo-agent.key /root/packages/key && echo same`,
				),
				"1\n1\n600\nsame",
			);
		},
	);

	packageIt("checks are answered, also by Debian's plugins", async () => {
		const monitor = (words: string) =>
			inside(`check_happo monitor -H 127.0.0.1 ${words} || test $? -lt 3`);
		assert.match(
			await monitor("-p check_load_average -o '-w 900 -c 900'"),
			/^LOAD OK/,
		);
		assert.match(await monitor("-p check_load -o '-w 900 -c 900'"), /OK/);
		assert.match(await inside("happo-ctl status"), / 2\.\d+\.\d+ /);
		assert.match(
			await inside("/usr/lib/nagios/plugins/check_happo --version"),
			/^check_happo version/,
		);
		await eventually(
			"the first pass of metrics_linux is stored",
			async () =>
				(await machine.bash("happo-ctl metric -o graphite")).output.includes(
					"changed.linux.loadavg.load1 ",
				),
			90_000,
		);
	});

	packageIt(
		"the policy lets this machine run a few checks, and nothing else",
		async () => {
			assert.match(
				await inside("happo-ctl policy check /etc/happo/policy.yaml"),
				/: valid/,
			);
			const check = async (words: string) =>
				(await machine.bash(`check_happo monitor -H 127.0.0.1 ${words}`))
					.output;
			for (const [plugin, options] of [
				["check_disk", "-w 1 -c 1 -p /"],
				["check_users", "-w 5000 -c 10000"],
				["check_procs", "-w 50000 -c 60000"],
				["check_swap", "-w 1% -c 1%"],
			] as const)
				assert.match(
					await check(`-p ${plugin} -o '${options}'`),
					/^[A-Z]+ (OK|CRITICAL|WARNING)/,
					plugin,
				);
			for (const words of [
				"-p check_dummy -o 0",
				"-p check_load -o '-w 1; id'",
				"-p check_disk -o '-w 1 -c 1 -p /root/../etc'",
			])
				assert.match(await check(words), /^UNKNOWN.*not permitted: /, words);
			const { status } = await machine.bash(
				"happo-ctl inventory -H 127.0.0.1 id",
			);
			assert.notEqual(status, 0);
		},
	);

	packageIt("a plugin sees nothing of the private Node", async () => {
		await machine.write(
			"/usr/lib/nagios/plugins/check_environment",
			"#!/bin/sh\n/usr/bin/env\n",
		);
		const output = await inside(
			`chmod 755 /usr/lib/nagios/plugins/check_environment
			sed -i.old 's/^commands:$/commands:\\n  environment: { run: [check_environment] }/' /etc/happo/policy.yaml
			systemctl restart happo-agent
			check_happo monitor -H 127.0.0.1 -p check_environment
			mv /etc/happo/policy.yaml.old /etc/happo/policy.yaml
			systemctl restart happo-agent
			rm /usr/lib/nagios/plugins/check_environment`,
		);
		const variables = new Map(
			output.split("\n").map((line) => {
				const at = line.indexOf("=");
				return [line.slice(0, at), line.slice(at + 1)];
			}),
		);
		assert.equal(
			variables.get("PATH"),
			"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		);
		assert.deepEqual(
			[...variables.keys()].filter(
				(name) =>
					// those of systemd, of the shell that prints them, and of the locale
					!/^(PATH|HOME|USER|LOGNAME|SHELL|LANG|LC_[A-Z]+|PWD|INVOCATION_ID|JOURNAL_STREAM|SYSTEMD_EXEC_PID|(STATE|LOGS|CONFIGURATION|RUNTIME)_DIRECTORY)$/.test(
						name,
					),
			),
			[],
		);
	});

	packageIt("units, man pages, completion and rotation are valid", async () => {
		const { output } = await machine.bash(
			"systemd-analyze verify /usr/lib/systemd/system/happo-*",
		);
		assert.equal(output, "");
		assert.match(
			await inside(
				"for page in happo-agent happo-ctl check_happo; do MANPAGER=cat man $page | head -4; done",
			),
			/HAPPO-AGENT\(8\)[\s\S]*HAPPO-CTL\(1\)[\s\S]*CHECK_HAPPO\(1\)/,
		);
		// as bash asks for the words after "happo-ctl policy ch"
		assert.equal(
			await inside(
				`. /usr/share/bash-completion/bash_completion
				_completion_loader happo-ctl || true
				complete -p happo-ctl | grep -o _happo_ctl
				COMP_LINE='happo-ctl policy ch' COMP_POINT=19
				COMP_WORDS=(happo-ctl policy ch) COMP_CWORD=2
				_happo_ctl happo-ctl ch policy
				echo "\${COMPREPLY[*]}"`,
			),
			"_happo_ctl\ncheck",
		);
		assert.equal(
			await inside(
				`sed -i 's/^HAPPO_AGENT_LOGFILE=.*/HAPPO_AGENT_LOGFILE=\\/var\\/log\\/happo-agent\\/happo-agent.log/' /etc/default/happo-agent.env
				systemctl restart happo-agent
				logrotate --force --state /root/rotated /etc/logrotate.d/happo-agent
				sed -i 's/^HAPPO_AGENT_LOGFILE=.*/HAPPO_AGENT_LOGFILE=-/' /etc/default/happo-agent.env
				# a line for the new file
				systemctl restart happo-agent
				grep -c 'happo-agent .* stopped: SIGTERM' /var/log/happo-agent/happo-agent.log
				grep -c 'happo-agent .* started' /var/log/happo-agent/happo-agent.log.1
				stat --format '%a %U %G' /var/log/happo-agent/happo-agent.log
				rm -r /var/log/happo-agent /root/rotated
				systemd-tmpfiles --create happo-agent.conf
				stat --format '%a %U %G' /var/log/happo-agent
				systemd-sysusers happo-agent.conf happo-check.conf
				getent passwd happo-agent | cut -d: -f5-`,
			),
			`1
1
640 happo-agent happo-agent
750 happo-agent happo-agent
happo-agent, monitoring agent:/var/lib/happo-agent:/usr/sbin/nologin`,
		);
		// the broker needs options first
		assert.equal(
			await inside(
				"systemctl is-enabled happo-agent happo-broker.socket happo-nagios-worker happo-collector || true",
			),
			"enabled\ndisabled\ndisabled\ndisabled",
		);
	});

	/** Adds commands to the policy, and a plugin, until the function has ended. */
	const withCommands = async (
		commands: string,
		use: () => Promise<void>,
	): Promise<void> => {
		await inside(
			`cp --preserve /etc/happo/policy.yaml /root/policy.yaml
			sed -i 's/^commands:$/commands:\\n${commands}/' /etc/happo/policy.yaml
			systemctl reload happo-agent`,
		);
		await use();
		await inside(
			`cp --preserve /root/policy.yaml /etc/happo/policy.yaml
			rm /root/policy.yaml
			systemctl reload happo-agent`,
		);
	};

	packageIt(
		"restarts while checks run: none is refused, and none is lost",
		async () => {
			const plugins = "/usr/lib/nagios/plugins";
			await machine.write(`${plugins}/check_slow`, "#!/bin/sh\nsleep 4\n");
			await machine.write(`${plugins}/check_fast`, "#!/bin/sh\n");
			await inside(`chmod 755 ${plugins}/check_slow ${plugins}/check_fast`);
			assert.equal(await shown("TimeoutStopUSec"), "30s");
			assert.equal(await shown("KillMode"), "mixed");
			const names = ["check_slow", "check_fast", "check_fast", "check_fast"];
			let restarts = 0;
			await withCommands(
				"  slow: { run: [check_slow] }\\n  fast: { run: [check_fast] }",
				async () => {
					let isOver = false;
					const asking = machine
						.client(process.execPath, [
							join(root, "build/test/support/check-load.js"),
							...["6777", "200", "100", ...names],
						])
						.finally(() => {
							isOver = true;
						});
					const pids = new Set<string>();
					for (; !isOver; restarts++) {
						// more in two minutes than systemd counts as sound
						await inside(
							"systemctl reset-failed happo-agent\nsystemctl restart happo-agent",
						);
						pids.add(await shown("MainPID"));
					}
					const { output } = await asking;
					const { answered, failures } = JSON.parse(output) as CheckLoad;
					assert.deepEqual(
						{ answered, failures },
						{ answered: 200, failures: [] },
					);
					assert.equal(pids.size, restarts);
				},
			);
			assert.ok(restarts >= 3, `${restarts} restarts`);
			await inside(`rm ${plugins}/check_slow ${plugins}/check_fast`);
		},
	);

	packageIt(
		"doctor finds what the hardened unit breaks, and how to mend it",
		async () => {
			const dropIns = "/etc/systemd/system/happo-agent.service.d";
			const examined = async () => {
				const { output } = await machine.bash("happo-ctl doctor --output json");
				const { trials, findings } = JSON.parse(output);
				type Entry = Record<string, string>;
				return {
					statuses: trials.find(({ command }: Entry) => command === "icmp"),
					broken: findings.filter(({ area }: Entry) => area === "commands"),
				};
			};
			const restarted =
				"systemctl daemon-reload\nsystemctl restart happo-agent";
			const monitor = async (words: string) =>
				(await machine.bash(`check_happo monitor -H 127.0.0.1 ${words}`))
					.output;
			await inside("setcap cap_net_raw+ep /usr/lib/nagios/plugins/check_icmp");
			await withCommands(
				"  icmp: { run: [check_icmp, -H, 127.0.0.1] }",
				async () => {
					const now = await examined();
					assert.equal(now.statuses.outside.status, 0, JSON.stringify(now));
					assert.equal(now.statuses.unit.status, 0);
					assert.equal(now.statuses.drop_in.status, 126);
					// every other command of the policy works there, too
					assert.deepEqual(
						now.broken.map(({ where, level }: Record<string, string>) => [
							where,
							level,
						]),
						[["command icmp", "note"]],
					);
					assert.match(
						now.broken[0].what,
						/the capability CAP_NET_RAW, which CapabilityBoundingSet= takes away/,
					);
					assert.match(await monitor("-p icmp"), /^OK/);
					const [, ...harden] = hardening?.lines ?? [];
					await inside(
						`${harden.join("\n")}
						check_happo monitor -H 127.0.0.1 -p check_load_average -o '-w 900 -c 900'
						check_happo monitor -H 127.0.0.1 -p check_disk -o '-w 1 -c 1 -p /'
						grep -x 'NoNewPrivs:	1' /proc/$(systemctl show --property MainPID --value happo-agent)/status`,
					);
					assert.match(await monitor("-p icmp"), /Operation not permitted/);
					const hardened = await examined();
					assert.equal(hardened.statuses.unit.status, 126);
					assert.equal(hardened.broken[0].level, "problem");
					const [, lines = ""] =
						/others: (.*), which all plugins/.exec(hardened.broken[0].remedy) ??
						[];
					const settings = lines.split(" and ");
					assert.equal(settings.length, 2, hardened.broken[0].remedy);
					await machine.write(
						`${dropIns}/icmp.conf`,
						`[Service]\n${settings.join("\n")}\n`,
					);
					await inside(restarted);
					assert.match(await monitor("-p icmp"), /^OK/);
					assert.deepEqual((await examined()).broken, []);
					await inside(`rm -r ${dropIns}\n${restarted}`);
				},
			);
		},
	);

	packageIt("a new address means a new certificate", async () => {
		const key = "/var/lib/happo-agent/key-pair/happo-agent.key";
		const sums = async () =>
			(await inside(`sha256sum ${key} ${key.replace(".key", ".pub")}`)).split(
				"\n",
			);
		const before = await sums();
		await inside("ip address add 192.0.2.77 dev lo");
		await eventually(
			"the certificate is renewed",
			async () => (await sums())[1] !== before[1],
			30_000,
		);
		assert.equal((await sums())[0], before[0], "the key stays");
		assert.match(
			await inside("journalctl --unit happo-agent --output cat"),
			/renewed with the same key, as this machine is now also 192\.0\.2\.77/,
		);
	});

	packageIt(
		"a copy of the machine has a key pair and a name of its own",
		async () => {
			const pair = "/var/lib/happo-agent/key-pair/happo-agent";
			const key = await inside(`sha256sum ${pair}.key`);
			// as of an image whose agent has run, and as the package ships metrics.yaml
			await inside(
				`systemctl stop happo-agent.service happo-agent.socket
				cp --preserve /etc/happo/metrics.yaml /root/metrics.yaml
				cat /usr/share/happo-agent/metrics.yaml >/etc/happo/metrics.yaml
				cat /etc/machine-id >/root/machine-id
				tr 0-9a-f 1-9a-f0 </root/machine-id >/etc/machine-id
				hostname web02
				sed -i 's/web01/web02/g' /etc/hosts
				systemctl start happo-agent`,
			);
			assert.notEqual(await inside(`sha256sum ${pair}.key`), key);
			assert.match(
				// the journal of the former machine is another one
				await inside("journalctl --merge --unit happo-agent --output cat"),
				/as the one before was made on another machine/,
			);
			await inside(
				`happo-ctl -H web02.example.net --ca-file ${pair}.pub monitor check_load -w 900,900,900 -c 900,900,900`,
			);
			const { status } = await machine.bash(
				`echo 127.0.0.1 web01.example.net >>/etc/hosts
				happo-ctl -H web01.example.net --ca-file ${pair}.pub status`,
			);
			assert.notEqual(status, 0, "the certificate has the former name, too");
			await eventually(
				"metrics come under the new name",
				async () =>
					(await machine.bash("happo-ctl metric -o graphite")).output.includes(
						"web02.linux.loadavg.load1 ",
					),
				90_000,
			);
			// one of an administrator wins, and ours stays as it is
			const ours = await inside(`sha256sum ${pair}.key ${pair}.pub`);
			await inside(
				`cp ${pair}.key ${pair}.pub /etc/happo/
			chown root:happo-agent /etc/happo/happo-agent.key
			chmod 640 /etc/happo/happo-agent.key
			systemctl restart happo-agent`,
			);
			const shownStatus = JSON.parse(
				await inside("happo-ctl status --output json"),
			);
			assert.equal(
				shownStatus[0].data.certificate.file,
				"/etc/happo/happo-agent.pub",
			);
			assert.equal(await inside(`sha256sum ${pair}.key ${pair}.pub`), ours);
			await inside(
				`rm /etc/happo/happo-agent.pub /etc/happo/happo-agent.key
				cp --preserve /root/metrics.yaml /etc/happo/
				cat /root/machine-id >/etc/machine-id
				rm /root/metrics.yaml /root/machine-id
				hostname web01
				sed -i 's/web02/web01/g; /^127.0.0.1 web01/d' /etc/hosts
				systemctl restart happo-agent`,
			);
		},
	);

	packageIt(
		"a file that must be changed first causes no restarts",
		async () => {
			await inside(
				`echo no key >/etc/happo/happo-agent.key
			echo no certificate >/etc/happo/happo-agent.pub`,
			);
			const { status } = await machine.bash("systemctl restart happo-agent");
			assert.notEqual(status, 0);
			assert.equal(await shown("ActiveState"), "failed");
			assert.equal(await shown("ExecMainStatus"), "78");
			assert.equal(await shown("NRestarts"), "0");
			// no connection waits for it, or starts it again
			const { output } = await machine.bash(
				"for i in 1 2 3; do check_happo monitor -H 127.0.0.1 -p check_load; done",
			);
			assert.match(output, /^(?:.*connection refused.*\n){3}$/i);
			assert.equal(
				await inside("systemctl is-active happo-agent.socket || true"),
				"inactive",
			);
			// nor does one that has waited while the agent was stopped
			await inside(
				`mv /etc/happo/happo-agent.key /etc/happo/happo-agent.pub /root
				systemctl start happo-agent
				systemctl stop happo-agent.service
				mv /root/happo-agent.key /root/happo-agent.pub /etc/happo`,
			);
			await machine.bash("check_happo monitor -H 127.0.0.1 -p check_load");
			await eventually(
				"the agent has failed",
				async () => (await shown("ActiveState")) === "failed",
			);
			assert.equal(await shown("NRestarts"), "0");
			assert.equal(
				await inside(
					"journalctl --unit happo-agent --output cat | grep -c 'Scheduled restart' || true",
				),
				"0",
			);
			await inside(
				`rm /etc/happo/happo-agent.key /etc/happo/happo-agent.pub
				systemctl start happo-agent
				systemctl is-active happo-agent.socket
				check_happo monitor -H 127.0.0.1 -p check_load_average -o '-w 900 -c 900'`,
			);
		},
	);

	/** Purges the packages; nothing is left of them. */
	const purge = async () => {
		await inside(
			`apt-get purge -y -qq $(dpkg-query --show --showformat '\${Package} ' 'happo-*')`,
		);
		const left = await everything();
		assert.deepEqual(
			left.filter((line) => !installedBefore.includes(line)),
			[],
		);
		assert.deepEqual(
			installedBefore.filter((line) => !left.includes(line)),
			[],
		);
	};
	packageIt("removed and purged, nothing is left", async () => {
		await inside(`apt-get remove -y -qq ${names.join(" ")}`);
		assert.match(
			await inside("ls /etc/default/happo-agent.env /var/lib/happo-agent"),
			/happo-agent\.env/,
		);
		await purge();
	});

	packageIt(
		"an upgrade from a package without the socket keeps port and address, and says so",
		async () => {
			const check = async (port: number) =>
				(
					await machine.bash(
						`check_happo monitor -H 127.0.0.1 -P ${port} -p check_load_average -o '-w 900 -c 900'`,
					)
				).output;
			await inside(
				`cd /root/packages
				apt-get install -y -qq ./happo-node*.deb ./first.deb
				sed -i 's/^#HAPPO_AGENT_PORT=.*/HAPPO_AGENT_PORT=7000/; s/^#HAPPO_AGENT_LISTEN_ADDRESS=.*/HAPPO_AGENT_LISTEN_ADDRESS=127.0.0.1/' /etc/default/happo-agent.env
				systemctl restart happo-agent`,
			);
			assert.equal(
				await inside("systemctl is-enabled happo-agent.socket || true"),
				"disabled",
			);
			const told = await inside(
				"cd /root/packages && apt-get install -y -qq -o Dpkg::Options::=--force-confold ./happo-agent_*.deb ./happo-check_*.deb",
			);
			assert.match(
				told,
				/^happo-agent: HAPPO_AGENT_PORT is 7000, HAPPO_AGENT_LISTEN_ADDRESS is 127\.0\.0\.1: \/etc\/systemd\/system\/happo-agent\.socket\.d\/port\.conf has happo-agent\.socket listen there$/m,
			);
			assert.equal(
				await inside(
					"systemctl is-active happo-agent.service happo-agent.socket; ss --no-header -Hltn | awk '{ print $4 }'",
				),
				"active\nactive\n127.0.0.1:7000",
			);
			assert.match(await check(7000), /^LOAD OK/);
			// what the administrator has made of it stays at the next upgrade
			const drop = "/etc/systemd/system/happo-agent.socket.d/port.conf";
			await inside(
				`sed -i 's/127.0.0.1:7000/127.0.0.1:7001/' ${drop}
				sed -i 's/^HAPPO_AGENT_PORT=.*/HAPPO_AGENT_PORT=7001/' /etc/default/happo-agent.env
				systemctl daemon-reload
				systemctl stop happo-agent.service happo-agent.socket
				systemctl start happo-agent.service
				cd /root/packages && apt-get install -y -qq --reinstall -o Dpkg::Options::=--force-confold ./happo-agent_*.deb
				grep 127.0.0.1:7001 ${drop}`,
			);
			assert.match(await check(7001), /^LOAD OK/);
			// and a socket that was disabled stays disabled
			await inside(
				`systemctl disable --now happo-agent.socket
				cd /root/packages && apt-get install -y -qq --reinstall -o Dpkg::Options::=--force-confold ./happo-agent_*.deb
				! systemctl is-active happo-agent.socket`,
			);
			assert.match(await check(7001), /^LOAD OK/);
			await purge();
		},
	);

	packageIt("the commands of the documents install it", async () => {
		assert.deepEqual(
			blocks
				.filter(({ document }) => document === "README.md")
				.map(({ lines }) => lines),
			[[`${buildLine} && ${installLine}`]],
		);
		assert.equal(buildLine, "npm run package");
		const [questions, access] = afterwards.map((lines) => lines.join("\n"));
		assert.ok(questions && access && afterwards.length === 2);
		await inside(
			`mkdir -p /root/clone/build
			ln -s /root/packages /root/clone/build/packages
			rm /root/packages/{earlier,first}.deb
			cd /root/clone
			${installLine}
			cd /
			rm -r /root/clone`,
		);
		// doctor finds that nobody synchronises the clock
		const { output } = await machine.bash(questions);
		assert.match(output, /^HOST[^\n]*\nlocalhost +2\./);
		assert.match(output, /^LOAD OK/m);
		assert.match(
			output,
			/PROBLEM timedatectl[\s\S]*\n6 commands of the policy ran, 0 did not/,
		);
		assert.match(output, /\n1 problem, 0 unknown, 0 notes/);
		const other = "192.0.2.10";
		const ask = async () =>
			(
				await machine.bash(
					`happo-ctl -H ${other} --ca-file /var/lib/happo-agent/key-pair/happo-agent.pub monitor check_load -w 500,400,300 -c 600,500,400`,
				)
			).output;
		await inside(`ip address add ${other} dev lo`);
		// the certificate gets the new address, and the agent loads it
		const isAnswered = (pattern: RegExp) =>
			eventually(
				String(pattern),
				async () => pattern.test(await ask()),
				40_000,
			);
		await isAnswered(/Access Denied|403/);
		await inside(access);
		await isAnswered(/^LOAD OK/);
		await inside(`ip address delete ${other}/32 dev lo`);
		await purge();
	});

	packageIt(
		"the rpm installs, upgrades and leaves as rpm expects it",
		async () => {
			const packages = names.map((name) => file(name, ".x86_64.rpm"));
			await said("rpm", ["--checksig", ...packages]);
			await inside("mkdir /root/rpm");
			for (const path of packages)
				await machine.write(
					`/root/rpm/${basename(path)}`,
					await readFile(path),
				);
			// rpm knows nothing of Debian's packages, and its scripts run here as elsewhere
			const rpm = "rpm --nodeps --force-debian";
			await inside(`${rpm} --install /root/rpm/*.rpm`);
			assert.equal(await inside(`${rpm} --verify ${names.join(" ")}`), "");
			await inside(
				`systemctl enable --now happo-agent
			/usr/lib64/nagios/plugins/check_happo monitor -H 127.0.0.1 -p check_load_average -o '-w 900 -c 900'
			happo-ctl status`,
			);
			const pid = await shown("MainPID");
			await inside(
				`sed -i 's/^#HAPPO_AGENT_LOG_LEVEL=.*/HAPPO_AGENT_LOG_LEVEL=info/' /etc/default/happo-agent.env
			${rpm} --upgrade --replacepkgs /root/rpm/*.rpm
			grep ^HAPPO_AGENT_LOG_LEVEL=info /etc/default/happo-agent.env`,
			);
			assert.notEqual(await shown("MainPID"), pid);
			assert.equal(await shown("ActiveState"), "active");
			await inside(`${rpm} --erase ${names.toReversed().join(" ")}`);
			assert.equal(
				await inside(
					`systemctl show --property LoadState --value happo-agent
				ls /usr/lib/happo /usr/bin/happo-ctl /etc/alternatives/happo-ctl 2>/dev/null || true`,
				),
				"not-found",
			);
		},
	);

	packageIt("the agent for arm64 answers a check", async () => {
		const at = join(directory, "arm64");
		for (const name of names)
			await said("dpkg-deb", ["--extract", file(name, "_arm64.deb"), at]);
		const sysroot = "/usr/aarch64-linux-gnu";
		const daemon = startProgram(
			scope,
			[
				...["daemon", "--own-key-pair", join(at, "keys")],
				...["--public-key", join(at, "none.pub")],
				...["--private-key", join(at, "none.key")],
				...["--listen-address", "127.0.0.1", "--port", "0"],
				...["--logfile", "-", "--dbfile", join(at, "store")],
				...["--disable-collect-metrics", "--command-engine", "native"],
			],
			{
				node: "qemu-aarch64-static",
				nodeFlags: ["-L", sysroot, join(at, "usr/lib/happo/node")],
				program: join(at, "usr/lib/happo/agent/dist/happo-agent.js"),
			},
		);
		const [, port] = await daemon.printed(/listening on .* port (\d+)/);
		const check = { plugin_name: "check_load_average" };
		const { json } = await post(Number(port), "/monitor", {
			...check,
			plugin_option: "-w 9000 -c 9000",
		});
		assert.match((json as { message: string }).message, /^LOAD OK/);
		const { json: status } = await send({
			port: Number(port),
			path: "/status",
		});
		assert.equal(
			(status as { commands: { engine: string } }).commands.engine,
			"native",
		);
		daemon.process.kill("SIGTERM");
		assert.equal((await daemon.exited).code, 0);
		// the native client starts; the Node that it wants is not in this root
		const { stdout } = await execute("qemu-aarch64-static", [
			...[join(at, "usr/lib/happo/check/dist/check_happo"), "--version"],
		]).catch(({ stdout }) => ({ stdout }));
		assert.equal(
			stdout,
			"UNKNOWN(check_happo): /usr/lib/happo/node: No such file or directory\n",
		);
	});
});
