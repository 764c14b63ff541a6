"""`inferwatch demo`: two small models, and traffic that tells a story. All of it is simulated.

`story` says what changes when, `traffic` makes the requests of it, `player` sends them as an app would,
`screen` shows how far it is. `catcher` takes the mails and `inbox` shows them. `prepare` makes the models in
a `folder` of its own, and `command` runs it all.
"""
