"""Pages for people: pilots and their reports."""
