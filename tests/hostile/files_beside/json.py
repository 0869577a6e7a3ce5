"""Not the one that is meant."""

raise SystemExit(0)
