"""Other services' APIs at the addresses of their documents, so that their published clients work unchanged.

A dialect translates and decides nothing: schema in, one service call, schema out. README.md lists what each one has.
"""

from app.rest.dialects import alteryx, flow, metafold, threekit
from app.rest.surface import Surface

SURFACES: tuple[Surface, ...] = (flow.SURFACE, alteryx.SURFACE, threekit.SURFACE, metafold.SURFACE)
