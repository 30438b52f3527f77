import { parseFingerprint } from "../protocol/hop.ts";
import type { YamlTree } from "../protocol/yaml.ts";
import type { Caller } from "./call.ts";
import type { DocumentReader, Pairs } from "./document.ts";
import { digestWords, sameDigests } from "./key.ts";
import { addressBits, NetworkIndex, networkOf } from "./networks.ts";
import { shown } from "./shown.ts";

/** The name of whoever comes over the admin socket. */
const adminName = "admin";

/** Names of callers, keys and commands. */
export const namePattern = /^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,99}$/;

/** Conditions of an entry, as bits. */
const conditions = {
	address: 1,
	uri: 2,
	dns: 4,
	email: 8,
	cn: 16,
	fingerprint: 32,
	key: 64,
	admin: 128,
	anyCertificate: 256,
} as const;

type CertificateCondition = "uri" | "dns" | "email" | "cn" | "fingerprint";

const certificateKeys = ["uri", "dns", "email", "cn", "fingerprint"] as const;

/** The name in a certificate or a policy as both are compared; undefined if it cannot be one. */
const normalised: Readonly<
	Record<CertificateCondition, (text: string) => string | undefined>
> = {
	uri: (text) =>
		/^[A-Za-z][A-Za-z0-9+.-]*:\S+$/.test(text) ? text : undefined,
	dns: (text) =>
		/^(?:\*\.)?[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$/.test(text)
			? text.toLowerCase()
			: undefined,
	email: (text) => {
		const at = text.lastIndexOf("@");
		return at > 0 && at < text.length - 1
			? text.slice(0, at) + text.slice(at).toLowerCase()
			: undefined;
	},
	cn: (text) => (text === "" ? undefined : text),
	fingerprint: parseFingerprint,
};

const whatIs: Readonly<Record<CertificateCondition, string>> = {
	uri: "a URI",
	dns: "a DNS name, with *. at most in front",
	email: "an e-mail address",
	cn: "a common name",
	fingerprint: "a SHA-256 fingerprint",
};

/** What somebody has proved, as the audit log has it. */
interface Proof {
	readonly admin?: boolean;
	readonly address?: string | undefined;
	readonly certificate?:
		| {
				readonly fingerprint: string;
				readonly uri?: readonly string[];
				readonly dns?: readonly string[];
				readonly email?: readonly string[];
				readonly cn?: string | undefined;
		  }
		| undefined;
	/** Name of the key. */
	readonly key?: string | undefined;
}

/** A value of a condition, and the entry that has it. */
interface Evidence {
	entry: number;
	condition: number;
}

/** Names of callers, found by what they prove. */
export class Callers {
	/** All names, in alphabetical order. */
	readonly names: readonly string[];
	/** Conditions of each name. */
	readonly #needed: readonly number[];
	readonly #networks = new NetworkIndex<Evidence>();
	/** By condition and value. */
	readonly #certificates: Readonly<
		Record<CertificateCondition | "parent", Map<string, number[]>>
	> = {
		uri: new Map(),
		dns: new Map(),
		email: new Map(),
		cn: new Map(),
		fingerprint: new Map(),
		// what follows *. in a condition
		parent: new Map(),
	};
	/** Entries that any verified client certificate fulfils. */
	readonly #anyCertificate: readonly number[];
	/** All digests, one after the other, and for each the entries that have its key. */
	readonly #digests: Int32Array;
	readonly #keyEntries: (readonly number[])[] = [];

	readonly #entries: ReadonlyMap<string, WhoEntry>;
	readonly #keys: ReadonlyMap<string, readonly string[]>;

	/** @param keys digests by name, all of them valid */
	constructor(
		entries: ReadonlyMap<string, WhoEntry>,
		keys: ReadonlyMap<string, readonly string[]>,
	) {
		this.#entries = entries;
		this.#keys = keys;
		this.names = [...entries.keys(), adminName].toSorted();
		const indexOf = new Map(this.names.map((name, index) => [name, index]));
		this.#needed = this.names.map(
			(name) => entries.get(name)?.needed ?? conditions.admin,
		);
		const byKey = new Map<string, number[]>();
		for (const [name, { networks, certificate, keys }] of entries) {
			const entry = indexOf.get(name) ?? 0;
			for (const network of networks)
				this.#networks.add(network, { entry, condition: conditions.address });
			for (const [condition, value] of certificate) {
				const isParent = condition === "dns" && value.startsWith("*.");
				append(
					this.#certificates[isParent ? "parent" : condition],
					isParent ? value.slice(2) : value,
					entry,
				);
			}
			for (const key of keys) append(byKey, key, entry);
		}
		this.#anyCertificate = this.names.flatMap((_, entry) =>
			(this.#needed[entry] ?? 0) & conditions.anyCertificate ? [entry] : [],
		);
		const words: number[] = [];
		for (const [key, digests] of keys)
			for (const digest of digests) {
				words.push(...(digestWords(digest) ?? []));
				this.#keyEntries.push(byKey.get(key) ?? []);
			}
		this.#digests = Int32Array.from(words);
	}

	/** A caller that fulfils the conditions of a name; undefined if there is no such name. */
	exampleOf(name: string): Caller | undefined {
		const isAdmin = name === adminName;
		const entry = this.#entries.get(name);
		if (!isAdmin && !entry) return undefined;
		const values = (condition: CertificateCondition) =>
			(entry?.certificate ?? [])
				.filter(([given]) => given === condition)
				.slice(0, 1)
				.map(([, value]) => value.replace(/^\*/, "any"));
		const hasCertificate =
			(entry?.certificate.length ?? 0) > 0 ||
			((entry?.needed ?? 0) & conditions.anyCertificate) > 0;
		return {
			isAdmin,
			address: entry?.address,
			certificate: hasCertificate
				? {
						uris: values("uri"),
						dns: values("dns"),
						emails: values("email"),
						commonName: values("cn")[0],
						fingerprint256: values("fingerprint")[0] ?? "",
					}
				: undefined,
			keyDigest: this.digestOf(entry?.keys[0] ?? ""),
		};
	}

	/** The first digest of a key; undefined if there is no such key. */
	digestOf(key: string): string | undefined {
		return this.#keys.get(key)?.[0];
	}

	/** The name of the key with a digest; undefined if the policy does not have it. */
	nameOfKey(digest: string): string | undefined {
		for (const [name, digests] of this.#keys)
			if (digests.includes(digest)) return name;
		return undefined;
	}

	/**
	 * The caller who proved something, perhaps under another policy.
	 * @returns a caller without a key if the policy has no key of this name
	 */
	callerWith({ admin, address, certificate, key }: Proof): Caller {
		return {
			isAdmin: admin ?? false,
			address,
			certificate: certificate && {
				uris: certificate.uri ?? [],
				dns: certificate.dns ?? [],
				emails: certificate.email ?? [],
				commonName: certificate.cn,
				fingerprint256: certificate.fingerprint,
			},
			keyDigest: key === undefined ? undefined : this.digestOf(key),
		};
	}

	/** Finds out which conditions of each name a caller fulfils. */
	evidenceOf(caller: Caller): Evidences {
		const found = new Uint16Array(this.names.length);
		const note = (
			entries: readonly number[] | undefined,
			condition: number,
		) => {
			for (const entry of entries ?? [])
				found[entry] = (found[entry] ?? 0) | condition;
		};
		const address =
			caller.address === undefined ? undefined : addressBits(caller.address);
		if (address)
			this.#networks.find(address, ({ entry, condition }) => {
				found[entry] = (found[entry] ?? 0) | condition;
			});
		const { certificate, keyDigest } = caller;
		if (certificate) {
			note(this.#anyCertificate, conditions.anyCertificate);
			const index = this.#certificates;
			for (const uri of certificate.uris)
				note(index.uri.get(uri), conditions.uri);
			for (const given of certificate.dns) {
				const name = given.toLowerCase();
				// a certificate for *.example.net is not one for a name below it
				if (name.includes("*")) continue;
				note(index.dns.get(name), conditions.dns);
				const dot = name.indexOf(".");
				if (dot > 0)
					note(index.parent.get(name.slice(dot + 1)), conditions.dns);
			}
			for (const email of certificate.emails)
				note(index.email.get(normalised.email(email) ?? ""), conditions.email);
			note(index.cn.get(certificate.commonName ?? ""), conditions.cn);
			note(
				index.fingerprint.get(certificate.fingerprint256),
				conditions.fingerprint,
			);
		}
		const digest = keyDigest === undefined ? undefined : digestWords(keyDigest);
		if (digest)
			for (const at of sameDigests(this.#digests, digest))
				note(this.#keyEntries[at], conditions.key);
		if (caller.isAdmin) note([this.names.indexOf(adminName)], conditions.admin);
		return new Evidences(this.names, this.#needed, found);
	}
}

function append<K>(map: Map<K, number[]>, key: K, entry: number) {
	const known = map.get(key);
	if (known) known.push(entry);
	else map.set(key, [entry]);
}

/** What a caller has proved, by number of a name. */
export class Evidences {
	readonly #names: readonly string[];
	readonly #needed: readonly number[];
	readonly #found: Uint16Array;
	/** The numbers of the names that the caller has, which is alphabetical. */
	readonly entries: readonly number[];

	constructor(
		names: readonly string[],
		needed: readonly number[],
		found: Uint16Array,
	) {
		this.#names = names;
		this.#needed = needed;
		this.#found = found;
		const entries: number[] = [];
		for (let entry = 0; entry < found.length; entry++)
			if (found[entry] === needed[entry]) entries.push(entry);
		this.entries = entries;
	}

	/** Whether the caller is this one. */
	is(entry: number): boolean {
		return this.#found[entry] === this.#needed[entry];
	}

	/** Whether the caller would be this one if it showed the right key. */
	isWithKey(entry: number): boolean {
		const found = this.#found[entry] ?? 0;
		const needed = this.#needed[entry] ?? 0;
		return (found | (needed & conditions.key)) === needed;
	}

	/** The names of the caller, in alphabetical order. */
	who(): string[] {
		return this.entries.map((entry) => this.#names[entry] ?? "");
	}

	/** What is missing to be this one, if something is there; undefined if nothing is. */
	missing(entry: number): string | undefined {
		const found = this.#found[entry] ?? 0;
		const missing = (this.#needed[entry] ?? 0) & ~found;
		if (found === 0 || missing === 0) return undefined;
		if (missing === conditions.key) return "the key is missing or unknown";
		return missing & conditions.address
			? "the address is another one"
			: "the client certificate is missing or another one";
	}
}

/** An entry of `who`. */
interface WhoEntry {
	/** Its conditions, as bits. */
	needed: number;
	/** An address in the first of its networks. */
	address: string | undefined;
	networks: readonly NonNullable<ReturnType<typeof networkOf>>[];
	certificate: readonly (readonly [CertificateCondition, string])[];
	keys: readonly string[];
}

const noConditions: WhoEntry = {
	...{ needed: 0, address: undefined, networks: [], certificate: [], keys: [] },
};

function readCertificate(
	tree: YamlTree,
	place: string,
	reader: DocumentReader,
): [CertificateCondition, string][] {
	const pairs: Pairs =
		reader.mapping(tree, place, certificateKeys) ?? new Map();
	if (tree.kind === "mapping" && pairs.size === 0)
		reader.refuse(tree, place, "has no conditions");
	return certificateKeys.flatMap((condition) => {
		const pair = pairs.get(condition);
		if (!pair) return [];
		const at = `${place}.${condition}`;
		return reader.texts(pair.value, at).flatMap(({ text, line }) => {
			const value = normalised[condition](text);
			if (value !== undefined) return [[condition, value] as const];
			reader.refuse({ line }, at, `${shown(text)} is not ${whatIs[condition]}`);
			return [];
		});
	}) as [CertificateCondition, string][];
}

function readEntry(
	tree: YamlTree,
	place: string,
	reader: DocumentReader,
	keyNames: ReadonlySet<string>,
): WhoEntry | undefined {
	const pairs = reader.mapping(tree, place, ["address", "certificate", "key"]);
	if (!pairs) return undefined;
	if (pairs.size === 0)
		reader.refuse(
			tree,
			place,
			"has no conditions: it needs address, certificate or key",
		);
	const address = pairs.get("address");
	const certificate = pairs.get("certificate");
	const key = pairs.get("key");
	const written = address
		? reader.texts(address.value, `${place}.address`)
		: [];
	const networks = written.flatMap(({ text, line }) => {
		const network = networkOf(text);
		if (network) return [network];
		reader.refuse(
			{ line },
			`${place}.address`,
			`${shown(text)} is not an address or network`,
		);
		return [];
	});
	const isAny =
		certificate?.value.kind === "text" && certificate.value.text === "any";
	const names =
		certificate && !isAny
			? readCertificate(certificate.value, `${place}.certificate`, reader)
			: [];
	const keys = key ? reader.texts(key.value, `${place}.key`) : [];
	for (const { text, line } of keys)
		if (!keyNames.has(text))
			reader.refuse(
				{ line },
				`${place}.key`,
				`${shown(text)} is not a name in keys`,
			);
	let needed = 0;
	if (address) needed |= conditions.address;
	if (key) needed |= conditions.key;
	if (isAny) needed |= conditions.anyCertificate;
	for (const [condition] of names) needed |= conditions[condition];
	return {
		...{ needed, networks, certificate: names },
		address: written[0]?.text.split("/", 1)[0],
		keys: keys.map(({ text }) => text),
	};
}

/** Reads `keys`: up to two digests by name, two while a key is replaced. */
function readKeys(
	tree: YamlTree | undefined,
	reader: DocumentReader,
): Map<string, string[]> {
	const keys = new Map<string, string[]>();
	const names = new Map<string, string>();
	for (const [name, { line, value }] of (tree &&
		reader.mapping(tree, "keys")) ??
		[]) {
		const place = `keys.${name}`;
		if (!namePattern.test(name))
			reader.refuse({ line }, place, "is not a name");
		const digests = reader.texts(value, place).flatMap(({ text, line }) => {
			if (!digestWords(text)) {
				// never the text, which may be the key itself
				reader.refuse(
					{ line },
					place,
					"expected sha256: and 64 hexadecimal digits in lower case, as happo-ctl policy key prints them",
				);
				return [];
			}
			const other = names.get(text);
			if (other !== undefined)
				reader.refuse({ line }, place, `the same digest as in keys.${other}`);
			names.set(text, name);
			return [text];
		});
		if (digests.length > 2)
			reader.refuse({ line }, place, "has more than two digests");
		keys.set(name, digests);
	}
	return keys;
}

/** Reads `who` and `keys`. */
export function readCallers(
	who: YamlTree | undefined,
	keys: YamlTree | undefined,
	reader: DocumentReader,
): { callers: Callers; unusedKeys: string[] } {
	const digests = readKeys(keys, reader);
	const keyNames = new Set(digests.keys());
	const entries = new Map<string, WhoEntry>();
	const unused = new Set(keyNames);
	for (const [name, { line, value }] of (who && reader.mapping(who, "who")) ??
		[]) {
		const place = `who.${name}`;
		if (name === adminName) {
			reader.refuse(
				{ line },
				place,
				"is reserved: it is whoever comes over the admin socket",
			);
			continue;
		}
		if (!namePattern.test(name))
			reader.refuse({ line }, place, "is not a name");
		// the name is known to rules even if its entry has a problem
		const entry = readEntry(value, place, reader, keyNames) ?? noConditions;
		for (const key of entry.keys) unused.delete(key);
		entries.set(name, entry);
	}
	return { callers: new Callers(entries, digests), unusedKeys: [...unused] };
}
