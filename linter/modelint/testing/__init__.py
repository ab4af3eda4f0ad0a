"""For rule packs: reading fixtures, and holding rules to them."""
