import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Facts } from "../../generated/handlers.ts";
import { plainAddress } from "../access.ts";
import type { Answered } from "../answered.ts";
import type { Problem } from "../problem.ts";
import type { Exchanges } from "./exchange.ts";
import type { Objection } from "./objection.ts";
import { askedPath } from "./target.ts";

/** What the contract has where a request goes. */
export type Place = Pick<Answered, "path" | "operationId">;

/** What is known of a request before it is over. */
interface Open {
	place?: Place;
	facts: Facts;
	refusal?: string;
	isDenied?: boolean;
	/** Status of an answer that went past the response. */
	status?: number;
	bytes?: number;
}

/** Tells of every request when it is over, whatever became of it. */
export interface Records {
	begin(request: IncomingMessage, response: ServerResponse): void;
	/** It has been routed. */
	goesTo(request: IncomingMessage, place: Place): void;
	note(request: IncomingMessage, facts: Facts): void;
	/** Its answer is on its way; nothing goes out as the body of one to HEAD. */
	sends(request: IncomingMessage, payload: string | Uint8Array): void;
	refused(request: IncomingMessage, problem: Problem): void;
	denied(request: IncomingMessage): void;
	/** A request that was answered on its socket: after `begin`, or instead of it. */
	answeredOnSocket(
		socket: Pick<Socket, "remoteAddress" | "remotePort">,
		why: Objection,
		request?: IncomingMessage,
		place?: Place,
	): void;
}

type Peer = Pick<Answered, "client" | "clientPort">;

const peerAt = ({
	remoteAddress,
	remotePort,
}: Pick<Socket, "remoteAddress" | "remotePort">): Peer => ({
	client: plainAddress(remoteAddress),
	clientPort: remotePort,
});

const deniedText = "Access Denied";

/** `tell` hears of each request once; it must not throw. */
export function createRecords(
	exchanges: Pick<Exchanges, "whenOver">,
	tell: (answered: Answered) => void,
): Records {
	// not a WeakMap: an entry for each request is work for every garbage collection
	const opened = new Map<IncomingMessage, Open>();
	const peers = new WeakMap<Socket, Peer>();

	/** Once for a connection, and while it is there: Node forgets it with the socket. */
	const peerOf = (socket: Socket): Peer => {
		const known = peers.get(socket);
		if (known) return known;
		const peer = peerAt(socket);
		peers.set(socket, peer);
		return peer;
	};

	return {
		begin: (request, response) => {
			const begun = performance.now();
			const peer = peerOf(request.socket);
			const open: Open = { facts: {} };
			opened.set(request, open);
			exchanges.whenOver(request, response, () => {
				opened.delete(request);
				// one that was queued behind another never had the socket
				const isSent =
					response.headersSent &&
					(response.writableFinished || response.socket !== null);
				// named one by one: behind a spread each of them costs as much as a record
				tell({
					client: peer.client,
					clientPort: peer.clientPort,
					method: request.method ?? "",
					target: askedPath(request.url ?? ""),
					path: open.place?.path,
					operationId: open.place?.operationId,
					status: isSent ? response.statusCode : open.status,
					isCut: isSent && !response.writableFinished,
					bytes: isSent && response.writableFinished ? open.bytes : undefined,
					milliseconds: performance.now() - begun,
					refusal: open.refusal,
					isDenied: open.isDenied,
					facts: open.facts,
				});
			});
		},
		goesTo: (request, place) => {
			const open = opened.get(request);
			if (open) open.place = place;
		},
		note: (request, facts) => {
			const open = opened.get(request);
			if (open) Object.assign(open.facts, facts);
		},
		sends: (request, payload) => {
			const open = opened.get(request);
			if (open)
				open.bytes = request.method === "HEAD" ? 0 : Buffer.byteLength(payload);
		},
		refused: (request, problem) => {
			const open = opened.get(request);
			if (open) open.refusal = problem.logged;
		},
		denied: (request) => {
			const open = opened.get(request);
			if (!open) return;
			open.isDenied = true;
			open.refusal = deniedText;
		},
		answeredOnSocket: (socket, why, request, place) => {
			const status = why === "denied" ? 403 : why.status;
			const refusal = why === "denied" ? deniedText : why.logged;
			const open = request && opened.get(request);
			if (open) {
				Object.assign(open, { status, refusal });
				return;
			}
			tell({
				...peerAt(socket),
				method: request?.method ?? "",
				target: askedPath(request?.url ?? ""),
				...place,
				status,
				milliseconds: 0,
				refusal,
				isDenied: why === "denied",
				facts: {},
			});
		},
	};
}
