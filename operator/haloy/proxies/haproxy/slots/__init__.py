"""Slots: sections laid out ahead, so that a Cluster can come, move and go at run time. Pure."""
