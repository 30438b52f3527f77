import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { startProgram } from "../support/daemon.ts";
import {
	bootDebian,
	type DebianMachine,
	missingForDebian,
} from "../support/debian-machine.ts";
import { eventually } from "../support/eventually.ts";
import { post, send } from "../support/https.ts";
import { lacksPeer } from "../support/peer.ts";
import { createScope } from "../support/scope.ts";
import { temporaryDirectory } from "../support/temporary.ts";

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

/** Why the packages cannot be built here; undefined if they can. */
async function missingForPackages() {
	for (const program of [
		...["dpkg-deb", "rpmbuild", "rpm", "lintian", "readelf", "cc"],
		...["aarch64-linux-gnu-gcc", "qemu-aarch64-static"],
	])
		try {
			await execute("sh", ["-c", `command -v ${program}`]);
		} catch {
			return `not installed: ${program}`;
		}
	try {
		await execute("npm", ["ping", "--fetch-retries=0"], { timeout: 15_000 });
	} catch {
		return "no npm registry";
	}
	return undefined;
}

/** Builds packages in a clone; returns their files. */
async function build(
	output: string,
	args: readonly string[],
	{ cwd = root, environment = {} } = {},
) {
	const told = await said(
		process.execPath,
		["contrib/packaging/package.mjs", "--quick", "--output", output, ...args],
		{ cwd, env: { ...process.env, ...environment } },
	);
	return told.split("\n");
}

/**
 * happo-agent as an earlier commit packages it: one of the last 20 that changed the packages, the
 * oldest that can be built with the packages of npm that are installed here. In a clone without
 * history it is this commit's, with an older version.
 */
async function buildEarlier(directory: string): Promise<string> {
	const only = ["--only", "happo-agent", "--format", "deb"];
	const args = [...only, "--architecture", "x64"];
	const commits = await said("git", [
		...["log", "--format=%H", "--max-count=20", "HEAD~1", "--"],
		"contrib/packaging",
	]).catch(() => "");
	const oldest = commits.split("\n").filter((commit) => commit !== "");
	const clone = join(directory, "clone");
	if (oldest.length > 0) {
		await said("git", ["clone", "--quiet", "--no-checkout", root, clone]);
		// esbuild would follow a link, and find packages that are not in the lock file
		const copy = ["--archive", join(root, "node_modules"), `${clone}/`];
		await said("cp", ["--link", ...copy]).catch(() => said("cp", copy));
	}
	for (const commit of oldest.reverse().slice(0, 3))
		try {
			await said("git", ["checkout", "--quiet", commit], { cwd: clone });
			const [file = ""] = await build(directory, args, { cwd: clone });
			return file;
		} catch {
			// it needs other packages of npm, or was not complete
		}
	const environment = { HAPPO_PACKAGE_VERSION: "2.0.0~git2020" };
	const [file = ""] = await build(directory, args, { environment });
	return file;
}

const hash = async (file: string) =>
	createHash("sha256")
		.update(await readFile(file))
		.digest("hex");

