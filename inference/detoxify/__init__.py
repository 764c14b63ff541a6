"""Detoxify's weights, made into a model folder once, so that nothing of theirs is unpickled when served.

checkpoint.py   what the file holds, read as plain data
converting.py   from checkpoint and tokenizer to a folder for the backend huggingface
published.py    where the published weights are, for whoever has a network
adding.py       what `inferwatch models add` calls
"""
