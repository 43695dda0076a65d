"""What somebody should know before trusting or repeating a run: ``look`` asks every check for its finding."""
