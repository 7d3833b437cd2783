"""Serving: the process around the server. Imports without garbage collection, logs to stderr, limits lifted."""

import gc
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fourfold_server.http.address import Address

# New objects between two collections. A batch of many steps makes hundreds a step, none of them garbage: with the
# usual 700 a fifth of its time went into looking at them.
_GC_OBJECTS = 5_000


def serve(address: "Address | None" = None) -> int:
    """Serve one client on the standard streams until it leaves, or several at an address until a signal comes."""
    gc.disable()  # building the protocol's types makes no garbage; collecting meanwhile costs a tenth of the start
    import anyio

    from fourfold_server.app import serve_stdio
    from fourfold_server.log_form import log_as_the_environment_says
    from fourfold_tools.runtime import raise_descriptor_limit

    log_as_the_environment_says()
    gc.enable()
    gc.freeze()
    gc.set_threshold(_GC_OBJECTS)
    sys.setswitchinterval(0.0005)  # worker threads hand the interpreter back soon (measured: loop lag 36 -> 9 ms)
    raise_descriptor_limit()
    if address is None:
        anyio.run(serve_stdio)
        return 0
    from fourfold_server.http.serving import serve_http

    return anyio.run(serve_http, address)
