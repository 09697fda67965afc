"""`python -m labgrade`."""

import sys

from labgrade.cli import main

sys.exit(main())
