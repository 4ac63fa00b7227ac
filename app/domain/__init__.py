"""The pure core: values, rules and decisions. No clock, no chance, no input or output; those are arguments."""
