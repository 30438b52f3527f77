import { abuse } from "./abuse.ts";
import type { Campaign } from "./campaign.ts";
import { crash } from "./crash.ts";
import { fleet } from "./fleet.ts";
import { nrpe } from "./nrpe.ts";
import { policy } from "./policy.ts";
import { soak } from "./soak.ts";

/** Every campaign by its name. */
const campaigns: Readonly<Record<string, Campaign>> = {
	abuse,
	crash,
	fleet,
	nrpe,
	policy,
	soak,
};

/** The campaigns, one line each. */
export const campaignList = (): string =>
	Object.entries(campaigns)
		.map(([name, { usage, summary }]) => `  ${name} ${usage}: ${summary}`)
		.join("\n");

/** The campaign of this name. Throws an error that lists the campaigns. */
export function campaignNamed(name: string | undefined): Campaign {
	const campaign =
		name !== undefined && Object.hasOwn(campaigns, name)
			? campaigns[name]
			: undefined;
	if (campaign) return campaign;
	const what =
		name === undefined ? "no campaign named" : `no such campaign: ${name}`;
	throw new Error(`${what}; there are\n${campaignList()}`);
}
