"""One file a backend; the table is in `inference/backend.py`."""
