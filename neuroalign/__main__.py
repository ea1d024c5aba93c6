"""Command line as ``python -m neuroalign``."""

from neuroalign.cli import main

if __name__ == "__main__":
    main()
