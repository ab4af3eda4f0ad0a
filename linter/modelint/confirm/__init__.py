"""Proof: a finding settled by running the model, in a process of its own.

``subjects`` says which model is run and where it comes from, ``hypotheses`` what a finding claims about it, ``worker``
speaks with the process, ``verdicts`` turns what was measured into ``confirmed``, ``refuted`` or ``inconclusive``. The
process runs ``home/modelint_worker``, which imports nothing of modelint: it may belong to another interpreter.
"""
