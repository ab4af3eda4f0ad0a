"""What a sample's result owes to the other samples of its batch, and to how many there are."""
