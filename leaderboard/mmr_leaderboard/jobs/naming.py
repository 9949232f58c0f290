"""Names that say nothing: of queries, of image files, of folders.

They follow from a secret that is drawn for each job (for each gallery, where images are concerned), so that nothing
links the jobs of an entry or of several runs, and an exact repeat is had by using the secret again.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff")


@dataclass(frozen=True)
class Naming:
    """The names of one job or gallery.

    :param secret: 16 bytes that nobody else knows.
    """

    secret: bytes = field(default_factory=lambda: secrets.token_bytes(16))

    @property
    def folder(self) -> str:
        """The name of its folder."""
        return self._name("folder")

    def query(self, key: object) -> str:
        """The id of a query; one key, one id."""
        return self._name(f"query {key}")

    def image(self, path: Path) -> str:
        """The name of an image file; its suffix is kept where it is a usual one."""
        suffix = path.suffix.lower()
        return self._name(f"image {path}") + (suffix if suffix in _SUFFIXES else "")

    def _name(self, what: str) -> str:
        return blake2b(what.encode("utf-8", "surrogatepass"), key=self.secret, digest_size=8).hexdigest()
