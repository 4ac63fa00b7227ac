"""The callables of `flotilla demo`: a census of the Python standard library's own source.

Plain functions of JSON values, standard library only (the report draws with matplotlib): they run in the node's warm
runner processes and know nothing of Flotilla but the context that takes their progress.
"""
