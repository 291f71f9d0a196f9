"""What may be designed: architectures as data, the search space, and JSON schemas of what a designer may write."""
