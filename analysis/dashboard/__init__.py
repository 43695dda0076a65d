"""The live page: the chip in a browser, growing round by round, or a run played back."""
