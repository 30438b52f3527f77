import {
	closeSync,
	constants,
	fchmodSync,
	fchownSync,
	fstatSync,
	ftruncateSync,
	mkdirSync,
	openSync,
	readFileSync,
	realpathSync,
	renameSync,
	rmSync,
	statSync,
	writeFileSync,
	writeSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { modeText, permission } from "./file-mode.ts";
import { type Hop, hopText, parseHop, parsePin } from "./protocol/hop.ts";
import {
	keyPin,
	type Pin,
	pinOn,
	type ShownCertificate,
} from "./protocol/pin.ts";
import { quotedWord } from "./protocol/words.ts";
import { systemReason } from "./system-error.ts";

/**
 * Says what to do about a hop whose certificate is not trusted, in one line; undefined if the reason
 * says it all.
 * @param code of the error
 * @param signal aborts when nobody waits for it any more
 */
export type AdviceOf = (
	hop: Hop,
	code: string,
	timeoutMilliseconds: number,
	signal?: AbortSignal,
) => Promise<string | undefined>;

/** The file cannot be used. One line that names it. */
export class KnownHostsError extends Error {
	override name = "KnownHostsError";
}

/** A host of the file. */
export interface KnownHost {
	hop: Hop;
	/** What its certificate is verified by, as parsePin() returns it: one of them is enough. */
	pins: readonly string[];
	/** Its line, from 1. */
	line: number;
}

/** What was read from the file. */
export interface KnownHostsContent {
	text: string;
	/** By hopText(). */
	hosts: Map<string, KnownHost>;
}

/** Largest file: about 40,000 hosts. */
const maxBytes = 4 * 1024 * 1024;

/** The file for services of this machine. */
export const servicesFile = "/etc/happo/known_hosts";

/** The file of the user who runs a command. */
export const userFile = ({
	XDG_CONFIG_HOME,
	HOME = "/",
}: NodeJS.ProcessEnv): string =>
	join(XDG_CONFIG_HOME || join(HOME, ".config"), "happo", "known_hosts");

const wordsOf = (line: string) =>
	line
		.replace(/(^|\s)#.*/, "")
		.split(/\s+/)
		.filter((word) => word !== "");

/** The hop and pins of a line; undefined if it is invalid. */
function parseLine([place = "", ...texts]: readonly string[]) {
	const hop = parseHop(place);
	const pins = texts.flatMap((text) => parsePin(text) ?? []);
	return hop && pins.length > 0 && pins.length === texts.length
		? { hop, pins }
		: undefined;
}

/**
 * Adds the hosts of some lines: `HOST[:PORT] PIN...`; blank lines and comments are ignored. If a
 * host has several lines, the first one counts: processes that add the same host at the same time
 * then agree. Returns the hosts that are new.
 * @param parts.before number of lines above
 * @throws KnownHostsError that names the line
 */
function addHosts(
	hosts: Map<string, KnownHost>,
	parts: { text: string; file: string; before: number },
): Hop[] {
	const added: Hop[] = [];
	for (const [at, written] of parts.text.split("\n").entries()) {
		const words = wordsOf(written);
		if (words.length === 0) continue;
		const parsed = parseLine(words);
		const line = parts.before + at + 1;
		if (!parsed)
			throw new KnownHostsError(
				`--known-hosts ${parts.file} line ${line}: not HOST[:PORT] SHA256`,
			);
		const key = hopText(parsed.hop);
		if (hosts.has(key)) continue;
		hosts.set(key, { ...parsed, line });
		added.push(parsed.hop);
	}
	return added;
}

const linesIn = (text: string) => text.split("\n").length - 1;

/** What a user compares, and how: the way does not depend on the connection that is in question. */
const comparison = ({ fingerprint256 }: ShownCertificate) =>
	`its certificate has SHA-256 ${fingerprint256}; if the host says the same (happo-ctl status -o json there), run`;

/** The hosts whose keys or certificates a user knows, as ssh has them in known_hosts. */
export class KnownHosts {
	readonly file: string;
	readonly #isUnused: boolean;
	readonly #mayBeMissing: boolean;
	readonly #isNamed: boolean;
	readonly #added: ((line: string) => void) | undefined;
	readonly #mode: number;
	#content: KnownHostsContent = { text: "", hosts: new Map() };
	/** The host that is being added. */
	#accepting = "";
	/** Called for each host that is verified in another way now. */
	changed: (hop: Hop) => void = () => {};

	/**
	 * @param parts.isUnused the file is never read: another setting goes before it
	 * @param parts.mayBeMissing a file that does not exist is an empty one
	 * @param parts.isNamed commands in messages have to name the file, as it is not that of the user
	 * @param parts.added if given, hosts that the file does not have are added to it with the key
	 * that they show; called with a line for the user
	 * @param parts.mode of a file that is created
	 */
	constructor(parts: {
		file: string;
		isUnused?: boolean;
		mayBeMissing: boolean;
		isNamed: boolean;
		added?: ((line: string) => void) | undefined;
		mode?: number | undefined;
	}) {
		this.file = parts.file;
		this.#isUnused = parts.isUnused ?? false;
		this.#mayBeMissing = parts.mayBeMissing || parts.added !== undefined;
		this.#isNamed = parts.isNamed;
		this.#added = parts.added;
		this.#mode = parts.mode ?? 0o600;
	}

	/** What is in use. */
	get content(): KnownHostsContent {
		return this.#content;
	}

	/**
	 * Reads the file.
	 * @throws KnownHostsError
	 */
	read(): KnownHostsContent {
		const text = this.#readText();
		const hosts = new Map<string, KnownHost>();
		addHosts(hosts, { text, file: this.file, before: 0 });
		return { text, hosts };
	}

	/** Puts what was read to use. */
	use(content: KnownHostsContent): void {
		const before = this.#content.hosts;
		this.#content = content;
		const pinsOf = (host: KnownHost | undefined) => host?.pins.join(" ");
		for (const [key, { hop }] of new Map([...before, ...content.hosts]))
			if (pinsOf(before.get(key)) !== pinsOf(content.hosts.get(key)))
				this.#tell(hop);
	}

	/** The connection by which a host is being added may stay. */
	#tell(hop: Hop): void {
		if (hopText(hop) !== this.#accepting) this.changed(hop);
	}

	#readText(): string {
		return this.#find(() => this.file)?.text ?? "";
	}

	/** Reads the file at a path; undefined if it is missing and may be. */
	#find(path: () => string): FoundFile | undefined {
		if (this.#isUnused) return undefined;
		const name = `--known-hosts ${this.file}`;
		try {
			const found = readRegularFile(path());
			if ((found.mode & permission.othersWrite) === 0) return found;
			throw new Error(
				`mode ${modeText(found.mode)}, every user of this machine can change it (chmod o-w)`,
			);
		} catch (cause) {
			const { code = "" } = cause as NodeJS.ErrnoException;
			if (this.#mayBeMissing && (code === "ENOENT" || code === "ENOTDIR"))
				return undefined;
			throw new KnownHostsError(`${name}: ${systemReason(cause)}`, { cause });
		}
	}

	/**
	 * Takes over what processes have appended since the file was read, this one or others; reads all
	 * of it if it has changed in another way.
	 */
	#catchUp(): void {
		const { text: before, hosts } = this.#content;
		const text = this.#readText();
		if (text === before) return;
		const isAppended =
			(before === "" || before.endsWith("\n")) && text.startsWith(before);
		if (!isAppended) {
			this.use(this.read());
			return;
		}
		const added = addHosts(hosts, {
			text: text.slice(before.length),
			file: this.file,
			before: linesIn(before),
		});
		this.#content = { text, hosts };
		for (const hop of added) this.#tell(hop);
	}

	/**
	 * What verifies a hop: its entry, or whatever it shows first if hosts are added; undefined if the
	 * file says nothing of it.
	 */
	pin(hop: Hop): Pin | undefined {
		const known = this.#content.hosts.get(hopText(hop));
		if (known) return (certificate) => this.#whyRefused(known, certificate);
		return this.#added && ((certificate) => this.#accept(hop, certificate));
	}

	/** What to do about a host that the file does not have, in one line. */
	advice(hop: Hop, certificate: ShownCertificate): string {
		return `it is not in ${this.file}; ${comparison(certificate)}: ${this.#command("add", hop)} ${keyPin(certificate)}`;
	}

	/**
	 * Adds a line for a host.
	 * @throws KnownHostsError if it has one, or the file cannot be written
	 */
	add(hop: Hop, pins: readonly string[], comment = ""): void {
		const place = hopText(hop);
		this.#catchUp();
		const known = this.#content.hosts.get(place);
		if (known)
			throw new KnownHostsError(
				`${place}: is in ${this.file} line ${known.line} already; to replace it, run first: ${this.#command("remove", hop)}`,
			);
		this.#append(`${place} ${pins.join(" ")}${comment && ` # ${comment}`}\n`);
		this.#catchUp();
	}

	/**
	 * Removes the lines of a host. Returns their number. A host that another process adds at this
	 * very moment may be lost; it is then unknown, which is safe.
	 * @throws KnownHostsError if the file cannot be written
	 */
	remove(hop: Hop): number {
		const place = hopText(hop);
		// a link stays; whoever owns its directory may turn it to another file meanwhile
		const found = this.#find(() => realpathSync(this.file));
		if (!found) return 0;
		const { text } = found;
		addHosts(new Map(), { text, file: this.file, before: 0 });
		const lines = text.split("\n");
		const kept = lines.filter((line) => {
			const parsed = parseLine(wordsOf(line));
			return !parsed || hopText(parsed.hop) !== place;
		});
		if (kept.length < lines.length) this.#replace(found, kept.join("\n"));
		return lines.length - kept.length;
	}

	#whyRefused(
		{ hop, pins, line }: KnownHost,
		certificate: ShownCertificate,
	): string | undefined {
		const wrong = pinOn(...pins)(certificate);
		return (
			wrong &&
			`${wrong} (${this.file} line ${line}): somebody may be in between, or it has a new key pair; ${comparison(certificate)}: ${this.#command("remove", hop)}`
		);
	}

	/** Adds a host with the key that it shows; another process may have added it before. */
	#accept(hop: Hop, certificate: ShownCertificate): string | undefined {
		const place = hopText(hop);
		const pin = keyPin(certificate);
		let isAdded = false;
		this.#accepting = place;
		try {
			this.#catchUp();
			if (!this.#content.hosts.has(place)) {
				const today = new Date().toISOString().slice(0, 10);
				this.#append(`${place} ${pin} # accepted on ${today}\n`);
				this.#catchUp();
				isAdded = true;
			}
		} catch (error) {
			if (error instanceof KnownHostsError) return error.message;
			throw error;
		} finally {
			this.#accepting = "";
		}
		const known = this.#content.hosts.get(place);
		// whoever removed it in this moment did not mean to accept it
		if (!known) return `was removed from ${this.file} at once`;
		const refused = this.#whyRefused(known, certificate);
		if (isAdded && refused === undefined)
			this.#added?.(`${place}: added to ${this.file}: ${pin}`);
		return refused;
	}

	/** Appends a line in one piece, so that several processes can do so at the same time. */
	#append(line: string): void {
		const name = `--known-hosts ${this.file}`;
		const text = this.#content.text;
		const bytes = Buffer.from(/[^\n]$/.test(text) ? `\n${line}` : line);
		try {
			const fd = openToAppend(this.file, this.#mode);
			try {
				const { size } = fstatSync(fd);
				if (size + bytes.length > maxBytes)
					throw new Error(`would have more than ${maxBytes} bytes`);
				const written = writeSync(fd, bytes);
				if (written === bytes.length) return;
				// a part of a line would make the file unusable
				if (fstatSync(fd).size === size + written) ftruncateSync(fd, size);
				throw new Error("no space left on the device");
			} finally {
				closeSync(fd);
			}
		} catch (cause) {
			throw new KnownHostsError(
				`${name}: cannot be written: ${systemReason(cause)}`,
				{ cause },
			);
		}
	}

	/**
	 * Replaces a file in one step. Owner and mode stay, whoever runs this: a service goes on reading
	 * and appending.
	 */
	#replace({ path, mode, uid, gid }: FoundFile, text: string): void {
		const next = `${path}.${process.pid}.new`;
		try {
			const fd = openSync(next, "wx", 0o600);
			try {
				writeFileSync(fd, text);
				const ours = fstatSync(fd);
				if (ours.uid !== uid || ours.gid !== gid) fchownSync(fd, uid, gid);
				fchmodSync(fd, mode & 0o777);
				renameSync(next, path);
			} catch (error) {
				rmSync(next, { force: true });
				throw error;
			} finally {
				closeSync(fd);
			}
		} catch (cause) {
			const reason =
				(cause as NodeJS.ErrnoException).syscall === "fchown"
					? `its owner ${uid} and group ${gid} cannot be kept`
					: systemReason(cause);
			throw new KnownHostsError(
				`--known-hosts ${this.file}: cannot be written: ${reason}`,
				{ cause },
			);
		}
	}

	/** The command that changes the entry of a hop. */
	#command(verb: "add" | "remove", hop: Hop): string {
		const flag = this.#isNamed ? ` --known-hosts ${quotedWord(this.file)}` : "";
		return `happo-ctl known-hosts ${verb}${flag} ${quotedWord(hopText(hop))}`;
	}
}

