"""The native API's documents, by noun: what is read (and its translation) and what is shown. Shapes are fixed."""
