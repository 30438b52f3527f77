/**
 * Writes generated/ from openapi.yaml, and the documents that list settings from
 * src/settings.ts. With --check it writes nothing, names the files that are out of
 * date and exits with status 1.
 */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import openapiTS, { astToString } from "openapi-typescript";
import ts from "typescript";
import { parse } from "yaml";
import type { ContractDocument } from "./contract-document.ts";
import { environmentFile, withSettingsTable } from "./documents.ts";
import {
	clientSource,
	contractSource,
	handlersSource,
	managementSource,
	permissionsSource,
	shapesSource,
	versionSource,
} from "./templates.ts";

const banner =
	"// Written by `npm run generate` from openapi.yaml. Do not edit.\n";

/** Types of the whole document. Binary bodies are Uint8Array, not string. */
async function schemaSource(yaml: string): Promise<string> {
	const bytes = ts.factory.createTypeReferenceNode("Uint8Array");
	const nodes = await openapiTS(yaml, {
		transform: (schema) => (schema.format === "binary" ? bytes : undefined),
	});
	return astToString(nodes);
}

/** The document with the table of settings. */
const settings = "contrib/doc/settings.md";

async function generate(): Promise<Record<string, string>> {
	const yaml = await readFile("openapi.yaml", "utf8");
	const document = parse(yaml) as ContractDocument;
	return {
		"generated/schema.ts": banner + (await schemaSource(yaml)),
		"generated/contract.ts": banner + contractSource(document),
		"generated/handlers.ts": banner + handlersSource(document),
		"generated/management.ts": banner + managementSource(document),
		"generated/permissions.ts": banner + permissionsSource(document),
		"generated/shapes.ts": banner + shapesSource(document),
		"generated/version.ts": banner + versionSource(document),
		"generated/client.ts": banner + clientSource(document),
		"contrib/etc/default/happo-agent.env": environmentFile(),
		[settings]: withSettingsTable(await readFile(settings, "utf8")),
	};
}

const check = process.argv.includes("--check");
for (const directory of ["generated", "contrib/etc/default"])
	await mkdir(directory, { recursive: true });
for (const [path, source] of Object.entries(await generate())) {
	const present = await readFile(path, "utf8").catch(() => undefined);
	if (present === source) continue;
	if (check) {
		process.stderr.write(`${path} is out of date: npm run generate\n`);
		process.exitCode = 1;
	} else {
		await writeFile(path, source);
		process.stdout.write(`${path}\n`);
	}
}
