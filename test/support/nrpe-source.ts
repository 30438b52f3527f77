import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { missingNrpe } from "./nrpe.ts";

const run = promisify(execFile);

/** Programs that build NRPE from its source package. */
const builders = ["/usr/bin/apt-get", "/usr/bin/gcc", "/usr/bin/make"];

/** Why NRPE cannot be built here; undefined if it can. */
export const missingToBuildNrpe =
	missingNrpe ??
	(process.getuid?.() === 0 ? undefined : "only root gets source packages") ??
	builders
		.filter((file) => !existsSync(file))
		.map((file) => `${file} is not installed`)
		.at(0);

/** A daemon that was built before, to save the time. */
const built = process.env.HAPPO_TEST_NRPE;

/**
 * Builds the NRPE daemon of Debian's source package with `--enable-command-args`, without TLS. What
 * it does with requests and commands is the same code as in Debian's own.
 * @returns the daemon's file
 */
export async function buildNrpe(directory: string): Promise<string> {
	if (built !== undefined) return built;
	const at = (name: string) => join(directory, name);
	await mkdir(at("lists/partial"), { recursive: true });
	await writeFile(
		at("source.list"),
		"deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian bookworm main\n",
	);
	const apt = (...words: readonly string[]) =>
		run(
			"apt-get",
			[
				...["-qq", "-o", `Dir::Etc::sourcelist=${at("source.list")}`],
				...["-o", "Dir::Etc::sourceparts=-"],
				...["-o", `Dir::State::lists=${at("lists")}`],
				...["-o", "APT::Sandbox::User=root", ...words],
			],
			{ cwd: directory, timeout: 60_000 },
		);
	await apt("update");
	await apt("source", "--download-only", "nagios-nrpe");
	const names = await readdir(directory);
	const archive = names.find((name) => name.endsWith(".orig.tar.gz")) ?? "";
	await run("tar", ["xf", archive, "--strip-components=1"], { cwd: directory });
	const options = { cwd: directory, timeout: 150_000 };
	await run("./configure", ["--enable-command-args", "--disable-ssl"], options);
	await run("make", ["-s", "-C", "src", "nrpe"], options);
	return at("src/nrpe");
}
