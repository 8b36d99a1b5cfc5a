"""Style sheets and scripts of the pages: served by names, at addresses that change with their content."""

from functools import cache
from hashlib import sha256
from pathlib import Path

from starlette.responses import Response

from app.errors import NotFound
from app.reports.look import stylesheet

HERE = Path(__file__).parent
TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
# One style for reports and pages: `look.css` is made of the reports' own and of what only pages need.
LOOK, PAGES = "look.css", "pages.css"
ROUTE = "/static/{name}"


def asset(name: str) -> Response:
    """A style sheet or script; browsers keep it as long as they like."""
    found = _assets().get(name)
    if found is None:
        message = f"there is no file {name!r}"
        raise NotFound(message, file=name)
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return Response(found, media_type=TYPES[Path(name).suffix], headers=headers)


@cache
def asset_address(name: str) -> str:
    """Where a page finds it; `KeyError` for a name that nothing is served under."""
    return f"/static/{name}?v={sha256(_assets()[name]).hexdigest()[:12]}"


@cache
def _assets() -> dict[str, bytes]:
    files = sorted(path for folder in ("static", "vendor") for path in (HERE / folder).iterdir() if path.suffix in TYPES)
    found = {path.name: path.read_bytes() for path in files}
    return found | {LOOK: stylesheet().encode() + b"\n" + found[PAGES]}
