"""The protocol: split, features, fit, predict, sweep, metrics, with reference rows.

Nothing is re-exported here: the isolated process of the leaderboard imports `fit`, and needs none of the rest.
"""
