"""The dashboard: pages and forms over the services. How it is built, and how to add a page: README.md beside this."""
