"""The command `pilot`: speaks to a running service over its API (`pip install 'parallel-pilot[cli]'`)."""
