/**
 * Writes generated/ from openapi.yaml and cli/ctl/web/openapi.yaml, and the documents
 * that list settings from src/settings.ts. With --check it writes nothing, names the
 * files that are out of date and exits with status 1.
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
	webContractSource,
} from "./templates.ts";

const bannerOf = (file: string) =>
	`// Written by \`npm run generate\` from ${file}. Do not edit.\n`;
const banner = bannerOf("openapi.yaml");

/** What the page of happo-ctl and happo-ctl say to each other. */
const webDocument = "cli/ctl/web/openapi.yaml";

/**
 * Types of the whole document. Binary bodies are Uint8Array, not string. A schema with
 * `x-agent-schema` has the type of that schema of the agent's contract.
 */
async function schemaSource(yaml: string): Promise<string> {
	const { factory } = ts;
	const bytes = factory.createTypeReferenceNode("Uint8Array");
	const ofAgent = (name: string) =>
		factory.createIndexedAccessTypeNode(
			factory.createTypeReferenceNode("AgentSchemas"),
			factory.createLiteralTypeNode(factory.createStringLiteral(name)),
		);
	const nodes = await openapiTS(yaml, {
		transform: (schema) => {
			if (schema.format === "binary") return bytes;
			const { "x-agent-schema": name } = schema as {
				"x-agent-schema"?: string;
			};
			return name === undefined ? undefined : ofAgent(name);
		},
	});
	return astToString(nodes);
}

/** Schemas of the agent's contract, whose answers the page gets as they are. */
const agentSchemas = `import type { components as AgentComponents } from "./schema.ts";

type AgentSchemas = AgentComponents["schemas"];

`;

/** The document with the table of settings. */
const settings = "contrib/doc/settings.md";

async function generate(): Promise<Record<string, string>> {
	const yaml = await readFile("openapi.yaml", "utf8");
	const document = parse(yaml) as ContractDocument;
	const webYaml = await readFile(webDocument, "utf8");
	const webBanner = bannerOf(webDocument);
	return {
		"generated/schema.ts": banner + (await schemaSource(yaml)),
		"generated/contract.ts": banner + contractSource(document),
		"generated/handlers.ts": banner + handlersSource(document),
		"generated/management.ts": banner + managementSource(document),
		"generated/permissions.ts": banner + permissionsSource(document),
		"generated/shapes.ts": banner + shapesSource(document),
		"generated/version.ts": banner + versionSource(document),
		"generated/client.ts": banner + clientSource(document),
		"generated/web-schema.ts":
			webBanner + agentSchemas + (await schemaSource(webYaml)),
		"generated/web-contract.ts":
			webBanner + webContractSource(parse(webYaml) as ContractDocument),
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
