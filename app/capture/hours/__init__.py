"""Files of engineering hours: our own CSV, and the exports of Toggl Track, Clockify and Jira."""
