"""A campaign as its live window shows it: from the registry, the image of the field, the run that goes on."""

from dataclasses import dataclass
from typing import Any

from analysis.callbacks import LiveBlinking, LiveField, LiveHbt
from analysis.figures import CampaignShown, DotShown
from lab.emitters.campaigns import Campaign
from lab.emitters.registry import EmitterRegistry


@dataclass(frozen=True, eq=False)
class LiveCampaign:
    """One campaign while it goes on.

    live : the analysis of its present run; field : that of the last image that this session took for it
    """

    name: str
    registry: EmitterRegistry
    live: Any = None
    field: LiveField | None = None

    @property
    def start_doc(self) -> dict[str, Any]:
        """Of the present run, under the name of its plan for windows and files."""
        return {**self.live.start_doc, "plan_name": "qd_campaign"}

    def shown(self) -> CampaignShown:
        """How it stands now."""
        campaign = self.registry.campaign(self.name)
        present = self.live.estimate if isinstance(self.live, (LiveHbt, LiveBlinking)) else None
        field = None if self.field is None else self.field.estimate
        return CampaignShown(self.name, campaign.sample, dots_of(campaign, self.registry), field, present)


def dots_of(campaign: Campaign, registry: EmitterRegistry) -> list[DotShown]:
    """The dots of a campaign that were come to, then those of its image that wait, where they are in the image."""
    query = "SELECT emitter, x_um, y_um FROM sightings WHERE uid = ? ORDER BY row"
    seen = registry.store.rows(query, campaign.facts.get("image_uid", ""))
    places = {row["emitter"]: (row["x_um"], row["y_um"]) for row in seen}
    told = {dot.emitter: (dot.state, dot.reason, dot.facts) for dot in campaign.dots if dot.emitter in places}
    told |= {emitter: ("waiting", "", {}) for emitter in places if emitter not in told}
    return [DotShown(emitter, *places[emitter], *about) for emitter, about in told.items()]
