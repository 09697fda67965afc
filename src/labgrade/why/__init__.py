"""Why something is not as it should be: the one sentence that an experienced colleague would say, in both languages.

Rules over facts, none of which judges: what a status, an event or a log line says, put into words. They read events
and logs, so they are for checks that are about to fail.
"""

from labgrade.why.asking import why
from labgrade.why.images import short

__all__ = ["short", "why"]
