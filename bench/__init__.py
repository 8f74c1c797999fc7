"""``baton bench``: what Baton costs and holds on the machine at hand, measured on installations of its own."""
