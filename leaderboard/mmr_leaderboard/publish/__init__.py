"""What the leaderboard publishes: one JSON document, and everything that is made from it."""
