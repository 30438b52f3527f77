import type { operations } from "../../../generated/web-schema.ts";

type Operations = operations;

type JsonOf<T> = T extends { content: { "application/json": infer Body } }
	? Body
	: undefined;

/** Path parameters of an operation. */
export type WebParams<Op extends keyof Operations> = NonNullable<
	Operations[Op]["parameters"]["path"]
>;

/** Request body of an operation; undefined if it takes none. */
export type WebBody<Op extends keyof Operations> = Operations[Op] extends {
	requestBody: infer Body;
}
	? JsonOf<Body>
	: undefined;

/** Body of an operation's answer with status 200. */
export type WebAnswer<Op extends keyof Operations> = JsonOf<
	Operations[Op]["responses"][200]
>;

/** What a handler knows about a request besides its parameters and its body. */
export interface WebCall {
	/** Aborted when the page no longer waits for the answer. */
	signal: AbortSignal;
}

/** A handler for every operation of the page's document. Handlers refuse by throwing WebProblem. */
export type WebHandlers = {
	[Op in keyof Operations]: (
		params: WebParams<Op>,
		body: WebBody<Op>,
		call: WebCall,
	) => WebAnswer<Op> | Promise<WebAnswer<Op>>;
};
