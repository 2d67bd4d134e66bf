"""The API that people write: its kinds, their validation, and the words that status uses."""
