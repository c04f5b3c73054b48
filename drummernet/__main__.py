"""``python -m drummernet``, which is how torchrun and srun start the ranks of a run."""

import sys

from drummernet.cli import main

if __name__ == "__main__":
    sys.exit(main())
