"""Where things lie on this machine."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """The cache: $KILOSMITH_CACHE, else the user's cache folder for kilosmith."""
    given = os.environ.get("KILOSMITH_CACHE")
    if given:
        return Path(given)
    from platformdirs import user_cache_path

    return user_cache_path("kilosmith")
