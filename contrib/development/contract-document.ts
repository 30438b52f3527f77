interface Operation {
	operationId: string;
	summary: string;
	tags: string[];
	/** By status. */
	responses: Record<string, unknown>;
}

/** What the templates read of an OpenAPI document. */
export interface ContractDocument {
	openapi: string;
	info: { version: string };
	paths: Record<string, Record<string, unknown>>;
	components: Record<string, unknown>;
}

/** One operation, and where it is. */
export interface Route {
	method: string;
	path: string;
	operation: Operation;
}

const methods = ["get", "put", "post", "delete", "patch"];

/** Operations in the order of the document: those of a management server, or those of an agent. */
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

/** The document without what only a reader needs: texts and examples. */
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

/** `#/components/<section>/<name>` below a value, in the order met. */
function references(value: unknown): string[] {
	if (Array.isArray(value)) return value.flatMap(references);
	if (typeof value !== "object" || value === null) return [];
	return Object.entries(value).flatMap(([key, item]) =>
		key === "$ref" ? [String(item)] : references(item),
	);
}

/** Only the components that the given paths use, directly or through others. */
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

/** One part of the contract without texts and examples. */
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
