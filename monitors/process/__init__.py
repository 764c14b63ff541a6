"""The monitor process: ships the journal, counts what came, judges it, tells people."""
