"""The command `flotilla`: a client of the API over HTTP, and `up`, which starts everything on this machine.

A command's module is imported when that command is called, and what is slow to import when it is needed: see main.py.
"""
