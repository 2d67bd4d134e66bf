"""`python -m haloy.cli` is `haloy`."""

from haloy.cli import main

if __name__ == "__main__":
    main()
