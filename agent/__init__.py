"""The application: the only layer that reads arguments, environment and files; it composes everything below."""
