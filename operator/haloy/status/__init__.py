"""Status: what is really true of each object, computed as a plain function of what was seen."""