describe("packages of the system", { concurrency: false }, async () => {
	const scope = createScope();
	const missing = (await missingForDebian()) ?? (await missingForPackages());
	const packageIt = (name: string, check: () => Promise<void>) =>
		it(name, async (t) => {
			if (!lacksPeer(t, missing)) await check();
		});
	let directory = "";
	let files: string[] = [];
	let earlier = "";
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
		(
			await inside(
				`find /etc /opt /root /srv /usr /var -xdev \\( -path /var/cache -o -path /var/log -o -path /var/lib/apt \\
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
		for (const name of ["first", "second", "earlier"]) await mkdir(at(name));
		const building = async () => {
			files = [
				...(await build(at("first"), ["--architecture", "x64"])),
				...(await build(at("first"), [
					...["--architecture", "arm64", "--format", "deb"],
				])),
			];
			earlier = await buildEarlier(at("earlier"));
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
		assert.equal(again.length, 6);
		for (const path of again)
			assert.equal(
				await hash(path),
				await hash(join(directory, "first", basename(path))),
				basename(path),
			);
	});

	packageIt("lintian finds no error", async () => {
		const checked = ["happo-agent", "happo-check"].flatMap((name) =>
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
			for (const name of ["happo-node", "happo-agent", "happo-check"]) {
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
			file("happo-node", ".rpm"),
		]);
		assert.match(requires, /^libc\.so\.6\(GLIBC_2\.28\)\(64bit\)$/m);
	});

	packageIt(
		"after an installation the agent runs, and nothing else",
		async () => {
			await inside(
				`apt-get update -qq
			apt-get install -y -qq --no-install-recommends libstdc++6 monitoring-plugins-basic bash-completion logrotate man-db iproute2 rpm`,
				{ online: true },
			);
			await inside("mkdir /root/packages");
			for (const path of [
				...["happo-node", "happo-agent", "happo-check"].map((name) =>
					file(name, "_amd64.deb"),
				),
				earlier,
			])
				await machine.write(
					`/root/packages/${path === earlier ? "earlier.deb" : basename(path)}`,
					await readFile(path),
				);
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
				"cd /root/packages && apt-get install -y -qq ./happo-agent_*.deb ./happo-check_*.deb",
			);
			assert.notEqual(await shown("MainPID"), pid);
			assert.equal(await shown("ActiveState"), "active");
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
		assert.match(
			await inside(
				`. /usr/share/bash-completion/bash_completion
				_completion_loader happo-ctl || true
				complete -p happo-ctl`,
			),
			/_happo_ctl/,
		);
		await inside("logrotate --debug /etc/logrotate.d/happo-agent");
		// the broker needs options first
		assert.equal(
			await inside(
				"systemctl is-enabled happo-agent happo-broker.socket happo-nagios-worker || true",
			),
			"enabled\ndisabled\ndisabled",
		);
	});

	packageIt("the hardened unit still answers checks", async () => {
		await inside(
			`mkdir -p /etc/systemd/system/happo-agent.service.d
			ln -s /usr/share/happo-agent/hardening.conf /etc/systemd/system/happo-agent.service.d/
			systemctl daemon-reload
			systemctl restart happo-agent
			check_happo monitor -H 127.0.0.1 -p check_load_average -o '-w 900 -c 900'
			check_happo monitor -H 127.0.0.1 -p check_disk -o '-w 1 -c 1 -p /'`,
		);
		assert.equal(
			await inside(
				`grep NoNewPrivs: /proc/$(systemctl show --property MainPID --value happo-agent)/status
				rm -r /etc/systemd/system/happo-agent.service.d
				systemctl daemon-reload
				systemctl restart happo-agent`,
			),
			"NoNewPrivs:\t1",
		);
	});

	packageIt(
		"a copy of the machine gets a key pair of its own, a new address a new certificate",
		async () => {
			const key = "/var/lib/happo-agent/key-pair/happo-agent.key";
			const pub = async () =>
				inside(`sha256sum ${key.replace(".key", ".pub")} ${key}`);
			const before = await pub();
			await inside("ip address add 192.0.2.77 dev lo");
			await eventually(
				"the certificate is renewed",
				async () => (await pub()) !== before,
				30_000,
			);
			const renewed = await pub();
			assert.equal(
				renewed.split("\n")[1],
				before.split("\n")[1],
				"the key stays",
			);
			assert.match(
				await inside("journalctl --unit happo-agent --output cat"),
				/renewed with the same key, as this machine is now also 192\.0\.2\.77/,
			);
			await inside(
				`tr 0-9a-f 1-9a-f0 </etc/machine-id >/root/id && cat /root/id >/etc/machine-id && rm /root/id
			systemctl restart happo-agent`,
			);
			const copied = await pub();
			assert.notEqual(copied.split("\n")[1], renewed.split("\n")[1]);
			// one of an administrator wins, and ours stays as it is
			await inside(
				`cp /var/lib/happo-agent/key-pair/happo-agent.* /etc/happo/
			rm /etc/happo/happo-agent.json
			chown root:happo-agent /etc/happo/happo-agent.key
			chmod 640 /etc/happo/happo-agent.key
			systemctl restart happo-agent`,
			);
			const status = JSON.parse(await inside("happo-ctl status --output json"));
			assert.equal(
				status[0].data.certificate.file,
				"/etc/happo/happo-agent.pub",
			);
			await inside("rm /etc/happo/happo-agent.pub /etc/happo/happo-agent.key");
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
			await inside(
				`rm /etc/happo/happo-agent.key /etc/happo/happo-agent.pub
			systemctl restart happo-agent`,
			);
		},
	);

	packageIt("removed and purged, nothing is left", async () => {
		await inside("apt-get remove -y -qq happo-agent happo-check happo-node");
		assert.match(
			await inside("ls /etc/default/happo-agent.env /var/lib/happo-agent"),
			/happo-agent\.env/,
		);
		await inside("apt-get purge -y -qq happo-agent happo-check happo-node");
		const left = await everything();
		assert.deepEqual(
			left.filter((line) => !installedBefore.includes(line)),
			[],
		);
		assert.deepEqual(
			installedBefore.filter((line) => !left.includes(line)),
			[],
		);
	});

	packageIt(
		"the rpm installs, upgrades and leaves as rpm expects it",
		async () => {
			const packages = ["happo-node", "happo-agent", "happo-check"].map(
				(name) => file(name, ".rpm"),
			);
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
			assert.equal(
				await inside(`${rpm} --verify happo-node happo-agent happo-check`),
				"",
			);
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
			await inside(`${rpm} --erase happo-agent happo-check happo-node`);
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
		for (const name of ["happo-node", "happo-agent", "happo-check"])
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
