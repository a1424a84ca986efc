"""For all tests."""

from halab.cli import jsii_environment as jsii_environment
