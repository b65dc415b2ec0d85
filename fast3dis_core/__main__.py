"""`python -m fast3dis_core` is the command line `fast3dis`."""

from fast3dis_core.cli import main

if __name__ == "__main__":
    main()
