interface Operation {
	operationId: string;
	summary: string;
	tags: string[];
	/** What a policy calls the right to this operation; a management server's have none. */
	"x-permission"?: string;
	/** By status. */
	responses: Record<string, unknown>;
}

/** The parts of an OpenAPI document that the templates read. */
export interface ContractDocument {
	openapi: string;
	info: { version: string };
	paths: Record<string, Record<string, unknown>>;
	components: Record<string, unknown>;
}

/** An operation with its method and path. */
export interface Route {
	method: string;
	path: string;
	operation: Operation;
}

const methods = ["get", "put", "post", "delete", "patch"];

/** The operations of a management server or of an agent, in the order of the document. */
export function routes(
	document: ContractDocument,
	management: boolean,
): Route[] {
	return Object.entries(document.paths).flatMap(([path, item]) =>
		Object.entries(item)
			.filter(([method]) => methods.includes(method))
			.map(([method, operation]) => ({
				method: method.toUpperCase(),
				path,
				operation: operation as Operation,
			}))
			.filter(
				({ operation }) => operation.tags.includes("management") === management,
			),
	);
}

/** A copy without texts and examples, which only readers need. */
function essential(value: unknown, isSchemaMap = false): unknown {
	if (Array.isArray(value)) return value.map((item) => essential(item));
	if (typeof value !== "object" || value === null) return value;
	const prose = ["description", "summary", "example", "servers", "tags"];
	return Object.fromEntries(
		Object.entries(value)
			.filter(([key]) => isSchemaMap || !prose.includes(key))
			.map(([key, item]) => [
				key,
				essential(item, !isSchemaMap && key === "properties"),
			]),
	);
}

/** Every `#/components/<section>/<name>` in a value, in document order. */
function references(value: unknown): string[] {
	if (Array.isArray(value)) return value.flatMap(references);
	if (typeof value !== "object" || value === null) return [];
	return Object.entries(value).flatMap(([key, item]) =>
		key === "$ref" ? [String(item)] : references(item),
	);
}

/** The components that the paths use, directly or indirectly. */
function usedComponents(paths: unknown, components: Record<string, unknown>) {
	const used: Record<string, Record<string, unknown>> = {};
	const queue = references(paths);
	for (const reference of queue) {
		const [, , section = "", name = ""] = reference.split("/");
		if (used[section]?.[name] !== undefined) continue;
		const found = (components[section] as Record<string, unknown>)?.[name];
		if (found === undefined)
			throw new Error(`openapi.yaml: no such component: ${reference}`);
		used[section] ??= {};
		used[section][name] = found;
		queue.push(...references(found));
	}
	return used;
}

/** The agent's or the management server's part of the contract, as JSON without texts and examples. */
export function contractOf(
	document: ContractDocument,
	management: boolean,
): string {
	const paths: Record<string, Record<string, unknown>> = {};
	for (const { path, method, operation } of routes(document, management)) {
		paths[path] ??= {};
		paths[path][method.toLowerCase()] = operation;
	}
	const contract = essential({
		openapi: document.openapi,
		info: document.info,
		paths,
		components: usedComponents(paths, document.components),
	});
	return JSON.stringify(contract, undefined, "\t");
}
