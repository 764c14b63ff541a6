"""What is kept: records, the journal on disk, and SQL."""
