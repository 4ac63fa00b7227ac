"""How fast is it? Not tests: `make bench` runs them, and README.md says how figures are taken."""
