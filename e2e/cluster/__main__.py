"""`python -m e2e.cluster`: clusters for a person."""

import sys

from e2e.cluster.cli import main

sys.exit(main())
