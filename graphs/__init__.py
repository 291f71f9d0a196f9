"""The state machines: the design loop and the delivery, with everything they do written to the trace."""
