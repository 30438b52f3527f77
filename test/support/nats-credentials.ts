import { nkeys } from "@nats-io/transport-node";

const base64url = (data: string | Uint8Array) =>
	Buffer.from(data).toString("base64url");

type Keys = ReturnType<typeof nkeys.createUser>;

/**
 * A JWT as NATS has it: what `issuer` says about `subject`.
 * @param exp when it ends, in seconds since 1970
 */
function jwt(
	issuer: Keys,
	subject: Keys,
	nats: object,
	exp?: number | undefined,
): string {
	const signed = [
		{ typ: "JWT", alg: "ed25519-nkey" },
		{
			jti: crypto.randomUUID(),
			iat: Math.floor(Date.now() / 1000),
			...(exp !== undefined && { exp }),
			iss: issuer.getPublicKey(),
			sub: subject.getPublicKey(),
			name: "test",
			nats: { ...nats, version: 2 },
		},
	]
		.map((part) => base64url(JSON.stringify(part)))
		.join(".");
	const signature = issuer.sign(new TextEncoder().encode(signed));
	return `${signed}.${base64url(signature)}`;
}

const unlimited = {
	...{ subs: -1, data: -1, payload: -1 },
};

/** Lines of a server's configuration for an operator, and the credentials of a user, as nsc makes them. */
export function natsCredentials(): {
	configuration: string;
	/** The contents of a .creds file. */
	credentials: string;
	/** The same with a JWT that ends then, in seconds since 1970. */
	credentialsUntil: (seconds: number) => string;
	/** The same with a seed that does not belong to the JWT. */
	wrongCredentials: string;
} {
	const operator = nkeys.createOperator();
	const [account, system] = [nkeys.createAccount(), nkeys.createAccount()];
	const user = nkeys.createUser();
	const accountOf = (keys: Keys, storage: number) =>
		jwt(operator, keys, {
			type: "account",
			limits: {
				...unlimited,
				...{ imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 },
				...{ mem_storage: storage, disk_storage: storage },
				...{ streams: storage, consumer: storage },
			},
		});
	const file = (keys: Keys, until?: number) =>
		[
			"-----BEGIN NATS USER JWT-----",
			jwt(
				account,
				user,
				{ type: "user", pub: {}, sub: {}, ...unlimited },
				until,
			),
			"------END NATS USER JWT------",
			"",
			"-----BEGIN USER NKEY SEED-----",
			Buffer.from(keys.getSeed()).toString("latin1"),
			"------END USER NKEY SEED------",
			"",
		].join("\n");
	return {
		configuration: [
			`operator: ${jwt(operator, operator, { type: "operator" })}`,
			`system_account: ${system.getPublicKey()}`,
			"resolver: MEMORY",
			"resolver_preload: {",
			`  ${account.getPublicKey()}: ${accountOf(account, -1)}`,
			`  ${system.getPublicKey()}: ${accountOf(system, 0)}`,
			"}",
			"",
		].join("\n"),
		credentials: file(user),
		credentialsUntil: (seconds) => file(user, seconds),
		wrongCredentials: file(nkeys.createUser()),
	};
}
