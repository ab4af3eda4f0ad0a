"""Which batches of which data a model sees: pipelines, what is run over them, and what evaluations leave out."""
