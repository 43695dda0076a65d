"""Where seed experts stand: their shape over tiles, and the room that is kept for those to come."""
