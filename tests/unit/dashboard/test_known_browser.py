"""The cookie of a browser in which a name was used: for that name, as it was written, for its time."""

from app.dashboard.sessions import KNOWN_SECONDS, Signer

SIGNER = Signer("a pepper for tests")


def test_a_known_browser_is_known_for_its_name_and_its_time_only() -> None:
    cookie = SIGNER.write_known("Ada", 1000.0)
    number = SIGNER.known_browser(cookie, " ada", 1001.0)
    assert number
    assert SIGNER.known_browser(SIGNER.write_known("Ada", 1000.0), "ada", 1001.0) != number
    for wrong in (
        SIGNER.known_browser(cookie, "grace", 1001.0),
        SIGNER.known_browser(cookie, "ada", 1001.0 + KNOWN_SECONDS),
        SIGNER.known_browser(cookie[:-1] + ("0" if cookie[-1] != "0" else "1"), "ada", 1001.0),
        SIGNER.known_browser(None, "ada", 1001.0),
        Signer("another pepper").known_browser(cookie, "ada", 1001.0),
    ):
        assert wrong is None


def test_no_cookie_stands_for_one_of_another_kind() -> None:
    known = SIGNER.write_known("ada", 1000.0)
    session = SIGNER.write(SIGNER.new_session("ada", 1000.0))
    assert SIGNER.read(known, 1001.0) is None
    assert SIGNER.known_browser(session, "ada", 1001.0) is None


def test_the_token_of_forms_says_nothing_of_the_sessions_token() -> None:
    session = SIGNER.person_session("ada", 2000.0, "the token")
    assert "the token" not in session.nonce
    assert session.nonce != SIGNER.person_session("ada", 2000.0, "another token").nonce
