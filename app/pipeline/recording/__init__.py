"""The recorder: events of the stream `record` become rows, once each; exchanges close; the ledger is kept (docs/ledger.md)."""
