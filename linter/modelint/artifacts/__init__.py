"""Model files to graphs: the bytes of a saved model to the facts that rules talk about. No framework is imported.

``reading.read_model`` finds the format by content and lets its reader work within bounds; ``served.program_of`` turns
what was read into a ``Program``. A reader is a module with a function ``read(files, budget) -> ModelFile``.
"""
