"""From a configuration to a running graph: the composition root, and what surrounds a run."""
