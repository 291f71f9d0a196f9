"""The torch modules that an architecture becomes for training."""
