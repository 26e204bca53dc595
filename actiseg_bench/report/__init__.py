"""Leaderboards and analyses of finished runs."""
