"""Where entries stand: their rows on the board, and their order."""
