import type { Operation } from "openapi-backend";
import type { Facts } from "../operation.ts";
import { strictJson } from "../strict-json.ts";

/** What a handler answered; the contract's types hold for each operation. */
export interface Replied {
	status: number;
	body?: unknown;
	/** Media type, where the contract offers several. */
	type?: string;
	headers?: Record<string, string>;
	delivered?: (ok: boolean) => void;
	/** For the log and the figures. */
	facts?: Facts;
}

/** An answer as it goes to the wire. */
export interface Answer {
	status: number;
	headers: Record<string, string>;
	payload: string | Uint8Array;
	/** Told once whether the answer was delivered to the client. */
	delivered?: ((ok: boolean) => void) | undefined;
}

interface DeclaredReply {
	content?: Record<string, unknown>;
}

// spelt as the original spells them
const contentTypes: Record<string, string> = {
	"application/json": "application/json; charset=UTF-8",
	"text/plain": "text/plain; charset=utf-8",
	"text/html": "text/html; charset=utf-8",
};

const isJson = (type: string) => /^application\/(\S+\+)?json$/.test(type);

/** How replies of a status go to the wire. */
interface Form {
	type: string | undefined;
	/** The type as it is spelt in the header. */
	contentType: string | undefined;
	isJson: boolean;
}

const formOf = (type: string | undefined): Form => ({
	type,
	contentType: contentTypes[type ?? ""] ?? type,
	isJson: type !== undefined && isJson(type),
});

/** The form of a reply that names no media type: the only or first one declared for its status. */
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

function payloadOf(body: unknown, { isJson }: Form): string {
	if (isJson) return strictJson(body);
	return typeof body === "string" ? body : String(body ?? "");
}

/** Gives handlers' replies to an operation the form in which they go to the wire. */
export function createAnswers(
	operation: Operation,
): (reply: Replied) => Answer {
	// there are few statuses, and many replies
	const forms = new Map<number, Form>();
	const known = (status: number) => {
		const form = forms.get(status) ?? declaredForm(operation, status);
		forms.set(status, form);
		return form;
	};
	return ({ status, body, type, headers, delivered }) => {
		const form = type === undefined ? known(status) : formOf(type);
		const isRaw = body instanceof Uint8Array;
		// what is passed through keeps the spelling it came with
		const contentType = isRaw ? form.type : form.contentType;
		return {
			status,
			headers: withType(contentType, headers),
			payload: isRaw ? body : payloadOf(body, form),
			delivered,
		};
	};
}

/** A request and what became of it, as the log and the figures want it. */
export interface Answered {
	/** Address of the client, IPv4 also where it arrived mapped into IPv6. */
	client: string;
	/** The client's port; undefined when the connection was gone before anybody asked. */
	clientPort?: number | undefined;
	method: string;
	/** What was asked for, without the query. */
	target: string;
	/** As the contract writes it: `/machine-state/{key}`; undefined: the contract has no such path. */
	path?: string | undefined;
	/** undefined: the contract has no such operation. */
	operationId?: string | undefined;
	/** undefined: the client went before there was an answer. */
	status?: number | undefined;
	/** The connection ended before all of the answer was sent. */
	isCut?: boolean | undefined;
	/** Of the body sent; undefined without an answer. */
	bytes?: number | undefined;
	milliseconds: number;
	/** The peer is not in allowed-hosts: said once for its connection already. */
	isDenied?: boolean | undefined;
	/** Why it was refused; names the field, and the value unless that may be a secret. */
	refusal?: string | undefined;
	facts: Readonly<Facts>;
}
