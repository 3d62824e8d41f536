"""`python -m comfyui_anisora.cli`, as torchrun starts it."""

import sys

from . import main

sys.exit(main())
