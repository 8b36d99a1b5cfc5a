"""Under which licences the packages of the service stand, as SPDX names, and which of them a commercial user may run."""

import importlib.metadata
import re

# Permissive ones, and weak copyleft that asks nothing of who uses an unchanged library: psycopg (LGPL), certifi, orjson (MPL).
ALLOWED = frozenset({
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "LGPL-3.0-only", "MIT", "MIT-0", "MIT-CMU",
    "MPL-2.0", "PSF-2.0", "Zlib",
})  # fmt: skip
_CLASSIFIERS = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
_WORDS = {"3-Clause BSD License": "BSD-3-Clause", "BSD": "BSD-3-Clause", "Apache 2.0": "Apache-2.0", "MIT License": "MIT"}
_NAME = re.compile(r"[A-Za-z0-9.+-]+")


def licence_of(name: str) -> str | None:
    """The SPDX expression of an installed package; `None` if it is not installed or says nothing that is known.

    A classifier "BSD License" does not say which one: it is given as the stricter BSD-3-Clause.
    """
    try:
        said = importlib.metadata.metadata(name)
    except importlib.metadata.PackageNotFoundError:
        return None
    if "License-Expression" in said:
        return said["License-Expression"]
    classifiers = [line.rpartition(" :: ")[2] for line in said.get_all("Classifier", []) if line.startswith("License :: OSI")]
    found = sorted({_CLASSIFIERS[each] for each in classifiers if each in _CLASSIFIERS})
    if found and len(found) == len(set(classifiers)):
        return " OR ".join(found)
    text = said["License"].strip() if "License" in said else ""
    return _WORDS.get(text, text) if _WORDS.get(text, text) in ALLOWED else None


def is_allowed(expression: str | None) -> bool:
    """Whether every licence that an expression names is allowed, also where one could choose."""
    if expression is None:
        return False
    names = [name for name in _NAME.findall(expression) if name not in ("AND", "OR", "WITH")]
    return bool(names) and set(names) <= ALLOWED
