"""What HAProxy sees: health and counters."""
