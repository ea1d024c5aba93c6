"""Entry point of ``python -m neuroalign``, the command line without its script."""

from neuroalign.cli import main

if __name__ == "__main__":
    main()
