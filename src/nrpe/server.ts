import { createServer, type TlsOptions } from "node:tls";
import { AgentError } from "../agent-error.ts";
import type { FairLimit } from "../fair-limit.ts";
import type { Connections } from "../http/connection.ts";
import { toAgentError } from "../http/errors.ts";
import type { Answered } from "../http/reply.ts";
import { listen, type Place } from "../listen.ts";
import type { Log } from "../log.ts";
import { createLogRepeats } from "../log-repeats.ts";
import type { Authorizer, Call, Facts } from "../operation.ts";
import type { NrpeCommand } from "../policy/call.ts";
import { createRefusedClients, type PlainText } from "./refused-clients.ts";
import { type NrpeAnswer, NrpeRequest } from "./request.ts";

/** The command that asks for the version, and that runs nothing. */
const helloCommand = "_NRPE_CHECK";

/** A port that answers check_nrpe. */
export interface NrpePort {
	/** `::` means all addresses, IPv4 and IPv6. */
	readonly address: string;
	readonly port: number;
	/** Sets the certificate for new connections. Throws if it is unusable. */
	renew(tls: TlsOptions): void;
	/** Stops accepting connections; resolves when those that are open have ended. */
	close(): Promise<void>;
}

/** NRPE has no names for protocols in its handshakes. */
const withoutNames = ({ ALPNProtocols: _, ...tls }: TlsOptions): TlsOptions =>
	tls;

/**
 * Answers check_nrpe, on a port whose connections share the limits of the HTTPS port.
 * @param parts.check runs what the policy permits
 * @param parts.authorizer decides about each request
 * @throws the system's error if the port is not available
 */
export async function startNrpePort(parts: {
	where: Place;
	connections: Pick<Connections, "addPort" | "of">;
	tls: TlsOptions;
	plainText: PlainText;
	authorizer: Authorizer;
	check: (
		command: NrpeCommand,
		call: Call,
	) => Promise<NrpeAnswer & { facts?: Facts }>;
	/** Version of the agent. */
	version: string;
	memory: FairLimit;
	/** In seconds. */
	limits: {
		waitSeconds: number;
		handshakeTimeoutSeconds: number;
		headersTimeoutSeconds: number;
	};
	/** Called for every finished request. */
	onAnswered: (answered: Answered) => void;
	duplicate?: ((descriptor: number) => number) | undefined;
	log: Pick<Log, "info" | "warning" | "error">;
}): Promise<NrpePort> {
	const { connections, authorizer, limits, log } = parts;
	const trouble = createLogRepeats({ log });
	const refused = createRefusedClients(parts);

	const permit = async (request: NrpeRequest, isHello: boolean) => {
		const asked = authorizer.authorize({
			operationId: isHello ? "checkAvailability" : "runCheck",
			caller: request.caller,
			body: undefined,
			nrpe: request.command,
			...{ hopsPassed: 0, millisecondsLeft: undefined },
			signal: request.signal,
		});
		const permission = asked instanceof Promise ? await asked : asked;
		request.permitted(permission);
		return permission;
	};

	const answer = async (request: NrpeRequest): Promise<NrpeAnswer> => {
		if (request.connection.isDenied)
			throw new AgentError("forbidden", "Access Denied");
		const { command } = request;
		if (command.name === "")
			throw new AgentError(
				"bad-request",
				"the request names no command in UTF-8",
			);
		const isHello = command.name === helloCommand;
		const { ended } = await permit(request, isHello);
		if (isHello) {
			ended(undefined, {});
			const text = `NRPE v4 (happo-agent ${parts.version})`;
			return { status: 0, text: Buffer.from(text) };
		}
		try {
			const reply = await parts.check(command, request);
			request.addFacts(reply.facts);
			ended(undefined, reply.facts ?? {});
			return reply;
		} catch (error) {
			ended(undefined, error instanceof AgentError ? error.facts : {});
			throw error;
		}
	};

	const server = createServer({
		...withoutNames(parts.tls),
		// the certificate of a client says who it is, not whether it may connect
		rejectUnauthorized: false,
		handshakeTimeout: limits.handshakeTimeoutSeconds * 1000,
	});
	server.on("secureConnection", (socket) => {
		const connection = connections.of(socket);
		// it has been reset
		if (!connection || socket.destroyed) return socket.destroy();
		new NrpeRequest({
			...{ connection, socket, memory: parts.memory },
			waitMilliseconds: limits.waitSeconds * 1000,
			packetMilliseconds: limits.headersTimeoutSeconds * 1000,
			run: (request) =>
				answer(request).catch((error) => {
					throw toAgentError(error, trouble, "NRPE");
				}),
			tell: parts.onAnswered,
		});
	});
	server.on("tlsClientError", refused.handshakeFailed);

	const { screen } = refused;
	const accept = connections.addPort({ server, screen });
	const listening = await listen(parts.where, accept, parts.duplicate);
	const { address, port } = listening.address;
	return {
		address,
		port,
		renew: (tls) => server.setSecureContext(withoutNames(tls)),
		close: async () => {
			await listening.close();
		},
	};
}
