"""One use case a file. They decide with `app.domain`, act through `app.ports`, and know neither HTTP nor SQL.

Who shows a log reads it through `logs`: `window`, `search`, `find`, `file`.
"""
