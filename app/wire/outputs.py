"""What a node and the API agree on about a run's files: the name of an output that no task may declare."""

RESULT = ".result"
"""A result that is too large to travel in a report comes as an output of this name, as JSON."""

ASSET_SCHEME = "flotilla:"
"""Before an asset's id it makes the URI that names it as an input's source."""
