"""Drills: a deployed lab is broken on purpose, watched, measured, judged, and drawn."""
