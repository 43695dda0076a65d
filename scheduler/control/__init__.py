"""Control: episodes in environments that answer, learned by evolution strategies. No stream: nothing is labelled."""
