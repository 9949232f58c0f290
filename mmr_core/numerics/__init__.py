"""The mathematics: sweeps of operating points, envelopes, metrics, bootstrap intervals. Arrays in, arrays out."""
