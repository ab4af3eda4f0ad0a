"""Rules of a third party, for the tests of modelint."""
