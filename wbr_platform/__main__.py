"""``python -m wbr_platform`` is the ``wbr`` command."""

from wbr_platform.cli import main

if __name__ == "__main__":
    main()
