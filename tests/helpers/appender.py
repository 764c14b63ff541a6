"""Appends events to a journal until it is killed, and prints each id once it was acknowledged."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

# The path above has to be set first: this file is run as a program.
from storage.journal import Journal
from storage.settings import JournalSettings
from tests.helpers.events import an_event

if __name__ == "__main__":
    journal = Journal(Path(sys.argv[1]), settings=JournalSettings(segment_s=0.02, segment_bytes=8192))
    number = 0
    while True:
        event_id = journal.append(an_event(number))
        journal.count_answered()
        sys.stdout.write(f"{event_id}\n")
        sys.stdout.flush()
        number += 1
