import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { proxyOf } from "../../../src/client/proxy-of.ts";

const asked = (url: string, environment: Record<string, string>) =>
	proxyOf(new URL(url), environment)?.href;

const both = { http_proxy: "http://a:1", https_proxy: "http://b:2" };

describe("the proxy of a URL", () => {
	it("comes from the variable of the scheme, in lower or upper case", () => {
		assert.equal(asked("http://h/", both), "http://a:1/");
		assert.equal(asked("https://h/", both), "http://b:2/");
		assert.equal(asked("https://h/", { HTTPS_PROXY: "c:3" }), "http://c:3/");
		assert.equal(asked("https://h/", { http_proxy: "a:1" }), undefined);
		assert.equal(asked("http://h/", {}), undefined);
		assert.equal(asked("http://h/", { http_proxy: "" }), undefined);
		assert.equal(
			asked("http://h/", { http_proxy: "", HTTP_PROXY: "a:1" }),
			"http://a:1/",
		);
	});

	it("is undefined for this machine", () => {
		for (const host of ["localhost", "127.0.0.1:80", "127.9.9.9", "[::1]:1"])
			assert.equal(asked(`http://${host}/`, both), undefined, host);
	});

	for (const [exceptions, url, isProxied] of [
		["*", "http://h/", false],
		["h", "http://h/", false],
		["H", "http://h./", false],
		["h", "http://a.h/", false],
		["h", "http://ah/", true],
		[".h", "http://a.h/", false],
		[".h", "http://h/", true],
		["*.h", "http://a.h/", false],
		["h:80", "http://h/", false],
		["h:80", "https://h/", true],
		["h:443", "https://h/", false],
		["x, h", "http://h/", false],
		["x h", "http://h/", false],
		["x", "http://h/", true],
		["10.0.0.0/8", "http://10.1.2.3/", false],
		["10.0.0.0/8", "http://11.1.2.3/", true],
		["10.1.2.3", "http://10.1.2.3:8080/", false],
		["10.1.2.3:80", "http://10.1.2.3:8080/", true],
		["2001:db8::/32", "http://[2001:db8::1]/", false],
		["[2001:db8::1]:80", "http://[2001:db8:0::1]/", false],
		["[2001:db8::1]:81", "http://[2001:db8::1]/", true],
	] as const)
		it(`no_proxy ${exceptions}: ${url} ${isProxied ? "through it" : "directly"}`, () => {
			const found = asked(url, { ...both, NO_PROXY: exceptions });
			assert.equal(found !== undefined, isProxied);
		});

	it("an invalid variable is reported without its password", () => {
		for (const text of [
			"socks5://u:secret@h",
			"http://",
			"http://u:secret@h:x",
		])
			assert.throws(() => asked("http://h/", { http_proxy: text }), {
				name: "OptionsError",
				message: "http_proxy: not http://HOST:PORT",
			});
	});
});
