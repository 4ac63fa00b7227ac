"""The decorators of this dialect: those of every surface. What is wrong in a body is 422, in a query 400."""

from typing import ClassVar, Final

from app.rest import auth
from app.rest.blueprint import SurfaceBlueprint

READ: Final = auth.scope("jobs:read")
WRITE: Final = auth.scope("jobs:write")


class ThreekitBlueprint(SurfaceBlueprint):
    INVALID: ClassVar[int] = 422
