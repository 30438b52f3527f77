import type { Facts } from "../generated/handlers.ts";

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
