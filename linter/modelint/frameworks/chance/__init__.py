"""Random draws: what governs them, what becomes of their numbers, and whether they are a defect."""
