import type { Operation } from "openapi-backend";

/** What a handler answered; the contract's types hold for each operation. */
export interface Replied {
	status: number;
	body?: unknown;
	/** Media type, where the contract offers several. */
	type?: string;
	headers?: Record<string, string>;
	delivered?: (ok: boolean) => void;
}

/** An answer as it goes to the wire. */
export interface Answer {
	status: number;
	headers: Record<string, string>;
	payload: string | Uint8Array;
	/** Told once whether the answer was delivered to the client. */
	delivered?: (ok: boolean) => void;
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

/** The media type of a reply: its own, or the only or first one declared. */
function mediaType(operation: Operation, reply: Replied): string | undefined {
	const replies = operation.responses as Record<string, DeclaredReply>;
	const declared = replies[reply.status] ?? replies.default;
	return reply.type ?? Object.keys(declared?.content ?? {})[0];
}

/** A handler's reply as it goes to the wire. */
export function toAnswer(operation: Operation, reply: Replied): Answer {
	const type = mediaType(operation, reply);
	const { body } = reply;
	const isRaw = body instanceof Uint8Array;
	const payload = isRaw
		? body
		: type && isJson(type)
			? JSON.stringify(body)
			: String(body ?? "");
	// what is passed through keeps the spelling it came with
	const contentType = isRaw ? type : (contentTypes[type ?? ""] ?? type);
	return {
		status: reply.status,
		headers: {
			...(contentType && { "content-type": contentType }),
			...reply.headers,
		},
		payload,
		...(reply.delivered && { delivered: reply.delivered }),
	};
}
