"""The pack for leadership: page one of each candidate, and the whole report in every format."""
