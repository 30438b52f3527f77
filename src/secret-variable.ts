/**
 * Names that programs use for secrets: `DB_PASSWORD`, `PGPASSWORD`, `MYSQL_PWD`, `GITHUB_TOKEN`,
 * `API_KEY`.
 */
const secretName =
	/SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|TOKEN|API_?KEY|(?:_|^)(?:KEY|PASS)$|SSHPASS$|_PWD$|^AWS_/i;

/** `http://user:password@proxy`, anywhere in a value. */
const secretUrl = /[a-z][a-z0-9+.-]*:\/\/[^/\s@:]*:[^/\s@]+@/i;

/** Proxy variables, whose values may lack a scheme. */
const proxyName = /_proxy$/i;

/** Whether a value contains a URL with a password. */
export const hasPassword = (value: string): boolean => secretUrl.test(value);

/** Whether an environment variable looks like a secret, by its name or value. */
export function looksSecret(name: string, value: string): boolean {
	return (
		secretName.test(name) ||
		hasPassword(value) ||
		(proxyName.test(name) && /:[^@]*@/.test(value))
	);
}
