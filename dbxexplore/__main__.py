"""Run the command line: ``python -m dbxexplore``."""

from dbxexplore.cli import main

if __name__ == "__main__":
    main()
