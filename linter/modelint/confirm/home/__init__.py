"""The directory that the worker's interpreter gets on its path."""
