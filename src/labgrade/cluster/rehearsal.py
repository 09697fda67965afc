"""Changes that are not made: what the API server would say to them."""

from __future__ import annotations

from labgrade.cluster.api import Api, ApiError
from labgrade.facts import Fact
from labgrade.model import Json

INVALID = 422


class Rehearsal:
    """Asks with `dryRun`: everything is judged, nothing is stored."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def refusal(self, fact: Fact, change: Json) -> str:
        """Why a change, to be merged into the object, is invalid, in the server's words; empty where it would be made.

        ApiError where the server refuses it for another reason than its content.
        """
        try:
            self._api.try_patch(fact.path, change)
        except ApiError as error:
            if error.status == INVALID:
                return str(error) or f"HTTP {INVALID}"
            raise
        return ""
