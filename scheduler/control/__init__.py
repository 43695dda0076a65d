"""Control: episodes in environments that answer, learned by evolution or policy gradient. Nothing is labelled."""
