"""A transformers model on this machine: its weights, its chat template, and answers decoded under a grammar."""
