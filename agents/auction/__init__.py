"""The auction: bids, prices, and how places are awarded: one after another, all at once, or by a placement."""
