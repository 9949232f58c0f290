"""The built-in encoders, fusions, routers, importers and studies, described without importing any of them."""

from __future__ import annotations

from mmr_plugins.components.encoders import ENCODERS
from mmr_plugins.components.fusions import FUSIONS
from mmr_plugins.components.importers import IMPORTERS
from mmr_plugins.components.routers import ROUTERS
from mmr_plugins.components.studies import STUDIES

__all__ = ["ENCODERS", "FUSIONS", "IMPORTERS", "ROUTERS", "STUDIES"]
