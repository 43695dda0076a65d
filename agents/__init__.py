"""Mesa agents: tiles sell, candidate neurons bid, the gating agent decides. They know no pandas."""
