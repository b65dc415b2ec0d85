"""Start the desktop program."""

from app.start import main

raise SystemExit(main())
