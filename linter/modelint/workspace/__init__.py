"""The shell: configuration, discovery, the files themselves, and the run that brings them to the engine.

Nothing below this package touches a file, the clock or the environment.
"""
