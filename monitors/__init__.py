"""What watches: every monitor there is, by name. A new one is one class and one line here."""
