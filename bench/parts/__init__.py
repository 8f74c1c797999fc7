"""The parts of the benchmark: one file each, with one subject. ``measure`` yields its figures as they come."""
