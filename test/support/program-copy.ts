import { cp, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { program } from "./daemon.ts";
import { temporaryDirectory } from "./temporary.ts";

/** A copy of the built program with the files it needs, except those that are left out. */
export async function copyProgram(
	t: Pick<TestContext, "after">,
	isLeftOut: (file: string) => boolean,
) {
	const directory = await temporaryDirectory(t);
	await cp(dirname(program), join(directory, "dist"), {
		recursive: true,
		filter: (file) => !isLeftOut(file),
	});
	await writeFile(join(directory, "package.json"), '{"type":"module"}');
	await symlink(
		join(process.cwd(), "node_modules"),
		join(directory, "node_modules"),
	);
	return { directory, program: join(directory, "dist/happo-agent.js") };
}
