/** Names under which programs look for secrets: `DB_PASSWORD`, `PGPASSWORD`, `MYSQL_PWD`, `GITHUB_TOKEN`, `API_KEY`. */
const SECRET_NAME =
	/SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|TOKEN|API_?KEY|(?:_|^)(?:KEY|PASS)$|SSHPASS$|_PWD$|^AWS_/i;

/** `http://user:password@proxy`, wherever it stands in a value. */
const SECRET_URL = /[a-z][a-z0-9+.-]*:\/\/[^/\s@:]*:[^/\s@]+@/i;

/** Proxies are written without a scheme, too. */
const PROXY_NAME = /_proxy$/i;

/** Whether a value is a URL with a password, or holds one. */
export const hasPassword = (value: string): boolean => SECRET_URL.test(value);

/** Whether a variable of the environment looks like a secret, by its name or by its value. */
export function looksSecret(name: string, value: string): boolean {
	return (
		SECRET_NAME.test(name) ||
		hasPassword(value) ||
		(PROXY_NAME.test(name) && /:[^@]*@/.test(value))
	);
}
