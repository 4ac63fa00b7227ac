"""The world behind the ports: one module or package for each kept promise."""
