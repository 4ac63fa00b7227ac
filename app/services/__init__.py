"""One use case a file. They decide with `app.domain`, act through `app.ports`, and know neither HTTP nor SQL."""
