"""Whose certificates does a node accept? The system's, and those of the operator's own authority for his own hosts."""

import functools
import ssl


@functools.cache
def trust(ca_file: str = "") -> ssl.SSLContext:
    """The system's certificates (or those of SSL_CERT_FILE), and those in `ca_file`. Raises OSError for a file that
    cannot be read or holds none.
    """
    context = ssl.create_default_context()
    if ca_file:
        context.load_verify_locations(ca_file)
    return context
