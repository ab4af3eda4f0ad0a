"""Rounding: what a comparison of floating-point predictions may expect."""
