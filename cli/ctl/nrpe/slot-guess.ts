import { takesSecret } from "../../../src/protocol/audit-line.ts";

/** What the value of an argument most likely is. */
export type Guess = "threshold" | "duration" | "host" | "port" | "path";

const words = (text: string) => new Set(text.split(" "));

const thresholdOptions = words("-w -c --warning --critical --warn --crit");
const timeoutOptions = words("-t --timeout");
const hostOptions = words("-H --host --hostname");
const pathOptions = words("--path --file --filename --directory");
const portPlugins = words(
	"check_clamd check_ftp check_http check_imap check_jabber check_ldap check_ldaps check_nntp check_nntps check_nrpe check_nt check_pop check_simap check_smtp check_spop check_ssh check_ssmtp check_tcp check_time check_udp",
);

/**
 * Guesses a value from the option that it follows.
 * @param plugin name of the plugin's file
 */
export function guessValue(
	plugin: string,
	option: string | undefined,
): { type: Guess | undefined; isSecret: boolean } {
	const guess = (type: Guess | undefined) => ({ type, isSecret: false });
	if (option === undefined) return guess(undefined);
	if (thresholdOptions.has(option)) return guess("threshold");
	if (timeoutOptions.has(option)) return guess("duration");
	if (hostOptions.has(option)) return guess("host");
	if (option === "--port") return guess("port");
	if (pathOptions.has(option)) return guess("path");
	if (option === "-p" && plugin === "check_disk") return guess("path");
	if (option === "-p" && portPlugins.has(plugin)) return guess("port");
	// the audit log shows the values of all slots that are not secret
	return { type: undefined, isSecret: takesSecret(option, plugin) };
}

/** Printable characters, besides letters and digits, that values of a type can have. */
export const punctuation: Readonly<Record<Guess | "word", string>> = {
	threshold: ".,:@~%-",
	duration: ".",
	host: ".:-_",
	port: "",
	path: " !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
	word: "_.,:/@%+=^-",
};
