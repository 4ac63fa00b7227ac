"""The contract between the API and a node: names, states, resources, messages.

msgspec and the standard library only, no logic beyond encoding: both sides import it and it pulls in nothing else.
"""
