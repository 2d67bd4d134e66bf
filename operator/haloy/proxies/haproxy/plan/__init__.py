"""From what runs to what is wanted, as typed steps: pure."""
