"""The HTTP side: schema in, one service call, schema out. Decides nothing that a service could decide."""
