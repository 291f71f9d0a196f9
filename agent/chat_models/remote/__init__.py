"""Chat models behind servers: what is sent, how failures are met, and how answers are read."""
