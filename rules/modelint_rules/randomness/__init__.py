"""Random draws: what seeds them, and which of them reach a prediction."""
