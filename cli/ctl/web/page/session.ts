import createClient, { type Client } from "openapi-fetch";
import type { paths } from "../../../../generated/web-schema.ts";

/** The program's API, with the key of the session. */
export type Api = Client<paths>;

/**
 * Where the tab keeps its key. Not a cookie: the browser would send that to every port of this
 * machine.
 */
const storageKey = "happo-session";

/** Why the page cannot ask the program. */
export class SessionEnded extends Error {}

/** The token in the page's address; undefined if it has none. */
export const tokenOf = (fragment: string): string | undefined =>
	/^#token=([\w-]+)/.exec(fragment)?.[1];

/** The token in the page's address, which is removed there: it must not stay in the history. */
function takeToken(): string | undefined {
	const token = tokenOf(location.hash);
	if (token !== undefined) history.replaceState(null, "", "#/");
	return token;
}

const withKey = (key: string): Api => {
	const api = createClient<paths>({
		headers: { authorization: `Bearer ${key}` },
	});
	api.use({
		onResponse({ response }) {
			if (response.status !== 401) return;
			sessionStorage.removeItem(storageKey);
			throw new SessionEnded();
		},
	});
	return api;
};

/**
 * The API with the session of the link or of this tab. Throws SessionEnded if there is none, and
 * TypeError if the program does not answer.
 */
export async function openSession(): Promise<Api> {
	const token = takeToken();
	if (token !== undefined) {
		const { data } = await createClient<paths>().POST("/api/session", {
			body: { token },
		});
		// without one, the tab may have a session from before
		if (data) sessionStorage.setItem(storageKey, data.key);
	}
	const key = sessionStorage.getItem(storageKey);
	if (key === null) throw new SessionEnded();
	return withKey(key);
}

/** The answer of the program to a request of the page; throws an error with its reason if it refused. */
export async function dataOf<T>(
	answer: Promise<{ data?: T; error?: { detail: string } }>,
): Promise<T> {
	const { data, error } = await answer;
	if (data !== undefined) return data;
	throw new Error(error?.detail ?? "happo-ctl web refused the request");
}
