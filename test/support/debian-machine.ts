import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { constants, existsSync, statfsSync } from "node:fs";
import {
	access,
	mkdir,
	readdir,
	readFile,
	rmdir,
	writeFile,
} from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { promisify } from "node:util";
import { eventually } from "./eventually.ts";
import { temporaryDirectory } from "./temporary.ts";

type Test = Pick<TestContext, "after">;

const execute = promisify(execFile);

/** A command's merged output and its exit status. */
export interface Outcome {
	output: string;
	status: number;
}

/** A fresh Debian installation with systemd as PID 1, in namespaces of its own. */
export interface DebianMachine {
	/** The host's addresses, which the machine also has, so that online commands see the same. */
	readonly addresses: readonly string[];
	/**
	 * Runs a bash script as root. Its network is the machine's own, without access to the outside;
	 * with `online` it is the host's network, where packages come from.
	 */
	bash(script: string, options?: { online?: boolean }): Promise<Outcome>;
	/** Starts a program of the host in the machine's network, for clients that the machine lacks. */
	client(file: string, args: readonly string[]): Promise<Outcome>;
	/** Writes a file in the machine. */
	write(path: string, content: string | Buffer): Promise<void>;
	/** Unpacks the files of this repository, like a clone. */
	addClone(path: string): Promise<void>;
}

/** Why such a machine cannot be created here; undefined if it can. */
export async function missingForDebian(): Promise<string | undefined> {
	if (process.getuid?.() !== 0) return "not root";
	for (const program of [
		...["debootstrap", "systemd-nspawn", "unshare"],
		...["nsenter", "ip", "tar"],
	])
		try {
			await execute("sh", ["-c", `command -v ${program}`]);
		} catch {
			return `not installed: ${program}`;
		}
	const groups = controlGroups();
	if (groups === undefined) return "no control groups (v2)";
	// as in a container without --privileged
	return access(groups, constants.W_OK).then(
		() => undefined,
		() => `${groups} is read-only`,
	);
}

/** Magic number of a cgroup2 file system. */
const cgroup2 = 0x63677270;

/** The mount point of version 2 control groups; `unified` if version 1 is mounted too. */
const controlGroups = () =>
	["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].find(
		(path) => existsSync(path) && statfsSync(path).type === cgroup2,
	);

/**
 * Installs Debian into memory, prints "booting", and has systemd-nspawn boot it. Everything
 * disappears with the process. Arguments: the control group, an empty directory, the mirror, and
 * the host name.
 *
 * systemd-nspawn needs no systemd here: without --register it asks for no scope, and with
 * --keep-unit it stays in our control group. If both versions of control groups are mounted, the
 * machine gets only version 2. Its own directory is hidden, as it would leave files there. As the
 * first process of a PID namespace it takes the machine with it, however it ends.
 */
const install = `
group=$1 root=$2 mirror=$3 name=$4
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs "$root"
debootstrap --variant=minbase --include=systemd-sysv,dbus,ca-certificates bookworm "$root" "$mirror"
cp /etc/resolv.conf "$root/etc/resolv.conf"
# as Debian's installer does
echo "\${name%%.*}" >"$root/etc/hostname"
printf '127.0.0.1 localhost\\n127.0.1.1 %s %s\\n::1 localhost\\n' "$name" "\${name%%.*}" >"$root/etc/hosts"
mkdir -p /run/systemd/nspawn
mount -t tmpfs tmpfs /run/systemd/nspawn
echo 0 >"$group/cgroup.procs"
echo booting
export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1
exec unshare --pid --fork --kill-child --mount-proc systemd-nspawn --quiet --boot --register=no --keep-unit \\
	--private-network --resolv-conf=off --timezone=off --link-journal=no --hostname="\${name%%.*}" --directory="$root"`;

/** The package mirror of this host. */
async function mirror() {
	const { stdout } = await execute("apt-get", [
		"indextargets",
		...["--format", "$(REPO_URI)"],
		...["Identifier: Packages", "Codename: bookworm", "Component: main"],
	]);
	const [uri] = stdout.split("\n");
	if (!uri) throw new Error("apt knows no source of Debian 12 (bookworm)");
	return uri;
}

/** The host's npm configuration for its registry, for a file that only exists in the machine. */
async function npmSettings(certificates: string) {
	const names = ["registry", "https-proxy", "noproxy", "strict-ssl"];
	const lines: string[] = [];
	for (const name of names) {
		const { stdout } = await execute("npm", ["config", "get", name]);
		const value = stdout.trim();
		if (value !== "" && value !== "null") lines.push(`${name}=${value}`);
	}
	const { stdout } = await execute("npm", ["config", "get", "cafile"]);
	const file = stdout.trim();
	if (file === "" || file === "null") return { lines, content: undefined };
	return {
		lines: [...lines, `cafile=${certificates}`],
		content: await readFile(file),
	};
}

