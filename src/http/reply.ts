import type { Operation } from "openapi-backend";
import { EncodedJson, type Facts } from "../operation.ts";
import { strictJson } from "../strict-json.ts";

/** A handler's reply, without the types that the contract gives each operation. */
export interface Replied {
	status: number;
	body?: unknown;
	/** Media type, if the contract offers several. */
	type?: string;
	headers?: Record<string, string>;
	delivered?: (ok: boolean) => void;
	/** For the access log and the agent's own metrics. */
	facts?: Facts;
}

/** An answer, ready to send. */
export interface Answer {
	status: number;
	headers: Record<string, string>;
	payload: string | Uint8Array;
	/** Called once with whether the client has received the answer. */
	delivered?: ((ok: boolean) => void) | undefined;
}

interface DeclaredReply {
	content?: Record<string, unknown>;
}

// spelled as in v1 (Go)
const contentTypes: Record<string, string> = {
	"application/json": "application/json; charset=UTF-8",
	"text/plain": "text/plain; charset=utf-8",
	"text/html": "text/html; charset=utf-8",
};

const isJson = (type: string) => /^application\/(\S+\+)?json$/.test(type);

/** The media type of replies with a status. */
interface Form {
	type: string | undefined;
	/** The type as spelled in the header. */
	contentType: string | undefined;
	isJson: boolean;
}

const formOf = (type: string | undefined): Form => ({
	type,
	contentType: contentTypes[type ?? ""] ?? type,
	isJson: type !== undefined && isJson(type),
});

/** The form of a reply without a media type: the first one declared for its status. */
function declaredForm(operation: Operation, status: number): Form {
	const replies = operation.responses as Record<string, DeclaredReply>;
	const declared = replies[status] ?? replies.default;
	return formOf(Object.keys(declared?.content ?? {})[0]);
}

function withType(
	contentType: string | undefined,
	headers: Record<string, string> | undefined,
): Record<string, string> {
	if (!contentType) return headers ?? {};
	if (!headers) return { "content-type": contentType };
	return { "content-type": contentType, ...headers };
}

function payloadOf(body: unknown, { isJson }: Form): string | Uint8Array {
	if (body instanceof Uint8Array) return body;
	if (body instanceof EncodedJson) return body.bytes;
	if (isJson) return strictJson(body);
	return typeof body === "string" ? body : String(body ?? "");
}

/** Creates a function that turns an operation's replies into answers. */
export function createAnswers(
	operation: Operation,
): (reply: Replied) => Answer {
	// cached, as there are few statuses and many replies
	const forms = new Map<number, Form>();
	const known = (status: number) => {
		const form = forms.get(status) ?? declaredForm(operation, status);
		forms.set(status, form);
		return form;
	};
	return ({ status, body, type, headers, delivered }) => {
		const form = type === undefined ? known(status) : formOf(type);
		// relayed bodies keep the spelling they came with
		const contentType =
			body instanceof Uint8Array ? form.type : form.contentType;
		return {
			status,
			headers: withType(contentType, headers),
			payload: payloadOf(body, form),
			delivered,
		};
	};
}

/** A finished request, for the access log and the agent's own metrics. */
export interface Answered {
	/** Address of the client; IPv4 even if it arrived mapped into IPv6. */
	client: string;
	/** The client's port; undefined if the connection closed too early to read it. */
	clientPort?: number | undefined;
	method: string;
	/** The requested path, without the query. */
	target: string;
	/** As in the contract, `/machine-state/{key}`; undefined if the contract has no such path. */
	path?: string | undefined;
	/** undefined if the contract has no such operation. */
	operationId?: string | undefined;
	/** undefined if the client disconnected before the answer. */
	status?: number | undefined;
	/** Whether the connection ended before the whole answer was sent. */
	isCut?: boolean | undefined;
	/** Bytes of the body sent; undefined without an answer. */
	bytes?: number | undefined;
	milliseconds: number;
	/** The peer is not in allowed-hosts, which was logged when it connected. */
	isDenied?: boolean | undefined;
	/** Why it was refused: names the field, and the value unless it may be a secret. */
	refusal?: string | undefined;
	facts: Readonly<Facts>;
}
