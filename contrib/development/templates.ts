/** The texts of generated/, apart from the schema types. */

import {
	type ContractDocument,
	contractOf,
	type Route,
	routes,
} from "./contract-document.ts";

/** The agent's part of the contract as a constant: no YAML at run time. */
export function contractSource(document: ContractDocument): string {
	return `/** The operations an agent serves, without texts and examples. */
export const contract = ${contractOf(document, false)};
`;
}

/** The version alone: a command that only wants it need not load the contract. */
export function versionSource({ info }: ContractDocument): string {
	return `/** The version of the product, which is the contract's. */
export const version = ${JSON.stringify(info.version)};
`;
}

/** One required entry of an interface for each operation. */
const handlerEntries = (of: readonly Route[], type: string) =>
	of
		.map(
			({ method, path, operation: { summary, operationId } }) => `
	/** ${summary}: \`${method} ${path}\`. */
	${operationId}: ${type}<"${operationId}">;`,
		)
		.join("");

/** What a management server is built from: its part of the contract, and the types of its handlers. */
export function managementSource(document: ContractDocument): string {
	return `import type { Body } from "./handlers.ts";
import type { operations } from "./schema.ts";

/** The operations a management server serves, without texts and examples. */
export const managementContract = ${contractOf(document, true)};

/** Query parameters of an operation. */
export type Query<Op extends keyof operations> = Exclude<
	operations[Op]["parameters"]["query"],
	undefined
>;

type WithJson<R> = R extends { content: { "application/json": infer B } }
	? { body: B }
	: { body?: never };

/** One answer of an operation that the contract names by its status. */
export type ManagementReply<Op extends keyof operations> = {
	[S in Exclude<keyof operations[Op]["responses"], "default">]: {
		status: S;
	} & WithJson<operations[Op]["responses"][S]>;
}[Exclude<keyof operations[Op]["responses"], "default">];

/** Does the work of one operation. */
export type ManagementHandler<Op extends keyof operations> = (
	body: Body<Op>,
	query: Query<Op>,
) => ManagementReply<Op> | Promise<ManagementReply<Op>>;

/** Every operation a management server serves, none missing and none besides. */
export interface ManagementHandlers {${handlerEntries(routes(document, true), "ManagementHandler")}
}
`;
}

/** The type of the handlers, one required entry for each agent operation. */
export function handlersSource(document: ContractDocument): string {
	return `import type { operations } from "./schema.ts";

type Content<T> = T extends { content: infer C } ? C : never;

/** Path parameters of an operation. */
export type Params<Op extends keyof operations> =
	operations[Op]["parameters"]["path"] extends infer P
		? [Exclude<P, undefined>] extends [never]
			? Record<never, never>
			: Exclude<P, undefined>
		: never;

/** Request body of an operation; undefined where it takes none. */
export type Body<Op extends keyof operations> =
	Exclude<operations[Op]["requestBody"], undefined> extends infer B
		? [B] extends [never]
			? undefined
			: Content<B>[keyof Content<B>]
		: never;

/** What a handler tells of its work, for the log and the figures; no client sees it. */
export interface Facts {
	/** The plugin, as it was asked for. */
	plugin?: string;
	/** There is such a plugin: no client can make up names of them. */
	pluginFound?: boolean;
	/** Program of an inventory's command line, where it begins with a plain name. */
	command?: string;
	/** Options of either; may be a secret. */
	option?: string;
	/** What the plugin or command answered. */
	exitStatus?: number;
	/** It was stopped at the time limit. */
	timedOut?: boolean;
	/** Its run, in milliseconds. */
	ranMilliseconds?: number;
	/** Where the request was relayed to. */
	hop?: string;
	/** The answer is that agent's, whatever it says. */
	hopAnswered?: boolean;
	/** Why the answer is not what was asked for. */
	reason?: string;
}

/** What a handler may know of a request besides its contents. */
export interface Call {
	/** Address of the client. */
	client: string;
	/**
	 * Waits until there is memory for so many bytes more of an answer, which count
	 * until the client has it. Throws AgentError \`busy\` when there is none in time.
	 */
	reserve(bytes: number): Promise<void>;
	/** Aborted when the client has gone: nobody will read the answer. */
	signal: AbortSignal;
	/** What the caller will still wait, in milliseconds; undefined if it did not say. */
	millisecondsLeft: number | undefined;
	/** Agents that relayed the request before it came here. */
	hopsPassed: number;
	/** Media types of the Accept header, best first; empty if there is none. */
	accept: readonly string[];
}

type Headers<T> = T extends { headers: infer H }
	? { [K in keyof H as string extends K ? never : K]: H[K] }
	: Record<never, never>;

type WithHeaders<T> = keyof Headers<T> extends never
	? { headers?: Record<string, string> }
	: { headers: Headers<T> & Record<string, string> };

/** One media type: naming it is optional; several: it must be named. */
type WithBody<C> = [C] extends [never]
	? { body?: never; type?: never }
	: {
			[M in keyof C]: [keyof C] extends [M]
				? { body: C[M]; type?: M }
				: { body: C[M]; type: M };
		}[keyof C];

type Status<S> = S extends number ? S : number;

// any media type in the contract means that the handler names it
type Media<C> = C extends { "*/*": infer B }
	? { [type: string]: B }
	: C;

/** One declared answer of an operation. */
export type Reply<Op extends keyof operations> = {
	[S in keyof operations[Op]["responses"]]: {
		status: Status<S>;
		/** Told once whether the answer was delivered to the client. */
		delivered?: (ok: boolean) => void;
		/** For the log and the figures; no client sees them. */
		facts?: Facts;
	} & WithHeaders<operations[Op]["responses"][S]> &
		WithBody<Media<Content<operations[Op]["responses"][S]>>>;
}[keyof operations[Op]["responses"]];

/** Does the work of one operation. What it throws is answered as a problem. */
export type Handler<Op extends keyof operations> = (
	params: Params<Op>,
	body: Body<Op>,
	call: Call,
) => Reply<Op> | Promise<Reply<Op>>;

/** Every operation an agent serves, none missing and none besides. */
export interface Handlers {${handlerEntries(routes(document, false), "Handler")}
}
`;
}

/** A JSON schema as the answers of the contract use it. */
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

/** The shape of a value as source text: its type and its fields, no bounds and no words. */
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

/** What a reference of the document leads to. */
function component<T>(reference: string, { components }: ContractDocument): T {
	const [, , section = "", name = ""] = reference.split("/");
	return (components[section] as Record<string, T>)[name] as T;
}

/** What the successful JSON answers look like, for clients that check them. */
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
	return `/** What a JSON value looks like. */
export interface Shape {
	is: string;
	orNull?: boolean;
	/** Of the items of an array, or the values of a map. */
	each?: Shape;
	/** By name; one with a question mark behind it may be absent. */
	fields?: Readonly<Record<string, Shape>>;
}

/** The JSON that operations answer with status 200. */
export const answerShapes: Readonly<Record<string, Shape>> = {${shapes.join("")}
};
`;
}

/** Typed clients; the fetch that reaches the agent is the caller's. */
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

/** Calls an agent's operations; an HTTP status never throws, the network can. */
export type AgentClient = Client<AgentPaths>;

/** Calls a management server's operations. */
export type ManagementClient = Client<ManagementPaths>;

/** Where a server is, and the fetch that reaches it. */
export interface Connection {
	/** Scheme, host and port, such as \`https://127.0.0.1:6777\`. */
	baseUrl: string;
	/** Decides about certificates, timeouts and pooling. */
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
