/** A value of nrpe.cfg and where it is written; the last one counts, as for NRPE. */
export interface Found<T> {
	readonly value: T;
	readonly file: string;
	/** From 1. */
	readonly line: number;
}

/** What `allowed_hosts` comes to. */
export interface AllowedHosts {
	/** Addresses and networks that NRPE lets in, without host bits; names are resolved. */
	readonly networks: readonly string[];
	/** Names, which NRPE resolves at each connection, with their addresses now. */
	readonly names: readonly {
		readonly name: string;
		readonly addresses: readonly string[];
	}[];
	/** Entries that NRPE ignores, such as `10.1.2.3/8` and `10.0.0.0/255.0.0.0`. */
	readonly ignored: readonly string[];
}

/** What nrpe.cfg sets besides commands. What it does not set is undefined; NRPE's default counts. */
export interface NrpeSettings {
	/** `server_port`; NRPE's default is 5666. */
	readonly port?: Found<number>;
	/** `server_address`; all addresses by default. */
	readonly address?: Found<string>;
	/** `nrpe_user`, by name or number. */
	readonly user?: Found<string>;
	/** `nrpe_group`, by name or number. */
	readonly group?: Found<string>;
	/** `allowed_hosts`, all lines together; without one, NRPE answers everybody. */
	readonly allowedHosts?: Found<AllowedHosts>;
	/** `command_timeout`; NRPE's default is 60. Commands of the policy have it already. */
	readonly commandTimeoutSeconds?: Found<number>;
	/** `connection_timeout`; NRPE's default is 300. */
	readonly connectionTimeoutSeconds?: Found<number>;
	/** `max_commands`; 0 is no limit, the default. */
	readonly maxCommands?: Found<number>;
	/** `keep_env_vars`: beginnings of the names of variables that commands get. */
	readonly keepVariables?: Found<readonly string[]>;
	/** `ssl_cert_file` */
	readonly certificateFile?: Found<string>;
	/** `ssl_privatekey_file` */
	readonly keyFile?: Found<string>;
	/** `ssl_cacert_file`: the CAs of client certificates. */
	readonly clientCaFile?: Found<string>;
	/** `ssl_client_certs`: whether clients are asked for a certificate, and must have one. */
	readonly clientCertificates?: Found<"no" | "asked" | "required">;
}

/** What has become of a line of nrpe.cfg. */
export interface ReportLine {
	/**
	 * `imported`: means the same. `tightened`: means the same, but takes less. `needs you`: is not in
	 * the policy, or not as NRPE has it.
	 */
	readonly outcome: "imported" | "tightened" | "needs you";
	readonly file: string;
	/** From 1; 0 if the line is about the whole file. */
	readonly line: number;
	/** `command[check_load]`, `allowed_hosts`. */
	readonly subject: string;
	/** One or more sentences. */
	readonly text: string;
	/** What to do; undefined if there is nothing. */
	readonly proposal?: string;
}

/** A policy made from nrpe.cfg. */
export interface NrpeImport {
	/** The policy as YAML, with a comment for each command; `parsePolicy` reads it. */
	readonly policy: string;
	readonly settings: NrpeSettings;
	/** In the order of the lines as NRPE reads them. */
	readonly report: readonly ReportLine[];
	/** Each file that NRPE reads, in its order. */
	readonly files: readonly string[];
}
