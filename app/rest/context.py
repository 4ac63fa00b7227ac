"""What a view may ask for: the services' core, and who is calling. Both are put there before the view runs."""

from typing import cast

from flask import current_app, g

from app.rest.trail import Trail
from app.services.access import Principal
from app.services.core import Core

CORE = "flotilla"
TRAIL = "flotilla.trail"


def core() -> Core:
    return cast(Core, current_app.extensions[CORE])  # Flask's extensions are untyped; `application.build` puts it there


def who() -> Principal:
    return cast(Principal, g.who)  # Flask's g is untyped; `auth.Gate` puts it there


def trail() -> Trail:
    return cast(Trail, current_app.extensions[TRAIL])  # as above
