"""Zip files that do not tell when they were made: the same content is the same bytes."""

import io
import zipfile
from collections.abc import Mapping

BEGINNING = (1980, 1, 1, 0, 0, 0)


def with_fixed_times(content: bytes) -> bytes:
    """The same files in a zip without a clock."""
    with zipfile.ZipFile(io.BytesIO(content)) as given:
        return zipped({name: given.read(name) for name in given.namelist()})


def zipped(files: Mapping[str, bytes]) -> bytes:
    """A zip of these files, in this order."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in files.items():
            made.writestr(zipfile.ZipInfo(name, BEGINNING), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()
