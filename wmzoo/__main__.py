# PYTHON_ARGCOMPLETE_OK
"""`python -m wmzoo`."""

import sys

from wmzoo.cli.main import main

sys.exit(main())
