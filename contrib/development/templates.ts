/** Source text of the files in generated/, except for the schema types. */

import {
	type ContractDocument,
	contractOf,
	type Route,
	routes,
} from "./contract-document.ts";

/** The agent's part of the contract as a constant, so that the agent parses no YAML for it. */
export function contractSource(document: ContractDocument): string {
	return `/** The operations of an agent, without texts and examples. */
export const contract = ${contractOf(document, false)};
`;
}

/** The document of happo-ctl web as a constant. */
export function webContractSource(document: ContractDocument): string {
	return `/** The operations of happo-ctl web, without texts and examples. */
export const webContract = ${contractOf(document, false)};
`;
}

/** The version alone, so that a command can show it without loading the contract. */
export function versionSource({ info }: ContractDocument): string {
	return `/** The version of the product, which is the contract's. */
export const version = ${JSON.stringify(info.version)};
`;
}

/** The members of an interface, one for each operation. */
const handlerEntries = (of: readonly Route[], type: string) =>
	of
		.map(
			({ method, path, operation: { summary, operationId } }) => `
	/** ${summary}: \`${method} ${path}\`. */
	${operationId}: ${type}<"${operationId}">;`,
		)
		.join("");

/** The management server's part of the contract, and the types of its handlers. */
export function managementSource(document: ContractDocument): string {
	return `import type { ManagementHandler } from "../src/operation.ts";

/** The operations of a management server, without texts and examples. */
export const managementContract = ${contractOf(document, true)};

/** A handler for every operation of a management server. */
export interface ManagementHandlers {${handlerEntries(routes(document, true), "ManagementHandler")}
}
`;
}

/** The types of the agent's handlers. */
export function handlersSource(document: ContractDocument): string {
	return `import type { Handler } from "../src/operation.ts";

/** A handler for every operation of an agent. */
export interface Handlers {${handlerEntries(routes(document, false), "Handler")}
}
`;
}

/**
 * The permissions that a policy grants, and the one that each operation needs.
 * @throws Error for an operation without one
 */
export function permissionsSource(document: ContractDocument): string {
	const entries = routes(document, false).map(({ method, path, operation }) => {
		const permission = operation["x-permission"];
		if (!permission)
			throw new Error(`openapi.yaml: ${method} ${path} has no x-permission`);
		return [operation.operationId, permission] as const;
	});
	const names = [...new Set(entries.map(([, permission]) => permission))];
	return `/** What a policy may permit. */
export const permissions = ${JSON.stringify(names.sort(), undefined, "\t").replace(/"\n\]$/, '",\n]')} as const;

/** A right that a policy grants. */
export type Permission = (typeof permissions)[number];

/** The permission that each operation needs, by operationId. */
export const permissionOf = {${entries.map(([id, permission]) => `\n\t${id}: ${JSON.stringify(permission)},`).join("")}
} as const;
`;
}

/** The part of JSON Schema that the contract's answers use. */
interface JsonSchema {
	$ref?: string;
	type?: string | string[];
	items?: JsonSchema;
	required?: string[];
	properties?: Record<string, JsonSchema>;
	additionalProperties?: JsonSchema | boolean;
}

interface Answer {
	$ref?: string;
	content?: Record<string, { schema: JsonSchema }>;
}

/** Source text of a value's shape: its type and its fields, without bounds and texts. */
function shapeOf(schema: JsonSchema, document: ContractDocument): string {
	if (schema.$ref) return shapeOf(component(schema.$ref, document), document);
	const [type, orNull] = [schema.type ?? []].flat();
	const { items, properties, required = [], additionalProperties } = schema;
	const entries =
		typeof additionalProperties === "object" ? additionalProperties : items;
	const fields = Object.entries(properties ?? {}).map(
		([name, field]) =>
			`${JSON.stringify(required.includes(name) ? name : `${name}?`)}: ${shapeOf(field, document)}`,
	);
	const parts = [
		`is: ${JSON.stringify(type)}`,
		...(orNull === "null" ? ["orNull: true"] : []),
		...(entries ? [`each: ${shapeOf(entries, document)}`] : []),
		...(fields.length > 0 ? [`fields: { ${fields.join(", ")} }`] : []),
	];
	return `{ ${parts.join(", ")} }`;
}

/** The component that a `$ref` refers to. */
function component<T>(reference: string, { components }: ContractDocument): T {
	const [, , section = "", name = ""] = reference.split("/");
	return (components[section] as Record<string, T>)[name] as T;
}

/** Shapes of the successful JSON answers, for clients that check answers. */
export function shapesSource(document: ContractDocument): string {
	const shapes = [false, true].flatMap((management) =>
		routes(document, management).flatMap(({ method, path, operation }) => {
			const given = (operation.responses as Record<string, Answer>)["200"];
			const answer = given?.$ref
				? component<Answer>(given.$ref, document)
				: given;
			const schema = answer?.content?.["application/json"]?.schema;
			return schema
				? [
						`\n\t${JSON.stringify(`${method} ${path}`)}: ${shapeOf(schema, document)},`,
					]
				: [];
		}),
	);
	return `/** The shape of a JSON value. */
export interface Shape {
	is: string;
	orNull?: boolean;
	/** Shape of an array's items, or of a map's values. */
	each?: Shape;
	/** Fields by name; a name that ends with a question mark may be absent. */
	fields?: Readonly<Record<string, Shape>>;
}

/** Shapes of the JSON answers with status 200. */
export const answerShapes: Readonly<Record<string, Shape>> = {${shapes.join("")}
};
`;
}

/** Typed clients. The caller supplies the fetch that reaches the agent. */
export function clientSource(document: ContractDocument): string {
	const pathsOf = (management: boolean) =>
		[...new Set(routes(document, management).map(({ path }) => path))].map(
			(path) => `\n\t| ${JSON.stringify(path)}`,
		);
	return `import createClient, { type Client } from "openapi-fetch";
import type { paths } from "./schema.ts";

type AgentPath =${pathsOf(false).join("")};

type ManagementPath =${pathsOf(true).join("")};

/** The operations of an agent. */
export type AgentPaths = Pick<paths, AgentPath>;

/** The operations of a management server. */
export type ManagementPaths = Pick<paths, ManagementPath>;

/** Calls an agent's operations. An HTTP status never throws; a network failure does. */
export type AgentClient = Client<AgentPaths>;

/** Calls a management server's operations. */
export type ManagementClient = Client<ManagementPaths>;

/** A server's address, and the fetch that reaches it. */
export interface Connection {
	/** Scheme, host and port, such as \`https://127.0.0.1:6777\`. */
	baseUrl: string;
	/** Implements certificate checks, timeouts and connection pooling. */
	fetch: (request: Request) => Promise<Response>;
}

/** A client for one agent. */
export function createAgentClient(connection: Connection): AgentClient {
	return createClient<AgentPaths>(connection);
}

/** A client for a management server. */
export function createManagementClient(
	connection: Connection,
): ManagementClient {
	return createClient<ManagementPaths>(connection);
}
`;
}
