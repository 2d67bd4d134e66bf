"""haloy's own checker: what a proxy cannot check by itself (gRPC answers in trailers) is checked here, and the level handed to it."""
