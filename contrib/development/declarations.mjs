import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import ts from "typescript";

/** Compiler options with which a file's declarations depend on that file alone. */
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
 * Writes the declarations of a module, and of the modules that they refer to, into a
 * directory that mirrors the sources. Throws if an exported value has no explicit type.
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
		// TypeScript looks for the .d.ts beside a .js
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
