import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import ts from "typescript";

/** Options under which a file's declarations follow from that file alone. */
const options = {
	...ts.readConfigFile("tsconfig.json", ts.sys.readFile).config.compilerOptions,
	target: ts.ScriptTarget.ES2023,
	module: ts.ModuleKind.NodeNext,
	lib: undefined,
	declaration: true,
	isolatedDeclarations: true,
	sourceMap: false,
};

/**
 * Writes the declarations of a module, and of those its declarations name, into
 * a directory that mirrors the sources. Throws for an exported value whose type
 * is not written down.
 */
export async function writeDeclarations(entry, directory) {
	const queue = [entry];
	for (const path of queue) {
		const source = await readFile(path, "utf8");
		const { outputText, diagnostics } = ts.transpileDeclaration(source, {
			fileName: path,
			compilerOptions: options,
			reportDiagnostics: true,
		});
		for (const { messageText } of diagnostics ?? [])
			throw new Error(
				`${path}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`,
			);
		// consumers look for the .d.ts beside a .js
		const text = outputText.replace(
			/(from |import\()"(\.[^"]*)\.ts"/g,
			(_, before, of) => {
				const next = relative(".", resolve(dirname(path), `${of}.ts`));
				if (!queue.includes(next)) queue.push(next);
				return `${before}"${of}.js"`;
			},
		);
		const file = join(directory, path.replace(/\.ts$/, ".d.ts"));
		await mkdir(dirname(file), { recursive: true });
		await writeFile(file, text);
	}
}
