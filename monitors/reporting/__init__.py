"""Reports of windows, made by Evidently: rows of the reference beside rows of stored traffic."""
