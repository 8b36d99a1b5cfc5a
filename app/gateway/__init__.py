"""The reverse proxy in front of the incumbent: forward first, copy second."""
