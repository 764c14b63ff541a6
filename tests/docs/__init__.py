"""The documentation: what `python -m tests.docs` writes of it, and the tests that hold all of it true."""
