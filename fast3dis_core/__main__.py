"""`fast3dis` and `python -m fast3dis_core`: the command line, from its first import on."""

from fast3dis_core.starting import QuietStart


def main() -> None:
    """Entry point of the `fast3dis` script."""
    with QuietStart():
        from fast3dis_core.cli import main as command_line
    command_line()


if __name__ == "__main__":
    main()
