"""Pacemaker's resources, constraints and properties: what stands in the CIB, changed in atomic patches."""
