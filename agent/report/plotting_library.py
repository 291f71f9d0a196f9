"""The plotting library (Vega, Vega-Lite, vega-embed) as one script, from the vl-convert package: nothing is fetched."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from nas.documents.atomic_files import write_text

_EXPOSE = "window.vegaEmbed = vegaEmbed;"


def load_plotting_library(cache: Path) -> str:
    """The script; bundled once per version (three seconds) and kept in the cache folder."""
    path = cache / f"vega-{metadata.version('vl-convert-python')}.js"
    if path.exists():
        return path.read_text(encoding="utf-8")
    import vl_convert  # late: 30 MB of native code

    script: str = vl_convert.javascript_bundle(_EXPOSE).replace("</script", "<\\/script")
    cache.mkdir(parents=True, exist_ok=True)
    write_text(path, script)
    return script
