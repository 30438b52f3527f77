import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

/** A token or key that was given out. Only its hash is kept. */
interface Secret {
	hash: Buffer;
	/** When it ends, in milliseconds of the clock. */
	until: number;
}

/** More than one person opens; the oldest leaves for a new one. */
const maxTokens = 16;
const maxSessions = 64;

const sessionMilliseconds = 12 * 60 * 60 * 1000;

const hashOf = (text: string) => createHash("sha256").update(text).digest();

/** A list of secrets, bounded in number and in time. */
class Secrets {
	readonly #maximum: number;
	readonly #now: () => number;
	#known: Secret[] = [];

	constructor(maximum: number, now: () => number) {
		this.#maximum = maximum;
		this.#now = now;
	}

	/** Makes one of 256 random bits; the one that has not been used for longest may leave. */
	create(milliseconds: number): string {
		const text = randomBytes(32).toString("base64url");
		this.#known = this.#valid().slice(-(this.#maximum - 1));
		this.#known.push({
			hash: hashOf(text),
			until: this.#now() + milliseconds,
		});
		return text;
	}

	/** Looks at all of them, so that the time does not tell which one is similar. */
	find(text: string): Secret | undefined {
		const hash = hashOf(text);
		let found: Secret | undefined;
		for (const one of this.#valid())
			if (timingSafeEqual(one.hash, hash)) found = one;
		return found;
	}

	remove(secret: Secret): void {
		this.#known = this.#known.filter((one) => one !== secret);
	}

	/** Lets it last from now on, and leave last. */
	renew(secret: Secret, milliseconds: number): void {
		secret.until = this.#now() + milliseconds;
		this.remove(secret);
		this.#known.push(secret);
	}

	#valid(): Secret[] {
		return this.#known.filter(({ until }) => until > this.#now());
	}
}

/** Who may ask: tokens of links, each of which works once, and the keys that pages get for them. */
export class Sessions {
	readonly #tokens: Secrets;
	readonly #keys: Secrets;

	/** @param now a monotonic clock, in milliseconds */
	constructor(now: () => number = () => performance.now()) {
		this.#tokens = new Secrets(maxTokens, now);
		this.#keys = new Secrets(maxSessions, now);
	}

	/** A token for a link. */
	createToken(milliseconds: number): string {
		return this.#tokens.create(milliseconds);
	}

	/** The key of a new session; undefined if the token was used, is too old or is none. */
	open(token: string): string | undefined {
		const known = this.#tokens.find(token);
		if (!known) return undefined;
		this.#tokens.remove(known);
		return this.#keys.create(sessionMilliseconds);
	}

	/** Whether there is a session with this key; it then lasts on. */
	has(key: string): boolean {
		const known = this.#keys.find(key);
		if (known) this.#keys.renew(known, sessionMilliseconds);
		return known !== undefined;
	}
}
