"""Where does a request come from?"""

from ipaddress import ip_address

from flask import Request


def is_near(request: Request) -> bool:
    """From this machine. What a proxy on this machine passes on looks the same: nothing may be granted for it."""
    try:
        return ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False
