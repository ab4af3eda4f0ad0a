"""Scripts to facts: an abstract interpreter over the syntax tree."""
