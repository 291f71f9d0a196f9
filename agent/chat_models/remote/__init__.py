"""Chat models behind servers: what is sent, how failures are handled, and how answers are read."""
