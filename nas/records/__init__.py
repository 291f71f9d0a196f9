"""What a run leaves on disk: its store, its trace, and the one read model of both."""
