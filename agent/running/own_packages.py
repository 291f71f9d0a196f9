"""Whether Python finds this program's packages, or others of the same names; only the standard library is imported.

Their names are common words. `python -m agent` looks into the working directory first, PYTHONPATH comes next, and
another distribution may have installed a package of such a name.
"""

from __future__ import annotations

import os
from importlib.util import find_spec

OWN_PACKAGES = ("graphs", "tools", "prompts", "nas")


def describe_intruder() -> str:
    """Which package is not the one next to `agent`, what hides it, and the remedy; empty if all are ours."""
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))  # of agent/running/this
    for name in OWN_PACKAGES:
        found = _locate(name)
        if found != os.path.join(root, name):
            rule = f"the package {name} must be kilosmith's own, beside {os.path.join(root, 'agent')}"
            return f"{rule}; {_blame(name, found)}"
    return ""


def _locate(name: str) -> str:
    """The folder, or the file of a plain module, that `import` would find under the name; empty if there is none."""
    spec = find_spec(name)  # imports nothing: the name has no dot
    if spec is None:
        return ""
    folders = list(spec.submodule_search_locations or ())
    # A folder without __init__.py counts only if no package of that name follows; then it hides an editable install.
    return os.path.realpath(folders[0] if folders else spec.origin or "")


def _blame(name: str, found: str) -> str:
    if not found:
        return "there is none; install kilosmith again"
    place = os.path.dirname(found)
    if place == os.path.realpath(os.getcwd()):
        return f"{found} is in the way; start in another folder, or rename it"
    if place in map(os.path.realpath, filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))):
        return f"{found} is in the way; take {place} off PYTHONPATH, or rename it"
    from importlib.metadata import packages_distributions  # late: it reads the records of every distribution

    owners = [owner for owner in packages_distributions().get(name, ()) if owner != "kilosmith"]
    remedy = f"uninstall {owners[0]}" if owners else "remove it"
    return f"{found} is in the way; {remedy}, or install kilosmith into a virtual environment of its own"
