"""Exercises: the deployed lab is broken, its user is told the symptom alone, repairs it, and has it checked."""
