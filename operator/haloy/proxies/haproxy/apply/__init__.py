"""Making it so: files first, then run time, else a reload, else back."""
