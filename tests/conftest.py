"""For all tests."""

from halab.constructs import cdk as cdk
