/** A URL as messages may show it, however it was written: without a user and a password. */
export const withoutPassword = (url: string) => url.replace(/\/\/[^/]*@/, "//");
