"""Recordings: what the engine was asked and what it answered, to be asked again.

`recorder` is the handler's side and touches memory only; `file` writes lines; `plain` is
the form of values in these lines; `replay` reads them and asks the engine again.
"""
