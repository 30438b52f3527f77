import { html as template } from "htm/preact";
import type { ComponentChildren, VNode } from "preact";

/** A tree from a template. Values become text or properties, never markup. */
export const html: (
	strings: TemplateStringsArray,
	...values: unknown[]
) => VNode = template;

/** What a component may have between its tags. */
export interface WithChildren {
	children?: ComponentChildren;
}
