"""What an isolated process runs on: the wheels of a submission, its environment, and the engine without its tables."""
