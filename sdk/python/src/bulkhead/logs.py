# SPDX-License-Identifier: Apache-2.0
"""The plugin's log: lines of JSON on standard error, as hclog writes them, which the host reads."""

from __future__ import annotations

import json
import logging
import sys
from datetime import datetime, timezone

_OWN = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_LEVELS = {"WARNING": "warn", "CRITICAL": "error"}


class JSONLines(logging.Formatter):
    """Writes a record in one line; ``extra`` becomes fields."""

    def format(self, record: logging.LogRecord) -> str:
        """One line of JSON."""
        message = record.getMessage()
        if record.exc_info:
            message += "\n" + self.formatException(record.exc_info)
        line = {
            "@level": _LEVELS.get(record.levelname, record.levelname.lower()), "@message": message, "@module": record.name,
            "@timestamp": datetime.fromtimestamp(record.created, timezone.utc).isoformat(),
        }
        line.update({k: v for k, v in vars(record).items() if k not in _OWN})
        return json.dumps(line, default=str)


#: The plugin's logger: ``log.warning("slow disk", extra={"seconds": 3})``.
log = logging.getLogger("plugin")


def to_host() -> None:
    """Sends all logs of the process to the host."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JSONLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    log.setLevel(logging.DEBUG)
