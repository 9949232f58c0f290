"""A distribution full of hostile routers, each of which a submission of the attack suite names.

It is built into a wheel by the suite's `conftest.py` and imported in isolated processes only. `told.json`, which the
wheel holds beside this file, is what the attackers know of the machine: real paths, process numbers and ports, more
than any submitter could find out.
"""

from mmr_core.hookspecs import hookimpl
from mmr_core.specs import ComponentSpec

from .roll import BANDS, ROUTERS

CLASSES = {name: f"together:{name.removesuffix('-together').capitalize()}" for name in BANDS}


@hookimpl
def mmr_register_routers():
    for name, target in {**ROUTERS, **CLASSES}.items():
        yield ComponentSpec(kind="router", name=name, target=f"attackers.{target}", summary="An attack.")