async function outcomeOf(
	file: string,
	args: readonly string[],
	input?: string,
): Promise<Outcome> {
	const child = spawn(file, args, {
		stdio: ["pipe", "pipe", "pipe"],
		env: { PATH: process.env.PATH },
	});
	let output = "";
	for (const stream of [child.stdout, child.stderr])
		stream.setEncoding("utf8").on("data", (text: string) => {
			output += text;
		});
	// a failing script does not read all of its input
	child.stdin.on("error", () => {}).end(input);
	const [code, signal] = await once(child, "close");
	return { output, status: code ?? signal };
}

/** Removes a control group and its children, once their processes have gone. */
async function removeGroup(path: string): Promise<void> {
	const entries = await readdir(path, { withFileTypes: true });
	for (const entry of entries)
		if (entry.isDirectory()) await removeGroup(join(path, entry.name));
	await rmdir(path);
}

/** The process ids of a process's children; none if it has gone. */
const childrenOf = async (pid: number | string | undefined) =>
	(await readFile(`/proc/${pid}/task/${pid}/children`, "utf8").catch(() => ""))
		.split(" ")
		.filter((child) => child !== "");

/** Installs and boots a machine, which disappears when the test ends. Takes a minute. */
export async function bootDebian(
	t: Test,
	{ name }: { name: string },
): Promise<DebianMachine> {
	const directory = await temporaryDirectory(t);
	const { stdout: listed } = await execute("hostname", ["-I"]);
	const addresses = listed.split(/\s+/).filter((address) => address !== "");
	const group = join(
		controlGroups() ?? "",
		`happo-agent-test-${process.pid}-${hostname()}`,
	);
	await mkdir(group);
	t.after(() =>
		eventually("the machine's processes have gone", () =>
			removeGroup(group).then(
				() => true,
				() => false,
			),
		),
	);
	const child = spawn(
		"unshare",
		[
			...["--mount", "sh", "-ec", install, "install"],
			...[group, directory, await mirror(), name],
		],
		{
			stdio: ["ignore", "pipe", "pipe"],
			env: { ...process.env, LC_ALL: "C" },
			// a group of its own, so that an installation can be stopped
			detached: true,
		},
	);
	const closed = once(child, "close");
	t.after(async () => {
		if (child.pid !== undefined && child.exitCode === null)
			process.kill(-child.pid, "SIGKILL");
		await closed;
	});
	let said = "";
	for (const stream of [child.stdout, child.stderr])
		stream.setEncoding("utf8").on("data", (text: string) => {
			said += text;
		});
	await eventually(
		"Debian is installed",
		() => {
			if (child.exitCode !== null) throw new Error(said);
			return /^booting$/m.test(said);
		},
		600_000,
	);
	let init = "";
	await eventually("systemd starts", async () => {
		if (child.exitCode !== null) throw new Error(said);
		const [nspawn] = await childrenOf(child.pid);
		for (const pid of await childrenOf(nspawn))
			if ((await readFile(`/proc/${pid}/comm`, "utf8")) === "systemd\n")
				init = pid;
		return init !== "";
	});
	const enter = ["-t", init, "-m", "-p", "-u", "-i", "-C"];
	const environment = [
		"HOME=/root",
		"TERM=dumb",
		"LANG=C.UTF-8",
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	];
	const inside = (
		args: readonly string[],
		input: string,
		network: readonly string[] = ["-n"],
	) =>
		outcomeOf(
			"nsenter",
			[...enter, ...network, "env", "-i", ...environment, ...args],
			input,
		);
	const machine: DebianMachine = {
		addresses,
		bash: (script, { online = false } = {}) =>
			inside(["bash", "-s"], script, online ? [] : undefined),
		client: (file, args) =>
			outcomeOf("nsenter", ["-t", init, "-n", file, ...args]),
		write: (path, content) =>
			writeFile(join("/proc", init, "root", path), content),
		addClone: async (path) => {
			const { status, output } = await outcomeOf("bash", [
				"-ec",
				`set -o pipefail
				mkdir -p "$1"
				git ls-files -z | tar --create --null --verbatim-files-from --files-from=- --owner=0 --group=0 |
					tar --extract --directory="$1"`,
				"bash",
				join("/proc", init, "root", path),
			]);
			if (status !== 0) throw new Error(output);
		},
	};
	for (const address of addresses) {
		const { output, status } = await machine.client("ip", [
			...["address", "add", address, "dev", "lo"],
		]);
		if (status !== 0) throw new Error(output);
	}
	await eventually(
		"systemd has started everything",
		async () =>
			/^(running|degraded)$/m.test(
				(await machine.bash("systemctl is-system-running")).output,
			),
		60_000,
	);
	const certificates = "/etc/ssl/npm-registry.pem";
	const { lines, content } = await npmSettings(certificates);
	await machine.write("/root/.npmrc", `${lines.join("\n")}\n`);
	if (content) await machine.write(certificates, content);
	const { stdout } = await execute("apt-config", ["dump", "Acquire"]);
	const proxies = stdout
		.split("\n")
		.filter((line) => /^Acquire::https?::Proxy/i.test(line));
	await machine.write("/etc/apt/apt.conf.d/90proxy", `${proxies.join("\n")}\n`);
	return machine;
}
