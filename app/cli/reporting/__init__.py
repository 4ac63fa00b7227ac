"""A job's report: what is gathered from the API becomes one HTML page that needs nothing else."""
