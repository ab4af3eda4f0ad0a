"""The run mode: train or inference, and whether a call ends up in the one it should."""
