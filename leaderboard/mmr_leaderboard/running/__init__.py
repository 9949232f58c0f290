"""`mmr leaderboard run`: every submission from its folder to its row, and the rows to one document."""
