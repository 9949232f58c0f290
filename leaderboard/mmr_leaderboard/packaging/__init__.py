"""What an isolated process runs on: a submission's wheels, its environment, and the engine without its tables."""
