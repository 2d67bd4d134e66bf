"""The process: found, started, kept alive, adopted, stopped, and its messages retold."""
