"""The mirror: reads what the gateway saw, decides, asks the arms side by side, and tells the recorder (docs/mirroring.md)."""
