"""What is asked of data before it is used: how large it may become, and which numbers it may hold."""