/**
 * Makes a directory and those above it, with this mode whatever the umask. Those that exist stay as
 * they are.
 */
function makeDirectory(directory: string, mode: number): void {
	const first = mkdirSync(directory, { recursive: true, mode });
	if (first === undefined) return;
	const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;
	for (
		let made = resolve(directory);
		made.length >= first.length;
		made = dirname(made)
	) {
		const fd = openSync(made, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
		try {
			fchmodSync(fd, mode);
		} finally {
			closeSync(fd);
		}
	}
}

/**
 * Opens a file to append to it. A new one has this mode whatever the umask, and belongs to the owner
 * of its directory if root makes it, so that a service can append to it, too. Whoever may read it may
 * also enter a directory that is made for it.
 */
function openToAppend(file: string, mode: number): number {
	const { O_WRONLY, O_APPEND, O_CREAT, O_EXCL, O_NONBLOCK } = constants;
	const flags = O_WRONLY | O_APPEND | O_NONBLOCK;
	const directory = dirname(file);
	makeDirectory(directory, mode | ((mode & 0o444) >> 2));
	let fd: number;
	try {
		// not through a link, as mode and owner change
		fd = openSync(file, flags | O_CREAT | O_EXCL, mode);
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
		return openSync(file, flags | O_CREAT, mode);
	}
	try {
		const { uid, gid } = statSync(directory);
		if (uid !== 0 && process.geteuid?.() === 0) fchownSync(fd, uid, gid);
		fchmodSync(fd, mode);
		return fd;
	} catch (error) {
		closeSync(fd);
		throw error;
	}
}

interface FoundFile {
	path: string;
	text: string;
	mode: number;
	uid: number;
	gid: number;
}

/** Reads a regular file, but no larger one than is allowed. */
function readRegularFile(path: string): FoundFile {
	// a FIFO would block
	const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
	try {
		const found = fstatSync(fd);
		if (found.isDirectory()) throw new Error("is a directory");
		if (!found.isFile()) throw new Error("not a regular file");
		if (found.size > maxBytes)
			throw new Error(`has more than ${maxBytes} bytes`);
		const { mode, uid, gid } = found;
		return { path, text: readFileSync(fd, "utf8"), mode, uid, gid };
	} finally {
		closeSync(fd);
	}
}
