/**
 * A request target as a path (RFC 9112 3.2): proxies send whole URLs, and `*`
 * means no path at all.
 */
export function originForm(target: string): string {
	if (target.startsWith("/")) return target;
	const absolute = /^https?:\/\/[^/?]*(.*)$/i.exec(target);
	if (!absolute) return "/*";
	return absolute[1]?.startsWith("/") ? absolute[1] : `/${absolute[1]}`;
}

/** The path that was asked for, its escapes undone, but for that of a slash: `%2F` separates nothing. */
export function askedPath(url: string): string {
	if (!/[?#%]/.test(url)) return url;
	const [path = "/"] = url.split(/[?#]/, 1);
	try {
		return decodeURIComponent(path.replace(/%(?=2f)/gi, "%25"));
	} catch {
		return path;
	}
}
