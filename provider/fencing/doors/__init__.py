"""The doors of a fencing endpoint: one protocol each, and behind them all one power back end."""
