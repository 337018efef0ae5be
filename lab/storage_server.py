"""`python -m lab.storage_server SETTINGS`: Tiled's own command, told its key within the process.

Left to find the key in the environment, Tiled writes it into its log, as part of an address.
"""

import os
import sys

from devices import leash, polite


def main(settings: str) -> None:
    """Serve until told to stop."""
    from tiled.commandline.main import main as tiled

    leash.obey(polite.ask_myself_to_end)
    sys.argv = ["tiled", "serve", "config", settings, "--api-key", os.environ["TILED_SINGLE_USER_API_KEY"]]
    tiled()


if __name__ == "__main__":
    main(sys.argv[1])
