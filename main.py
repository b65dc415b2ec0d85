"""Start the desktop program."""

from app.application import main

raise SystemExit(main())
