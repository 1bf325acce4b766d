"""The ASGI application: REST over the executor and the registry, and the process that serves it."""
