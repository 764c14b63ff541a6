"""The pictures, as pure functions of what was read."""
