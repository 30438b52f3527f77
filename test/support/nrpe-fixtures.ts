import { chmod, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

const fixtures = join(process.cwd(), "test/fixtures/nrpe");

/** A call of a fixture, and the reason for which it is refused; undefined if it runs. */
export interface FixtureCall {
	request: string;
	refused: string | undefined;
}

/** Where the programs of the fixtures are. */
export interface FixturePlaces {
	/** Directory of plugins. */
	plugins: string;
	/** Directory of other programs. */
	other: string;
	sudo: string;
}

/** The names of all fixtures. */
export const fixtureNames = async () =>
	(await readdir(fixtures)).filter((name) => name.endsWith(".cfg")).toSorted();

/**
 * Writes a fixture, and the files that it may include, into a directory.
 * @param more lines at its end
 * @returns the file, and the calls in its comments
 */
export async function writeFixture(
	name: string,
	directory: string,
	{ plugins, other, sudo }: FixturePlaces,
	more: readonly string[] = [],
): Promise<{ file: string; calls: FixtureCall[] }> {
	const filled = (text: string) =>
		text
			.replaceAll("@PLUGINS@", plugins)
			.replaceAll("@OTHER@", other)
			.replaceAll("@SUDO@", sudo)
			.replaceAll("@DIR@", directory)
			.replaceAll("@LONG@", "x".repeat(900));
	const included = await readdir(join(fixtures, "includes"), {
		recursive: true,
		withFileTypes: true,
	});
	for (const entry of included) {
		if (!entry.isFile()) continue;
		const from = join(entry.parentPath, entry.name);
		const to = join(directory, from.slice(join(fixtures, "includes").length));
		await mkdir(dirname(to), { recursive: true });
		await writeFile(to, filled(await readFile(from, "utf8")));
	}
	await chmod(directory, 0o755);
	const text = filled(await readFile(join(fixtures, name), "utf8"));
	const file = join(directory, basename(name));
	await writeFile(file, [text.trimEnd(), ...more, ""].join("\n"));
	const calls: FixtureCall[] = [];
	for (const line of text.split("\n")) {
		const last = calls.at(-1);
		if (line.startsWith("#? "))
			calls.push({ request: line.slice(3), refused: undefined });
		else if (line.startsWith("#! ") && last) last.refused = line.slice(3);
	}
	return { file, calls };
}
